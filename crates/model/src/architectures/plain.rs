//! A builder for tables whose layers are named after the modules of PyTorch's libraries.

use crate::layer::{Activation, BlockPart, LayerId, LayerKind, Place};
use crate::network::NetworkBuilder;
use crate::shape::{Padding, Window};
use crate::{Fit, Interpolation, ModelError, Network, Preprocessing, Scaling};

use super::{Architecture, NetworkConfig};

/// PyTorch's BatchNormalization: its momentum is the weight of the batch, so 0.1 there is 0.9 here.
pub(super) const TORCH_NORM: Norm = Norm { epsilon: 1e-5, momentum: 0.9 };

/// Epsilon and momentum of all BatchNormalization layers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Norm {
    pub(super) epsilon: f32,
    pub(super) momentum: f32,
}

/// A network under construction.
pub(super) struct Builder {
    pub(super) net: NetworkBuilder,
    norm: Norm,
    /// Blocks so far.
    blocks: usize,
}

impl Builder {
    /// Starts a network whose input is normalised by the ImageNet statistics.
    pub(super) fn new(architecture: &Architecture, config: &NetworkConfig, norm: Norm) -> Self {
        let (height, width) = architecture.input_size(config);
        let preprocessing = Preprocessing {
            height,
            width,
            interpolation: Interpolation::Bilinear,
            fit: Fit::Stretch,
            scaling: Scaling::imagenet(),
        };
        let net = NetworkBuilder::new(architecture.id.to_owned(), preprocessing);
        Self { net, norm, blocks: 0 }
    }

    /// Begins another block, to which the layers added next belong.
    pub(super) fn block(&mut self, stage: usize, repeat: usize) {
        let part = BlockPart::Other;
        self.net.at(Place::Block { index: self.blocks, stage, repeat, expands: true, part });
        self.blocks += 1;
    }

    /// Adds a layer that reads `input`, or the last layer, and takes the weights of torchvision's module of that name.
    pub(super) fn layer(
        &mut self,
        name: &str,
        kind: LayerKind,
        input: Option<LayerId>,
    ) -> Result<LayerId, ModelError> {
        let input = input.unwrap_or(self.net.last());
        let id = self.net.add_reading(name, kind, input)?;
        self.net.module(Some(name), None);
        Ok(id)
    }

    /// Adds a BatchNormalization after the last layer.
    pub(super) fn norm(&mut self, name: &str) -> Result<LayerId, ModelError> {
        let Norm { epsilon, momentum } = self.norm;
        self.layer(name, LayerKind::BatchNormalization { epsilon, momentum }, None)
    }

    /// Adds a plain ReLU after the last layer.
    pub(super) fn relu(&mut self, name: &str) -> Result<LayerId, ModelError> {
        self.net.add(name, LayerKind::ReLU { max_value: None })
    }

    /// Adds pooling, an optional dropout, and the classifier with the module name `module`.
    pub(super) fn classifier(
        &mut self,
        units: usize,
        dropout: Option<f32>,
        module: &str,
    ) -> Result<(), ModelError> {
        self.net.at(Place::Classifier);
        self.net.add("avgpool", LayerKind::global_average())?;
        if let Some(rate) = dropout {
            self.net.add("dropout", LayerKind::Dropout { rate })?;
        }
        self.net.add("predictions", LayerKind::Dense { units, activation: Activation::Softmax })?;
        self.net.module(Some(module), None);
        Ok(())
    }

    pub(super) fn finish(self) -> Network {
        self.net.finish()
    }
}

/// A window with half its kernel as padding on each side.
pub(super) fn centred(kernel: usize, stride: usize) -> Window {
    Window { kernel, stride, padding: Padding::Symmetric(kernel / 2) }
}

/// A convolution with a bias.
pub(super) fn biased(filters: usize, window: Window) -> LayerKind {
    LayerKind::Conv2D { filters, window, groups: 1, bias: true, activation: Activation::Linear }
}
