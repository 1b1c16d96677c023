//! A split that goes on from earlier training.

use super::{Groups, Movable, PictureLabels, Split, SplitConfig, contradictions};
use crate::DataError;

/// What earlier training did with a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// It was not there.
    Unseen,
    /// It was learned from: nothing can be measured on it any more.
    LearnedFrom,
    /// It was held back, to measure on.
    HeldBack,
}

/// Goes on from earlier training, which did `earlier` with each picture: what it held back stays held
/// back, what it learned from is learned from, and of the rest a share of each class is held back, as
/// by [`stratified`](super::stratified).
///
/// What belongs together with a picture learned from is learned from, too, unless it was held back
/// itself; what belongs together with one held back is held back.
///
/// # Errors
/// [`DataError::Share`] when the share is not in `0..1`.
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
