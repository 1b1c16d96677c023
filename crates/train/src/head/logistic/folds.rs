use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::samples::classes_of;

/// The strata of samples: their classes or sets of classes.
#[derive(Clone, Copy)]
pub(super) struct Strata<'a> {
    labels: &'a [usize],
    /// No set is empty.
    sets: Option<&'a [Vec<usize>]>,
    count: usize,
}

impl<'a> Strata<'a> {
    /// Stratifies by labels below `count`, which are indices into `sets` if there are any.
    pub(super) fn new(labels: &'a [usize], sets: Option<&'a [Vec<usize>]>, count: usize) -> Self {
        Self { labels, sets, count }
    }

    fn of(&self, row: usize) -> &'a [usize] {
        classes_of(&self.labels[row], self.sets)
    }

    /// The number of samples per class.
    fn totals(&self) -> Vec<usize> {
        let mut totals = vec![0; self.count];
        for row in 0..self.labels.len() {
            self.of(row).iter().for_each(|&stratum| totals[stratum] += 1);
        }
        totals
    }
}

/// Sets of classes as strata: a sample of no class gets a stratum of its own, `classes`.
pub(super) fn none_apart(sets: &[Vec<usize>], classes: usize) -> Vec<Vec<usize>> {
    let stratum = |set: &Vec<usize>| if set.is_empty() { vec![classes] } else { set.clone() };
    sets.iter().map(stratum).collect()
}

/// The fold in which a sample is held out; `None` if it is always used for training.
pub(super) type Fold = Option<u8>;

const FOLDS: usize = 5;
/// Number of held-out samples after which no more folds are tried; more would add time but little information.
const ENOUGH_HELD_OUT: usize = 600;
/// The number of samples that [`draw`] takes at least of each class, if it has so many.
const LEAST_OF_A_CLASS: usize = 10;

/// The assignment of samples to folds.
pub(super) struct Folds {
    /// The fold of each sample.
    pub(super) of: Vec<Fold>,
    /// The number of folds to try: 5, or fewer if there are very few samples or plenty.
    pub(super) count: u8,
}

/// Assigns samples to folds at random, so that each fold has its share of each class and no group is split. At least
/// one sample of each class is always used for training. A sample of several classes is assigned by the rarest of them
/// (Sechidis et al. 2011).
pub(super) fn deal(strata: Strata, groups: Option<&[usize]>, seed: u64) -> Folds {
    let n = strata.labels.len();
    let members = Members::new(n, groups);
    let mut groups: Vec<&[u32]> = members.shuffled(seed).collect();
    let totals = strata.totals();
    let rarest = |rows: &[u32]| {
        let own = strata.of(rows[0] as usize).iter().copied();
        own.min_by_key(|&stratum| (totals[stratum], stratum)).unwrap_or(0)
    };
    // Rare classes and large groups first: they have the fewest options.
    groups.sort_by_cached_key(|rows| {
        let label = rarest(rows);
        (totals[label], label, std::cmp::Reverse(rows.len()))
    });

    let mut held = vec![vec![0; strata.count]; FOLDS];
    let mut fold_of_group = Vec::with_capacity(groups.len());
    for rows in &groups {
        let label = rarest(rows);
        let size = |fold: &usize| (held[*fold][label], held[*fold].iter().sum::<usize>());
        let fold = (0..FOLDS).min_by_key(size).unwrap_or(0);
        let all = rows.iter().flat_map(|&row| strata.of(row as usize));
        all.for_each(|&stratum| held[fold][stratum] += 1);
        fold_of_group.push(fold);
    }

    let mut of = vec![None; n];
    for (rows, fold) in groups.iter().zip(fold_of_group) {
        let is_last = |&stratum: &usize| held[fold][stratum] == totals[stratum];
        let is_last_of_its_class = |&row: &u32| strata.of(row as usize).iter().any(is_last);
        if !rows.iter().any(is_last_of_its_class) {
            rows.iter().for_each(|&row| of[row as usize] = Some(fold as u8));
        }
    }
    // Folds that hold nothing out are skipped.
    let used: Vec<u8> = (0..FOLDS as u8).filter(|&fold| of.contains(&Some(fold))).collect();
    for fold in of.iter_mut().flatten() {
        *fold = used.iter().take_while(|&used| used < fold).count() as u8;
    }
    let enough = ENOUGH_HELD_OUT.div_ceil((n / FOLDS).max(1));
    Folds { of, count: (used.len() as u8).min(enough as u8) }
}

