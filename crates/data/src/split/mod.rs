//! Splitting of pictures into training and validation sides.
//!
//! Pictures that belong together ([`Groups`]: those with the same pixels, those of one subject) are never separated:
//! otherwise validation would reward memorisation. The split depends only on the pixels, the names of groups, the
//! labels and the seed, not on paths or order. The side of a group is determined by a keyed hash of its content or
//! name, so adding pictures to a folder moves few others (only those near the boundary set by the fraction).

mod continued;
mod folds;
mod groups;
mod labels;
mod movable;
mod warnings;

use serde::{Deserialize, Serialize};

use crate::DataError;
pub use continued::{Earlier, continued};
pub use folds::{Folds, folds};
pub use groups::Groups;
pub use labels::PictureLabels;
use movable::Movable;
pub use warnings::{SplitWarning, describe_all};

/// Options of a split.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitConfig {
    /// Fraction of each class that is held back for validation, in `0..1`.
    pub validation: f64,
    /// The random seed: different seeds hold different pictures back.
    pub seed: u64,
}

impl Default for SplitConfig {
    /// A fifth, seed 0.
    fn default() -> Self {
        Self { validation: 0.2, seed: 0 }
    }
}

impl SplitConfig {
    fn check(&self) -> Result<(), DataError> {
        let share = self.validation;
        if (0.0..1.0).contains(&share) { Ok(()) } else { Err(DataError::Share { share }) }
    }
}

/// Both sides, as ascending indices into the pictures that were split.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// For training.
    pub train: Vec<usize>,
    /// For validation.
    pub validation: Vec<usize>,
    /// On neither side; see [`SplitWarning::Straddling`]. Empty unless a split was given.
    pub left_out: Vec<usize>,
    /// Warnings for the owner of the pictures.
    pub warnings: Vec<SplitWarning>,
}

impl Split {
    /// Whether each of `pictures` pictures is held back.
    pub fn is_held_back(&self, pictures: usize) -> Vec<bool> {
        let mut held_back = vec![false; pictures];
        for &picture in &self.validation {
            held_back.get_mut(picture).into_iter().for_each(|held_back| *held_back = true);
        }
        held_back
    }
}

/// Holds back a fraction of each class, keeping groups on one side.
///
/// `labels` and `groups` have one element per picture. For a class with `n` pictures, `validation * n` are held back,
/// as nearly as whole groups allow, which may contain several classes. With a fraction above zero, a class with at
/// least two groups gets at least one on each side, unless other classes in these groups need them for training; a
/// class with fewer is only used for training, with a warning. Pictures whose pixels have several labels are used for
/// training with their whole group, and reported, since they are useless for validation.
///
/// A picture of several classes counts for each of them, and one of none for a separate stratum: as in iterative
/// stratification (Sechidis, Tsoumakas & Vlahavas 2011), each class gets its share, rare ones before common ones, since
/// relative deviations are compared.
///
/// # Errors
/// [`DataError::Share`] when the fraction is not in `0..1`.
///
/// # Panics
/// When `labels` and `groups` differ in length.
pub fn stratified<'a>(
    labels: impl Into<PictureLabels<'a>>,
    groups: &Groups,
    config: &SplitConfig,
) -> Result<Split, DataError> {
    config.check()?;
    let labels = labels.into();
    let movable = Movable::new(labels, groups, config.seed);
    let mut split = Split { warnings: contradictions(labels, groups), ..Split::default() };
    let mut held_back = vec![false; labels.len()];
    if config.validation > 0.0 {
        let chosen = movable.hold_back(config.validation);
        split.warnings.extend(movable.not_validated(&chosen));
        movable.pictures(&chosen).for_each(|picture| held_back[picture] = true);
    }
    (split.validation, split.train) = (0..labels.len()).partition(|&picture| held_back[picture]);
    Ok(split)
}

/// Keeps a given split, except that no pixels stay on both sides: the training side's copies are left out, so that the
/// validation side remains comparable with other results. Other groups on both sides stay there, with a warning.
///
/// `validation` specifies for each picture whether it is on that side.
///
/// # Panics
/// When `labels`, `groups` and `validation` differ in length.
pub fn keep_given<'a>(
    labels: impl Into<PictureLabels<'a>>,
    groups: &Groups,
    validation: &[bool],
) -> Split {
    let labels = labels.into();
    assert_eq!(labels.len(), validation.len(), "a label and a side for each picture");
    let mut split = Split { warnings: contradictions(labels, groups), ..Split::default() };
    for same in groups.of_same_pixels() {
        let straddles = same.iter().any(|&picture| validation[picture]);
        for picture in same {
            match (validation[picture], straddles) {
                (true, _) => split.validation.push(picture),
                (false, true) => split.left_out.push(picture),
                (false, false) => split.train.push(picture),
            }
        }
    }
    for side in [&mut split.train, &mut split.validation, &mut split.left_out] {
        side.sort_unstable();
    }
    if !split.left_out.is_empty() {
        split.warnings.push(SplitWarning::Straddling { left_out: split.left_out.len() });
    }
    let is_on = |side: &[usize], group: &[usize]| {
        group.iter().any(|picture| side.binary_search(picture).is_ok())
    };
    let parted =
        |group: &&Vec<usize>| is_on(&split.train, group) && is_on(&split.validation, group);
    let parted = groups.members().iter().filter(parted).count();
    if parted > 0 {
        split.warnings.push(SplitWarning::Parted { groups: parted });
    }
    split
}

/// The same pixels under different labels.
fn contradictions(labels: PictureLabels<'_>, groups: &Groups) -> Vec<SplitWarning> {
    let mut same = groups.of_same_pixels();
    same.retain(|pictures| {
        pictures.iter().any(|&p| labels.number(p) != labels.number(pictures[0]))
    });
    same.into_iter().map(|pictures| SplitWarning::Contradiction { pictures }).collect()
}
