//! The model file: one `.safetensors` with everything that prediction needs.
//!
//! Tensors are named `base/<layer>/<weight>` and `head/kernel`, `head/bias`; the metadata entry
//! `headstart` holds the rest as JSON.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use headstart_engine::train::Head;
use headstart_model::architectures::{Architecture, NetworkConfig};
use headstart_model::formats::safetensors::{Stored, write};
use headstart_model::formats::{self, Checkpoint, Format};
use headstart_model::{ModelError, Preprocessing, Scaling, Tensor, Weights};
use serde::{Deserialize, Serialize};

use crate::{Base, Classifier, Error, TrainingRecord};

/// The newest format of model files that this version reads, and the one that it writes.
pub const MODEL_FORMAT: u64 = 1;

/// The entry of the metadata.
const ENTRY: &str = "headstart";
const BASE: &str = "base/";
const HEAD_KERNEL: &str = "head/kernel";
const HEAD_BIAS: &str = "head/bias";

#[derive(Serialize, Deserialize)]
struct Description {
    format: u64,
    written_by: String,
    architecture: String,
    width: f32,
    preprocessing: Preprocessing,
    classes: Vec<String>,
    dropout: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    training: Option<TrainingRecord>,
}

impl Description {
    /// What a file that was made or damaged elsewhere could have wrong, though its JSON is right.
    fn check(&self) -> Result<(), String> {
        check_classes(&self.classes)?;
        let Scaling { scale, offset } = self.preprocessing.scaling;
        if !scale.iter().chain(&offset).all(|x| x.is_finite()) {
            return Err("its preprocessing scales by no finite number".to_owned());
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(format!("its dropout is {}", self.dropout));
        }
        Ok(())
    }
}

/// Names that predictions can be told apart by, and that do no harm on a terminal.
pub(crate) fn check_classes(names: &[String]) -> Result<(), String> {
    if names.len() < 2 {
        return Err(format!("it has {} classes, and at least two are needed", names.len()));
    }
    let mut seen = HashSet::new();
    for name in names {
        if name.trim().is_empty() || name.contains(char::is_control) {
            return Err(format!("{name:?} is no name for a class"));
        }
        if !seen.insert(name) {
            return Err(format!("two classes are called {name:?}"));
        }
    }
    Ok(())
}

/// Read first: what else there is depends on it.
#[derive(Deserialize)]
struct Version {
    format: u64,
}

impl Classifier {
    /// Writes the model to `path`, under a temporary name first.
    ///
    /// # Errors
    /// When there is no room or no permission; `path` is then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let network = self.base.network();
        let description = Description {
            format: MODEL_FORMAT,
            written_by: concat!("headstart ", env!("CARGO_PKG_VERSION")).to_owned(),
            architecture: network.architecture().to_owned(),
            width: network.width(),
            preprocessing: network.preprocessing().clone(),
            classes: self.classes.clone(),
            dropout: self.head.dropout,
            training: self.training.clone(),
        };
        let description = serde_json::to_string(&description).expect("plain data serialises");
        let (dim, units) = (self.head.dim(), self.head.units());
        let head = [
            (HEAD_KERNEL.to_owned(), &Tensor::new(vec![dim, units], self.head.kernel.clone())),
            (HEAD_BIAS.to_owned(), &Tensor::new(vec![units], self.head.bias.clone())),
        ];
        let base = self.base.weights().iter();
        let tensors: Vec<(String, &Tensor)> =
            base.map(|(name, tensor)| (format!("{BASE}{name}"), tensor)).chain(head).collect();
        let stored = tensors.iter().map(|(name, tensor)| (name.as_str(), *tensor, Stored::F32));
        write(path, stored, &BTreeMap::from([(ENTRY.to_owned(), description)]))?;
        Ok(())
    }

    /// Reads a model that [`Classifier::save`] wrote.
    ///
    /// # Errors
    /// When the file is damaged, is no headstart model, or was written by a newer version.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::from_checkpoint(path, formats::read(path)?)
    }

    /// [`Classifier::load`] for a file that has been read.
    pub(crate) fn from_checkpoint(path: &Path, mut checkpoint: Checkpoint) -> Result<Self, Error> {
        let not_a_model = |reason: String| Error::NotAModel { file: path.to_owned(), reason };
        let Some(entry) = checkpoint.metadata.remove(ENTRY) else {
            return Err(not_a_model(what_instead(&checkpoint)));
        };
        let damaged = |error: serde_json::Error| not_a_model(format!("its description: {error}"));
        let version: Version = serde_json::from_str(&entry).map_err(damaged)?;
        if version.format > MODEL_FORMAT {
            let (found, known) = (version.format, MODEL_FORMAT);
            return Err(Error::NewerModel { file: path.to_owned(), found, known });
        }
        if version.format == 0 {
            return Err(not_a_model("its description has no format".to_owned()));
        }
        let description: Description = serde_json::from_str(&entry).map_err(damaged)?;
        description.check().map_err(not_a_model)?;
        let Description { architecture, width, preprocessing, classes, .. } = description;
        let input_size = Some((preprocessing.height, preprocessing.width));
        let config = NetworkConfig { input_size, width: Some(width), top: None };
        let mut network = Architecture::find(&architecture)?.build(&config)?;
        network.set_preprocessing(preprocessing);

        let mut take = |name: &str| {
            let tensor = checkpoint.tensors.remove(name);
            tensor.ok_or_else(|| not_a_model(format!("it has no {name}")))
        };
        let (kernel, bias) = (take(HEAD_KERNEL)?, take(HEAD_BIAS)?);
        let units = if classes.len() == 2 { 1 } else { classes.len() };
        let features = network.output().channels();
        if kernel.shape != [features, units] || bias.shape != [units] {
            return Err(not_a_model(format!(
                "its head is {:?}, not {features} features to {} classes",
                kernel.shape,
                classes.len()
            )));
        }
        if !kernel.data.iter().chain(&bias.data).all(|x| x.is_finite()) {
            return Err(not_a_model("its head has values that are not finite".to_owned()));
        }
        let dropout = description.dropout;
        let head = Head { kernel: kernel.data, bias: bias.data, classes: classes.len(), dropout };
        let own = checkpoint.tensors.into_iter().map(|(name, tensor)| {
            (name.strip_prefix(BASE).map(str::to_owned).unwrap_or(name), tensor)
        });
        let in_file = |error: ModelError| error.in_file(&path.display().to_string());
        let weights = Weights::new(&network, own.collect()).map_err(in_file)?;
        let mut classifier = Self::new(Base::new(network, weights), head, classes);
        classifier.base.set_trainable(false);
        classifier.training = description.training;
        Ok(classifier)
    }
}

/// Whether a checkpoint is a headstart model.
pub(crate) fn is_model(checkpoint: &Checkpoint) -> bool {
    checkpoint.metadata.contains_key(ENTRY)
}

/// What a file is that is no headstart model, and what can be done with it.
fn what_instead(checkpoint: &Checkpoint) -> String {
    let what = formats::looks_like(checkpoint).map_or(String::new(), |what| format!(": {what}"));
    match checkpoint.format {
        Format::Hdf5 | Format::KerasZip if checkpoint.model_config.is_some() => {
            "a whole Keras model; turn it into one with `headstart import`".to_owned()
        }
        format => {
            format!("a {format} file{what}; weights are used with `headstart train --weights`")
        }
    }
}
