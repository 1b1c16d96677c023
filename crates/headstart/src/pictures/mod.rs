//! The labelled pictures to train on, and their split.

mod division;
mod export;
mod labelled_features;
mod note;
mod partition;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headstart_data::sources::Note;
use headstart_data::{
    ContentHash, DataError, Dataset, Groups, Item, Listing, Location, Skipped, Source, SplitConfig,
};
use headstart_train::Task;
use serde::{Deserialize, Serialize};

use crate::copies::FEW;
use crate::{Origin, Seen, SplitRecord, TrainingRecord};
pub(crate) use labelled_features::LabelledFeatures;
pub(crate) use partition::{
    OfBase, Partition, PartitionedFeatures, ReadPictures, never_predicted, partition,
};

/// Labelled pictures, some of which are held back for evaluation.
///
/// Which ones is decided when the pictures are decoded: pictures with the same pixels or in one group are never
/// on both sides, nor are near-duplicates unless the source itself is split.
#[derive(Clone, Debug)]
pub struct Pictures {
    source: Source,
    dataset: Dataset,
    split: SplitConfig,
    /// Names of pictures to hold back, if any of these exists.
    held_back: HashSet<String>,
    /// The pictures seen by earlier training.
    seen: Option<Seen>,
    /// Whether there was earlier training whose pictures are unknown.
    after_unknown: bool,
    /// The setting of [`Pictures::with_duplicates`].
    duplicates: Option<Duplicates>,
}

/// Sets of classes that labels are indices into, shared by everything trained on them.
pub(crate) type LabelSets = Arc<[Vec<usize>]>;

/// Which duplicates are searched for, to keep them on one side of the split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// Also near-duplicates: saved again, scaled, recoloured, mirrored, or slightly cropped.
    Near,
    /// Only pictures with the same pixels, which takes no time.
    Exact,
}

impl Pictures {
    /// Opens a folder with one folder of pictures per class, or with `train` and `validation` folders that
    /// contain these; a [manifest](headstart_data::sources::manifest); or a [`Source`] that takes labels from
    /// paths.
    ///
    /// A fifth of the pictures is held back unless the source itself is split.
    ///
    /// # Errors
    /// When there is nothing to train on.
    pub fn open(source: impl Into<Source>) -> Result<Self, DataError> {
        let source = source.into();
        Ok(Self::new(source.dataset()?, source))
    }

    /// Like [`Pictures::open`], for an [`audit`](crate::audit()): pictures without labels, or all with the same
    /// label, form a single class.
    ///
    /// # Errors
    /// When there are no pictures.
    pub fn open_to_audit(source: impl Into<Source>) -> Result<Self, DataError> {
        let source = source.into();
        let dataset = match source.dataset() {
            Err(
                DataError::NoClasses { .. }
                | DataError::NoLabels { .. }
                | DataError::OneClass { .. }
                | DataError::NothingToLearn { .. },
            ) => Dataset::unlabelled(&source.path, source.list()?)?,
            dataset => dataset?,
        };
        Ok(Self::new(dataset, source))
    }

    /// Pictures listed by the program itself, such as those of a database; see
    /// [`Provided`](headstart_data::Provided). The model records their source as `name`.
    ///
    /// # Errors
    /// When there is nothing to train on.
    pub fn from_listing(name: impl Into<PathBuf>, mut listing: Listing) -> Result<Self, DataError> {
        let source = Source::new(name);
        listing.check_names();
        Ok(Self::new(Dataset::from_listing(&source.path, listing)?, source))
    }

    /// Opens pictures to train on and others to evaluate on, which are labelled in the same way.
    ///
    /// # Errors
    /// As for [`Pictures::open`].
    pub fn open_with_validation(
        train: impl Into<Source>,
        validation: impl AsRef<Path>,
    ) -> Result<Self, DataError> {
        let source = train.into();
        Ok(Self::new(source.dataset_with(validation.as_ref())?, source))
    }

    fn new(dataset: Dataset, source: Source) -> Self {
        Self {
            source,
            dataset,
            split: SplitConfig::default(),
            held_back: HashSet::new(),
            seen: None,
            after_unknown: false,
            duplicates: None,
        }
    }

    /// Holds back this share of each class, in `0..1`. The seed decides which pictures are held back.
    #[must_use]
    pub fn with_validation(mut self, share: f64, seed: u64) -> Self {
        self.split = SplitConfig { validation: share, seed };
        self
    }

    /// Holds back exactly the pictures with these names, if any of them exists, so that later training is not
    /// trained on pictures that earlier training was evaluated on.
    ///
    /// A name is a path within the folder, as in
    /// [`TrainingRecord::validation`](crate::TrainingRecord::validation).
    #[must_use]
    pub fn holding_back(mut self, names: Vec<String>) -> Self {
        self.held_back = names.into_iter().collect();
        self
    }

    /// Continues the split of the model that is to be trained further, given its `record`.
    ///
    /// Unless the source itself is split, pictures that were held back stay held back, pictures that were
    /// trained on are trained on, and a share of the others is held back.
    ///
    /// If the record does not contain the pictures trained on, as in files of earlier versions, the held-back
    /// pictures are chosen as by [`Pictures::holding_back`]. In that case there is always a warning.
    #[must_use]
    pub fn continuing(mut self, record: Option<&TrainingRecord>) -> Self {
        self.seen = record.and_then(|record| record.seen.clone());
        self.after_unknown = self.seen.is_none();
        match record.filter(|_| self.after_unknown) {
            Some(record) => self.holding_back(record.validation.clone()),
            None => self,
        }
    }

