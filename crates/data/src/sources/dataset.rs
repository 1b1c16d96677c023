//! Labelled pictures for training.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::slice;

use super::{Item, LabelSets, Labels, Listed, Listing, Note, SkipReason, Skipped, Subset};
use crate::DataError;

/// Labelled pictures for training.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// The path given: a folder, or a file that lists the pictures.
    pub root: PathBuf,
    /// The names of the classes, in alphabetical (byte) order.
    pub classes: Vec<String>,
    /// The sets of classes of pictures in a multi-label data set; `None` if each picture has one class.
    pub label_sets: Option<LabelSets>,
    /// The pictures, in the order of the source; if it is split, the training pictures first.
    pub items: Vec<Item>,
    /// Pictures of these classes reserved for testing, which training must not use.
    pub tests: Vec<Item>,
    /// What was left out: files that are not pictures, unreadable ones, pictures without a label, empty class folders.
    pub skipped: Vec<Skipped>,
    /// See [`Listing::notes`].
    pub notes: Vec<Note>,
}

impl Dataset {
    /// Selects the pictures of a listing that can be used for training.
    ///
    /// Pictures without a label are left out, as are those of a class without training pictures. If there are
    /// validation pictures, those without a side are used for training; otherwise no side is set.
    ///
    /// # Errors
    /// When there is nothing to train on: see [`DataError`].
    pub fn from_listing(root: impl AsRef<Path>, listing: Listing) -> Result<Self, DataError> {
        let root = root.as_ref();
        let Listing { mut pictures, skipped: mut left_out, notes } = listing;
        let found = pictures.len();
        let has_validation = pictures.iter().any(|p| p.subset == Some(Subset::Validation));
        pictures.retain_mut(|picture| {
            if picture.label.is_none() {
                left_out.push(Skipped::new(picture.at.path(), SkipReason::NoLabel));
                return false;
            }
            if picture.subset != Some(Subset::Test) {
                let side = picture.subset.unwrap_or(Subset::Train);
                picture.subset = has_validation.then_some(side);
            }
            true
        });
        if pictures.is_empty() && found > 0 {
            return Err(DataError::NoLabels { path: root.to_owned(), pictures: found, notes });
        }
        Ok(Self { notes, ..Self::new(root, pictures, left_out)? })
    }

    /// Makes all pictures of a listing members of one class, regardless of their labels: for viewing, not for training.
    ///
    /// # Errors
    /// [`DataError::NoPictures`] or [`DataError::NothingInside`].
    pub fn unlabelled(root: impl AsRef<Path>, listing: Listing) -> Result<Self, DataError> {
        let root = root.as_ref();
        let Listing { pictures, skipped, notes } = listing;
        if pictures.is_empty() {
            return Err(none_in(root, skipped));
        }
        let item =
            |p: Listed| Item { at: p.at, label: 0, subset: None, group: p.group, weight: 1.0 };
        let items = pictures.into_iter().map(item).collect();
        let classes = vec!["pictures".to_owned()];
        let (label_sets, tests) = (None, Vec::new());
        Ok(Self { root: root.to_owned(), classes, label_sets, items, tests, skipped, notes })
    }

    /// Creates a data set from the labelled pictures; others are left out.
    pub(super) fn new(
        root: &Path,
        pictures: Vec<Listed>,
        mut left_out: Vec<Skipped>,
    ) -> Result<Self, DataError> {
        let path = root.to_owned();
        let learned: BTreeSet<&str> = pictures
            .iter()
            .filter(|picture| is_learned_from(picture.subset))
            .flat_map(|picture| picture.label.names())
            .map(|name| &**name)
            .collect();
        let classes: Vec<String> = learned.into_iter().map(str::to_owned).collect();
        let is_set = |picture: &Listed| matches!(picture.label, Labels::Set(_));
        let mut label_sets = pictures.iter().any(is_set).then(LabelSets::default);
        let fewest = if label_sets.is_some() { 1 } else { 2 };
        if classes.len() < fewest {
            return Err(match classes.into_iter().next() {
                None if pictures.iter().any(|picture| is_learned_from(picture.subset)) => {
                    DataError::NoneOfAnyClass { path, pictures: pictures.len() }
                }
                None if !pictures.is_empty() => {
                    DataError::NothingToLearn { path, pictures: pictures.len() }
                }
                None => none_in(root, left_out),
                Some(class) => {
                    DataError::OneClass { path, class, unreadable: unreadable(left_out) }
                }
            });
        }
        let mut items = Vec::with_capacity(pictures.len());
        let mut tests = Vec::new();
        for Listed { at, label, subset, group, weight } in pictures {
            let class = |name| classes.binary_search_by(|class| class.as_str().cmp(name)).ok();
            let own: Option<Vec<usize>> = label.names().iter().map(|name| class(name)).collect();
            let label = match &mut label_sets {
                Some(sets) => own.map(|own| sets.number(own)),
                None => own.and_then(|own| own.first().copied()),
            };
            match label {
                Some(label) => {
                    let side = if subset == Some(Subset::Test) { &mut tests } else { &mut items };
                    side.push(Item { at, label, subset, group, weight });
                }
                None => left_out.push(Skipped::new(at.path(), SkipReason::NotLearned)),
            }
        }
        left_out.sort_by(|a, b| a.path.cmp(&b.path));
        let notes = Vec::new();
        Ok(Self { root: path, classes, label_sets, items, tests, skipped: left_out, notes })
    }

    /// Whether the source itself specifies the validation pictures.
    pub fn is_split(&self) -> bool {
        self.items.iter().any(|item| item.subset.is_some())
    }

    /// The classes of a picture of this data set, ascending.
    pub fn classes_of<'a>(&'a self, item: &'a Item) -> &'a [usize] {
        let of_set = |sets: &'a LabelSets| &sets.as_slice()[item.label][..];
        self.label_sets.as_ref().map_or(slice::from_ref(&item.label), of_set)
    }

    /// The name of a picture of this data set: its path relative to the root, or to the root's folder if the root is a
    /// file that lists pictures; the whole path if it is elsewhere.
    pub fn name_of(&self, item: &Item) -> String {
        let path = item.at.path();
        let inside = path
            .strip_prefix(&self.root)
            .or_else(|_| path.strip_prefix(self.root.parent().unwrap_or(&self.root)));
        inside.unwrap_or(&path).display().to_string()
    }
}

/// The error for a path without pictures, with what was left out.
fn none_in(root: &Path, left_out: Vec<Skipped>) -> DataError {
    let path = root.to_owned();
    match root.is_file() {
        true => DataError::NothingInside { path, left_out },
        false => DataError::NoPictures { path, unreadable: unreadable(left_out) },
    }
}

fn unreadable(mut left_out: Vec<Skipped>) -> Vec<Skipped> {
    left_out.retain(|skipped| skipped.is_unreadable() || skipped.is_of_a_label());
    left_out
}

/// Whether the pictures of a side are used for training, and define its classes.
pub(super) fn is_learned_from(subset: Option<Subset>) -> bool {
    matches!(subset, None | Some(Subset::Train))
}
