//! The labelled pictures to learn from, and how they are divided.

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

/// Labelled pictures, and how some of them are held back to measure on.
///
/// Which ones that are is settled when the pictures are decoded: those with the same pixels, and those
/// of one group, never land on both sides, nor near-duplicates unless the source itself is divided.
#[derive(Clone, Debug)]
pub struct Pictures {
    source: Source,
    dataset: Dataset,
    split: SplitConfig,
    /// Names of pictures that are held back, if any of these is there.
    held_back: HashSet<String>,
    /// What earlier training has seen.
    seen: Option<Seen>,
    /// Whether there was earlier training of which that is not known.
    after_unknown: bool,
    /// What [`Pictures::with_duplicates`] said.
    duplicates: Option<Duplicates>,
}

/// Sets of classes that labels are indices into, shared by all that train on them.
pub(crate) type LabelSets = Arc<[Vec<usize>]>;

/// Which pictures are looked for that show the same, to keep them on one side of the split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// Near-duplicates, too: saved anew, scaled, recoloured, mirrored, or cropped a little.
    Near,
    /// Only those of the same pixels, which takes no time.
    Exact,
}

impl Pictures {
    /// Opens a folder with one folder of pictures per class, or with `train` and `validation`
    /// folders that have these; a [manifest](headstart_data::sources::manifest); or a [`Source`] that takes
    /// labels from paths.
    /// A fifth is held back unless the source itself says what is.
    ///
    /// # Errors
    /// When there is nothing to learn from.
    pub fn open(source: impl Into<Source>) -> Result<Self, DataError> {
        let source = source.into();
        Ok(Self::new(source.dataset()?, source))
    }

    /// As [`Pictures::open`], to [`audit`](crate::audit()) them: pictures without labels, or with the
    /// same one all, are taken as of one class.
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

    /// Pictures that the program has listed itself, such as those of a database; see
    /// [`Provided`](headstart_data::Provided). The model remembers their source by `name`.
    ///
    /// # Errors
    /// When there is nothing to learn from.
    pub fn from_listing(name: impl Into<PathBuf>, mut listing: Listing) -> Result<Self, DataError> {
        let source = Source::new(name);
        listing.check_names();
        Ok(Self::new(Dataset::from_listing(&source.path, listing)?, source))
    }

    /// Opens pictures to learn from and others to measure on, which are labelled in the same way.
    ///
    /// # Errors
    /// As [`Pictures::open`].
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

    /// Holds back this share of each class, in `0..1`; another seed holds other pictures back.
    #[must_use]
    pub fn with_validation(mut self, share: f64, seed: u64) -> Self {
        self.split = SplitConfig { validation: share, seed };
        self
    }

    /// Holds back the pictures of these names, and no other, if any of them is there: what earlier
    /// training has measured on, later training should not learn from. A name is a path within the
    /// folder, as in [`TrainingRecord::validation`](crate::TrainingRecord::validation).
    #[must_use]
    pub fn holding_back(mut self, names: Vec<String>) -> Self {
        self.held_back = names.into_iter().collect();
        self
    }

    /// Takes heed of what a model has seen that is to be trained further, told by its `record`. Unless
    /// the source itself says which pictures are held back, those stay so that were, those that were
    /// learned from are learned from, and of the others a share is held back.
    ///
    /// Where the record does not know what was learned from, as in files of earlier versions, it is as
    /// with [`Pictures::holding_back`]; and in any case that is a warning.
    #[must_use]
    pub fn continuing(mut self, record: Option<&TrainingRecord>) -> Self {
        self.seen = record.and_then(|record| record.seen.clone());
        self.after_unknown = self.seen.is_none();
        match record.filter(|_| self.after_unknown) {
            Some(record) => self.holding_back(record.validation.clone()),
            None => self,
        }
    }

    /// Looks for these duplicates. Unless this is said, near-duplicates are looked for, but not where
    /// there are more than 6,000 pictures and it is given which are held back: all that would come of
    /// it is a warning.
    #[must_use]
    pub fn with_duplicates(mut self, duplicates: Duplicates) -> Self {
        self.duplicates = Some(duplicates);
        self
    }

