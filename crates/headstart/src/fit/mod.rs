//! Training a head on a frozen base.

mod config;
mod folds;
mod head;
mod report;

use std::borrow::Cow;
use std::time::Instant;

use headstart_data::Augment;
use headstart_data::cache::CacheWarning;
use headstart_model::Trainable;
use headstart_train::Samples;
use headstart_train::network::BatchNorm;

use crate::pictures::{LabelledFeatures, PartitionedFeatures};
use crate::training_set::{HeadViews, TrainingSet};
use crate::trust::Unseen;
use crate::{
    Base, Classifier, Context, Error, Extraction, Extractor, HeadConfig, Pictures, SplitRecord,
};
pub use config::FitConfig;
pub(crate) use head::fit_head;
use head::{Fitted, out_of_fold};
pub(crate) use report::Outcome;
pub use report::{FitReport, OutOfFoldFigures, Seconds};

impl Classifier {
    /// Trains a head for `pictures` on the frozen `base`.
    ///
    /// Pictures that cannot be read are skipped and listed in the report. With [`FitConfig::folds`], the head
    /// is evaluated by cross-validation, and then trained on all pictures.
    ///
    /// # Errors
    /// When fewer than two classes have pictures that can be read, the options are invalid, the loss diverges,
    /// or the context is cancelled.
    pub fn fit(
        base: Base,
        pictures: &Pictures,
        config: &FitConfig,
        context: &mut Context<'_>,
    ) -> Result<(Self, FitReport), Error> {
        config.check()?;
        if config.inputs.augment != Augment::None {
            config.disk_need(&base, pictures, None)?.tell(context)?;
            let mut set = TrainingSet::new(&base, pictures, &config.inputs.extract, context)?;
            return Self::fit_on(&mut set, config, None, context);
        }
        let start = Instant::now();
        let extractor = Extractor::new(&base, &config.inputs.extract);
        check_folds(pictures, config)?;
        let extraction = extractor.extract(pictures.items(), context)?;
        let features = (extraction, extractor.cache_warning());
        Self::fit_features(base, pictures, features, config, start, context)
    }

    /// [`Classifier::fit`] on existing features, such as those of a program that keeps them while pictures are
    /// added and removed.
    ///
    /// `extraction` is the result of an [`Extractor`] for `base` on all or some of the pictures'
    /// [`locations`](Pictures::locations). Without facts, near-duplicates are not searched for, and the
    /// appearance of pictures is not reported.
    ///
    /// # Errors
    /// As for [`Classifier::fit`]; and with augmentation, which needs pixels.
    ///
    /// # Panics
    /// When the features are those of another base, or their number does not match the pictures.
    pub fn fit_extracted(
        base: Base,
        pictures: &Pictures,
        extraction: Extraction,
        config: &FitConfig,
        context: &mut Context<'_>,
    ) -> Result<(Self, FitReport), Error> {
        config.check()?;
        if config.inputs.augment != Augment::None {
            let problem = "features that are there cannot be augmented: leave one or the other out";
            return Err(Error::Options(problem.to_owned()));
        }
        let (kept, dim) = (extraction.kept.len(), base.features());
        assert_eq!(extraction.features.len(), kept * dim, "features of every picture");
        check_folds(pictures, config)?;
        Self::fit_features(base, pictures, (extraction, None), config, Instant::now(), context)
    }

    fn fit_features(
        base: Base,
        pictures: &Pictures,
        (extraction, cache_warning): (Extraction, Option<CacheWarning>),
        config: &FitConfig,
        start: Instant,
        context: &mut Context<'_>,
    ) -> Result<(Self, FitReport), Error> {
        let mut origin = pictures.origin();
        let pictures = match config.folds {
            None => Cow::Borrowed(pictures),
            Some(count) => {
                origin.split = Some(SplitRecord::Folds { count, seed: config.inputs.seed });
                Cow::Owned(pictures.clone().with_validation(0.0, config.inputs.seed))
            }
        };
        let divided = PartitionedFeatures::of(extraction, &pictures, base.of_base(), context)?;
        let features = start.elapsed().as_secs_f64();
        context.install(|context| {
            let classes = pictures.classes();
            let isa = config.inputs.extract.compute.isa;
            let (folds, of_folds, asked, warnings) = match config.folds {
                Some(count) => {
                    let (folds, unseen, asked, mut warnings) =
                        folds::measure(&divided, &pictures, count, config, context)?;
                    warnings.extend(divided.never_predicted(&pictures).map(Into::into));
                    (Some(folds), Some(unseen), asked, warnings)
                }
                None => {
                    let held_back = divided.split.validation.iter();
                    let asked = held_back.map(|&picture| divided.asked(&pictures, picture));
                    (None, None, asked.collect(), divided.warnings(&pictures))
                }
            };
            let PartitionedFeatures { train, validation, split, .. } = &divided;
            let samples = train.samples(classes.len());
            let fitted = fit_head(&config.head, isa, &samples, validation, classes, context)?;
            let (unseen, of_learned) = match of_folds {
                Some(unseen) => (unseen, Vec::new()),
                None => {
                    let (unseen, rows) =
                        unseen(config, &fitted, (train, &samples), validation, context)?;
                    let asked = rows.iter().map(|&row| divided.asked(&pictures, split.train[row]));
                    (unseen, asked.collect())
                }
            };
            let held_back = split.validation.iter().map(|&i| divided.name(&pictures, i));
            let outcome = Outcome {
                origin,
                folds,
                classes: classes.to_vec(),
                unseen,
                asked,
                of_learned,
                held_back: held_back.collect(),
                seen: Some(divided.seen()),
                train_per_class: divided.train_per_class(classes.len()),
                train: split.train.len(),
                duplicates: divided.groups.duplicates(),
                cached: divided.cached,
                skipped: divided.skipped.clone(),
                warnings: warnings.into_iter().chain(cache_warning.map(Into::into)).collect(),
                features,
                start,
            };
            let bank = divided.train.bank(&divided.validation);
            outcome.finish(base, fitted, bank, divided.validation, config, context)
        })
    }

