//! The effort of a job.

use std::path::PathBuf;
use std::time::Instant;

use headstart_data::{Augment, Item};
use headstart_engine::frozen::{FrozenConfig, Plan};
use headstart_model::Trainable;
use headstart_train::optimizers::OptimizerConfig;
use headstart_train::schedules::{CosineDecay, Schedule};
use headstart_train::{FineTuneConfig, LogisticConfig};
use serde::{Deserialize, Serialize};

use super::TrainJob;
use crate::records::right_shares;
use crate::training_set::TrainingSet;
use crate::{
    Base, Classifier, Context, Error, Event, ExtractConfig, Extractor, FineTuneReport, FineTuning,
    FitConfig, FitReport, HeadConfig, Pictures,
};

/// How much computation is spent on a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// A head on the features of unchanged pictures.
    #[default]
    Fast,
    /// Features are the mean of those of a picture and its mirror image. The features of several bases are
    /// standardised separately and weighted equally. Prediction does the same, and takes twice as long.
    Good,
    /// [`Effort::Good`], then fine-tuning with augmentation. The model that is better on the held-back pictures is
    /// kept.
    Best,
}

impl Effort {
    pub(crate) fn is_fast(&self) -> bool {
        *self == Self::Fast
    }
}

/// Number of pictures timed to estimate the total.
const TIMED: usize = 24;
/// Cost of a fine-tuning step, in forward passes of the same layers.
const STEP: f64 = 4.0;
/// Factor for the head and everything else besides features.
const REST: f64 = 1.15;

impl TrainJob {
    /// Checks that the options are compatible with the effort.
    ///
    /// # Errors
    /// [`Error::Options`] and [`BaseError::Joined`](crate::BaseError::Joined).
    pub(super) fn check_effort(&self, base: &Base) -> Result<(), Error> {
        if self.effort.is_fast() {
            return Ok(());
        }
        let wrong = |problem: &str| Err(Error::Options(problem.to_owned()));
        if self.fine_tune.is_some() {
            return wrong(
                "effort above the lowest already tries fine-tuning; remove one of the two",
            );
        }
        if self.run.inputs.augment != Augment::None {
            return wrong(
                "effort above the lowest already varies pictures; remove augmentation or effort",
            );
        }
        if self.effort == Effort::Best {
            if self.run.folds.is_some() {
                return wrong(
                    "the best model is chosen by pictures held back, and folds hold none back",
                );
            }
            base.check_one("fine-tuning")?;
        }
        Ok(())
    }

    /// The base as used at this effort.
    pub(super) fn prepared(&self, mut base: Base) -> Base {
        if !self.effort.is_fast() {
            base.set_mirrored(true);
        }
        base
    }

    /// How the head is trained on features of `base`.
    pub(super) fn fit_of(&self, base: &Base) -> FitConfig {
        let mut fit = self.fit();
        let blocks: Vec<usize> = base.feature_widths().collect();
        if let HeadConfig::Lbfgs(head) = &fit.head
            && !self.effort.is_fast()
            && blocks.len() > 1
        {
            let head = LogisticConfig { blocks, ..head.clone() };
            fit = fit.with_head(HeadConfig::Lbfgs(head));
        }
        fit
    }

    /// Reports the estimated time.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the context is cancelled.
    pub(super) fn tell_time(
        &self,
        base: &Base,
        pictures: &Pictures,
        context: &mut Context<'_>,
    ) -> Result<(), Error> {
        if self.effort.is_fast() || pictures.is_empty() {
            return Ok(());
        }
        let inputs = &self.run.inputs;
        let mut seconds = time_of(base, pictures, &inputs.extract, context)?;
        if self.effort == Effort::Best {
            let tuning = self.trial(base);
            // Views are not cached, and each is of a single picture.
            let mut plain = base.clone();
            plain.set_mirrored(false);
            let frozen = frozen_share(&plain, &tuning, &inputs.extract)?;
            let extract = inputs.extract.clone().with_cache(None);
            let once = time_of(&plain, pictures, &extract, context)?;
            let views = tuning.inputs.views.min(tuning.training.epochs) as f64;
            let steps = tuning.training.epochs as f64 * STEP;
            seconds += once * (1.0 + views * frozen + steps * (1.0 - frozen));
        }
        context.tell(Event::Expected { seconds: seconds * REST });
        Ok(())
    }

    /// The fine-tuning that is compared with the frozen base.
    fn trial(&self, base: &Base) -> FineTuning {
        let layers = base.network().layers().len();
        let (seed, epochs) = (self.run.inputs.seed, 8);
        let training = FineTuneConfig {
            learning_rate: 3e-4,
            epochs,
            optimizer: OptimizerConfig::adam(),
            schedule: Schedule::CosineDecay(CosineDecay::default()),
            label_smoothing: 0.1,
            seed,
            ..FineTuneConfig::default()
        };
        let inputs = self.run.inputs.clone().with_augment(Augment::Standard);
        FineTuning::default()
            .with_at(Trainable::FromIndex(layers * 2 / 3))
            .with_training(training)
            .with_inputs(inputs)
            .with_calibration(self.run.calibration)
            .with_unknown_rate(self.run.unknown_rate)
            .with_model(None::<PathBuf>)
    }

