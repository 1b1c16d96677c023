//! The model file: one `.safetensors` with everything that prediction needs.
//!
//! Tensors are named `base/<layer>/<weight>`, `head/kernel` and `head/bias`, and in an imported head
//! with more dense layers `head/hidden_<i>/<weight>`; the metadata entry `headstart` holds the rest as
//! JSON.

use std::collections::BTreeMap;
use std::path::Path;

use headstart_model::architectures::{Architecture, NetworkConfig};
use headstart_model::formats::safetensors::{Stored, write};
use headstart_model::formats::{self, Checkpoint, Format};
use headstart_model::{Elementwise, ModelError, Preprocessing, Scaling, Tensor, Weights};
use headstart_train::{Head, Hidden, Task};
use serde::{Deserialize, Serialize};

use super::Classifier;
use super::class_names::class_names;
use crate::{Base, Error, TrainingRecord};

/// The newest format of model files that this version reads. A model is written in the oldest that
/// can hold it, so that versions before can read it, too: 2 is for heads with hidden layers, and for
/// those of any number of labels.
pub const MODEL_FORMAT: u64 = 2;
const FIRST_FORMAT: u64 = 1;

/// The entry of the metadata.
const ENTRY: &str = "headstart";
const BASE: &str = "base/";
const HEAD: &str = "head/";

#[derive(Serialize, Deserialize)]
struct Description {
    format: u64,
    written_by: String,
    architecture: String,
    width: f32,
    preprocessing: Preprocessing,
    classes: Vec<String>,
    dropout: f32,
    /// The head's dense layers before the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hidden: Vec<HiddenDescription>,
    /// What the head says of a picture.
    #[serde(default, skip_serializing_if = "Task::is_single_label")]
    task: Task,
    /// Of each class, the probability from which on a picture has this label; of
    /// [`Task::MultiLabel`] alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    thresholds: Vec<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    training: Option<TrainingRecord>,
}

/// A dense layer of the head that is not the last.
#[derive(Serialize, Deserialize)]
struct HiddenDescription {
    activation: Elementwise,
    dropout: f32,
}

impl Description {
    /// What a file that was made or damaged elsewhere could have wrong, though its JSON is right.
    fn check(&mut self) -> Result<(), String> {
        self.classes = class_names(&self.classes, self.task)?;
        let Scaling { scale, offset } = self.preprocessing.scaling;
        if !scale.iter().chain(&offset).all(|x| x.is_finite()) {
            return Err("its preprocessing scales by no finite number".to_owned());
        }
        let hidden = self.hidden.iter().map(|hidden| hidden.dropout);
        if let Some(dropout) = hidden.chain([self.dropout]).find(|rate| !(0.0..1.0).contains(rate))
        {
            return Err(format!("its dropout is {dropout}"));
        }
        if !self.hidden.iter().all(|hidden| hidden.activation.is_finite()) {
            return Err("its head has an activation that is not finite".to_owned());
        }
        let thresholds = match self.task {
            Task::SingleLabel => 0,
            Task::MultiLabel => self.classes.len(),
        };
        // A label that is never given has a threshold above 1.
        if self.thresholds.len() != thresholds || !self.thresholds.iter().all(|t| *t >= 0.0) {
            return Err("its thresholds are not one for each class".to_owned());
        }
        Ok(())
    }
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
            format: match self.head.hidden.is_empty() && self.head.task.is_single_label() {
                true => FIRST_FORMAT,
                false => MODEL_FORMAT,
            },
            written_by: concat!("headstart ", env!("CARGO_PKG_VERSION")).to_owned(),
            architecture: network.architecture().to_owned(),
            width: network.width(),
            preprocessing: network.preprocessing().clone(),
            classes: self.classes.clone(),
            dropout: self.head.dropout,
            hidden: (self.head.hidden.iter())
                .map(|&Hidden { activation, dropout, .. }| HiddenDescription {
                    activation,
                    dropout,
                })
                .collect(),
            task: self.head.task,
            thresholds: self.thresholds.clone(),
            training: self.training.clone(),
        };
        let description = serde_json::to_string(&description).expect("plain data serialises");
        let mut inputs = self.head.dim();
        let mut head = Vec::new();
        let weights: Vec<&Vec<f32>> = self.head.weights().collect();
        for layer in weights.chunks_exact(2) {
            let units = layer[1].len();
            head.push(Tensor::new(vec![inputs, units], layer[0].clone()));
            head.push(Tensor::new(vec![units], layer[1].clone()));
            inputs = units;
        }
        let base = self.base.weights().iter();
        let head = self.head.weight_names().zip(&head);
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
    pub(super) fn from_checkpoint(path: &Path, mut checkpoint: Checkpoint) -> Result<Self, Error> {
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
        let mut description: Description = serde_json::from_str(&entry).map_err(damaged)?;
        description.check().map_err(not_a_model)?;
        let Description { architecture, width, preprocessing, classes, .. } = description;
        let input_size = Some((preprocessing.height, preprocessing.width));
        let config = NetworkConfig { input_size, width: Some(width), top: None };
        let mut network = Architecture::find(&architecture)?.build(&config)?;
        network.set_preprocessing(preprocessing);

        // Each layer reads what the one before gives; how many values that are, its bias says.
        let mut inputs = network.output().channels();
        let mut take = |layer: &str, expected: Option<usize>| {
            let mut take = |weight: &str| {
                let name = format!("{HEAD}{layer}{weight}");
                let tensor = checkpoint.tensors.remove(&name);
                tensor.ok_or_else(|| not_a_model(format!("it has no {name}")))
            };
            let (kernel, bias) = (take("kernel")?, take("bias")?);
            let units = expected.unwrap_or(bias.data.len());
            if units == 0 || kernel.shape != [inputs, units] || bias.shape != [units] {
                let (found, count) = (&kernel.shape, classes.len());
                return Err(not_a_model(match expected {
                    Some(_) => {
                        format!("its head is {found:?}, not {inputs} features to {count} classes")
                    }
                    None => format!(
                        "its {HEAD}{layer}kernel is {found:?}, not {inputs} values to {units}"
                    ),
                }));
            }
            if !kernel.data.iter().chain(&bias.data).all(|x| x.is_finite()) {
                return Err(not_a_model("its head has values that are not finite".to_owned()));
            }
            inputs = units;
            Ok((kernel.data, bias.data))
        };
        let hidden = description.hidden.iter().enumerate().map(|(index, layer)| {
            let (kernel, bias) = take(&format!("hidden_{index}/"), None)?;
            let HiddenDescription { activation, dropout } = *layer;
            Ok(Hidden { kernel, bias, activation, dropout })
        });
        let hidden = hidden.collect::<Result<Vec<_>, Error>>()?;
        let (task, dropout) = (description.task, description.dropout);
        let units = task.units(classes.len());
        let (kernel, bias) = take("", Some(units))?;
        let head = Head { hidden, kernel, bias, classes: classes.len(), dropout, task };
        let own = checkpoint.tensors.into_iter().map(|(name, tensor)| {
            (name.strip_prefix(BASE).map(str::to_owned).unwrap_or(name), tensor)
        });
        let in_file = |error: ModelError| error.in_file(&path.display().to_string());
        let weights = Weights::new(&network, own.collect()).map_err(in_file)?;
        let mut classifier = Self::new(Base::new(network, weights), head, classes);
        classifier.base.set_trainable(false);
        classifier.thresholds = description.thresholds;
        classifier.training = description.training;
        Ok(classifier)
    }
}

/// Whether a checkpoint is a headstart model.
pub(super) fn is_model(checkpoint: &Checkpoint) -> bool {
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
