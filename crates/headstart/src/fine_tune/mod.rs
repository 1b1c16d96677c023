//! Fine-tuning: the top of the base trains, too.

mod checkpoint;
mod disk_need;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use headstart_data::{Augment, Skipped, Subset};
use headstart_model::Trainable;
use headstart_train::Task;
use headstart_train::network::TrainableNetwork;
use headstart_train::{Epoch, FineTuneConfig, FineTuner, TrainError};
use serde::{Deserialize, Serialize};

use crate::config::{InputConfig, setters};
use crate::training_set::TrainingSet;
use crate::trust::TrustConfig;
use crate::{
    Answers, Base, Calibration, Classifier, Context, EpochRecord, Error, Evaluation, Event,
    ExtractConfig, FineTuneRecord, FitReport, HeadConfig, Phase, Pictures, Seconds, UnknownRate,
    Warning,
};
use checkpoint::{RunFingerprint, Saved};

/// How to fine-tune a classifier.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FineTuning {
    /// Which layers of the base train; all others stay frozen.
    pub at: Trainable,
    /// Learning rate, epochs, optimizer and all that.
    pub training: FineTuneConfig,
    /// How pictures become what is trained on.
    pub inputs: InputConfig,
    /// Whether probabilities are made to mean what they say.
    pub calibration: Calibration,
    /// The share of known pictures that the model may turn away as of none of the classes.
    pub unknown_rate: UnknownRate,
    /// The file to save the classifier to, when all is done or the loss diverges.
    pub model: Option<PathBuf>,
    /// Where to save, after each epoch and when interrupted, what a run can go on from. It is removed
    /// when the classifier is saved; without a file for that it stays, and is the caller's.
    pub checkpoint: Option<PathBuf>,
    /// Whether to go on from the checkpoint, if there is one.
    pub resume: bool,
}

impl Default for FineTuning {
    /// The last third of the layers, as in Keras's tutorial for MobileNetV2.
    fn default() -> Self {
        Self {
            at: Trainable::FromIndex(100),
            training: FineTuneConfig::default(),
            inputs: InputConfig::default(),
            calibration: Calibration::default(),
            unknown_rate: UnknownRate::default(),
            model: None,
            checkpoint: None,
            resume: false,
        }
    }
}

setters!(FineTuning {
    /// Which layers of the base train.
    with_at => at: Trainable,
    /// Learning rate, epochs, optimizer and all that.
    with_training => training: FineTuneConfig,
    /// How pictures become what is trained on.
    with_inputs => inputs: InputConfig,
    /// How the frozen layers are computed.
    with_extract => inputs.extract: ExtractConfig,
    /// How pictures are varied.
    with_augment => inputs.augment: Augment,
    /// How many views of each picture are drawn; 0 draws afresh each epoch.
    with_views => inputs.views: usize,
    /// What decides how pictures are varied.
    with_seed => inputs.seed: u64,
    /// Whether probabilities are made to mean what they say.
    with_calibration => calibration: Calibration,
    /// The share of known pictures that the model may turn away as of none of the classes.
    with_unknown_rate => unknown_rate: UnknownRate,
    /// The file to save the classifier to.
    with_model => model: impl Into<Option<PathBuf>>,
    /// Where to save what a run can go on from.
    with_checkpoint => checkpoint: impl Into<Option<PathBuf>>,
    /// Whether to go on from the checkpoint, if there is one.
    with_resume => resume: bool,
});

/// How fine-tuning went.
#[derive(Clone, Debug)]
pub struct FineTuneReport {
    /// Figures on the pictures held back, before; `None` if none were.
    pub before: Option<Evaluation>,
    /// The same after.
    pub validation: Option<Evaluation>,
    /// What the classifier says of each of the pictures held back.
    pub answers: Option<Arc<Answers>>,
    /// Every epoch, those before an interruption included.
    pub epochs: Vec<Epoch>,
    /// The epoch whose weights were taken, where early stopping chose it; 0 where none was better on
    /// the pictures held back than the classifier was before, which then stays as it was.
    pub best_epoch: Option<usize>,
    /// Whether it ended before the last epoch.
    pub stopped_early: bool,
    /// The first layer that trained.
    pub first_layer: String,
    /// Values that trained, in the base.
    pub trainable: usize,
    /// Epochs that an earlier, interrupted run had done.
    pub resumed: usize,
    /// Pictures learned from.
    pub train: usize,
    /// Of the pictures that the figures are of, how many earlier training had learned from; `None` where
    /// that is not known.
    pub learned_from: Option<usize>,
    /// Pictures that earlier training had not seen; `None` where that is not known.
    pub unseen: Option<usize>,
    /// Pictures and other files that were left out, with the reason.
    pub skipped: Vec<Skipped>,
    /// What whoever owns the pictures should know, a line each.
    pub warnings: Vec<Warning>,
    /// Wall time, in seconds: of views that had to be made, and of everything.
    pub seconds: FineTuneSeconds,
}

