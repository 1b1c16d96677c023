//! Tests whether mistakes are related to the appearance of pictures.

use headstart::Appearance;

use super::judged::Judged;
use crate::plot::{Axis, Bar, Plot, Role, Scale};

/// Number of groups, of equal size.
const GROUPS: usize = 5;
/// Minimum number of pictures in a group: with fewer, a share of mistakes is unreliable.
const FEWEST: usize = 20;
/// The 99th percentiles of the chi-squared distribution with 1 to 4 degrees of freedom.
const CRITICAL: [f64; GROUPS - 1] = [6.635, 9.210, 11.345, 13.277];

/// A measurable property of a picture.
struct Measure {
    name: &'static str,
    title: &'static str,
    of: fn(&Appearance) -> f64,
    text: fn(f64) -> String,
}

const MEASURES: [Measure; 3] = [
    Measure {
        name: "size",
        title: "Mistakes by size",
        of: |look| (f64::from(look.width) * f64::from(look.height)).sqrt(),
        text: |side| format!("{side:.0} pixels square"),
    },
    Measure {
        name: "brightness",
        title: "Mistakes by brightness",
        of: |look| f64::from(look.luma) / 255.0,
        text: |luma| format!("{:.0} % of white", 100.0 * luma),
    },
    Measure {
        name: "blur",
        title: "Mistakes by blur",
        of: |look| look.blur.into(),
        text: |blur| format!("blur {blur:.2}"),
    },
];

/// Plots of the properties that mistakes are related to, and the names of the other properties.
pub(super) struct Appearances {
    pub(super) plots: Vec<Plot>,
    pub(super) without: Vec<&'static str>,
}

/// Groups pictures by properties of their appearance, and tests whether mistakes are more frequent in some groups than
/// in others (chi-squared, at 1 %). `None` if there are too few pictures.
pub(super) fn appearances(judged: &Judged) -> Option<Appearances> {
    let (mut plots, mut without) = (Vec::new(), Vec::new());
    let is_known = |picture: usize| judged.picture(picture).appearance.is_some();
    if judged.each.len() < GROUPS * FEWEST || !(0..judged.each.len()).all(is_known) {
        return None;
    }
    for measure in &MEASURES {
        let groups = groups(judged, measure);
        match chi_squared(&groups) {
            Some((value, freedom)) if value > CRITICAL[freedom - 1] => {
                plots.push(plot(measure, &groups));
            }
            _ => without.push(measure.name),
        }
    }
    Some(Appearances { plots, without })
}

/// Pictures with similar values of a property.
#[derive(Default)]
struct Group {
    from: f64,
    to: f64,
    pictures: usize,
    wrong: usize,
}

/// Splits pictures into at most [`GROUPS`] groups of about equal size. Pictures with equal values are in the same
/// group.
fn groups(judged: &Judged, measure: &Measure) -> Vec<Group> {
    let value =
        |picture: usize| judged.picture(picture).appearance.as_ref().map_or(f64::NAN, measure.of);
    let n = judged.each.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| value(a).total_cmp(&value(b)));
    let mut groups: Vec<Group> = Vec::new();
    let mut last = None;
    for (rank, picture) in order.into_iter().enumerate() {
        let (own, at) = (rank * GROUPS / n, value(picture));
        let same = groups.last().is_some_and(|group| last == Some(own) || group.to == at);
        if !same {
            groups.push(Group { from: at, ..Group::default() });
            last = Some(own);
        }
        let group = groups.last_mut().expect("one has been pushed");
        group.to = at;
        group.pictures += 1;
        group.wrong += usize::from(!judged.each[picture].right);
    }
    merged(groups)
}

/// Merges groups that are too small with a neighbour. Such groups can result from equal values.
fn merged(groups: Vec<Group>) -> Vec<Group> {
    let mut merged: Vec<Group> = Vec::new();
    for group in groups {
        match merged.last_mut().filter(|last| last.pictures.min(group.pictures) < FEWEST) {
            Some(last) => {
                last.to = group.to;
                last.pictures += group.pictures;
                last.wrong += group.wrong;
            }
            None => merged.push(group),
        }
    }
    merged
}

