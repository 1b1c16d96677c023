//! Warnings about a split for the owner of the pictures.

/// A property of the pictures that makes the split less than ideal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SplitWarning {
    /// A class is only used for training: it has too few distinct pictures to hold one back.
    NotValidated {
        /// Index of the class.
        class: usize,
        /// The number of its distinct pictures or groups.
        distinct: usize,
    },
    /// The same pixels have different labels.
    Contradiction {
        /// The pictures, ascending.
        pictures: Vec<usize>,
    },
    /// A picture of the given validation side is also on the training side, where it was left out.
    Straddling {
        /// The number of pictures left out of the training side.
        left_out: usize,
    },
    /// Groups with pictures on both sides of a given split.
    Parted {
        /// The number of groups.
        groups: usize,
    },
}

impl SplitWarning {
    /// The class without validation pictures, if that is the warning.
    pub(super) fn class(&self) -> Option<usize> {
        match self {
            Self::NotValidated { class, .. } => Some(*class),
            _ => None,
        }
    }

    /// Formats as one line for people, with the classes' names. For several warnings see [`describe_all`].
    pub fn describe(&self, classes: &[String]) -> String {
        match self {
            SplitWarning::NotValidated { class, distinct } => {
                let name = classes.get(*class).map_or("?", String::as_str);
                let s = if *distinct == 1 { "" } else { "s" };
                let why = match distinct {
                    0 | 1 => format!("{distinct} distinct picture{s} or group{s}, 2 are needed"),
                    _ => "its groups are needed to learn other classes".to_owned(),
                };
                format!("class \"{name}\" is not validated: {why}")
            }
            SplitWarning::Contradiction { pictures } => {
                format!("{} pictures have the same pixels and different labels", pictures.len())
            }
            SplitWarning::Straddling { left_out } => {
                let s = if *left_out == 1 { "" } else { "s" };
                format!(
                    "{left_out} training picture{s} left out: the same pixels are on the validation side"
                )
            }
            SplitWarning::Parted { groups } => {
                let s = if *groups == 1 { " has" } else { "s have" };
                format!(
                    "{groups} group{s} pictures on both sides of the given split: what is measured may be remembered"
                )
            }
        }
    }
}

/// Formats all warnings for people, one line for each kind, with the classes' names.
///
/// `labels` are the classes of the pictures that were split, and `name_of` returns the name of one.
pub fn describe_all(
    warnings: &[SplitWarning],
    classes: &[String],
    labels: &[usize],
    name_of: impl Fn(usize) -> String,
) -> Vec<String> {
    let mut lines = Vec::new();
    let groups: Vec<&Vec<usize>> = warnings
        .iter()
        .filter_map(|warning| match warning {
            SplitWarning::Contradiction { pictures } => Some(pictures),
            _ => None,
        })
        .collect();
    lines.extend(contradictions(&groups, labels, name_of));
    let unvalidated: Vec<&SplitWarning> =
        warnings.iter().filter(|w| matches!(w, SplitWarning::NotValidated { .. })).collect();
    match unvalidated[..] {
        [] => {}
        [only] => lines.push(only.describe(classes)),
        _ => {
            let names: Vec<&str> = unvalidated
                .iter()
                .filter_map(|warning| match warning {
                    SplitWarning::NotValidated { class, .. } => classes.get(*class),
                    _ => None,
                })
                .map(String::as_str)
                .collect();
            lines.push(format!(
                "{} classes are not validated, for want of 2 distinct pictures or groups: {}",
                unvalidated.len(),
                first_few(&names)
            ));
        }
    }
    let of_sides = |w: &&SplitWarning| {
        matches!(w, SplitWarning::Straddling { .. } | SplitWarning::Parted { .. })
    };
    lines.extend(warnings.iter().filter(of_sides).map(|warning| warning.describe(classes)));
    lines
}

/// The line for all groups with the same pixels and different labels, if there are any.
fn contradictions(
    groups: &[&Vec<usize>],
    labels: &[usize],
    name_of: impl Fn(usize) -> String,
) -> Option<String> {
    let group = groups.first()?;
    let pictures: usize = groups.iter().map(|group| group.len()).sum();
    let label = |picture: usize| labels.get(picture);
    // Two copies within a class would not be an example.
    let (first, last) = (*group.first()?, *group.last()?);
    let other = group.iter().copied().find(|&p| label(p) != label(first)).unwrap_or(last);
    let (a, b) = (name_of(first), name_of(other));
    Some(match groups.len() {
        1 if pictures == 2 => format!("{a} and {b} have the same pixels and different labels"),
        1 => format!(
            "{pictures} pictures have the same pixels and different labels, such as {a} and {b}"
        ),
        n => format!(
            "{pictures} pictures in {n} groups have the same pixels and different labels, such as {a} and {b}"
        ),
    })
}

fn first_few(names: &[&str]) -> String {
    const SHOWN: usize = 8;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}