    /// The better one of a head on the frozen base and a fine-tuned model.
    pub(super) fn best(
        &self,
        base: Base,
        pictures: &Pictures,
        context: &mut Context<'_>,
    ) -> Result<(Classifier, FitReport, Option<FineTuneReport>), Error> {
        let (mut frozen, fit) =
            Classifier::fit(base.clone(), pictures, &self.fit_of(&base), context)?;
        frozen.record_effort(self.effort);
        // The model is saved first, in case fine-tuning fails.
        self.save(&frozen)?;
        context.tell(Event::Fitted(Box::new(fit.clone())));
        let record = frozen.training().expect("it was trained here");
        if record.validation.is_empty() {
            let problem = "the best model is chosen by pictures held back, and there are none";
            return Err(Error::Options(problem.to_owned()));
        }
        // Both models must have the same split, even if features without mirroring find other near-duplicates.
        let pictures = pictures.clone().holding_back(record.validation.clone());
        let tuning = self.trial(&base);
        let mut plain = base;
        plain.set_mirrored(false);
        plain.apply(&tuning.at)?;
        let config = self.fit().with_inputs(tuning.inputs.clone());
        config.disk_need(&plain, &pictures, Some(&tuning))?.tell(context)?;
        let mut set = TrainingSet::new(&plain, &pictures, &tuning.inputs.extract, context)?;
        let (mut tuned, _) = Classifier::fit_on(&mut set, &config, Some(&tuning.at), context)?;
        let mut report = tuned.fine_tune_on(&mut set, &tuning, context)?;
        let (validation, answers) = tuned.mirror(&set, tuning.trust(), context)?.unzip();
        report.validation = validation;
        report.answers = answers.map(Into::into);
        let (Some(own), Some(other)) = (&fit.answers, &report.answers) else {
            return Ok((frozen, fit, None));
        };
        let own = right_shares(own, frozen.classifier_head());
        let other = right_shares(other, tuned.classifier_head());
        let (gain, error) = gain(&own, &other);
        let kept = gain > error;
        context.tell(Event::Tried { gain, error, kept });
        if !kept {
            return Ok((frozen, fit, None));
        }
        report.before.clone_from(&fit.validation);
        tuned.take_origin(record);
        self.save(&tuned)?;
        Ok((tuned, fit, Some(report)))
    }
}

/// Estimated seconds for the features of all pictures that are not in the cache, from timing some of them.
fn time_of(
    base: &Base,
    pictures: &Pictures,
    config: &ExtractConfig,
    context: &mut Context<'_>,
) -> Result<f64, Error> {
    let (all, count) = (pictures.items(), pictures.len().min(TIMED));
    let timed: Vec<&Item> = (0..count).map(|i| &all[i * all.len() / count]).collect();
    let extractor = Extractor::new(base, config);
    let start = Instant::now();
    extractor.extract(&timed, &mut context.filtered(|_| false))?;
    Ok(start.elapsed().as_secs_f64() / count as f64 * all.len() as f64)
}

/// The share of a base's multiplications in layers that fine-tuning leaves frozen.
fn frozen_share(base: &Base, tuning: &FineTuning, extract: &ExtractConfig) -> Result<f64, Error> {
    let (_, network) = tuning.network(base)?;
    let count = |output| {
        let config = FrozenConfig { output, compute: extract.compute, ..FrozenConfig::default() };
        Plan::compile(base.network(), base.weights(), &config).multiply_adds() as f64
    };
    Ok(match network.boundary() {
        0 => 0.0,
        boundary => count(Some(boundary)) / count(None),
    })
}

/// The mean difference of `other` minus `own` on the same pictures, and its standard error.
fn gain(own: &[f64], other: &[f64]) -> (f64, f64) {
    assert_eq!(own.len(), other.len(), "both were asked about the same pictures");
    let n = own.len() as f64;
    let gaps = || own.iter().zip(other).map(|(own, other)| other - own);
    let mean = gaps().sum::<f64>() / n;
    let variance = gaps().map(|gap| (gap - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, (variance / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_has_the_error_of_paired_answers() {
        let (mean, error) = gain(&[1.0, 0.0, 0.0, 1.0], &[1.0, 1.0, 1.0, 0.0]);
        assert_eq!(mean, 0.25);
        // Gaps 0, 1, 1 and -1: variance 11/12, of four pictures.
        assert!((error - (11.0_f64 / 12.0 / 4.0).sqrt()).abs() < 1e-12);
        assert_eq!(gain(&[1.0, 0.0], &[1.0, 0.0]), (0.0, 0.0));
    }

    #[test]
    fn efforts_have_names_and_an_order() {
        for (name, effort) in
            [("fast", Effort::Fast), ("good", Effort::Good), ("best", Effort::Best)]
        {
            assert_eq!(serde_json::to_string(&effort).unwrap(), format!("\"{name}\""));
        }
        assert!(Effort::Fast < Effort::Good && Effort::Good < Effort::Best);
    }
}
