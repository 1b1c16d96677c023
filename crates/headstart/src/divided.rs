//! The features of pictures, divided into those to learn from and those to measure on.

use headstart_data::{ContentHash, Groups, Skipped, Split, split};

use crate::fit::Side;
use crate::{Error, Extractor, Observer, Pictures};

/// Features of all pictures that could be read.
pub(crate) struct Divided {
    pub(crate) train: Side,
    pub(crate) validation: Side,
    pub(crate) split: Split,
    /// Of all pictures that could be read: the index, the class, and what belongs together.
    pub(crate) kept: Vec<usize>,
    pub(crate) labels: Vec<usize>,
    pub(crate) groups: Groups,
    pub(crate) cached: usize,
    pub(crate) skipped: Vec<Skipped>,
}

impl Divided {
    /// # Errors
    /// When fewer than two classes have pictures that can be read, nothing is left to learn from, or
    /// the observer asks to stop.
    pub(crate) fn new(
        extractor: &Extractor,
        pictures: &Pictures,
        observer: &mut dyn Observer,
    ) -> Result<Self, Error> {
        let extraction = extractor.extract(pictures.items(), observer)?;
        let mut skipped = pictures.skipped().to_vec();
        skipped.extend(extraction.skipped);
        let (labels, groups, split) =
            divide(pictures, &extraction.kept, &extraction.contents, &skipped, observer)?;
        let all = Side {
            features: extraction.features,
            labels: labels.clone(),
            groups: groups.numbers().to_vec(),
            weights: pictures.weights(&extraction.kept),
            dim: extractor.features(),
        };
        let (train, validation) = all.part(&split.train, &split.validation);
        Ok(Self {
            train,
            validation: Side { weights: None, ..validation },
            split,
            kept: extraction.kept,
            labels,
            groups,
            cached: extraction.cached,
            skipped,
        })
    }

    /// The picture's path within the folder.
    pub(crate) fn name(&self, pictures: &Pictures, picture: usize) -> String {
        pictures.name_of(self.kept[picture])
    }

    /// What whoever owns the pictures should know of how they were divided.
    pub(crate) fn warnings(&self, pictures: &Pictures) -> Vec<String> {
        let name = |i| self.name(pictures, i);
        split::describe_all(&self.split.warnings, pictures.classes(), &self.labels, name)
    }
}

/// The classes of the pictures that could be read, `kept`, whose pixels have these hashes, what
/// belongs together, and how they are divided.
///
/// # Errors
/// When fewer than two classes have pictures that can be read, or nothing is left to learn from.
pub(crate) fn divide(
    pictures: &Pictures,
    kept: &[usize],
    contents: &[ContentHash],
    skipped: &[Skipped],
    observer: &mut dyn Observer,
) -> Result<(Vec<usize>, Groups, Split), Error> {
    let labels = pictures.labels(kept);
    check_readable(pictures, &labels, skipped)?;
    let groups = pictures.groups(kept, contents);
    let split = pictures.divide(kept, &labels, &groups)?;
    observer.split(split.train.len(), split.validation.len());
    if split.train.is_empty() {
        let (path, pictures) = (pictures.root().to_owned(), split.left_out.len());
        return Err(Error::NothingToLearnFrom { path, pictures });
    }
    Ok((labels, groups, split))
}

fn check_readable(pictures: &Pictures, labels: &[usize], skipped: &[Skipped]) -> Result<(), Error> {
    let Some(&first) = labels.first() else {
        return Err(Error::none_readable(skipped.to_vec()));
    };
    if labels.iter().all(|&label| label == first) {
        return Err(Error::OneReadableClass {
            class: pictures.classes()[first].clone(),
            skipped: skipped.len(),
        });
    }
    Ok(())
}