/// Pearson's chi-squared statistic of mistakes in groups, with its degrees of freedom. `None` if it cannot be computed
/// reliably.
fn chi_squared(groups: &[Group]) -> Option<(f64, usize)> {
    let pictures: usize = groups.iter().map(|group| group.pictures).sum();
    let wrong: usize = groups.iter().map(|group| group.wrong).sum();
    let share = wrong as f64 / pictures as f64;
    // With smaller expected counts, the statistic is unreliable (Cochran 1954).
    let rarer = share.min(1.0 - share);
    let few = groups.iter().any(|group| rarer * (group.pictures as f64) < 5.0);
    if groups.len() < 2 || wrong == 0 || wrong == pictures || few {
        return None;
    }
    let part = |group: &Group| {
        let expected = share * group.pictures as f64;
        (group.wrong as f64 - expected).powi(2) / (expected * (1.0 - share))
    };
    Some((groups.iter().map(part).sum(), groups.len() - 1))
}

fn plot(measure: &Measure, groups: &[Group]) -> Plot {
    let share = |group: &Group| group.wrong as f64 / group.pictures as f64;
    let most = groups.iter().map(share).fold(0.0, f64::max);
    let bar = |(index, group): (usize, &Group)| Bar {
        x: (index as f64 + 0.6, index as f64 + 1.4),
        y: (0.0, share(group)),
        role: Role::Main,
        label: format!(
            "{} to {}: {} of {} wrong ({:.0} %)",
            (measure.text)(group.from),
            (measure.text)(group.to),
            group.wrong,
            group.pictures,
            100.0 * share(group)
        ),
    };
    Plot {
        title: measure.title.to_owned(),
        x: Axis {
            name: format!("groups of pictures by {}, the least first", measure.name),
            scale: Scale::Linear,
            from: 0.4,
            to: groups.len() as f64 + 0.6,
        },
        y: Axis {
            name: "share that is wrong".to_owned(),
            scale: Scale::Linear,
            from: 0.0,
            to: (most * 1.1).max(0.01),
        },
        curves: Vec::new(),
        marks: Vec::new(),
        bars: groups.iter().enumerate().map(bar).collect(),
        bar_names: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(pictures: usize, wrong: usize) -> Group {
        Group { from: 0.0, to: 1.0, pictures, wrong }
    }

    #[test]
    fn groups_of_few_pictures_are_joined_with_their_neighbours() {
        let sizes = |sizes: &[usize]| -> Vec<usize> {
            let groups = sizes.iter().map(|&pictures| group(pictures, 1)).collect();
            merged(groups).iter().map(|group| group.pictures).collect()
        };
        assert_eq!(sizes(&[39, 1, 20, 20, 20]), [40, 20, 20, 20]);
        assert_eq!(sizes(&[1, 20, 59, 1]), [21, 60]);
        assert_eq!(sizes(&[20; 5]), [20; 5]);
        assert!(chi_squared(&[group(50, 1), group(50, 4)]).is_none(), "2.5 are expected");
    }

    /// The expected values are from `scipy.stats.chi2_contingency([[5, 10, 30], [95, 90, 70]], correction=False)` and
    /// `chi2.ppf(0.99, n)`.
    #[test]
    fn the_statistic_is_that_of_scipy() {
        let (value, freedom) =
            chi_squared(&[group(100, 5), group(100, 10), group(100, 30)]).unwrap();
        assert!((value - 27.450_980_392_156_865).abs() < 1e-9, "{value}");
        assert_eq!(freedom, 2);
        assert!(chi_squared(&[group(100, 0), group(100, 0)]).is_none());
        assert!(chi_squared(&[group(100, 3)]).is_none());
    }
}