/// Wall time of the parts of fine-tuning, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FineTuneSeconds {
    /// Computing the frozen layers.
    pub frozen: f64,
    /// Everything.
    pub total: f64,
}

impl FineTuning {
    pub(crate) fn trust(&self) -> TrustConfig {
        let Self { calibration, unknown_rate, .. } = *self;
        TrustConfig { calibration, unknown_rate, strength: None }
    }

    pub(crate) fn network(&self, base: &Base) -> Result<(Base, TrainableNetwork), Error> {
        base.trainable(&self.at, self.training.bn, self.inputs.extract.compute.isa)
    }

    /// Whether the options make sense, and `base` can be fine-tuned with them: better known before
    /// pictures are read than after.
    ///
    /// # Errors
    /// Options that make no sense, and a layer that is not there or after which nothing trains.
    pub fn check(&self, base: &Base) -> Result<(), Error> {
        self.training.check().map_err(Error::of_training)?;
        self.network(base).map(|_| ())
    }

    /// The classifier that an interrupted run on these pictures had begun to fine-tune: where there
    /// is one, its head, fitted like this, need not be trained again. `None` unless going on is asked
    /// for, and there is a checkpoint.
    ///
    /// # Errors
    /// When the checkpoint cannot be read, or is of another run.
    pub(crate) fn interrupted(
        &self,
        set: &TrainingSet,
        head: &HeadConfig,
    ) -> Result<Option<Classifier>, Error> {
        let Some(file) = self.checkpoint.as_ref().filter(|file| self.resume && file.exists())
        else {
            return Ok(None);
        };
        let mut saved = Saved::read(file)?;
        let classes = set.classes().to_vec();
        let first = saved.first_head(classes.len(), set.task());
        let (_, network) = self.network(set.base())?;
        saved.check(file, &RunFingerprint::new((set.base(), &first), set, &network, self))?;
        if saved.record.as_ref().is_none_or(|record| record.head != *head) {
            let reason = "its head was fitted with other options".to_owned();
            return Err(Error::OtherRun { file: file.clone(), reason });
        }
        let mut classifier = Classifier::new(set.base().clone(), first, classes);
        let (features, task) = (set.base().features(), set.task());
        let count = classifier.classes().len();
        classifier.set_trust(saved.take_trust(file, (features, task), count)?);
        if let Some(thresholds) = saved.take_thresholds(file, task, count)? {
            classifier.set_thresholds(thresholds);
        }
        classifier.training = saved.record;
        Ok(Some(classifier))
    }

    /// Saves what a loss that diverges has left, of the epoch `kept` or from before, if a file is given
    /// for it. The checkpoint goes, too: the same would happen again from there.
    fn diverged(&self, classifier: &Classifier, error: TrainError, kept: Option<usize>) -> Error {
        match (self.save(classifier), self.model.clone()) {
            (Err(error), _) => error,
            (Ok(()), None) => Error::of_training(error),
            (Ok(()), Some(model)) => Error::Diverged { cause: error, model, kept },
        }
    }

    /// Saves the result, if a file is given for it, and removes the checkpoint, which has served its
    /// purpose.
    fn save(&self, classifier: &Classifier) -> Result<(), Error> {
        let Some(model) = &self.model else { return Ok(()) };
        classifier.save(model)?;
        if let Some(file) = &self.checkpoint {
            // That it may stay is no reason to fail.
            let _ = std::fs::remove_file(file);
        }
        Ok(())
    }
}

