//! A split that continues earlier training.

use super::{Groups, Movable, PictureLabels, Split, SplitConfig, contradictions};
use crate::DataError;

/// The use of a picture in earlier training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// It did not exist.
    Unseen,
    /// It was used for training, so it cannot be used for validation any more.
    LearnedFrom,
    /// It was held back for validation.
    HeldBack,
}

/// Continues a split, given the `earlier` use of each picture: pictures held back stay held back, training pictures
/// stay training pictures, and of the rest a fraction of each class is held back, as by
/// [`stratified`](super::stratified).
///
/// Pictures grouped with a training picture are used for training, too, unless they were held back themselves; pictures
/// grouped with one held back are held back.
///
/// # Errors
/// [`DataError::Share`] when the fraction is not in `0..1`.
///
/// # Panics
/// Unless there is a label, a group and an `earlier` for each picture.
pub fn continued<'a>(
    labels: impl Into<PictureLabels<'a>>,
    groups: &Groups,
    earlier: &[Earlier],
    config: &SplitConfig,
) -> Result<Split, DataError> {
    config.check()?;
    let labels = labels.into();
    assert_eq!(labels.len(), earlier.len(), "a label and what was done with it for each picture");
    let mut held_back: Vec<bool> = earlier.iter().map(|&did| did == Earlier::HeldBack).collect();
    let mut unseen = Vec::new();
    for group in groups.members() {
        let any = |what| group.iter().any(|&picture| earlier[picture] == what);
        match (any(Earlier::LearnedFrom), any(Earlier::HeldBack)) {
            (true, _) => {}
            (false, true) => group.iter().for_each(|&picture| held_back[picture] = true),
            (false, false) => unseen.extend(group),
        }
    }
    unseen.sort_unstable();
    let mut split = Split { warnings: contradictions(labels, groups), ..Split::default() };
    if config.validation > 0.0 && !unseen.is_empty() {
        let own: Vec<usize> = unseen.iter().map(|&picture| labels.number(picture)).collect();
        let movable = Movable::new(labels.with_numbers(&own), &groups.of(&unseen), config.seed);
        let chosen = movable.hold_back(config.validation);
        for picture in movable.pictures(&chosen) {
            held_back[unseen[picture]] = true;
        }
        let is_measured = |class| {
            let mut pictures = held_back.iter().enumerate().filter(|(_, held_back)| **held_back);
            pictures.any(|(picture, _)| labels.classes_of(picture).contains(&class))
        };
        let without = movable.not_validated(&chosen).into_iter();
        split.warnings.extend(without.filter(|warning| !warning.class().is_some_and(is_measured)));
    }
    (split.validation, split.train) = (0..labels.len()).partition(|&picture| held_back[picture]);
    Ok(split)
}
