//! The names and layouts of a network's weights in files.

pub(super) mod keras;
mod matching;
mod order;
mod torch;

use headstart_model::architectures::{Architecture, Framework};
use headstart_model::{Layer, LayerKind, Network, Scaling, Tensor};

use crate::format::Format;

pub(super) use matching::{Index, Matching};
pub(super) use order::in_order;

/// A convention for naming the weights of a network in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Naming {
    /// Our own: `block_1_expand/kernel`.
    Own,
    /// Keras's names by layer: `block_1_expand/block_1_expand/kernel:0`, below any group.
    KerasLayers,
    /// Keras 3's names by class and count: `layers/conv2d_3/vars/0`, below any group.
    KerasCounters,
    /// torchvision's names: `features.2.conv.0.0.weight`.
    Torchvision,
    /// timm's names: `blocks.1.0.conv_pw.weight`.
    Timm,
    /// The names in lukemelas' EfficientNet-PyTorch: `_blocks.1._expand_conv.weight`.
    Lukemelas,
    /// The names in the ConvNeXt authors' code: `stages.1.0.dwconv.weight`.
    Meta,
}

impl Naming {
    /// All namings.
    pub const ALL: [Self; 7] = [
        Self::Own,
        Self::KerasLayers,
        Self::KerasCounters,
        Self::Torchvision,
        Self::Timm,
        Self::Lukemelas,
        Self::Meta,
    ];

    /// A readable description: `torchvision's names`.
    pub fn about(self) -> &'static str {
        match self {
            Self::Own => "headstart's names",
            Self::KerasLayers | Self::KerasCounters => "Keras's names",
            Self::Torchvision => "torchvision's names",
            Self::Timm => "timm's names",
            Self::Lukemelas => "EfficientNet-PyTorch's names",
            Self::Meta => "the names of ConvNeXt's authors",
        }
    }

    /// The frameworks that use these names, the likeliest first.
    pub fn frameworks(self) -> &'static [Framework] {
        use Framework::{Keras, PyTorch, TensorFlow};
        match self {
            Self::Own => &[Keras, TensorFlow, PyTorch],
            Self::KerasLayers | Self::KerasCounters => &[Keras, TensorFlow],
            Self::Torchvision | Self::Meta => &[PyTorch],
            // timm also has TensorFlow's EfficientNets, under the same names as its own.
            Self::Timm => &[PyTorch, TensorFlow],
            Self::Lukemelas => &[TensorFlow],
        }
    }

    /// The scaling of pixels that weights under these names were trained with, if it differs from
    /// the architecture's: timm evaluates TensorFlow's EfficientNet-Lites on `x / 127.5 - 1`.
    pub fn scaling(self, architecture: &Architecture) -> Option<Scaling> {
        let is_lite = architecture.id.starts_with("efficientnet-lite");
        let is_ported = (self, architecture.framework) == (Self::Timm, Framework::TensorFlow);
        (is_lite && is_ported).then(Scaling::minus_one_to_one)
    }

    /// Whether files of `format` use these names.
    pub fn is_used_in(self, format: Format) -> bool {
        match format {
            Format::Hdf5 | Format::KerasZip => {
                matches!(self, Self::KerasLayers | Self::KerasCounters)
            }
            Format::PyTorch => self.is_torch(),
            Format::Safetensors => true,
        }
    }

    /// For each weight of `network`, in the order of [`Network::weight_specs`], its possible names,
    /// the usual one first. Falls back to our own names if this naming [has none](Naming::has).
    pub fn names(self, network: &Network) -> Vec<Vec<String>> {
        match self {
            Self::Own => keras::own(network),
            Self::KerasLayers => keras::by_layer(network),
            Self::KerasCounters => keras::by_counter(network),
            Self::Torchvision => torch::names(network, torch::TORCHVISION),
            Self::Timm => torch::names(network, torch::TIMM),
            Self::Lukemelas => torch::names(network, torch::LUKEMELAS),
            Self::Meta => torch::names(network, torch::META),
        }
    }

    /// Whether this naming covers the layers of `network`. No library has all networks.
    pub fn has(self, network: &Network) -> bool {
        match self {
            Self::Own | Self::KerasLayers | Self::KerasCounters => true,
            Self::Torchvision => torch::has(network, torch::TORCHVISION),
            Self::Timm => torch::has(network, torch::TIMM),
            Self::Lukemelas => torch::has(network, torch::LUKEMELAS),
            Self::Meta => torch::has(network, torch::META),
        }
    }

    /// Converts a name in a file to the form that [`Naming::names`] uses, with its prefix.
    pub(super) fn canonical(self, name: &str) -> String {
        match self {
            Self::KerasLayers => keras::canonical_layer(name),
            Self::KerasCounters => keras::canonical_counter(name),
            _ => name.to_owned(),
        }
    }

    /// Whether the tensor called `name` (canonical, without the prefix) of `shape` belongs to a
    /// classifier, given that it is not a weight of the base.
    pub(super) fn is_classifier(self, name: &str, shape: &[usize]) -> bool {
        match self {
            Self::Own | Self::KerasLayers | Self::KerasCounters => keras::is_dense(name, shape),
            Self::Torchvision | Self::Timm | Self::Lukemelas => {
                let heads = ["classifier.", "fc.", "_fc.", "head.", "conv_head."];
                heads.iter().any(|head| name.starts_with(head))
            }
            Self::Meta => ["norm.", "head."].iter().any(|head| name.starts_with(head)),
        }
    }

    /// Converts a tensor of the file to the weight of `layer`, with its axes in our order.
    pub fn to_ours(self, layer: &Layer, tensor: &Tensor) -> Tensor {
        let order = self.order(layer);
        match Flat::of(layer, &tensor.shape) {
            Some(Flat::Linear) if self.is_torch() => {
                let kernel = tensor.permuted(&[1, 0]);
                let shape = [&[1, 1], &kernel.shape[..]].concat();
                return Tensor::new(shape, kernel.data);
            }
            Some(Flat::Column) => return Tensor::new(vec![tensor.shape[0]], tensor.data.clone()),
            Some(Flat::Pointwise) if self.is_torch() => {
                let [outputs, inputs] = [tensor.shape[0], tensor.shape[1]];
                return Tensor::new(vec![outputs, inputs], tensor.data.clone()).permuted(&[1, 0]);
            }
            _ => {}
        }
        if order.len() != tensor.shape.len() {
            return tensor.clone();
        }
        tensor.permuted(order)
    }

    /// Converts the weight of `layer` to a tensor of a file; the inverse of [`Naming::to_ours`].
    ///
    /// # Panics
    /// If the tensor has another rank than the layer's weight.
    pub fn from_ours(self, layer: &Layer, tensor: &Tensor) -> Tensor {
        let order = self.order(layer);
        if order.is_empty() || tensor.shape.len() == 1 {
            return tensor.clone();
        }
        let mut inverse = vec![0; order.len()];
        order.iter().enumerate().for_each(|(ours, &file)| inverse[file] = ours);
        tensor.permuted(&inverse)
    }

    /// The shape that [`Naming::to_ours`] converts `shape` to.
    pub(super) fn shape_to_ours(self, layer: &Layer, shape: &[usize]) -> Vec<usize> {
        match Flat::of(layer, shape) {
            Some(Flat::Linear) if self.is_torch() => return vec![1, 1, shape[1], shape[0]],
            Some(Flat::Column) => return vec![shape[0]],
            Some(Flat::Pointwise) if self.is_torch() => return vec![shape[1], shape[0]],
            _ => {}
        }
        let order = self.order(layer);
        if order.len() != shape.len() {
            return shape.to_vec();
        }
        order.iter().map(|&axis| shape[axis]).collect()
    }

    fn is_torch(self) -> bool {
        matches!(self, Self::Torchvision | Self::Timm | Self::Lukemelas | Self::Meta)
    }

    /// For each of our axes, the file's axis; empty if they are the same.
    fn order(self, layer: &Layer) -> &'static [usize] {
        let is_torch = self.is_torch();
        match layer.kind {
            // PyTorch's order is [out, in, height, width]. A depthwise kernel has in = 1, which is
            // our last axis.
            LayerKind::Conv2D { .. } if is_torch => &[2, 3, 1, 0],
            LayerKind::DepthwiseConv2D { .. } if is_torch => &[2, 3, 0, 1],
            LayerKind::Dense { .. } if is_torch => &[1, 0],
            _ => &[],
        }
    }
}

