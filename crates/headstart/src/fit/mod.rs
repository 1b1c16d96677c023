//! Training a head on a frozen base.

mod config;
mod folds;
mod head;
mod report;

use std::borrow::Cow;
use std::time::Instant;

use headstart_data::Augment;
use headstart_engine::Isa;
use headstart_model::Trainable;
use headstart_train::Samples;
use headstart_train::network::BatchNorm;

use crate::pictures::{LabelledFeatures, PartitionedFeatures};
use crate::records::choose_thresholds;
use crate::training_set::{HeadViews, TrainingSet};
use crate::{Base, Classifier, Context, Error, Extractor, HeadConfig, Pictures, SplitRecord};
pub use config::FitConfig;
use head::{Fitted, fit_head, out_of_fold};
use report::Outcome;
pub use report::{FitReport, Seconds};

impl Classifier {
    /// Trains a head for `pictures` on the frozen `base`.
    ///
    /// A picture that cannot be read is left out and listed in the report. With
    /// [`FitConfig::folds`], the head is measured by cross-validation, and then trained on all
    /// pictures.
    ///
    /// # Errors
    /// When fewer than two classes have pictures that can be read, the options make no sense, the
    /// loss diverges, or the context is cancelled.
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
        let mut origin = pictures.origin();
        let pictures = match config.folds {
            None => Cow::Borrowed(pictures),
            Some(count) => {
                folds::check_undivided(pictures)?;
                origin.split = Some(SplitRecord::Folds { count, seed: config.inputs.seed });
                Cow::Owned(pictures.clone().with_validation(0.0, config.inputs.seed))
            }
        };
        let divided = PartitionedFeatures::new(&extractor, &pictures, context)?;
        let features = start.elapsed().as_secs_f64();
        context.install(|context| {
            let classes = pictures.classes();
            let isa = config.inputs.extract.compute.isa;
            let (folds, warnings) = match config.folds {
                Some(count) => {
                    let (folds, mut warnings) =
                        folds::measure(&divided, &pictures, count, config, context)?;
                    warnings.extend(divided.never_predicted(&pictures).map(Into::into));
                    (Some(folds), warnings)
                }
                None => (None, divided.warnings(&pictures)),
            };
            let PartitionedFeatures { train, validation, split, .. } = &divided;
            let samples = train.samples(classes.len());
            let fitted = fit_head(&config.head, isa, &samples, validation, classes, context)?;
            let unseen =
                folds.as_ref().and_then(|folds| folds.held_out.thresholds().map(<[f32]>::to_vec));
            let thresholds = match unseen {
                None => thresholds(&config.head, isa, &fitted, &samples, validation, context)?,
                some => some,
            };
            let held_back = split.validation.iter().map(|&i| divided.name(&pictures, i));
            let outcome = Outcome {
                origin,
                folds,
                classes: classes.to_vec(),
                thresholds,
                held_back: held_back.collect(),
                seen: divided.seen(),
                train: split.train.len(),
                duplicates: divided.groups.duplicates(),
                cached: divided.cached,
                skipped: divided.skipped.clone(),
                warnings: warnings
                    .into_iter()
                    .chain(extractor.cache_warning().map(Into::into))
                    .collect(),
                features,
                start,
            };
            Ok(outcome.finish(base, fitted, validation, config))
        })
    }

    /// [`Classifier::fit`] on pictures that have been decoded, in their views. With `fine_tune_at`,
    /// what the layers below it make of them is kept, for
    /// [`fine_tune_on`](Classifier::fine_tune_on) with the same options.
    ///
    /// # Errors
    /// As [`Classifier::fit`], when there is no room for the views, and with
    /// [`FitConfig::folds`]: the pictures are divided already.
    pub(crate) fn fit_on(
        set: &mut TrainingSet,
        config: &FitConfig,
        fine_tune_at: Option<&Trainable>,
        context: &mut Context<'_>,
    ) -> Result<(Self, FitReport), Error> {
        config.check()?;
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
        let (fitted, thresholds) = match &config.head {
            HeadConfig::Adam(_) => {
                (fit_head(&config.head, isa, head, &validation, set.classes(), context)?, None)
            }
            HeadConfig::Lbfgs(_) => {
                let all = head.all()?;
                let samples = all.samples(set.classes().len());
                let fitted =
                    fit_head(&config.head, isa, &samples, &validation, set.classes(), context)?;
                let thresholds =
                    thresholds(&config.head, isa, &fitted, &samples, &validation, context)?;
                (fitted, thresholds)
            }
        };
        let outcome = Outcome {
            origin: set.origin().clone(),
            folds: None,
            classes: set.classes().to_vec(),
            thresholds,
            held_back: set.held_back(),
            seen: set.seen(),
            train: set.train(),
            duplicates: set.groups.duplicates(),
            cached: 0,
            skipped: set.skipped.clone(),
            warnings: set.warnings(),
            features,
            start: begin.checked_sub(std::time::Duration::from_secs_f64(features)).unwrap_or(begin),
        };
        Ok(outcome.finish(set.base().clone(), fitted, &validation, config))
    }
}

/// The thresholds of labels by heads that have not seen the pictures, where these may have several and none
/// are held back.
fn thresholds(
    config: &HeadConfig,
    isa: Isa,
    fitted: &Fitted,
    train: &Samples<'_>,
    validation: &LabelledFeatures,
    context: &mut Context<'_>,
) -> Result<Option<Vec<f32>>, Error> {
    let Some(sets) = train.label_sets.filter(|_| validation.labels.is_empty()) else {
        return Ok(None);
    };
    let said = out_of_fold(config, isa, fitted.strength, train, context)?;
    Ok(said.map(|said| choose_thresholds(train.labels, sets, &said, train.classes)))
}
