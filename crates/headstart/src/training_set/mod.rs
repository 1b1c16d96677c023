//! Pictures prepared for training: decoded, resized and split; and the output of the frozen layers for them,
//! with or without augmentation.

mod augmentation;
mod disk;
mod head_views;
mod records;
mod views;

use std::path::{Path, PathBuf};
use std::time::Instant;

use headstart_data::{Augment, ContentHash, Groups, PictureLabels, Skipped, Split, Subset, split};
use headstart_train::Task;
use headstart_train::network::TrainableNetwork;
use headstart_trust::bank_rows;

use crate::pictures::{
    LabelSets, LabelledFeatures, Partition, ReadPictures, never_predicted, partition,
};
use crate::trust::{MOST_KEPT, TrustConfig, UnknownRate, Unseen};
use crate::{
    Answered, Answers, Appearance, Base, Classifier, Context, Effort, Error, Evaluation,
    ExtractConfig, Extractor, HeadConfig, Origin, Pictures, Seen, TrainingRecord, Warning,
};
pub(crate) use augmentation::Augmentation;
pub use augmentation::DEFAULT_VIEWS;
pub use disk::DiskNeed;
pub(crate) use head_views::HeadViews;
use rayon::prelude::*;
use records::Records;
pub(crate) use records::check_room;
pub(crate) use views::{AugmentedViews, ViewKey};

/// Pictures that are decoded once, for training that uses them many times.
///
/// Their pixels are in a file that is gone when the process ends, so memory does not grow with the number of
/// pictures. Both phases of a [`TrainJob`](crate::TrainJob) share a set, and
/// [`Classifier::find_learning_rate`](crate::Classifier::find_learning_rate) takes one.
pub struct TrainingSet {
    base: Base,
    config: ExtractConfig,
    classes: Vec<String>,
    origin: Origin,
    /// Class, hash, name, group and (if they differ) weight of every picture that could be read.
    pub(crate) labels: Vec<usize>,
    /// The sets that labels are indices into, if pictures may have several classes.
    pub(crate) label_sets: Option<LabelSets>,
    pub(crate) contents: Vec<ContentHash>,
    /// Further notes on the pictures, one line each.
    notes: Vec<Warning>,
    /// The number of pictures that earlier training has not seen, and the number of held-back pictures that it
    /// was trained on; `None` if unknown.
    unseen: Option<usize>,
    learned_from: Option<usize>,
    names: Vec<String>,
    /// The held-back pictures, in the form for a classifier's answers.
    asked: Vec<Answered>,
    pub(crate) groups: Groups,
    pub(crate) weights: Option<Vec<f32>>,
    pub(crate) split: Split,
    pub(crate) skipped: Vec<Skipped>,
    pixels: Records,
    /// The views made last: both phases of training need the same.
    views: Option<AugmentedViews>,
    /// Seconds that reading the pictures took.
    pub(crate) seconds: f64,
}

