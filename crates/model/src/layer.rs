//! A layer of a network: its operation, inputs and weights.

use crate::shape::{Margins, Shape, Window};

/// An activation function, by Keras's name and definition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `x`: no activation.
    #[default]
    Linear,
    /// `exp(x_i) / sum_j exp(x_j)`.
    Softmax,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `min(max(x + 3, 0), 6) / 6`.
    HardSigmoid,
    /// `x * sigmoid(x)`, also called swish.
    Silu,
    /// `x * hard_sigmoid(x)`, also called hard swish.
    HardSilu,
    /// `x * P(X <= x)` for a standard normal `X`, computed with the error function.
    Gelu,
}

impl Activation {
    /// Keras's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Softmax => "softmax",
            Self::Sigmoid => "sigmoid",
            Self::HardSigmoid => "hard_sigmoid",
            Self::Silu => "silu",
            Self::HardSilu => "hard_silu",
            Self::Gelu => "gelu",
        }
    }
}

/// What a layer computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LayerKind {
    /// The network's input.
    Input,
    /// `x * scale + offset` for each of three channels.
    Rescaling {
        /// Factor of each channel.
        scale: [f32; 3],
        /// Added to each channel after scaling.
        offset: [f32; 3],
    },
    /// `(x - mean) / sqrt(variance)` for each channel, by fixed statistics.
    Normalization,
    /// Zeros around a map.
    ZeroPadding2D(Margins),
    /// A convolution.
    Conv2D {
        /// Output channels.
        filters: usize,
        /// Its window.
        window: Window,
        /// Number of groups of input and output channels that are convolved separately.
        groups: usize,
        /// Whether it has a bias.
        bias: bool,
        /// The activation after it.
        activation: Activation,
    },
    /// A separate convolution of each channel.
    DepthwiseConv2D {
        /// Its window.
        window: Window,
        /// Whether it has a bias.
        bias: bool,
    },
    /// `gamma * (x - mean) / sqrt(variance + epsilon) + beta` for each channel.
    BatchNormalization {
        /// Added to the variance.
        epsilon: f32,
        /// Weight of the old moving average in an update: `m * old + (1 - m) * batch`.
        momentum: f32,
    },
    /// `max(x, 0)`, limited to `max_value` if there is one.
    ReLU {
        /// The upper limit: 6 for ReLU6.
        max_value: Option<f32>,
    },
    /// An activation as a separate layer.
    Activation(Activation),
    /// `(x - mean) / sqrt(variance + epsilon) * gamma + beta`, with mean and variance over the
    /// channels of each position.
    LayerNormalization {
        /// Added to the variance.
        epsilon: f32,
    },
    /// `x * gamma` for each channel.
    LayerScale,
    /// The sum of two inputs of the same shape.
    Add,
    /// The product of a map and one value per channel.
    Multiply,
    /// The concatenation of the channels of two maps of the same size.
    Concatenate,
    /// The largest value under a window; padding is ignored.
    MaxPooling2D(Window),
    /// The mean over all positions.
    GlobalAveragePooling2D {
        /// Whether the result is a map of one position rather than a vector.
        keepdims: bool,
    },
    /// The same values as a vector.
    Flatten,
    /// The same values in another shape.
    Reshape(Shape),
    /// The identity in inference; zeroes a fraction of its input in training.
    Dropout {
        /// The fraction, in `0.0..1.0`.
        rate: f32,
    },
    /// `x * kernel + bias`.
    Dense {
        /// Outputs.
        units: usize,
        /// The activation after it.
        activation: Activation,
    },
}

impl LayerKind {
    /// A convolution of all channels without bias or activation.
    pub fn conv(filters: usize, window: Window) -> Self {
        Self::Conv2D { filters, window, groups: 1, bias: false, activation: Activation::Linear }
    }

    /// A depthwise convolution without bias.
    pub fn depthwise(window: Window) -> Self {
        Self::DepthwiseConv2D { window, bias: false }
    }

    /// The mean over all positions, as a vector.
    pub fn global_average() -> Self {
        Self::GlobalAveragePooling2D { keepdims: false }
    }

