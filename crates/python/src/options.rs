//! Options of Python's as the library's configurations.

use std::cell::RefCell;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use headstart::data::sources::ColumnNames;
use headstart::data::{Augment, Source};
use headstart::model::Trainable;
use headstart::train::clip::Clip;
use headstart::train::optimizers::OptimizerConfig;
use headstart::train::{AdamConfig, ClassWeight, FineTuneConfig, LogisticConfig, Strength};
use headstart::{
    BaseConfig, BaseSource, Calibration, DEFAULT_VIEWS, Duplicates, ExtractConfig, FineTunePhase,
    HeadConfig, InputConfig, PictureSource, RunConfig, UnknownRate, default_cache,
};
use pyo3::conversion::FromPyObjectOwned;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::{invalid, wrong_type};

/// Where the cache is unless something else is said, as for the command.
const CACHE_VARIABLE: &str = "HEADSTART_CACHE";
/// The share of pictures that is held back of a folder unless something else is said, as by the command.
const DEFAULT_SHARE: f64 = 0.2;

/// Options by name; one that is `None` is as good as not given.
pub(crate) struct Options<'a, 'py> {
    given: &'a Bound<'py, PyDict>,
    taken: RefCell<Vec<&'static str>>,
}

impl<'a, 'py> Options<'a, 'py> {
    pub(crate) fn new(given: &'a Bound<'py, PyDict>) -> Self {
        Self { given, taken: RefCell::default() }
    }

    /// An option's value.
    ///
    /// # Errors
    /// When it is of another type.
    pub(crate) fn get<T: FromPyObjectOwned<'py>>(&self, name: &'static str) -> PyResult<Option<T>> {
        self.taken.borrow_mut().push(name);
        let value = self.given.get_item(name)?.filter(|value| !value.is_none());
        let wrong = |value: &Bound<'py, PyAny>| {
            let shown = value.repr().map_or_else(|_| "this".to_owned(), |text| text.to_string());
            wrong_type(format!("{name}={shown}: it cannot be a {}", type_name(value)))
        };
        value.map(|value| value.extract().map_err(|_| wrong(&value))).transpose()
    }

    fn or<T: FromPyObjectOwned<'py>>(&self, name: &'static str, default: T) -> PyResult<T> {
        Ok(self.get(name)?.unwrap_or(default))
    }

    /// An option that is a name.
    ///
    /// # Errors
    /// When there is no such name.
    fn named<T: FromStr<Err: Display>>(&self, name: &'static str) -> PyResult<Option<T>> {
        let text: Option<String> = self.get(name)?;
        let parse = |text: String| {
            text.parse().map_err(|error: T::Err| self.wrong(&format!("{name}={text:?}: {error}")))
        };
        text.map(parse).transpose()
    }

    fn wrong(&self, problem: &str) -> PyErr {
        invalid(self.given.py(), problem)
    }

    /// # Errors
    /// When an option was given that nobody has asked for.
    pub(crate) fn all_taken(&self) -> PyResult<()> {
        let taken = self.taken.borrow();
        for (name, value) in self.given {
            let name: String = name.extract()?;
            if !value.is_none() && !taken.contains(&name.as_str()) {
                return Err(wrong_type(format!("there is no option {name}")));
            }
        }
        Ok(())
    }

    /// Which base.
    pub(crate) fn base(&self) -> PyResult<BaseSource> {
        let side: Option<usize> = self.get("input_size")?;
        let config = BaseConfig::default()
            .with_architecture(self.get::<String>("base")?)
            .with_input_size(side.map(|side| (side, side)))
            .with_prefix(self.get::<String>("weights_prefix")?);
        Ok(BaseSource::default()
            .with_weights(self.get::<PathBuf>("weights")?)
            .with_config(config)
            .with_interpolation(self.named("resize")?)
            .with_fit(self.named("aspect")?))
    }

    /// How features are computed.
    pub(crate) fn extract(&self) -> PyResult<ExtractConfig> {
        let cache = match self.get::<PathBuf>("cache")? {
            Some(folder) if folder.as_os_str() == "auto" => {
                let variable = std::env::var_os(CACHE_VARIABLE).filter(|folder| !folder.is_empty());
                variable.map(PathBuf::from).or_else(default_cache)
            }
            folder => folder,
        };
        Ok(ExtractConfig::default().with_cache(cache).with_memory(self.get::<u64>("memory")?))
    }

    fn seed(&self) -> PyResult<u64> {
        self.or("random_state", 0)
    }

    fn class_weight(&self) -> PyResult<ClassWeight> {
        Ok(match self.or("balance", false)? {
            true => ClassWeight::Balanced,
            false => ClassWeight::Uniform,
        })
    }

    /// How the head is fitted.
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
                    let problem =
                        format!("{name} has no meaning for head=\"lbfgs\": take \"adam\"");
                    return Err(self.wrong(&problem));
                }
                let strength = strength.map_or(Strength::Auto, Strength::Fixed);
                let config =
                    LogisticConfig { seed, class_weight, strength, ..LogisticConfig::default() };
                Ok(HeadConfig::Lbfgs(config))
            }
            "adam" if strength.is_some() => {
                Err(self.wrong("strength has no meaning for head=\"adam\": take \"lbfgs\""))
            }
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

    /// How the base is fine-tuned, if it is.
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
                Some((name, _)) => {
                    Err(self.wrong(&format!("{name} is for fine-tuning: say fine_tune_at, too")))
                }
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

    /// How pictures become what is trained on.
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

    /// What pictures are opened from.
    pub(crate) fn source(&self, path: PathBuf) -> PyResult<Source> {
        Ok(Source {
            label_from: self.named("label_from")?,
            group_from: self.named("group_from")?,
            columns: ColumnNames {
                path: self.get("path_column")?,
                labels: match self.get::<Bound<'_, PyAny>>("label_column")? {
                    Some(one) if one.extract::<String>().is_ok() => vec![one.extract()?],
                    _ => self.or("label_column", Vec::new())?,
                },
                separator: self.get("label_separator")?,
            },
            multi_label: self.or("multi_label", false)?,
            ..Source::new(path)
        })
    }

    /// The pictures of a job.
    pub(crate) fn picture_source(&self, path: PathBuf) -> PyResult<PictureSource> {
        let duplicates: Option<String> = self.get("duplicates")?;
        let duplicates = match duplicates.as_deref() {
            None => None,
            Some("near") => Some(Duplicates::Near),
            Some("exact") => Some(Duplicates::Exact),
            Some(other) => {
                let problem = format!("duplicates={other:?}: it is \"near\" or \"exact\"");
                return Err(self.wrong(&problem));
            }
        };
        Ok(PictureSource::new(self.source(path)?)
            .with_validation_from(self.get::<PathBuf>("validation")?)
            .with_validation(self.or("val_split", DEFAULT_SHARE)?, self.seed()?)
            .with_duplicates(duplicates))
    }
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "value".to_owned(), |name| name.to_string())
}
