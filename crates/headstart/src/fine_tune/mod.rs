//! Fine-tuning: the upper layers of the base are trained, too.

mod checkpoint;
mod config;
mod disk_need;
mod report;

use std::sync::Arc;
use std::time::Instant;

use headstart_data::Subset;
use headstart_train::Task;
use headstart_train::{FineTuner, TrainError};

use crate::training_set::TrainingSet;
use crate::{
    Classifier, Context, EpochRecord, Error, Evaluation, Event, FineTuneRecord, HeadConfig, Phase,
    Pictures, Warning,
};
use checkpoint::{RunFingerprint, Saved};
pub use config::FineTuning;
pub use report::{FineTuneReport, FineTuneSeconds};

impl FineTuning {
    /// The classifier that an interrupted run on these pictures began to fine-tune, so that the same head need
    /// not be trained again. `None` unless resuming is requested and there is a checkpoint.
    ///
    /// # Errors
    /// When the checkpoint cannot be read, or belongs to another run.
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

    /// Saves the classifier after the loss has diverged, if a file is given: that of epoch `kept`, or from
    /// before fine-tuning if `None`. The checkpoint is removed as well, because resuming from it would diverge
    /// again.
    fn diverged(&self, classifier: &Classifier, error: TrainError, kept: Option<usize>) -> Error {
        match (self.save(classifier), self.model.clone()) {
            (Err(error), _) => error,
            (Ok(()), None) => Error::of_training(error),
            (Ok(()), Some(model)) => Error::Diverged { cause: error, model, kept },
        }
    }

    /// Saves the result, if a file is given, and removes the checkpoint, which is no longer needed.
    fn save(&self, classifier: &Classifier) -> Result<(), Error> {
        let Some(model) = &self.model else { return Ok(()) };
        classifier.save(model)?;
        if let Some(file) = &self.checkpoint {
            // Failing to remove it is not an error.
            let _ = std::fs::remove_file(file);
        }
        Ok(())
    }
}

impl Classifier {
    /// Trains the upper layers of the base together with the head.
    ///
    /// # Errors
    /// For errors of the pictures, a layer that the base does not have, classes other than the classifier's,
    /// invalid options, and a checkpoint of another run. [`Error::Saved`] when the context is cancelled and
    /// there is a checkpoint. When the loss diverges: the classifier is then that of the last good epoch, or of
    /// the best one with early stopping.
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
    /// As for [`Classifier::fine_tune`].
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
            // The classifier is unchanged.
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

    /// Records how the base was fine-tuned, and the metrics after it.
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

/// A warning if fewer of the held-back pictures are classified correctly than before.
fn worse(
    before: Option<&Evaluation>,
    after: Option<&Evaluation>,
    early_stop: bool,
) -> Option<Warning> {
    let (before, after) = (before?.accuracy, after?.accuracy);
    (after < before).then_some(Warning::Worse { before, after, early_stop })
}