    /// [`Classifier::fit`] on the views of decoded pictures. With `fine_tune_at`, the output of the layers
    /// below it is kept for [`fine_tune_on`](Classifier::fine_tune_on) with the same options.
    ///
    /// # Errors
    /// As for [`Classifier::fit`], when there is no space for the views, for a base that averages the features of
    /// mirror images, since views are mirrored already, and with [`FitConfig::folds`], since the pictures are
    /// already split.
    pub(crate) fn fit_on(
        set: &mut TrainingSet,
        config: &FitConfig,
        fine_tune_at: Option<&Trainable>,
        context: &mut Context<'_>,
    ) -> Result<(Self, FitReport), Error> {
        config.check()?;
        if set.base().is_mirrored() {
            let problem =
                "augmentation already mirrors pictures; remove mirror images or augmentation";
            return Err(Error::Options(problem.to_owned()));
        }
        if config.folds.is_some() {
            let problem = "folds are for pictures that are not divided yet: leave them out";
            return Err(Error::Options(problem.to_owned()));
        }
        context.install(|context| Self::fit_views(set, config, fine_tune_at, context))
    }

    fn fit_views(
        set: &mut TrainingSet,
        config: &FitConfig,
        fine_tune_at: Option<&Trainable>,
        context: &mut Context<'_>,
    ) -> Result<(Self, FitReport), Error> {
        let start = Instant::now();
        let network = fine_tune_at
            .map(|at| {
                set.base().trainable(at, BatchNorm::Inference, config.inputs.extract.compute.isa)
            })
            .transpose()?
            .map(|(_, network)| network);
        let augmentation = config.inputs.augmentation();
        set.views(network.as_ref(), augmentation, context)?;
        let features = set.seconds + start.elapsed().as_secs_f64();
        let begin = Instant::now();
        let head = HeadViews::new(set, network.as_ref());
        let validation = head.validation()?;
        let isa = config.inputs.extract.compute.isa;
        let (fitted, learned, unseen) = match &config.head {
            HeadConfig::Adam(_) => {
                let fitted =
                    fit_head(&config.head, isa, head, &validation, set.classes(), context)?;
                (fitted, set.bank(set.base(), config.unknown_rate)?, Unseen::default())
            }
            HeadConfig::Lbfgs(_) => {
                let all = head.all()?;
                let samples = all.samples(set.classes().len());
                let fitted =
                    fit_head(&config.head, isa, &samples, &validation, set.classes(), context)?;
                let (unseen, _) = unseen(config, &fitted, (&all, &samples), &validation, context)?;
                (fitted, all, unseen)
            }
        };
        let outcome = Outcome {
            origin: set.origin().clone(),
            folds: None,
            classes: set.classes().to_vec(),
            unseen,
            asked: set.asked(),
            of_learned: Vec::new(),
            held_back: set.held_back(),
            seen: Some(set.seen()),
            train_per_class: set.train_per_class(),
            train: set.train(),
            duplicates: set.groups.duplicates(),
            cached: 0,
            skipped: set.skipped.clone(),
            warnings: set.warnings(),
            features,
            start: begin.checked_sub(std::time::Duration::from_secs_f64(features)).unwrap_or(begin),
        };
        let bank = learned.bank(&validation);
        outcome.finish(set.base().clone(), fitted, bank, validation, config, context)
    }
}

/// With this many held-back pictures, calibration does not need training pictures as well.
const ENOUGH_HELD_BACK: usize = 500;

/// Checks that the pictures have no split yet if folds are requested.
///
/// # Errors
/// When they have one.
fn check_folds(pictures: &Pictures, config: &FitConfig) -> Result<(), Error> {
    config.folds.map_or(Ok(()), |_| folds::check_undivided(pictures))
}

/// Answers for training pictures by heads of folds, and the rows of these pictures; empty if enough pictures
/// are held back.
fn unseen(
    config: &FitConfig,
    fitted: &Fitted,
    (train, samples): (&LabelledFeatures, &Samples<'_>),
    validation: &LabelledFeatures,
    context: &mut Context<'_>,
) -> Result<(Unseen, Vec<usize>), Error> {
    if validation.labels.len() >= ENOUGH_HELD_BACK {
        return Ok(Default::default());
    }
    let isa = config.inputs.extract.compute.isa;
    out_of_fold(&config.head, isa, fitted, train, samples, context)
}