    /// Keras's name of the layer's class.
    pub fn class_name(&self) -> &'static str {
        match self {
            LayerKind::Input => "InputLayer",
            LayerKind::ZeroPadding2D(_) => "ZeroPadding2D",
            LayerKind::Conv2D { .. } => "Conv2D",
            LayerKind::Rescaling { .. } => "Rescaling",
            LayerKind::Normalization => "Normalization",
            LayerKind::DepthwiseConv2D { .. } => "DepthwiseConv2D",
            LayerKind::BatchNormalization { .. } => "BatchNormalization",
            LayerKind::ReLU { .. } => "ReLU",
            LayerKind::Activation(_) => "Activation",
            LayerKind::LayerNormalization { .. } => "LayerNormalization",
            LayerKind::LayerScale => "LayerScale",
            LayerKind::Add => "Add",
            LayerKind::Multiply => "Multiply",
            LayerKind::Concatenate => "Concatenate",
            LayerKind::MaxPooling2D(_) => "MaxPooling2D",
            LayerKind::GlobalAveragePooling2D { .. } => "GlobalAveragePooling2D",
            LayerKind::Flatten => "Flatten",
            LayerKind::Reshape(_) => "Reshape",
            LayerKind::Dropout { .. } => "Dropout",
            LayerKind::Dense { .. } => "Dense",
        }
    }

    /// The weights of such a layer for an input of `channels`, in Keras's order and layout.
    pub fn weight_specs(&self, channels: usize) -> Vec<WeightSpec> {
        let spec = |name, shape: &[usize]| WeightSpec { name, shape: shape.to_vec() };
        let with_bias = |kernel, bias: bool, outputs: usize| {
            [kernel].into_iter().chain(bias.then(|| spec("bias", &[outputs]))).collect()
        };
        match *self {
            LayerKind::Normalization => {
                vec![spec(MEAN, &[channels]), spec(VARIANCE, &[channels]), spec(COUNT, &[])]
            }
            LayerKind::Conv2D { filters, window, groups, bias, .. } => {
                let shape = [window.kernel, window.kernel, channels / groups, filters];
                with_bias(spec("kernel", &shape), bias, filters)
            }
            LayerKind::DepthwiseConv2D { window, bias } => {
                let shape = [window.kernel, window.kernel, channels, 1];
                with_bias(spec("kernel", &shape), bias, channels)
            }
            LayerKind::BatchNormalization { .. } => ["gamma", "beta", MOVING_MEAN, MOVING_VARIANCE]
                .map(|name| spec(name, &[channels]))
                .into(),
            LayerKind::LayerNormalization { .. } => {
                ["gamma", "beta"].map(|name| spec(name, &[channels])).into()
            }
            LayerKind::LayerScale => vec![spec("gamma", &[channels])],
            LayerKind::Dense { units, .. } => {
                with_bias(spec("kernel", &[channels, units]), true, units)
            }
            _ => Vec::new(),
        }
    }
}

const MOVING_MEAN: &str = "moving_mean";
const MOVING_VARIANCE: &str = "moving_variance";
const MEAN: &str = "mean";
const VARIANCE: &str = "variance";
const COUNT: &str = "count";

/// The name and shape of one weight of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightSpec {
    /// Keras's name: `kernel`, `bias`, `gamma`, `beta`, `moving_mean`, `moving_variance`, or
    /// `mean`, `variance` and `count` of a Normalization.
    pub name: &'static str,
    /// Its axes: `[height, width, in, out]` for a convolution, where `in` counts the inputs of one group, `[height,
    /// width, channels, 1]` for a depthwise one, `[in, out]` for a dense layer.
    pub shape: Vec<usize>,
}

impl WeightSpec {
    /// Whether it is trained by gradient; statistics are not.
    pub fn is_parameter(&self) -> bool {
        ![MOVING_MEAN, MOVING_VARIANCE, MEAN, VARIANCE, COUNT].contains(&self.name)
    }

    /// Number of values.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The position of a layer in its architecture, needed to read weight files whose tensors are named by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The first convolution.
    Stem,
    /// In a block.
    Block {
        /// Index among all blocks, from 0.
        index: usize,
        /// Index of its row in the architecture's table, from 0.
        stage: usize,
        /// Index within that row, from 0.
        repeat: usize,
        /// Whether the block has an expanding convolution.
        expands: bool,
        /// The part of the block.
        part: BlockPart,
    },
    /// The last convolution.
    Top,
    /// Pooling and all later layers.
    Classifier,
}

/// A part of a block, in the terms of inverted-residual blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockPart {
    /// The 1x1 convolution to more channels.
    Expand,
    /// The depthwise convolution.
    Depthwise,
    /// The linear 1x1 convolution to fewer channels.
    Project,
    /// The residual addition.
    Residual,
    /// Any other part, or a part of another kind of block.
    Other,
}

/// The index of a layer in its network.
pub type LayerId = usize;

/// A layer of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Keras's name, unique in the network.
    pub name: String,
    /// The operation.
    pub kind: LayerKind,
    /// The layers it reads.
    pub inputs: Vec<LayerId>,
    /// Shape of its output.
    pub output: Shape,
    /// Its weights, in Keras's order.
    pub weights: Vec<WeightSpec>,
    /// Whether training may change its weights.
    pub trainable: bool,
    /// Its position in the architecture.
    pub place: Place,
    /// Its modules in PyTorch's libraries, where they do not follow from its place.
    pub modules: Modules,
}

/// The names of a layer's module in PyTorch's libraries: `layer1.0.conv1`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modules {
    /// torchvision's.
    pub torchvision: Option<String>,
    /// timm's.
    pub timm: Option<String>,
}

impl Layer {
    /// Freezes or unfreezes the layer. A frozen BatchNormalization also stays in inference mode.
    pub fn set_trainable(&mut self, trainable: bool) {
        self.trainable = trainable;
    }

    /// Number of values in all of its weights.
    pub fn params(&self) -> usize {
        self.weights.iter().map(WeightSpec::len).sum()
    }

    /// Number of values currently trained by gradient.
    pub fn trainable_params(&self) -> usize {
        if !self.trainable {
            return 0;
        }
        self.weights.iter().filter(|w| w.is_parameter()).map(WeightSpec::len).sum()
    }
}