    /// Whether near-duplicates are looked for among so many pictures that could be read.
    pub(crate) fn wants_near_duplicates(&self, pictures: usize) -> bool {
        match self.duplicates {
            Some(duplicates) => duplicates == Duplicates::Near,
            None => pictures <= FEW || !self.is_divided(),
        }
    }

    /// The folder, or the file that lists pictures.
    pub fn root(&self) -> &Path {
        &self.dataset.root
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.dataset.classes
    }

    /// What there is to say of a picture: one class, or any number.
    pub fn task(&self) -> Task {
        match self.dataset.label_sets {
            Some(_) => Task::MultiLabel,
            None => Task::SingleLabel,
        }
    }

    /// What these labels of pictures are indices into, where a picture may have any number of classes. Where
    /// it was asked for, pictures of the same pixels get all classes of each other first.
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

    /// Where they come from, and how they are labelled.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// How many labels each picture has.
    pub fn label_counts(&self) -> impl Iterator<Item = usize> {
        self.dataset.items.iter().map(|item| self.dataset.classes_of(item).len())
    }

    /// How many pictures there are, readable or not.
    pub fn len(&self) -> usize {
        self.dataset.items.len()
    }

    /// Whether there are none; a folder that was opened has some.
    pub fn is_empty(&self) -> bool {
        self.dataset.items.is_empty()
    }

    /// How many pictures are kept for testing, which training does not see.
    pub fn tests(&self) -> usize {
        self.dataset.tests.len()
    }

    /// Whether the source itself says which pictures are held back.
    pub fn is_split(&self) -> bool {
        self.dataset.is_split()
    }

    /// What was left out when the source was listed.
    pub fn skipped(&self) -> &[Skipped] {
        &self.dataset.skipped
    }

    /// How a table or a divided folder of pictures was understood, where that does not go without saying; half a line each.
    pub fn notes(&self) -> &[Note] {
        &self.dataset.notes
    }

    /// Where they are, in the order that [`Extraction::kept`](crate::Extraction::kept) counts them in.
    pub fn locations(&self) -> impl ExactSizeIterator<Item = &Location> {
        self.dataset.items.iter().map(|item| &item.at)
    }

    pub(crate) fn items(&self) -> &[Item] {
        &self.dataset.items
    }

    /// The items, and those kept for testing behind them.
    pub(crate) fn items_and_tests(&self) -> Vec<&Item> {
        self.dataset.items.iter().chain(&self.dataset.tests).collect()
    }

    /// A picture by its index among [`Pictures::items_and_tests`].
    pub(crate) fn item(&self, index: usize) -> &Item {
        let Dataset { items, tests, .. } = &self.dataset;
        items.get(index).unwrap_or_else(|| &tests[index - items.len()])
    }

    /// The label of each of the pictures `kept`: its class, or the index of its set of classes.
    pub(crate) fn labels(&self, kept: &[usize]) -> Vec<usize> {
        kept.iter().map(|&picture| self.item(picture).label).collect()
    }

    /// What each of the pictures `kept` counts for; nothing where all count 1.
    pub(crate) fn weights(&self, kept: &[usize]) -> Option<Vec<f32>> {
        let weights: Vec<f32> =
            kept.iter().map(|&picture| self.dataset.items[picture].weight).collect();
        weights.iter().any(|&weight| weight != 1.0).then_some(weights)
    }

    /// What belongs together of the pictures `kept`, whose pixels have these hashes.
    pub(crate) fn groups(&self, kept: &[usize], contents: &[ContentHash]) -> Groups {
        let names: Vec<Option<&str>> =
            kept.iter().map(|&picture| self.item(picture).group.as_deref()).collect();
        Groups::of_contents(contents.to_vec()).named(&names)
    }

    /// What a model's record says of where its pictures are from.
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

    /// A picture's name for the model file: its path from the folder on.
    pub(crate) fn name_of(&self, picture: usize) -> String {
        self.dataset.name_of(&self.dataset.items[picture])
    }
}

/// A path that means the same from everywhere.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