impl Classifier {
    /// Trains the top of the base together with the head.
    ///
    /// # Errors
    /// What is wrong with the pictures, a layer that the base does not have, classes that are not the
    /// classifier's, options that make no sense, a checkpoint of another run; [`Error::Saved`] when the
    /// context is cancelled and there is a checkpoint; a loss that diverges: the classifier is then as the
    /// last good epoch left it, or the best where early stopping watches.
    pub fn fine_tune(
        &mut self,
        pictures: &Pictures,
        config: &FineTuning,
        context: &mut Context<'_>,
    ) -> Result<FineTuneReport, Error> {
        config.check(self.base())?;
        self.check_classes(pictures.classes())?;
        self.check_task(pictures.task())?;
        config.disk_need(self.base(), pictures)?.tell(context)?;
        let mut set = TrainingSet::new(self.base(), pictures, &config.inputs.extract, context)?;
        self.fine_tune_on(&mut set, config, context)
    }

    /// [`Classifier::fine_tune`] on pictures that have been decoded for this classifier's base.
    ///
    /// # Errors
    /// As [`Classifier::fine_tune`].
    pub(crate) fn fine_tune_on(
        &mut self,
        set: &mut TrainingSet,
        config: &FineTuning,
        context: &mut Context<'_>,
    ) -> Result<FineTuneReport, Error> {
        context.install(|context| self.fine_tune_views(set, config, context))
    }

    fn fine_tune_views(
        &mut self,
        set: &mut TrainingSet,
        config: &FineTuning,
        context: &mut Context<'_>,
    ) -> Result<FineTuneReport, Error> {
        let start = Instant::now();
        config.training.check().map_err(Error::of_training)?;
        self.check_classes(set.classes())?;
        self.check_task(set.task())?;
        let (base, network) = config.network(self.base())?;
        let run = RunFingerprint::new((self.base(), self.head()), set, &network, config);
        let saved = match &config.checkpoint {
            Some(file) if config.resume && file.exists() => {
                let saved = Saved::read(file)?;
                saved.check(file, &run)?;
                Some(saved.checkpoint)
            }
            _ => None,
        };
        let first_layer = base.first_trainable();
        let trainable = base.network().trainable_params();
        let mut warnings = set.warnings();
        if config.training.batch_size > set.train() {
            let problem = format!(
                "a batch of {} is more than the {} pictures to learn from: an epoch is one step",
                config.training.batch_size,
                set.train(),
            );
            warnings.push(problem.into());
        }
        let none_new = set.validation() == 0 && set.unseen() == Some(0);
        if config.training.early_stop.is_some() && none_new {
            let warning = "early stopping goes by the training loss: no pictures are held out";
            warnings.push(warning.to_owned().into());
        }
        set.views(Some(&network), config.inputs.augmentation(), context)?;
        let views = set.made();
        let frozen = start.elapsed().as_secs_f64();
        let (train, validation) =
            (views.inputs(set, Subset::Train), views.inputs(set, Subset::Validation));
        let (before, answers_before) = set.evaluate(self)?.unzip();

        let options = config.training.clone();
        let head = self.head().clone();
        let resumed = saved.as_ref().map_or(0, |saved| saved.history.epochs.len());
        if saved.is_some() {
            context.tell(Event::Resumed { epochs: resumed });
        }
        let mut tuner = match saved {
            Some(saved) => FineTuner::restore(network, head, options, saved),
            None => FineTuner::new(network, head, options),
        }
        .map_err(Error::of_training)?;
        let save = |tuner: &FineTuner| match &config.checkpoint {
            Some(file) => checkpoint::save(file, &run, self, tuner.checkpoint()).map(Some),
            None => Ok(None),
        };
        let mut diverged = None;
        while !tuner.is_done() {
            let watch = &mut context.watch(Phase::FineTune);
            match tuner.epoch(&train, Some(&validation), watch) {
                Ok(_) => {
                    save(&tuner)?;
                }
                Err(TrainError::Stopped) => {
                    let epoch = tuner.history().epochs.len() + 1;
                    let saved = save(&tuner)?.and(config.checkpoint.clone());
                    return Err(saved.map_or(Error::Interrupted, |checkpoint| Error::Saved {
                        epoch,
                        checkpoint,
                    }));
                }
                Err(error @ TrainError::Diverged { .. }) => {
                    diverged = Some(error);
                    break;
                }
                Err(other) => return Err(Error::of_training(other)),
            }
        }
        let mut weights = base.weights().clone();
        let (head, history) = tuner.finish(&mut weights);
        if let Some(error) = diverged.take_if(|_| history.epochs.is_empty()) {
            // Nothing has become of it.
            return Err(config.diverged(self, error, None));
        }
        let (after, answers) = match history.best_epoch {
            Some(0) => (before.clone(), answers_before),
            _ => {
                let mut base = base.with_weights(weights);
                base.set_trainable(false);
                let knew = !self.trust().is_none();
                let mut tuned = self.clone();
                tuned.set_base_and_head(base, head);
                let trust = config.trust();
                let measured = set.learn_trust_and_evaluate(&mut tuned, trust, context);
                let measured = measured.map_err(|error| match (error, &config.checkpoint) {
                    (Error::Interrupted, Some(checkpoint)) => {
                        let (epoch, checkpoint) = (history.epochs.len(), checkpoint.clone());
                        Error::Saved { epoch, checkpoint }
                    }
                    (error, _) => error,
                })?;
                let (after, answers) = measured.unzip();
                *self = tuned;
                if knew && after.is_none() {
                    warnings.push(Warning::TrustLost);
                }
                let record = FineTuneRecord {
                    first_layer: first_layer.clone(),
                    options: config.training.clone(),
                    augment: config.inputs.augment,
                    views: config.inputs.views,
                    train: set.train(),
                    train_per_class: set.train_per_class(),
                    epochs: history.epochs.iter().map(EpochRecord::from).collect(),
                    best_epoch: history.best_epoch,
                };
                self.record_fine_tuning(record, after.clone(), set);
                (after, answers)
            }
        };
        if let Some(error) = diverged {
            let best = history.best_epoch.unwrap_or(history.epochs.len());
            return Err(config.diverged(self, error, Some(best).filter(|&epoch| epoch > 0)));
        }
        if self.task() == Task::MultiLabel && after.is_none() {
            warnings.push(
                "the labels' thresholds are those from before fine-tuning: there are no held-out pictures to \
                 choose them by"
                    .to_owned()
                    .into(),
            );
        }
        if set.learned_from().is_none_or(|learned_from| learned_from == 0) {
            let watched = config.training.early_stop.is_some();
            warnings.extend(worse(before.as_ref(), after.as_ref(), watched));
        }
        config.save(self)?;
        Ok(FineTuneReport {
            before,
            validation: after,
            answers: answers.map(Arc::new),
            epochs: history.epochs,
            best_epoch: history.best_epoch,
            stopped_early: history.stopped_early,
            first_layer,
            trainable,
            resumed,
            train: set.train(),
            learned_from: set.learned_from(),
            unseen: set.unseen(),
            skipped: set.skipped.clone(),
            warnings,
            seconds: FineTuneSeconds { frozen, total: start.elapsed().as_secs_f64() },
        })
    }

