//! The labelled pictures to learn from.

use std::collections::HashSet;
use std::path::Path;

use headstart_data::{
    ContentHash, DataError, Dataset, Item, Skipped, Split, SplitConfig, Subset, split,
};

/// A folder of labelled pictures, and how some of them are held back to measure on.
///
/// Which ones that are is settled when the pictures are decoded: those with the same pixels never
/// land on both sides, nor near-duplicates unless the folder itself is divided.
#[derive(Clone, Debug)]
pub struct Pictures {
    dataset: Dataset,
    split: SplitConfig,
    /// Paths within the folder of pictures that are held back, if any of these is there.
    held_back: HashSet<String>,
}

impl Pictures {
    /// Opens a folder with one folder of pictures per class, or with `train` and `validation`
    /// folders that have these. A fifth is held back unless the folder itself says what is.
    ///
    /// # Errors
    /// When there is nothing to learn from.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, DataError> {
        let (split, held_back) = (SplitConfig::default(), HashSet::new());
        Ok(Self { dataset: Dataset::open(root)?, split, held_back })
    }

    /// Opens a folder to learn from and one to measure on, each with one folder per class.
    ///
    /// # Errors
    /// As [`Pictures::open`].
    pub fn open_both(
        train: impl AsRef<Path>,
        validation: impl AsRef<Path>,
    ) -> Result<Self, DataError> {
        let dataset = Dataset::open_split(train, validation)?;
        Ok(Self { dataset, split: SplitConfig::default(), held_back: HashSet::new() })
    }

    /// Holds back this share of each class, in `0..1`; another seed holds other pictures back.
    #[must_use]
    pub fn with_validation(mut self, share: f64, seed: u64) -> Self {
        self.split = SplitConfig { validation: share, seed };
        self
    }

    /// Holds back the pictures of these paths within the folder, and no other, if any of them is
    /// there: what earlier training has measured on, later training should not learn from.
    #[must_use]
    pub fn holding_back(mut self, names: Vec<String>) -> Self {
        self.held_back = names.into_iter().collect();
        self
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.dataset.root
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.dataset.classes
    }

    /// How many pictures there are, readable or not.
    pub fn len(&self) -> usize {
        self.dataset.items.len()
    }

    /// Whether there are none; a folder that was opened has some.
    pub fn is_empty(&self) -> bool {
        self.dataset.items.is_empty()
    }

    /// Whether the folder itself says which pictures are held back.
    pub fn is_split(&self) -> bool {
        self.dataset.is_split()
    }

    /// Whether it is known which pictures are held back: by the folder, or by earlier training.
    pub(crate) fn is_divided(&self) -> bool {
        self.is_split()
            || (!self.held_back.is_empty()
                && (0..self.len()).any(|picture| self.held_back.contains(&self.name_of(picture))))
    }

    /// What was left out when the folder was listed.
    pub fn skipped(&self) -> &[Skipped] {
        &self.dataset.skipped
    }

    pub(crate) fn items(&self) -> &[Item] {
        &self.dataset.items
    }

    /// How pictures are held back unless the folder itself says so.
    pub(crate) fn split_config(&self) -> SplitConfig {
        self.split
    }

    /// The class of each of the pictures `kept`.
    pub(crate) fn labels(&self, kept: &[usize]) -> Vec<usize> {
        kept.iter().map(|&picture| self.dataset.items[picture].class).collect()
    }

    /// Divides the pictures `kept`, which have these labels and whose pixels have these hashes;
    /// the result's indices count among them. Unless the folder says what is held back, pictures of
    /// one of `groups` stay together.
    pub(crate) fn divide(
        &self,
        kept: &[usize],
        labels: &[usize],
        contents: &[ContentHash],
        groups: &[usize],
    ) -> Result<Split, DataError> {
        if self.is_split() {
            let given = |&i: &usize| self.dataset.items[i].subset == Some(Subset::Validation);
            let validation: Vec<bool> = kept.iter().map(given).collect();
            return Ok(split::keep_given(labels, contents, &validation));
        }
        let validation: Vec<bool> =
            kept.iter().map(|&i| self.held_back.contains(&self.name_of(i))).collect();
        if validation.contains(&true) {
            return Ok(split::keep_given(labels, contents, &validation));
        }
        split::stratified_in_groups(labels, contents, groups, &self.split)
    }

    /// A picture's path for the model file: from the folder on where it lies below it.
    pub(crate) fn name_of(&self, picture: usize) -> String {
        let path = self.dataset.items[picture].at.path();
        path.strip_prefix(&self.dataset.root).unwrap_or(&path).display().to_string()
    }
}