    /// Sets which duplicates are searched for.
    ///
    /// By default these are near-duplicates, unless there are more than 6,000 pictures and the split is
    /// specified: then they would only lead to a warning.
    #[must_use]
    pub fn with_duplicates(mut self, duplicates: Duplicates) -> Self {
        self.duplicates = Some(duplicates);
        self
    }

    /// Whether near-duplicates are searched for, given the number of readable pictures.
    pub(crate) fn wants_near_duplicates(&self, pictures: usize) -> bool {
        match self.duplicates {
            Some(duplicates) => duplicates == Duplicates::Near,
            None => pictures <= FEW || !self.is_divided(),
        }
    }

    /// The folder, or the file that lists the pictures.
    pub fn root(&self) -> &Path {
        &self.dataset.root
    }

    /// The names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.dataset.classes
    }

    /// The kind of labels: one class per picture, or any number.
    pub fn task(&self) -> Task {
        match self.dataset.label_sets {
            Some(_) => Task::MultiLabel,
            None => Task::SingleLabel,
        }
    }

    /// The sets of classes that these labels are indices into, if a picture may have any number of classes. If
    /// requested, pictures with the same pixels first get the union of their classes.
    pub(crate) fn label_sets(
        &self,
        labels: &mut [usize],
        contents: &[ContentHash],
    ) -> Option<LabelSets> {
        let mut sets = self.dataset.label_sets.clone()?;
        if self.source.multi_label {
            sets.unite(labels, contents);
        }
        Some(sets.as_slice().into())
    }

    /// The source of the pictures, and of their labels.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The number of labels of each picture.
    pub fn label_counts(&self) -> impl Iterator<Item = usize> {
        self.dataset.items.iter().map(|item| self.dataset.classes_of(item).len())
    }

    /// The number of pictures, readable or not.
    pub fn len(&self) -> usize {
        self.dataset.items.len()
    }

    /// Whether there are no pictures. An opened folder has some.
    pub fn is_empty(&self) -> bool {
        self.dataset.items.is_empty()
    }

    /// The number of test pictures, which training does not use.
    pub fn tests(&self) -> usize {
        self.dataset.tests.len()
    }

    /// The number of groups that the source names, none of which is divided by a split at random.
    pub fn named_groups(&self) -> usize {
        let names = self.dataset.items.iter().filter_map(|item| item.group.as_deref());
        names.collect::<HashSet<&str>>().len()
    }

    /// Whether the source itself specifies the held-back pictures.
    pub fn is_split(&self) -> bool {
        self.dataset.is_split()
    }

    /// What was skipped when the source was listed.
    pub fn skipped(&self) -> &[Skipped] {
        &self.dataset.skipped
    }

    /// Notes on how a table or a split folder was interpreted, where it is not obvious; half a line each.
    pub fn notes(&self) -> &[Note] {
        &self.dataset.notes
    }

    /// The locations of the pictures, in the order of the indices of
    /// [`Extraction::kept`](crate::Extraction::kept).
    pub fn locations(&self) -> impl ExactSizeIterator<Item = &Location> {
        self.dataset.items.iter().map(|item| &item.at)
    }

    pub(crate) fn items(&self) -> &[Item] {
        &self.dataset.items
    }

    /// The items, followed by the test pictures.
    pub(crate) fn items_and_tests(&self) -> Vec<&Item> {
        self.dataset.items.iter().chain(&self.dataset.tests).collect()
    }

    /// A picture by its index in [`Pictures::items_and_tests`].
    pub(crate) fn item(&self, index: usize) -> &Item {
        let Dataset { items, tests, .. } = &self.dataset;
        items.get(index).unwrap_or_else(|| &tests[index - items.len()])
    }

    /// The label of each of the pictures `kept`: its class, or the index of its set of classes.
    pub(crate) fn labels(&self, kept: &[usize]) -> Vec<usize> {
        kept.iter().map(|&picture| self.item(picture).label).collect()
    }

    /// The weight of each of the pictures `kept`; `None` if all are 1.
    pub(crate) fn weights(&self, kept: &[usize]) -> Option<Vec<f32>> {
        let weights: Vec<f32> =
            kept.iter().map(|&picture| self.dataset.items[picture].weight).collect();
        weights.iter().any(|&weight| weight != 1.0).then_some(weights)
    }

    /// The groups of the pictures `kept`, whose pixels have these hashes.
    pub(crate) fn groups(&self, kept: &[usize], contents: &[ContentHash]) -> Groups {
        let names: Vec<Option<&str>> =
            kept.iter().map(|&picture| self.item(picture).group.as_deref()).collect();
        Groups::of_contents(contents.to_vec()).named(&names)
    }

    /// The record of the origin of the pictures, for a model.
    pub(crate) fn origin(&self) -> Origin {
        let SplitConfig { validation: share, seed } = self.split;
        Origin {
            pictures: absolute(self.root()).display().to_string(),
            label_from: self.source.label_from.as_ref().map(ToString::to_string),
            group_from: self.source.group_from.as_ref().map(ToString::to_string),
            columns: self.source.columns.clone(),
            split: Some(match self.is_divided() || self.seen.is_some() {
                true => SplitRecord::Given,
                false => SplitRecord::Share { share, seed },
            }),
        }
    }

    /// The name of a picture in the model file: its path relative to the folder.
    pub(crate) fn name_of(&self, picture: usize) -> String {
        self.dataset.name_of(&self.dataset.items[picture])
    }
}

/// The absolute form of a path.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