/// A tensor that PyTorch's libraries store with fewer or more axes than our layer has.
enum Flat {
    /// The kernel of a linear layer over the channels, which is a 1x1 convolution here:
    /// `[out, in]`.
    Linear,
    /// A scale for each channel, `[channels, 1, 1]`.
    Column,
    /// The kernel of a 1x1 convolution of a vector, which is a dense layer here: `[out, in, 1, 1]`.
    Pointwise,
}

impl Flat {
    fn of(layer: &Layer, shape: &[usize]) -> Option<Self> {
        match (&layer.kind, shape) {
            (LayerKind::Conv2D { window, groups: 1, .. }, [_, _]) if window.kernel == 1 => {
                Some(Self::Linear)
            }
            (LayerKind::LayerScale, [_, 1, 1]) => Some(Self::Column),
            (LayerKind::Dense { .. }, [_, _, 1, 1]) => Some(Self::Pointwise),
            _ => None,
        }
    }
}

/// Whether `layer` is a batch normalisation.
fn is_normalization(layer: &Layer) -> bool {
    matches!(layer.kind, LayerKind::BatchNormalization { .. })
}

#[cfg(test)]
mod tests {
    use headstart_model::architectures::{ARCHITECTURES, NetworkConfig};

    use super::*;

    #[test]
    fn what_goes_to_a_file_comes_back_as_it_was() {
        for architecture in ARCHITECTURES {
            let top = Some(5);
            let network = architecture.build(&NetworkConfig { top, ..Default::default() }).unwrap();
            for (layer, spec) in network.weight_specs() {
                let values = (0..spec.len()).map(|i| i as f32).collect();
                let own = Tensor::new(spec.shape.clone(), values);
                for naming in Naming::ALL {
                    let there = naming.from_ours(layer, &own);
                    assert_eq!(naming.to_ours(layer, &there), own, "{naming:?}, {}", layer.name);
                    assert_eq!(naming.shape_to_ours(layer, &there.shape), own.shape);
                }
            }
        }
    }
}
