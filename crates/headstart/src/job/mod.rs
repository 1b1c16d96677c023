//! Training jobs, which can be stored, run, cancelled and resumed.

mod base_source;
mod effort;
mod picture_source;
mod summary;

use std::path::PathBuf;

use headstart_data::{Augment, Skipped};
use headstart_files::check_writable;
use headstart_model::Trainable;
use headstart_train::FineTuneConfig;
use serde::{Deserialize, Serialize};

use crate::config::{InputConfig, setters};
use crate::training_set::TrainingSet;
use crate::{
    Base, Calibration, Classifier, Context, Error, Event, ExtractConfig, FeatureFiles,
    FineTuneReport, FineTuning, FitConfig, FitReport, HeadConfig, Pictures, UnknownRate, Warning,
};
pub use base_source::{BaseSource, DEFAULT_BASE, JOINS_BASES};
pub use effort::Effort;
pub use picture_source::PictureSource;
pub use summary::{FineTuneSummary, FoldsSummary, SkippedSummary, TrainSummary};

/// A job: which pictures and base a classifier is trained on, and how.
///
/// A job is plain data, which can be sent elsewhere or kept beside its model. The same job always gives the same
/// model. If it is cancelled during fine-tuning, it leaves a checkpoint at [`RunConfig::checkpoint`]. With
/// [`RunConfig::resume`] it then continues to the same model as an uninterrupted run.
///
/// ```no_run
/// use std::path::PathBuf;
///
/// use headstart::{Context, FineTunePhase, PictureSource, TrainJob};
///
/// # fn main() -> Result<(), headstart::Error> {
/// let mut job = TrainJob::new(PictureSource::new("flowers"))
///     .with_fine_tune(FineTunePhase::default().with_at("from:100".parse()?));
/// job.run = job.run.with_model(PathBuf::from("flowers.safetensors"));
/// let trained = job.run(&mut Context::default())?;
/// println!("{} pictures were learned from", trained.fit.train);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrainJob {
    /// The source of the pictures, with labels and split.
    pub source: PictureSource,
    /// The base that computes the features.
    #[serde(default)]
    pub base: BaseSource,
    /// How the head is fitted.
    #[serde(default)]
    pub head: HeadConfig,
    /// How the base is fine-tuned afterwards, if it is.
    #[serde(default)]
    pub fine_tune: Option<FineTunePhase>,
    /// How much computation is spent on the model.
    #[serde(default, skip_serializing_if = "Effort::is_fast")]
    pub effort: Effort,
    /// How pictures become training data, and which files are written.
    #[serde(default)]
    pub run: RunConfig,
}

/// The fine-tuning phase of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct FineTunePhase {
    /// The layers of the base to train. All others stay frozen.
    pub at: Trainable,
    /// Learning rate, epochs, optimizer and other parameters.
    pub training: FineTuneConfig,
}

impl Default for FineTunePhase {
    /// As [`FineTuning::default`].
    fn default() -> Self {
        let FineTuning { at, training, .. } = FineTuning::default();
        Self { at, training }
    }
}

setters!(FineTunePhase {
    /// Sets the layers of the base to train.
    with_at => at: Trainable,
    /// Sets learning rate, epochs, optimizer and other parameters.
    with_training => training: FineTuneConfig,
});

/// How a job is run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RunConfig {
    /// How pictures become training data.
    pub inputs: InputConfig,
    /// Number of cross-validation folds. The head is then trained on all pictures, with none held back.
    pub folds: Option<usize>,
    /// Whether probabilities are calibrated.
    pub calibration: Calibration,
    /// The share of known pictures that the model may reject as unknown.
    pub unknown_rate: UnknownRate,
    /// The file that the model is saved to, after each phase.
    pub model: Option<PathBuf>,
    /// The checkpoint of fine-tuning. It is removed when the model is saved.
    pub checkpoint: Option<PathBuf>,
    /// Whether to resume from the checkpoint, if there is one.
    pub resume: bool,
    /// The file that the split is written to, as a manifest in CSV.
    pub export_split: Option<PathBuf>,
}

