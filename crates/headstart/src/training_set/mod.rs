//! Pictures made ready to train on: decoded, resized, divided; and what the frozen layers make of
//! them, augmented or not.

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

/// Pictures that have been decoded once, for training that sees them many times.
///
/// Their pixels lie in a file that vanishes with the process, so memory does not grow with them.
/// Both phases of a [`TrainJob`](crate::TrainJob) share one, and
/// [`Classifier::find_learning_rate`](crate::Classifier::find_learning_rate) takes one.
pub struct TrainingSet {
    base: Base,
    config: ExtractConfig,
    classes: Vec<String>,
    origin: Origin,
    /// The class, the hash and the name of every picture that could be read, what belongs together,
    /// and what each counts for where they differ.
    pub(crate) labels: Vec<usize>,
    /// What labels are indices into, where pictures may have several classes.
    pub(crate) label_sets: Option<LabelSets>,
    pub(crate) contents: Vec<ContentHash>,
    /// What else there is to say of the pictures, a line each.
    notes: Vec<Warning>,
    /// Pictures that earlier training had not seen, and of those held back such as it had learned from;
    /// `None` where that is not known.
    unseen: Option<usize>,
    learned_from: Option<usize>,
    names: Vec<String>,
    /// The pictures held back, as a classifier is asked about them.
    asked: Vec<Answered>,
    pub(crate) groups: Groups,
    pub(crate) weights: Option<Vec<f32>>,
    pub(crate) split: Split,
    pub(crate) skipped: Vec<Skipped>,
    pixels: Records,
    /// What was made last: both phases of training ask for the same.
    views: Option<AugmentedViews>,
    /// Seconds that reading took.
    pub(crate) seconds: f64,
}

impl TrainingSet {
    /// Decodes `pictures` for `base`, and divides them. To keep near-duplicates together their features
    /// are computed, too, unless it is given how they are divided or
    /// [`Pictures::with_duplicates`] says otherwise.
    ///
    /// # Errors
    /// When fewer than two classes have pictures that can be read, there is no room for the pixels,
    /// or the context is cancelled.
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
            // Growing by doubling would take as much again.
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

    /// Figures of a classifier on the pictures held back, as prediction would have it: without what
    /// training keeps; `None` if none were.
    ///
    /// # Errors
    /// When the pictures cannot be read back.
    pub(crate) fn evaluate(
        &self,
        classifier: &Classifier,
    ) -> Result<Option<(Evaluation, Answers)>, Error> {
        Ok(self.said(classifier)?.map(|said| classifier.measure(&said, self.asked())))
    }

    /// [`TrainingSet::evaluate`] of a classifier that has changed, and first learns what its answers are
    /// worth.
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

    /// What a classifier says of the pictures held back; nothing if there are none.
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

    /// The features that a base has for as many of the pictures learned from, as they are, as a model keeps
    /// at most to tell unknown ones by; none where none is ever told.
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

    /// A record for a classifier that has none.
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

    /// What there is to say of a picture: one class, or any number.
    pub fn task(&self) -> Task {
        if self.label_sets.is_some() { Task::MultiLabel } else { Task::SingleLabel }
    }

    /// Names of the classes.
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

    /// How many pictures are learned from.
    pub fn train(&self) -> usize {
        self.split.train.len()
    }

    /// How many pictures are held back.
    pub fn validation(&self) -> usize {
        self.split.validation.len()
    }

    /// Of the pictures held back, how many earlier training had learned from; `None` where that is not
    /// known. Above 0 only where the source itself says which are held back.
    pub fn learned_from(&self) -> Option<usize> {
        self.learned_from
    }

    /// How many pictures earlier training had not seen; `None` where that is not known.
    pub fn unseen(&self) -> Option<usize> {
        self.unseen
    }

    /// Which pictures whoever is trained on these will have seen.
    pub(crate) fn seen(&self) -> Seen {
        Seen::of_split(&self.contents, &self.split)
    }

    /// What was left out when the pictures were read, with the reason.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    pub(crate) fn base(&self) -> &Base {
        &self.base
    }

    pub(crate) fn name(&self, picture: usize) -> String {
        self.names[picture].clone()
    }

    /// The pictures held back, as a classifier is asked about them.
    pub(crate) fn asked(&self) -> Vec<Answered> {
        self.asked.clone()
    }

    /// How many pictures of each class are learned from.
    pub(crate) fn train_per_class(&self) -> Vec<usize> {
        let labels = PictureLabels::new(&self.labels, self.label_sets.as_deref());
        labels.per_class(self.split.train.iter().copied(), self.classes.len())
    }

    /// The pictures' paths within the folder that are held back.
    pub(crate) fn held_back(&self) -> Vec<String> {
        self.split.validation.iter().map(|&picture| self.name(picture)).collect()
    }

    /// What whoever owns the pictures should know of how they were divided.
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

    /// What the layers before a trainable end, or all where there is none, make of the pictures in
    /// their views. What was made last is kept, for the other phase of training.
    ///
    /// # Errors
    /// When there is no room, or the context is cancelled.
    pub(crate) fn views(
        &mut self,
        network: Option<&TrainableNetwork>,
        augmentation: Augmentation,
        context: &mut Context<'_>,
    ) -> Result<&AugmentedViews, Error> {
        let key = ViewKey { boundary: network.map(TrainableNetwork::boundary), augmentation };
        if self.views.as_ref().is_none_or(|views| views.key != key) {
            // The old ones make room first.
            self.views = None;
            self.views = Some(AugmentedViews::new(self, key, context)?);
        }
        Ok(self.views.as_ref().expect("they have just been made"))
    }
}

/// Where records that vanish with the process are kept: by the feature cache, whose disk has been
/// chosen for such things, or where the system keeps temporary files.
pub(crate) fn scratch_folder(config: &ExtractConfig) -> PathBuf {
    config.cache.as_deref().map_or_else(std::env::temp_dir, Path::to_owned)
}
