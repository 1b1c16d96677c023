//! Options of training.

use std::path::PathBuf;

use headstart::data::Augment;
use headstart::model::Trainable;
use headstart::train::clip::Clip;
use headstart::train::optimizers::OptimizerConfig;
use headstart::train::{AdamConfig, FineTuneConfig, LogisticConfig, Strength};
use headstart::{
    Calibration, DEFAULT_VIEWS, FineTunePhase, HeadConfig, InputConfig, RunConfig, UnknownRate,
};
use pyo3::prelude::*;

use super::Options;

impl Options<'_, '_> {
    /// How the head is trained.
    pub(crate) fn head(&self) -> PyResult<HeadConfig> {
        let (seed, class_weight) = (self.seed()?, self.class_weight()?);
        let head: String = self.or("head", "lbfgs".to_owned())?;
        let strength: Option<f64> = self.get("strength")?;
        let epochs = self.get("epochs")?;
        let learning_rate = self.get("learning_rate")?;
        let dropout = self.get("dropout")?;
        let batch_size = self.get("batch_size")?;
        let early_stop = self.get("early_stop")?;
        let label_smoothing = self.get("label_smoothing")?;
        match head.as_str() {
            "lbfgs" => {
                let tunes = self.get::<Bound<'_, PyAny>>("fine_tune_at")?.is_some();
                let given = [
                    ("epochs", epochs.is_some()),
                    ("learning_rate", learning_rate.is_some()),
                    ("dropout", dropout.is_some()),
                    ("batch_size", batch_size.is_some() && !tunes),
                    ("early_stop", early_stop.is_some() && !tunes),
                    ("label_smoothing", label_smoothing.is_some() && !tunes),
                ];
                if let Some((name, _)) = given.iter().find(|(_, given)| *given) {
                    let problem = format!("{name} requires head=\"adam\"");
                    return Err(self.wrong(&problem));
                }
                let strength = strength.map_or(Strength::Auto, Strength::Fixed);
                let config =
                    LogisticConfig { seed, class_weight, strength, ..LogisticConfig::default() };
                Ok(HeadConfig::Lbfgs(config))
            }
            "adam" if strength.is_some() => Err(self.wrong("strength requires head=\"lbfgs\"")),
            "adam" => {
                let default = AdamConfig::default();
                Ok(HeadConfig::Adam(AdamConfig {
                    learning_rate: learning_rate.unwrap_or(default.learning_rate),
                    epochs: epochs.unwrap_or(default.epochs),
                    batch_size: batch_size.unwrap_or(default.batch_size),
                    dropout: dropout.unwrap_or(default.dropout),
                    label_smoothing: label_smoothing.unwrap_or(default.label_smoothing),
                    early_stop,
                    seed,
                    class_weight,
                    ..default
                }))
            }
            _ => Err(self.wrong(&format!("head={head:?}: it is \"lbfgs\" or \"adam\""))),
        }
    }

    /// How the base is fine-tuned; `None` if it is not.
    pub(crate) fn fine_tune(&self) -> PyResult<Option<FineTunePhase>> {
        let default = FineTuneConfig::default();
        let at: Option<Bound<'_, PyAny>> = self.get("fine_tune_at")?;
        let rate: Option<f64> = self.get("fine_tune_learning_rate")?;
        let of_head: Option<f64> = self.get("learning_rate")?;
        let optimizer: Option<OptimizerConfig> = self.named("optimizer")?;
        let weight_decay: Option<f64> = self.get("weight_decay")?;
        let clip_norm: Option<f64> = self.get("clip_norm")?;
        let layer_decay: Option<f64> = self.get("layer_decay")?;
        let average: Option<f64> = self.get("average")?;
        let epochs: Option<usize> = self.get("fine_tune_epochs")?;
        let Some(at) = at else {
            let given = [
                ("fine_tune_epochs", epochs.is_some()),
                ("fine_tune_learning_rate", rate.is_some()),
                ("optimizer", optimizer.is_some()),
                ("weight_decay", weight_decay.is_some()),
                ("clip_norm", clip_norm.is_some()),
                ("layer_decay", layer_decay.is_some()),
                ("average", average.is_some()),
            ];
            return match given.iter().find(|(_, given)| *given) {
                Some((name, _)) => Err(self.wrong(&format!("{name} requires fine_tune_at"))),
                None => Ok(None),
            };
        };
        let layer = format!("from:{}", at.str()?);
        let at: Trainable =
            layer.parse().map_err(|error| self.wrong(&format!("fine_tune_at: {error}")))?;
        let mut optimizer = optimizer.unwrap_or(default.optimizer);
        optimizer.weight_decay = weight_decay.unwrap_or(optimizer.weight_decay);
        let training = FineTuneConfig {
            learning_rate: rate.or(of_head.map(|x| x / 10.0)).unwrap_or(default.learning_rate),
            epochs: epochs.unwrap_or(default.epochs),
            batch_size: self.or("batch_size", default.batch_size)?,
            optimizer,
            clip: clip_norm.map(Clip::GlobalNorm),
            label_smoothing: self.or("label_smoothing", default.label_smoothing)?,
            layer_decay: layer_decay.unwrap_or(default.layer_decay),
            average,
            early_stop: self.get("early_stop")?,
            class_weight: self.class_weight()?,
            seed: self.seed()?,
            ..default
        };
        Ok(Some(FineTunePhase::default().with_at(at).with_training(training)))
    }

    /// How pictures become training inputs.
    pub(crate) fn inputs(&self) -> PyResult<InputConfig> {
        Ok(InputConfig::default()
            .with_extract(self.extract()?)
            .with_augment(self.named("augment")?.unwrap_or(Augment::None))
            .with_views(self.or("views", DEFAULT_VIEWS)?)
            .with_seed(self.seed()?))
    }

    pub(crate) fn calibration(&self) -> PyResult<Calibration> {
        Ok(match self.or("calibrate", true)? {
            true => Calibration::Temperature,
            false => Calibration::None,
        })
    }

    pub(crate) fn unknown_rate(&self) -> PyResult<UnknownRate> {
        let share: Option<f64> = self.get("unknown_rate")?;
        let rate = share.map_or_else(|| Ok(UnknownRate::default()), UnknownRate::try_from);
        rate.map_err(|problem| self.wrong(&format!("unknown_rate: {problem}")))
    }

    /// How a job is run.
    pub(crate) fn run(&self) -> PyResult<RunConfig> {
        Ok(RunConfig::default()
            .with_inputs(self.inputs()?)
            .with_folds(self.get::<usize>("folds")?)
            .with_calibration(self.calibration()?)
            .with_unknown_rate(self.unknown_rate()?)
            .with_model(self.get::<PathBuf>("output")?)
            .with_checkpoint(self.get::<PathBuf>("checkpoint")?)
            .with_resume(self.or("resume", false)?)
            .with_export_split(self.get::<PathBuf>("export_split")?))
    }
}