setters!(RunConfig {
    /// Sets how pictures become training data.
    with_inputs => inputs: InputConfig,
    /// Sets how the frozen layers are computed.
    with_extract => inputs.extract: ExtractConfig,
    /// Sets how pictures are augmented.
    with_augment => inputs.augment: Augment,
    /// Sets the number of views per picture; with 0, every epoch draws new ones.
    with_views => inputs.views: usize,
    /// Sets the seed of the augmentation and of the assignment of pictures to folds.
    with_seed => inputs.seed: u64,
    /// Sets the number of cross-validation folds.
    with_folds => folds: impl Into<Option<usize>>,
    /// Sets whether probabilities are calibrated.
    with_calibration => calibration: Calibration,
    /// Sets the share of known pictures that the model may reject as unknown.
    with_unknown_rate => unknown_rate: UnknownRate,
    /// Sets the file that the model is saved to.
    with_model => model: impl Into<Option<PathBuf>>,
    /// Sets the checkpoint of fine-tuning.
    with_checkpoint => checkpoint: impl Into<Option<PathBuf>>,
    /// Sets whether to resume from the checkpoint, if there is one.
    with_resume => resume: bool,
    /// Sets the file that the split is written to.
    with_export_split => export_split: impl Into<Option<PathBuf>>,
});

/// The result of a job.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trained {
    /// The trained classifier.
    pub classifier: Classifier,
    /// The report on the head. For a resumed run it contains only what fine-tuning knows about it.
    pub fit: FitReport,
    /// The report on fine-tuning, if there was any.
    pub fine_tune: Option<FineTuneReport>,
    /// The pictures that a manifest of the split cannot name.
    pub not_exported: Vec<Skipped>,
}

impl TrainJob {
    /// A job that trains the default head for these pictures on the default base.
    pub fn new(source: PictureSource) -> Self {
        let (base, head) = (BaseSource::default(), HeadConfig::default());
        let (effort, run) = (Effort::default(), RunConfig::default());
        Self { source, base, head, fine_tune: None, effort, run }
    }

    /// Trains, reports progress to `context`, and saves the model if the job names a file.
    ///
    /// # Errors
    /// As for [`TrainJob::run_on`], and when pictures or base cannot be opened.
    pub fn run(&self, context: &mut Context<'_>) -> Result<Trained, Error> {
        let pictures = self.source.open()?;
        self.check_files(&pictures)?;
        self.run_on(self.base.load()?, &pictures, context)
    }

    /// [`TrainJob::run`] on opened pictures and base; those in the job are ignored.
    ///
    /// # Errors
    /// When fewer than two classes have pictures that can be read, the options are invalid, there is not enough
    /// disk space, a checkpoint belongs to another run, or a file cannot be written. [`Error::Interrupted`]
    /// when the context is cancelled, or [`Error::Saved`] if there is a checkpoint to resume from.
    /// [`Error::Diverged`] when the loss of fine-tuning diverges and the model of the last good epoch was
    /// saved.
    pub fn run_on(
        &self,
        base: Base,
        pictures: &Pictures,
        context: &mut Context<'_>,
    ) -> Result<Trained, Error> {
        self.check(&base)?;
        let base = self.prepared(base);
        self.tell_time(&base, pictures, context)?;
        let (classifier, fit, fine_tune) = match self.fine_tuning() {
            None if self.effort == Effort::Best => self.best(base, pictures, context)?,
            Some(tuning) => {
                let (classifier, fit, tuned) =
                    self.both_phases(base, pictures, &tuning, context)?;
                (classifier, fit, Some(tuned))
            }
            None => {
                let config = self.fit_of(&base);
                let (mut classifier, fit) = Classifier::fit(base, pictures, &config, context)?;
                classifier.record_effort(self.effort);
                self.save(&classifier)?;
                context.tell(Event::Fitted(Box::new(fit.clone())));
                (classifier, fit, None)
            }
        };
        let not_exported = match (&self.run.export_split, classifier.training()) {
            (Some(file), Some(record)) => pictures.export_split(&record.validation, file)?,
            _ => Vec::new(),
        };
        let trained = Trained { classifier, fit, fine_tune, not_exported };
        let summary = TrainSummary::new(&trained, pictures.notes(), self.run.model.as_deref());
        context.tell(Event::Done(Box::new(summary)));
        Ok(trained)
    }

    /// [`TrainJob::run`] on features that were computed by `base` before; the pictures in the job are ignored.
    ///
    /// # Errors
    /// As for [`Classifier::fit_files`], when a file cannot be written, and for fine-tuning or export of the
    /// split, which need pictures.
    pub fn run_on_features(
        &self,
        base: Base,
        files: &FeatureFiles,
        context: &mut Context<'_>,
    ) -> Result<Trained, Error> {
        let takes_pictures = [
            (self.fine_tune.is_some(), "fine-tuning"),
            (self.run.export_split.is_some(), "a manifest of the split"),
            (!self.effort.is_fast(), "more effort than the least"),
        ];
        if let Some((_, what)) = takes_pictures.iter().find(|(asked, _)| *asked) {
            let problem =
                format!("{what} takes pictures, and there are features alone: leave it out");
            return Err(Error::Options(problem));
        }
        self.check(&base)?;
        self.run.model.as_ref().map_or(Ok(()), check_writable)?;
        let (classifier, fit) = Classifier::fit_files(base, files, &self.fit(), context)?;
        self.save(&classifier)?;
        context.tell(Event::Fitted(Box::new(fit.clone())));
        let trained = Trained { classifier, fit, fine_tune: None, not_exported: Vec::new() };
        let summary = TrainSummary::new(&trained, &[], self.run.model.as_deref());
        context.tell(Event::Done(Box::new(summary)));
        Ok(trained)
    }

