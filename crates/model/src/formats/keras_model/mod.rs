//! A whole Keras transfer-learning model: base, pooling, dropout, dense.

mod base;
mod graph;
mod head;
mod scaling;
mod tensors;

use std::path::Path;

use super::Checkpoint;
use crate::architectures::MAX_INPUT_SIZE;
use crate::{ModelError, Network, Scaling, Tensor, Weights};
use graph::Graph;

/// A whole Keras model, taken apart.
#[derive(Clone, Debug)]
pub struct ImportedModel {
    /// The base without top, at the model's input size and with the scaling that the model was
    /// trained with.
    pub network: Network,
    /// The base's weights.
    pub weights: Weights,
    /// What follows the base's features.
    pub head: Head,
    /// Whether the scaling of pixels is a part of the model; otherwise the architecture's own,
    /// `x / 127.5 - 1` for MobileNetV2, is assumed.
    pub scaling_inside: bool,
    /// What was assumed because the file does not say, a sentence each, to be shown.
    pub assumptions: Vec<String>,
}

/// A classifier on the features of a base after global average pooling.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// `[features, units]`.
    pub kernel: Tensor,
    /// `[units]`; zeros where the model has none.
    pub bias: Tensor,
    /// What follows.
    pub activation: HeadActivation,
    /// Share of the features that dropout zeroes in training.
    pub dropout: f32,
}

impl Head {
    /// Outputs of the dense layer.
    pub fn units(&self) -> usize {
        self.bias.data.len()
    }

    /// Classes that it tells apart: one output is a choice between two.
    pub fn classes(&self) -> usize {
        self.units().max(2)
    }
}

/// What follows the dense layer of a [`Head`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeadActivation {
    /// Nothing: the outputs are logits.
    Linear,
    /// `exp(x_i) / sum_j exp(x_j)`.
    Softmax,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

/// Reads a whole Keras model from a `.h5` or `.keras` file: input, augmentation (which does
/// nothing in inference), scaling, base, global average pooling, dropout and dense, the base
/// nested or not.
///
/// What the layers compute is compared with the registered networks one by one; their names do
/// not matter.
///
/// # Errors
/// As [`super::read`], [`ModelError::NotImportable`], naming the layer, for a model of another
/// shape, or for a file that has weights alone, and [`ModelError::BadValue`] for weights that are
/// no numbers.
pub fn import(path: impl AsRef<Path>) -> Result<ImportedModel, ModelError> {
    import_checkpoint(&super::read(path)?)
}

/// [`import`] for a file that has been read.
///
/// # Errors
/// As [`import`].
pub fn import_checkpoint(checkpoint: &Checkpoint) -> Result<ImportedModel, ModelError> {
    let fail = |reason| ModelError::NotImportable { file: checkpoint.file.clone(), reason };
    let Some(config) = &checkpoint.model_config else {
        return Err(fail(match super::looks_like(checkpoint) {
            Some(what) => format!("it is no whole Keras model, but looks like {what}"),
            None => "it is no whole Keras model".to_owned(),
        }));
    };
    take_apart(checkpoint, config).map_err(|refusal| match refusal {
        Refusal::Shape(reason) => fail(reason),
        Refusal::Weights(error) => error.in_file(&checkpoint.file),
    })
}

/// The scaling of pixels that a checkpoint of a whole Keras model does inside the model, before
/// its base; `None` when the file says nothing of any. Whoever takes the base's weights out of
/// the model must scale as it did.
///
/// # Errors
/// [`ModelError::UnknownScaling`] when layers stand before the base whose effect is not known.
pub fn scaling_of(checkpoint: &Checkpoint) -> Result<Option<Scaling>, ModelError> {
    let Some(config) = &checkpoint.model_config else { return Ok(None) };
    let unknown = |reason| ModelError::UnknownScaling { file: checkpoint.file.clone(), reason };
    // What the layers after the base are does not matter here.
    let (graph, whole) = Graph::as_far_as_known(config);
    let before = scaling::read(&graph).map_err(|reason| unknown(whole.err().unwrap_or(reason)))?;
    Ok(before.scaling)
}

/// Why a model cannot be taken apart.
enum Refusal {
    /// It is of another shape: a layer, and what is the matter with it.
    Shape(String),
    /// Its weights are not usable.
    Weights(ModelError),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Shape(reason)
    }
}

fn take_apart(
    checkpoint: &Checkpoint,
    config: &serde_json::Value,
) -> Result<ImportedModel, Refusal> {
    let graph = Graph::new(config)?;
    let [height, width, channels] = graph.input;
    if channels.is_some_and(|channels| channels != 3) {
        return Err("its input is not a picture of three channels, last".to_owned().into());
    }
    if height.max(width).is_some_and(|side| side > MAX_INPUT_SIZE) {
        return Err(format!("its input is larger than {MAX_INPUT_SIZE} pixels").into());
    }
    let mut assumptions = Vec::new();
    let before = scaling::read(&graph)?;
    let base = base::find(&graph, before.next, before.input)?;
    let mut network = base.network;
    let last = base.first + network.layers().len() - 2;
    let after = head::read(&graph, last)?;

    let preprocessing = network.preprocessing();
    if graph.input[0].is_none() || graph.input[1].is_none() {
        assumptions.push(format!(
            "the model takes pictures of any size; {} x {} is assumed",
            preprocessing.height, preprocessing.width
        ));
    }
    match before.scaling {
        Some(scaling) => network.set_scaling(scaling),
        None => {
            let (scale, offset) = (preprocessing.scaling.scale[0], preprocessing.scaling.offset[0]);
            assumptions.push(format!(
                "the model does not scale its input itself; x / {:.1} {} {} is assumed, as {} expects",
                1.0 / scale,
                if offset < 0.0 { '-' } else { '+' },
                offset.abs(),
                network.architecture()
            ));
        }
    }
    let tensors = tensors::Finder::new(checkpoint);
    let weights = tensors.base(&graph, base.first, &network)?;
    let head = tensors.head(&graph, &after, network.output().channels())?;
    Ok(ImportedModel {
        network,
        weights,
        head,
        scaling_inside: before.scaling.is_some(),
        assumptions,
    })
}