    /// Keeps how the base was fine-tuned, and what came of it.
    fn record_fine_tuning(
        &mut self,
        record: FineTuneRecord,
        metrics: Option<Evaluation>,
        set: &TrainingSet,
    ) {
        let training = self.training.get_or_insert_with(|| set.record());
        training.fine_tune = Some(record);
        training.metrics = metrics;
        training.origin = set.origin().clone();
        training.validation = set.held_back();
        if let Some(seen) = &mut training.seen {
            seen.merge(set.seen());
        }
    }
}

impl FitReport {
    /// A report of a head that an earlier, interrupted run had trained: what fine-tuning knows.
    pub(crate) fn of_resumed(tuned: &FineTuneReport) -> Self {
        Self {
            validation: tuned.before.clone(),
            folds: None,
            answers: None,
            out_of_fold: None,
            epochs: Vec::new(),
            strength: None,
            train: tuned.train,
            duplicates: 0,
            cached: 0,
            skipped: tuned.skipped.clone(),
            warnings: tuned.warnings.clone(),
            seconds: Seconds::default(),
        }
    }
}

/// What to say where fewer of the pictures held back are classified right than before.
fn worse(
    before: Option<&Evaluation>,
    after: Option<&Evaluation>,
    early_stop: bool,
) -> Option<Warning> {
    let (before, after) = (before?.accuracy, after?.accuracy);
    (after < before).then_some(Warning::Worse { before, after, early_stop })
}
