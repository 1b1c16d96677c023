//! The model file: one `.safetensors` with everything that prediction needs.
//!
//! Tensors are named `base/<layer>/<weight>` (`base_1/<layer>/<weight>` and so on for additional bases), `head/kernel`
//! and `head/bias`, `head/hidden_<i>/<weight>` for the hidden layers of imported heads, and `unknown/<name>` for the
//! detection of unknown pictures; the metadata entry `headstart` contains the rest as JSON.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use headstart_engine::head::{Head, Hidden, Task};
use headstart_model::architectures::{Architecture, NetworkConfig};
use headstart_model::safetensors::{self, Contents, Stored, WriteError};
use headstart_model::{Elementwise, Network, Preprocessing, Scaling, Tensor, Weights};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::class_names::class_names;
use crate::{ClassifierHead, Model, ModelBase, ModelFileError, Trust};

/// The newest supported format of model files. A model is written in the oldest format that can represent it, so that
/// earlier versions can read it, too: 2 is for heads with hidden layers and multi-label heads, 3 for heads with
/// calibration data, and 4 for several bases, or features of mirror images.
pub const MODEL_FORMAT: u64 = 4;
const FIRST_FORMAT: u64 = 1;
const SECOND_FORMAT: u64 = 2;
const THIRD_FORMAT: u64 = 3;

/// A crafted or damaged file could name any number of bases, each of which is built.
const MOST_FURTHER_BASES: usize = 15;

const BASE: &str = "base/";
const HEAD: &str = "head/";
const UNKNOWN: &str = "unknown/";

#[derive(Serialize, Deserialize)]
struct Description {
    format: u64,
    written_by: String,
    architecture: String,
    width: f32,
    preprocessing: Preprocessing,
    /// Other bases, whose features follow those of the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    further_bases: Vec<BaseDescription>,
    /// Whether features are the mean of those of a picture and of its mirror image.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    mirrored: bool,
    classes: Vec<String>,
    dropout: f32,
    /// The head's dense layers before the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hidden: Vec<HiddenDescription>,
    /// The head's kind of decision.
    #[serde(default, skip_serializing_if = "Task::is_single_label")]
    task: Task,
    /// For each class, the minimum probability for a picture to get this label; only for [`Task::MultiLabel`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    thresholds: Vec<f32>,
    /// The calibration data of its answers.
    #[serde(default, skip_serializing_if = "Trust::is_none")]
    trust: Trust,
    #[serde(skip_serializing_if = "Option::is_none")]
    training: Option<Box<RawValue>>,
}

/// A base without its weights.
#[derive(Serialize, Deserialize)]
struct BaseDescription {
    architecture: String,
    width: f32,
    preprocessing: Preprocessing,
}

impl BaseDescription {
    fn of(network: &Network) -> Self {
        Self {
            architecture: network.architecture().to_owned(),
            width: network.width(),
            preprocessing: network.preprocessing().clone(),
        }
    }

    /// Builds the network, frozen.
    ///
    /// # Errors
    /// When there is no such network.
    fn build(self) -> Result<Network, ModelFileError> {
        let Self { architecture, width, preprocessing } = self;
        let input_size = Some((preprocessing.height, preprocessing.width));
        let config = NetworkConfig { input_size, width: Some(width), top: None };
        let mut network = Architecture::find(&architecture)?.build(&config)?;
        network.set_preprocessing(preprocessing);
        network.set_trainable(false);
        Ok(network)
    }
}

/// The name prefix of the tensors of a base's weights.
fn prefix_of(base: usize) -> String {
    match base {
        0 => BASE.to_owned(),
        further => format!("base_{further}/"),
    }
}

/// A dense layer of the head before the last.
#[derive(Serialize, Deserialize)]
struct HiddenDescription {
    activation: Elementwise,
    dropout: f32,
}

