//! Imports a whole Keras transfer-learning model: scaling of pixels, base, pooling, dense layers.

mod base;
mod before;
mod graph;
mod head;
mod loss;
mod tensors;

use std::path::Path;

use headstart_model::architectures::MAX_INPUT_SIZE;
use headstart_model::{Elementwise, ModelError, Network, Scaling, Tensor, Weights};

use crate::checkpoint::{Checkpoint, EXPORTED};
use crate::detect::looks_like;
use crate::error::FormatError;
use crate::read::read;
pub use before::{Before, Resizing};
use graph::Graph;

/// A whole Keras model, split into its parts.
#[derive(Clone, Debug)]
pub struct ImportedModel {
    /// The base without its top, with the model's input size and the scaling that the model was trained with.
    pub network: Network,
    /// The base's weights.
    pub weights: Weights,
    /// The classifier on the base's features.
    pub head: Head,
    /// Whether the model scales pixels itself. Otherwise the architecture's scaling is assumed, such as
    /// `x / 127.5 - 1` for MobileNetV2.
    pub scaling_inside: bool,
    /// The model's own resizing, if it changes the size.
    pub resizing: Option<Resizing>,
    /// headstart's description, as JSON, of a model that it exported: class names, how pictures are resized, and other
    /// facts that Keras cannot represent.
    pub exported: Option<serde_json::Value>,
    /// Assumptions made where the file is silent, one sentence each, to be shown to the user.
    pub assumptions: Vec<String>,
}

/// A classifier on the features of a base after global average pooling.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The dense layers before the last. The first reads the features.
    pub hidden: Vec<HiddenLayer>,
    /// `[inputs, units]`.
    pub kernel: Tensor,
    /// `[units]`; zeros where the model has none.
    pub bias: Tensor,
    /// The activation.
    pub activation: HeadActivation,
    /// The fraction of its inputs that dropout zeroes in training.
    pub dropout: f32,
    /// The divisors of the outputs before the activation: one number for all, or one for each.
    pub temperature: Option<Vec<f32>>,
}

/// A dense layer before the last.
#[derive(Clone, Debug, PartialEq)]
pub struct HiddenLayer {
    /// `[inputs, units]`.
    pub kernel: Tensor,
    /// `[units]`; zeros where the model has none.
    pub bias: Tensor,
    /// The activation.
    pub activation: Elementwise,
    /// The fraction of its inputs that dropout zeroes in training.
    pub dropout: f32,
}

impl Head {
    /// The number of outputs of the dense layer.
    pub fn units(&self) -> usize {
        self.bias.data.len()
    }

    /// Whether the outputs are independent labels, any number of which can apply: two or more sigmoids.
    pub fn is_multi_label(&self) -> bool {
        self.activation == HeadActivation::Sigmoid && self.units() > 1
    }

    /// The number of classes it distinguishes. One output distinguishes two.
    pub fn classes(&self) -> usize {
        self.units().max(2)
    }
}

/// The activation of the last dense layer of a [`Head`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeadActivation {
    /// None: the outputs are logits.
    Linear,
    /// `exp(x_i) / sum_j exp(x_j)`.
    Softmax,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

/// Reads a whole Keras model from a `.h5` or `.keras` file.
///
/// The model may consist of input, augmentation (which does nothing in inference), resizing, scaling, base, global
/// average pooling, then dense layers with their activations, dropout and normalisation, in one model or in nested
/// ones. What the layers compute is compared with the registered networks layer by layer; layer names do not matter.
///
/// # Errors
/// As [`read`]; [`FormatError::NotImportable`], naming the layer, for a model with another structure or a file that
/// contains only weights; [`ModelError::BadValue`] for weights that are not finite.
pub fn import(path: impl AsRef<Path>) -> Result<ImportedModel, FormatError> {
    import_checkpoint(&read(path)?)
}

/// [`import`] for a file that was already read.
///
/// # Errors
/// As [`import`].
pub fn import_checkpoint(checkpoint: &Checkpoint) -> Result<ImportedModel, FormatError> {
    let fail = |reason| FormatError::NotImportable { file: checkpoint.file.clone(), reason };
    let Some(config) = &checkpoint.model_config else {
        return Err(fail(match looks_like(checkpoint) {
            Some(what) => format!("it is no whole Keras model, but looks like {what}"),
            None => "it is no whole Keras model".to_owned(),
        }));
    };
    take_apart(checkpoint, config).map_err(|refusal| match refusal {
        Refusal::Shape(reason) => fail(reason),
        Refusal::Weights(error) => error.in_file(&checkpoint.file).into(),
    })
}

