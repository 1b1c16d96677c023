//! Folds for cross-validation.

use std::cmp::Reverse;

use super::movable::Movable;
use super::{Groups, PictureLabels, Split, SplitWarning, contradictions};
use crate::DataError;

/// Pictures divided into folds, each of which is held back once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folds {
    /// The fold of each picture, from 0; `None` if it is always used for training.
    of: Vec<Option<usize>>,
    count: usize,
    /// Warnings for the owner of the pictures.
    pub warnings: Vec<SplitWarning>,
}

impl Folds {
    /// The number of folds.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The fold in which each picture is held back; `None` if it is always used for training.
    pub fn of(&self) -> &[Option<usize>] {
        &self.of
    }

    /// The split that holds this fold back.
    pub fn split(&self, fold: usize) -> Split {
        let held_back = |&picture: &usize| self.of[picture] == Some(fold);
        let (validation, train) = (0..self.of.len()).partition(held_back);
        Split { train, validation, ..Split::default() }
    }
}

/// Divides pictures into `count` folds, so that each has its share of each class and no group is split. If groups are
/// single pictures, the numbers of pictures of a class differ by at most one between folds, as in scikit-learn's
/// `StratifiedKFold`; larger groups are assigned first and to the fold that makes folds most similar, as in its
/// `StratifiedGroupKFold`.
///
/// Pictures whose pixels have several labels are always used for training, as is the last group of a class that would
/// otherwise be held back completely.
///
/// # Errors
/// [`DataError::Folds`] with fewer than two folds, or fewer groups than folds.
///
/// # Panics
/// When `labels` and `groups` differ in length.
pub fn folds<'a>(
    labels: impl Into<PictureLabels<'a>>,
    groups: &Groups,
    count: usize,
    seed: u64,
) -> Result<Folds, DataError> {
    let labels = labels.into();
    let movable = Movable::new(labels, groups, seed);
    if count < 2 || movable.groups.len() < count {
        return Err(DataError::Folds { folds: count, groups: movable.groups.len() });
    }
    let known = movable.totals.len();
    let wanted = vec![0.0; known];
    let mut held = vec![vec![0; known]; count];
    let mut sizes = vec![0; count];
    let mut fold_of = vec![None; movable.groups.len()];
    let mut order: Vec<usize> = (0..movable.groups.len()).collect();
    order.sort_by_key(|&index| Reverse(movable.groups[index].pictures.len()));
    for index in order {
        let group = &movable.groups[index];
        let change = |fold: usize| movable.change(group, &held[fold], &wanted);
        let nearest = (0..count)
            .min_by(|&a, &b| change(a).total_cmp(&change(b)).then_with(|| sizes[a].cmp(&sizes[b])));
        let fold = nearest.unwrap_or_default();
        group.counts.iter().for_each(|&(class, count)| held[fold][class] += count);
        sizes[fold] += group.pictures.len();
        fold_of[index] = Some(fold);
    }
    // A class whose groups are all in one fold could not be learned without it.
    for class in 0..known {
        let own = &movable.of_class[class];
        let all = Some(own.len()) == movable.distinct[class];
        if let Some(&first) = own.first().filter(|_| all)
            && own.iter().all(|&index| fold_of[index] == fold_of[first])
            && let Some(smallest) = movable.smallest(class, |index| fold_of[index].is_some())
        {
            fold_of[smallest] = None;
        }
    }
    let mut of = vec![None; labels.len()];
    for (group, &fold) in movable.groups.iter().zip(&fold_of) {
        group.pictures.iter().for_each(|&picture| of[picture] = fold);
    }
    let dealt: Vec<bool> = fold_of.iter().map(Option::is_some).collect();
    let mut warnings = contradictions(labels, groups);
    warnings.extend(movable.not_validated(&dealt));
    Ok(Folds { of, count, warnings })
}