impl TrainingSet {
    /// Decodes and splits `pictures` for `base`.
    ///
    /// Features are computed as well, to keep near-duplicates together, unless the split is specified or
    /// [`Pictures::with_duplicates`] excludes it.
    ///
    /// # Errors
    /// When fewer than two classes have pictures that can be read, there is no space for the pixels, or the
    /// context is cancelled.
    pub fn new(
        base: &Base,
        pictures: &Pictures,
        config: &ExtractConfig,
        context: &mut Context<'_>,
    ) -> Result<Self, Error> {
        base.check_one("training on pixels")?;
        let start = Instant::now();
        let with_features =
            !pictures.is_divided() && pictures.wants_near_duplicates(pictures.len());
        let cache = config.cache.clone().filter(|_| with_features);
        let extractor = Extractor::new(base, &config.clone().with_cache(cache));
        let size = base.network().preprocessing();
        let record = size.height * size.width * 3;
        let pixels = Records::new(&scratch_folder(config), record, pictures.items().len())?;
        let (mut kept, mut contents) = (Vec::new(), Vec::new());
        let (mut features, mut facts, mut appearances) = (Vec::new(), Vec::new(), Vec::new());
        if with_features {
            // Growth by doubling would take up to twice the memory.
            features.reserve_exact(pictures.len() * extractor.features());
        }
        let mut skipped = pictures.skipped().to_vec();
        let items = pictures.items();
        extractor.for_each_pixels(items, with_features, context, &mut |index, picture| {
            match picture {
                Ok(picture) => {
                    pixels.write(kept.len(), &picture.pixels)?;
                    kept.push(index);
                    contents.push(picture.content);
                    appearances.push(Appearance::from(&picture.facts));
                    if let Some(own) = picture.features {
                        features.extend(own);
                        facts.push(picture.facts);
                    }
                }
                Err(error) => skipped.push(extractor.left_out(&items[index].at, error)?),
            }
            Ok(())
        })?;
        let known = with_features.then_some((&features[..], &facts[..]));
        let read = ReadPictures { kept: &kept, contents: &contents, known, skipped: &skipped };
        let Partition { labels, label_sets, groups, split, notes } =
            partition(pictures, extractor.of_base(), &read, context)?;
        Ok(Self {
            base: base.clone(),
            config: config.clone(),
            classes: pictures.classes().to_vec(),
            origin: pictures.origin(),
            asked: split
                .validation
                .iter()
                .map(|&i| Answered::new(&items[kept[i]].at, Some(appearances[i])))
                .collect(),
            names: kept.iter().map(|&index| pictures.name_of(index)).collect(),
            weights: pictures.weights(&kept),
            labels,
            label_sets,
            unseen: pictures.unseen(&contents),
            learned_from: pictures.learned_from(split.validation.iter().map(|&i| &contents[i])),
            contents,
            groups,
            notes,
            split,
            skipped,
            pixels,
            views: None,
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    /// The views that were made last.
    ///
    /// # Panics
    /// When there are none.
    pub(crate) fn made(&self) -> &AugmentedViews {
        self.views.as_ref().expect("views have been made")
    }

    /// The metrics of a classifier on the held-back pictures, predicted from their pixels without the views of
    /// training; `None` if none are held back.
    ///
    /// # Errors
    /// When the pictures cannot be read back.
    pub(crate) fn evaluate(
        &self,
        classifier: &Classifier,
    ) -> Result<Option<(Evaluation, Answers)>, Error> {
        Ok(self.said(classifier)?.map(|said| classifier.measure(&said, self.asked())))
    }

    /// [`TrainingSet::evaluate`] for a classifier that has changed and is calibrated first.
    ///
    /// # Errors
    /// When the pictures cannot be read back, or the context is cancelled.
    pub(crate) fn learn_trust_and_evaluate(
        &self,
        classifier: &mut Classifier,
        config: TrustConfig,
        context: &mut Context<'_>,
    ) -> Result<Option<(Evaluation, Answers)>, Error> {
        let Some(said) = self.said(classifier)? else { return Ok(None) };
        let learned = self.bank(classifier.base(), config.unknown_rate)?;
        let known = learned.bank(&said.bank(learned.dim));
        classifier.learn_trust(&known, &said, config, context)?;
        classifier.choose_thresholds(&said);
        Ok(Some(classifier.measure(&said, self.asked())))
    }

    /// A classifier's answers for the held-back pictures; `None` if there are none.
    fn said(&self, classifier: &Classifier) -> Result<Option<Unseen>, Error> {
        let pictures = self.subset(Subset::Validation);
        if pictures.is_empty() {
            return Ok(None);
        }
        let features = self.features_of(classifier.base(), pictures)?;
        let logits = classifier.head().logits(&features);
        let labels = pictures.iter().map(|&picture| self.labels[picture]).collect();
        let groups = pictures.iter().map(|&picture| self.groups.numbers()[picture]).collect();
        let label_sets = self.label_sets.clone();
        let held_out = pictures.len();
        Ok(Some(Unseen { features, logits, labels, groups, label_sets, held_out }))
    }

    /// The features, without augmentation, of at most as many training pictures as a model keeps for the
    /// detection of unknown pictures; none if unknown pictures are never detected.
    ///
    /// # Errors
    /// When the pictures cannot be read back.
    pub(crate) fn bank(&self, base: &Base, rate: UnknownRate) -> Result<LabelledFeatures, Error> {
        let train = if rate.is_never() { &[] } else { self.subset(Subset::Train) };
        let labels: Vec<usize> = train.iter().map(|&picture| self.labels[picture]).collect();
        let kept = bank_rows(&labels, MOST_KEPT);
        let pictures: Vec<usize> = kept.iter().map(|&row| train[row]).collect();
        Ok(LabelledFeatures {
            features: self.features_of(base, &pictures)?,
            labels: kept.iter().map(|&row| labels[row]).collect(),
            label_sets: self.label_sets.clone(),
            groups: pictures.iter().map(|&picture| self.groups.numbers()[picture]).collect(),
            weights: None,
            dim: base.features(),
        })
    }

    fn features_of(&self, base: &Base, pictures: &[usize]) -> Result<Vec<f32>, Error> {
        if pictures.is_empty() {
            return Ok(Vec::new());
        }
        let extractor = base.extractor(self.config.compute);
        let dim = extractor.features();
        let mut features = vec![0.0; pictures.len() * dim];
        features.par_chunks_mut(dim).zip(pictures).try_for_each(|(out, &picture)| {
            extractor.with_scratch(|scratch| {
                self.pixels.read(picture, scratch.pixels_mut())?;
                out.copy_from_slice(&scratch.run());
                Ok::<(), Error>(())
            })
        })?;
        Ok(features)
    }

    /// A new record for a classifier that has none.
    pub(crate) fn record(&self) -> TrainingRecord {
        TrainingRecord {
            origin: self.origin.clone(),
            weights: self.base().weights_record().cloned(),
            further_weights: Vec::new(),
            effort: Effort::Fast,
            train: self.train(),
            train_per_class: self.train_per_class(),
            validation: self.held_back(),
            seen: Some(self.seen()),
            head: HeadConfig::default(),
            augment: Augment::None,
            views: 0,
            strength: None,
            trials: Vec::new(),
            epochs: Vec::new(),
            metrics: None,
            folds: None,
            fine_tune: None,
        }
    }

    /// The kind of labels: one class per picture, or any number.
    pub fn task(&self) -> Task {
        if self.label_sets.is_some() { Task::MultiLabel } else { Task::SingleLabel }
    }

    /// The names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The absolute path of the folder of pictures, or of the file that lists them.
    pub fn root(&self) -> &str {
        &self.origin.pictures
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The number of pictures to train on.
    pub fn train(&self) -> usize {
        self.split.train.len()
    }

    /// The number of held-back pictures.
    pub fn validation(&self) -> usize {
        self.split.validation.len()
    }

    /// How many of the held-back pictures earlier training was trained on; `None` if unknown. Above 0 only if
    /// the source itself specifies the held-back pictures.
    pub fn learned_from(&self) -> Option<usize> {
        self.learned_from
    }

    /// How many pictures earlier training has not seen; `None` if unknown.
    pub fn unseen(&self) -> Option<usize> {
        self.unseen
    }

    /// The pictures that a model trained on this set has seen.
    pub(crate) fn seen(&self) -> Seen {
        Seen::of_split(&self.contents, &self.split)
    }

    /// What was skipped when the pictures were read, with reasons.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    pub(crate) fn base(&self) -> &Base {
        &self.base
    }

    pub(crate) fn name(&self, picture: usize) -> String {
        self.names[picture].clone()
    }

    /// The held-back pictures, in the form for a classifier's answers.
    pub(crate) fn asked(&self) -> Vec<Answered> {
        self.asked.clone()
    }

    /// The number of training pictures per class.
    pub(crate) fn train_per_class(&self) -> Vec<usize> {
        let labels = PictureLabels::new(&self.labels, self.label_sets.as_deref());
        labels.per_class(self.split.train.iter().copied(), self.classes.len())
    }

    /// The paths of the held-back pictures within the folder.
    pub(crate) fn held_back(&self) -> Vec<String> {
        self.split.validation.iter().map(|&picture| self.name(picture)).collect()
    }

    /// Warnings about the split.
    pub fn warnings(&self) -> Vec<Warning> {
        let name = |picture| self.name(picture);
        let warnings = &self.split.warnings;
        let lines = split::describe_all(warnings, &self.classes, &self.labels, name);
        let mut lines: Vec<Warning> = lines.into_iter().map(Into::into).collect();
        lines.extend(self.weights.as_ref().and_then(|weights| {
            let train = self.subset(Subset::Train);
            let labels: Vec<usize> = train.iter().map(|&picture| self.labels[picture]).collect();
            let weights: Vec<f32> = train.iter().map(|&picture| weights[picture]).collect();
            let labels = PictureLabels::new(&labels, self.label_sets.as_deref());
            never_predicted(labels, &weights, &self.classes).map(Into::into)
        }));
        lines.extend(self.notes.iter().cloned());
        lines
    }

    /// The views of the pictures: the output of the layers before the trainable part, or of all layers if there
    /// is none.
    ///
    /// The views made last are kept for the other phase of training.
    ///
    /// # Errors
    /// When there is no space, or the context is cancelled.
    pub(crate) fn views(
        &mut self,
        network: Option<&TrainableNetwork>,
        augmentation: Augmentation,
        context: &mut Context<'_>,
    ) -> Result<&AugmentedViews, Error> {
        let key = ViewKey { boundary: network.map(TrainableNetwork::boundary), augmentation };
        if self.views.as_ref().is_none_or(|views| views.key != key) {
            // The old views are dropped first, to free their space.
            self.views = None;
            self.views = Some(AugmentedViews::new(self, key, context)?);
        }
        Ok(self.views.as_ref().expect("they have just been made"))
    }
}

/// The folder for temporary records: that of the feature cache, whose disk was chosen for such data, or the
/// system's folder for temporary files.
pub(crate) fn scratch_folder(config: &ExtractConfig) -> PathBuf {
    config.cache.as_deref().map_or_else(std::env::temp_dir, Path::to_owned)
}