/// The scaling of pixels found by [`before_base`].
///
/// # Errors
/// As [`before_base`].
pub fn scaling_of(checkpoint: &Checkpoint) -> Result<Option<Scaling>, FormatError> {
    Ok(before_base(checkpoint)?.scaling)
}

/// What a whole Keras model does to pictures before its base. The default if the file has no model configuration. A
/// caller that takes only the base's weights from the model must process pictures in the same way.
///
/// # Errors
/// [`FormatError::UnknownScaling`] if there are layers before the base whose effect is not known.
pub fn before_base(checkpoint: &Checkpoint) -> Result<Before, FormatError> {
    let Some(config) = &checkpoint.model_config else { return Ok(Before::default()) };
    let unknown = |reason| FormatError::UnknownScaling { file: checkpoint.file.clone(), reason };
    // The kinds of the layers after the base do not matter here.
    let (graph, whole) = Graph::as_far_as_known(config);
    let start = before::read(&graph, &tensors::Finder::new(checkpoint));
    let start = start.map_err(|reason| unknown(whole.err().unwrap_or(reason)))?;
    // Which of the scaling layers belong to the base is known only if the base is.
    match base::find(&graph, &start) {
        Ok((_, before)) => Ok(before),
        Err(_) => Ok(start.of(0).expect("there is a convolution").1),
    }
}

/// Why a model cannot be imported.
enum Refusal {
    /// The model has another structure: the layer, and what is wrong with it.
    Shape(String),
    /// Its weights cannot be used.
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
    if graph.input[2].is_some_and(|channels| channels != 3) {
        return Err("its input is not a picture of three channels, last".to_owned().into());
    }
    let mut assumptions = Vec::new();
    let tensors = tensors::Finder::new(checkpoint);
    let start = before::read(&graph, &tensors)?;
    let (_, before) = start.of(0).expect("there is a convolution");
    if before.size.iter().max().is_some_and(|side| side.is_some_and(|s| s > MAX_INPUT_SIZE)) {
        return Err(format!("its input is larger than {MAX_INPUT_SIZE} pixels").into());
    }
    let (mut base, before) = base::find(&graph, &start)?;
    let last = *base.nodes.last().expect("a network has layers");
    let mut after = head::read(&graph, last, base.network.output().spatial())?;
    let units = after.dense.last().map_or(0, |dense| dense.units);
    if after.activation == HeadActivation::Linear {
        let (activation, assumed) = loss::activation(config, units)?;
        after.activation = activation;
        assumptions.extend(assumed);
    }

    after.temperature = match after.temperature {
        // Dividing logits by different numbers before a softmax is not temperature scaling.
        Some(t) if after.activation != HeadActivation::Sigmoid && t.len() > 1 => {
            return Err("its outputs are rescaled by a number for each before a softmax"
                .to_owned()
                .into());
        }
        Some(t) if after.activation == HeadActivation::Sigmoid && t.len() == 1 => {
            Some(vec![t[0]; units])
        }
        temperature => temperature,
    };

    let preprocessing = base.network.preprocessing();
    let (height, width) = (preprocessing.height, preprocessing.width);
    if before.size.contains(&None) {
        assumptions
            .push(format!("the model takes pictures of any size; {height} x {width} is assumed"));
    }
    if let Some((from_height, from_width)) = before.resizing.and_then(|resizing| resizing.from) {
        assumptions.push(format!(
            "the model takes pictures of {from_height} x {from_width} and resizes them to {height} \
             x {width}; pictures of other sizes are resized to that at once"
        ));
    }
    if before.resizing.is_some() {
        assumptions.push(format!(
            "pictures that are not of {height} x {width} are rounded to whole levels after resizing, and \
             answers differ a little from Keras's, which goes on with fractions"
        ));
    }
    match before.scaling {
        Some(scaling) => base.network.set_scaling(scaling),
        // The base scales pixels itself.
        None if preprocessing.scaling == Scaling::none() => {}
        None => {
            let (scale, offset) = (preprocessing.scaling.scale[0], preprocessing.scaling.offset[0]);
            assumptions.push(format!(
                "the model does not scale its input itself; x / {:.1} {} {} is assumed, as {} expects",
                1.0 / scale,
                if offset < 0.0 { '-' } else { '+' },
                offset.abs(),
                base.network.architecture()
            ));
        }
    }
    let exported = checkpoint.metadata.get(EXPORTED);
    let exported = exported.and_then(|text| serde_json::from_str(text).ok());
    let weights = tensors.base(&graph, &base)?;
    let head = tensors.head(&graph, after, base.network.output().channels())?;
    Ok(ImportedModel {
        network: base.network,
        weights,
        head,
        scaling_inside: before.scaling.is_some(),
        resizing: before.resizing,
        exported,
        assumptions,
    })
}