impl Description {
    /// Checks for errors that a crafted or damaged file may contain although its JSON is valid.
    fn check(&mut self) -> Result<(), String> {
        self.classes = class_names(&self.classes, self.task)?;
        if self.further_bases.len() > MOST_FURTHER_BASES {
            return Err(format!("it has more than {MOST_FURTHER_BASES} further bases"));
        }
        let further = self.further_bases.iter().map(|base| &base.preprocessing);
        for preprocessing in [&self.preprocessing].into_iter().chain(further) {
            let Scaling { scale, offset } = preprocessing.scaling;
            if !scale.iter().chain(&offset).all(|x| x.is_finite()) {
                return Err("its preprocessing scales by no finite number".to_owned());
            }
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

/// Read first, since the other fields depend on it.
#[derive(Deserialize)]
struct Version {
    format: u64,
}

impl Model {
    /// The metadata entry that identifies a model file.
    pub const METADATA_ENTRY: &str = "headstart";

    /// Reads a model from the bytes of its file.
    ///
    /// # Errors
    /// When they are damaged, not a headstart model, or were written by a newer version.
    pub fn from_bytes(file: &[u8]) -> Result<Self, ModelFileError> {
        let Contents { tensors, metadata, .. } = safetensors::read(file)
            .map_err(|error| ModelFileError::NotAModel(error.to_string()))?;
        Self::from_contents(tensors, metadata)
    }

    /// Reads a model from the tensors and the metadata of its file.
    ///
    /// # Errors
    /// As for [`Model::from_bytes`].
    pub fn from_contents(
        mut tensors: BTreeMap<String, Tensor>,
        mut metadata: BTreeMap<String, String>,
    ) -> Result<Self, ModelFileError> {
        let not_a_model = ModelFileError::NotAModel;
        let entry = metadata.remove(Self::METADATA_ENTRY);
        let entry = entry.ok_or_else(|| not_a_model("it has no description".to_owned()))?;
        let damaged = |error: serde_json::Error| not_a_model(format!("its description: {error}"));
        let version: Version = serde_json::from_str(&entry).map_err(damaged)?;
        if version.format > MODEL_FORMAT {
            return Err(ModelFileError::Newer { found: version.format, known: MODEL_FORMAT });
        }
        if version.format == 0 {
            return Err(not_a_model("its description has no format".to_owned()));
        }
        let mut description: Description = serde_json::from_str(&entry).map_err(damaged)?;
        description.check().map_err(not_a_model)?;
        let Description { architecture, width, preprocessing, further_bases, classes, .. } =
            description;
        let network = BaseDescription { architecture, width, preprocessing }.build()?;
        let further = further_bases.into_iter().map(BaseDescription::build);
        let further = further.collect::<Result<Vec<_>, _>>()?;

        // Each layer reads the output of the one before, whose length is that of its bias.
        let bases = || [&network].into_iter().chain(&further);
        let features = bases().map(|network| network.output().channels()).sum();
        let mut inputs = features;
        let mut take = |layer: &str, expected: Option<usize>| {
            let mut take = |weight: &str| {
                let name = format!("{HEAD}{layer}{weight}");
                let tensor = tensors.remove(&name);
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
        let hidden = hidden.collect::<Result<Vec<_>, ModelFileError>>()?;
        let (task, dropout) = (description.task, description.dropout);
        let units = task.units(classes.len());
        let (kernel, bias) = take("", Some(units))?;
        let head = Head { hidden, kernel, bias, classes: classes.len(), dropout, task };
        let trust = description.trust.with_tensors(features, task, classes.len(), &mut |name| {
            let tensor = tensors.remove(&format!("{UNKNOWN}{name}"));
            tensor.map(|tensor| (tensor.shape, tensor.data))
        });
        let trust = trust.map_err(not_a_model)?;
        let further = further.into_iter().enumerate().map(|(index, network)| {
            let prefix = prefix_of(index + 1);
            let own: BTreeMap<_, _> = tensors
                .extract_if(.., |name, _| name.starts_with(&prefix))
                .map(|(name, tensor)| (name[prefix.len()..].to_owned(), tensor))
                .collect();
            let weights = Arc::new(Weights::new(&network, own)?);
            Ok(ModelBase { network, weights })
        });
        let further = further.collect::<Result<Vec<_>, ModelFileError>>()?;
        let own = tensors.into_iter().map(|(name, tensor)| {
            (name.strip_prefix(BASE).map(str::to_owned).unwrap_or(name), tensor)
        });
        let weights = Arc::new(Weights::new(&network, own.collect())?);
        let mut head = ClassifierHead::new(head, classes);
        head.set_thresholds(description.thresholds);
        head.set_trust(trust);
        let (mirrored, training) = (description.mirrored, description.training);
        Ok(Self { network, weights, further, mirrored, head, training })
    }

    /// Writes the model's file.
    ///
    /// # Errors
    /// Errors of the writer.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let description = serde_json::to_string(&self.description());
        let description = description.expect("plain data serialises");
        let metadata = BTreeMap::from([(Self::METADATA_ENTRY.to_owned(), description)]);
        let head = self.head.head();
        let mut inputs = head.dim();
        let mut layers = Vec::new();
        let weights: Vec<&Vec<f32>> = head.weights().collect();
        for layer in weights.chunks_exact(2) {
            let units = layer[1].len();
            layers.push(Tensor::new(vec![inputs, units], layer[0].clone()));
            layers.push(Tensor::new(vec![units], layer[1].clone()));
            inputs = units;
        }
        let bases = self.bases().enumerate().flat_map(|(index, (_, weights))| {
            let prefix = prefix_of(index);
            weights.iter().map(move |(name, tensor)| (format!("{prefix}{name}"), tensor))
        });
        let own: Vec<_> = bases.chain(head.weight_names().zip(&layers)).collect();
        let unknown = self.head.trust().unknown.as_ref();
        let unknown = unknown.map(|unknown| unknown.tensors()).unwrap_or_default();
        let unknown: Vec<(String, Tensor, Stored)> = (unknown.into_iter())
            .map(|(name, shape, values, is_f16)| {
                let stored = if is_f16 { Stored::F16 } else { Stored::F32 };
                (format!("{UNKNOWN}{name}"), Tensor::new(shape, values.to_vec()), stored)
            })
            .collect();
        let stored = own.iter().map(|(name, tensor)| (name.as_str(), *tensor, Stored::F32));
        let stored = stored
            .chain(unknown.iter().map(|(name, tensor, stored)| (name.as_str(), tensor, *stored)));
        safetensors::write(out, stored, &metadata).map_err(|error| match error {
            WriteError::Io(error) => error,
            WriteError::OutOfRange(_) => {
                unreachable!("f16 holds features of length 1, and f32 every f32")
            }
        })
    }

    /// The bytes of the model's file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut file = Vec::new();
        self.write(&mut file).expect("memory takes what it is given");
        file
    }

    fn description(&self) -> Description {
        let head = self.head.head();
        let BaseDescription { architecture, width, preprocessing } =
            BaseDescription::of(&self.network);
        let further = self.further.iter().map(|base| BaseDescription::of(&base.network));
        Description {
            format: match head.hidden.is_empty() && head.task.is_single_label() {
                _ if self.mirrored || !self.further.is_empty() => MODEL_FORMAT,
                _ if !self.head.trust().is_none() => THIRD_FORMAT,
                true => FIRST_FORMAT,
                false => SECOND_FORMAT,
            },
            written_by: concat!("headstart ", env!("CARGO_PKG_VERSION")).to_owned(),
            architecture,
            width,
            preprocessing,
            further_bases: further.collect(),
            mirrored: self.mirrored,
            classes: self.head.classes().to_vec(),
            dropout: head.dropout,
            hidden: (head.hidden.iter())
                .map(|&Hidden { activation, dropout, .. }| HiddenDescription {
                    activation,
                    dropout,
                })
                .collect(),
            task: head.task,
            thresholds: self.head.thresholds().to_vec(),
            trust: self.head.trust().clone(),
            training: self.training.clone(),
        }
    }
}