/// Draws about `most` of the samples at random, in their order: of each class its share, but at least
/// `LEAST_OF_A_CLASS` if it has so many, and without splitting groups.
pub(super) fn draw(strata: Strata, groups: Option<&[usize]>, seed: u64, most: usize) -> Vec<u32> {
    let n = strata.labels.len();
    if n <= most {
        return (0..n as u32).collect();
    }
    let mut wanted = strata.totals();
    for count in &mut wanted {
        *count = (*count * most).div_ceil(n).max(LEAST_OF_A_CLASS.min(*count));
    }
    let mut drawn = Vec::new();
    let members = Members::new(n, groups);
    for rows in members.shuffled(seed) {
        let own = || rows.iter().flat_map(|&row| strata.of(row as usize));
        if own().any(|&stratum| wanted[stratum] > 0) {
            for &stratum in own() {
                wanted[stratum] = wanted[stratum].saturating_sub(1);
            }
            drawn.extend(rows);
        }
    }
    drawn.sort_unstable();
    drawn
}

/// The rows of each group; there may be many millions.
struct Members {
    /// All rows, with each group contiguous.
    rows: Vec<u32>,
    /// Start of each group, and end of the last; empty if every row is a group.
    starts: Vec<u32>,
}

impl Members {
    fn new(n: usize, groups: Option<&[usize]>) -> Self {
        let mut rows: Vec<u32> = (0..n as u32).collect();
        let Some(groups) = groups else { return Self { rows, starts: Vec::new() } };
        rows.sort_by_key(|&row| groups[row as usize]);
        let of = |at: usize| rows.get(at).map(|&row| groups[row as usize]);
        let begins = |&at: &u32| at == 0 || of(at as usize) != of(at as usize - 1);
        let starts = (0..=n as u32).filter(begins).collect();
        Self { rows, starts }
    }