    /// Checks the options, and that `base` can be trained with them, before pictures are read.
    ///
    /// # Errors
    /// For invalid options, and for a layer that does not exist or after which nothing can be trained.
    pub fn check(&self, base: &Base) -> Result<(), Error> {
        self.fit().check()?;
        self.check_effort(base)?;
        match self.fine_tuning() {
            Some(_) if self.run.folds.is_some() => {
                let problem = "folds cannot be combined with fine-tuning";
                Err(Error::Options(problem.to_owned()))
            }
            Some(tuning) => tuning.check(base),
            None => Ok(()),
        }
    }

    /// Checks that the job's files can be written, before long work. Writes nothing.
    ///
    /// # Errors
    /// When a folder does not exist or is not writable.
    pub fn check_files(&self, pictures: &Pictures) -> Result<(), Error> {
        if let Some(model) = &self.run.model {
            check_writable(model)?;
        }
        self.run.export_split.as_ref().map_or(Ok(()), |file| pictures.check_export(file))
    }

    /// How the head is trained.
    pub(crate) fn fit(&self) -> FitConfig {
        let fit = FitConfig::default().with_head(self.head.clone()).with_folds(self.run.folds);
        fit.with_inputs(self.run.inputs.clone())
            .with_calibration(self.run.calibration)
            .with_unknown_rate(self.run.unknown_rate)
    }

    /// How the base is fine-tuned, if it is.
    pub(crate) fn fine_tuning(&self) -> Option<FineTuning> {
        let FineTunePhase { at, training } = self.fine_tune.clone()?;
        let RunConfig { inputs, calibration, unknown_rate, model, checkpoint, resume, .. } =
            self.run.clone();
        Some(FineTuning {
            at,
            training,
            inputs,
            calibration,
            unknown_rate,
            model,
            checkpoint,
            resume,
        })
    }

    fn save(&self, classifier: &Classifier) -> Result<(), Error> {
        self.run.model.as_ref().map_or(Ok(()), |model| classifier.save(model))
    }

    /// Runs both phases on pictures that are decoded once.
    fn both_phases(
        &self,
        mut base: Base,
        pictures: &Pictures,
        tuning: &FineTuning,
        context: &mut Context<'_>,
    ) -> Result<(Classifier, FitReport, FineTuneReport), Error> {
        let fit = self.fit();
        base.apply(&tuning.at)?;
        fit.disk_need(&base, pictures, Some(tuning))?.tell(context)?;
        let mut set = TrainingSet::new(&base, pictures, &fit.inputs.extract, context)?;
        let (mut classifier, report) = match tuning.interrupted(&set, &self.head)? {
            Some(classifier) => (classifier, None),
            None => {
                let (classifier, mut report) =
                    Classifier::fit_on(&mut set, &fit, Some(&tuning.at), context)?;
                // Fine-tuning goes on with the head.
                report.warnings.retain(|warning| !matches!(warning, Warning::StillFalling { .. }));
                // The model is saved first, in case the second phase fails.
                self.save(&classifier)?;
                context.tell(Event::Fitted(Box::new(report.clone())));
                (classifier, Some(report))
            }
        };
        let tuned = classifier.fine_tune_on(&mut set, tuning, context)?;
        let mut report = report.unwrap_or_else(|| FitReport::of_resumed(&tuned));
        for warning in &tuned.warnings {
            if !report.warnings.contains(warning) {
                report.warnings.push(warning.clone());
            }
        }
        Ok((classifier, report, tuned))
    }
}

setters!(TrainJob {
    /// Sets the base that computes the features.
    with_base => base: BaseSource,
    /// Sets how the head is fitted.
    with_head => head: HeadConfig,
    /// Sets how the base is fine-tuned afterwards.
    with_fine_tune => fine_tune: impl Into<Option<FineTunePhase>>,
    /// Sets how much computation is spent on the model.
    with_effort => effort: Effort,
    /// Sets how pictures become training data, and which files are written.
    with_run => run: RunConfig,
});