    /// The groups in random order.
    fn shuffled(&self, seed: u64) -> impl Iterator<Item = &[u32]> {
        let (rows, starts) = (&self.rows[..], &self.starts[..]);
        let count = if starts.is_empty() { rows.len() } else { starts.len() - 1 };
        let mut order: Vec<u32> = (0..count as u32).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        order.into_iter().map(move |group| {
            let group = group as usize;
            match starts {
                [] => &rows[group..group + 1],
                starts => &rows[starts[group] as usize..starts[group + 1] as usize],
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fold_holds_its_share_of_each_class() {
        let labels: Vec<usize> = (0..103).map(|row| usize::from(row % 4 == 0)).collect();
        let folds = deal(Strata::new(&labels, None, 2), None, 3);
        assert_eq!(folds.count, 5);
        for fold in 0..5 {
            let held = |class| {
                let both = labels.iter().zip(&folds.of);
                both.filter(|(l, f)| **l == class && **f == Some(fold)).count()
            };
            assert!((15..=16).contains(&held(0)), "{}", held(0));
            assert!((5..=6).contains(&held(1)), "{}", held(1));
        }
    }

    #[test]
    fn each_fold_holds_its_share_of_each_class_of_several() {
        // Class 0 in half of the samples, 1 in a tenth, and 2 in a fiftieth, always together with 0 or 1.
        let sets = [vec![3], vec![0], vec![1], vec![0, 1], vec![0, 2], vec![1, 2]];
        let labels: Vec<usize> = (0..500)
            .map(|row| match row % 50 {
                0 => 4 + row / 50 % 2,
                1..=4 => 2 + row % 2,
                5..=26 => 1,
                _ => 0,
            })
            .collect();
        let folds = deal(Strata::new(&labels, Some(&sets), 4), None, 1);
        let count = |class: usize, fold: Option<u8>| {
            let both = labels.iter().zip(&folds.of);
            both.filter(|(l, f)| sets[**l].contains(&class) && (fold.is_none() || **f == fold))
                .count()
        };
        for (class, fold) in (0..4).flat_map(|class| (0..5).map(move |fold| (class, fold))) {
            let (held, share) = (count(class, Some(fold)), count(class, None) as f64 / 5.0);
            assert!((held as f64 - share).abs() <= 3.0, "{held} of {share} of class {class}");
        }
        assert!((0..5).all(|fold| count(2, Some(fold)) == 2), "the rarest is dealt exactly");
    }

    #[test]
    fn groups_are_never_parted() {
        let labels: Vec<usize> = (0..90).map(|row| row % 3).collect();
        let groups: Vec<usize> = (0..90).map(|row| row / 4).collect();
        let folds = deal(Strata::new(&labels, None, 3), Some(&groups), 0);
        for row in 1..90 {
            assert!(groups[row] != groups[row - 1] || folds.of[row] == folds.of[row - 1]);
        }
    }

    #[test]
    fn a_draw_has_its_share_of_each_class_and_parts_no_group() {
        let labels: Vec<usize> = (0..9000).map(|row| usize::from(row / 3 % 10 == 0)).collect();
        let groups: Vec<usize> = (0..9000).map(|row| row / 3).collect();
        let drawn = draw(Strata::new(&labels, None, 2), Some(&groups), 1, 1000);
        let rare = drawn.iter().filter(|&&row| labels[row as usize] == 1).count();
        assert!((100..=102).contains(&rare) && (1000..=1005).contains(&drawn.len()), "{rare}");
        assert!(drawn.chunks(3).all(|r| groups[r[0] as usize] == groups[r[2] as usize]));
        assert!(drawn.is_sorted());
        assert_ne!(drawn, draw(Strata::new(&labels, None, 2), Some(&groups), 2, 1000));
    }

    #[test]
    fn a_draw_keeps_what_there_is_of_rare_classes() {
        let labels: Vec<usize> = (0..9000).map(|row| if row < 4 { row / 3 } else { 2 }).collect();
        let drawn = draw(Strata::new(&labels, None, 3), None, 0, 1000);
        assert_eq!(drawn[..4], [0, 1, 2, 3]);
    }

    #[test]
    fn the_only_sample_of_a_class_always_trains() {
        let folds = deal(Strata::new(&[0, 0, 0, 1, 2, 2], None, 3), None, 0);
        assert_eq!(folds.of[3], None);
        assert_ne!(folds.of[4], None);
        assert_ne!(folds.of[4], folds.of[5]);
        assert!(folds.count >= 2);
    }

    #[test]
    fn a_class_in_one_group_always_trains() {
        let folds = deal(Strata::new(&[0, 0, 1, 1, 1], None, 2), Some(&[1, 2, 7, 7, 7]), 0);
        assert_eq!(folds.of[2..], [None, None, None]);
    }

    #[test]
    fn singletons_leave_nothing_to_hold_out() {
        let folds = deal(Strata::new(&[0, 1], None, 2), None, 0);
        assert_eq!((folds.count, folds.of), (0, vec![None, None]));
    }

    #[test]
    fn many_samples_take_fewer_folds() {
        for (n, count) in [(600, 5), (800, 4), (1500, 2), (3000, 1), (9000, 1)] {
            let labels: Vec<usize> = (0..n).map(|row| row % 10).collect();
            assert_eq!(deal(Strata::new(&labels, None, 10), None, 0).count, count, "{n}");
        }
    }
}
