//! Networks made of a stem, rows of inverted-residual blocks and a final 1x1 convolution.
//!
//! Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018.

use crate::layer::{Activation, BlockPart, LayerKind, Place};
use crate::network::NetworkBuilder;
use crate::shape::{Margins, Padding, Window};
use crate::{ModelError, Network, Preprocessing};

/// A row of an architecture's table: `repeats` blocks, the first of which has the stride.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) kernel: usize,
    pub(super) expansion: usize,
    pub(super) channels: usize,
    pub(super) repeats: usize,
    pub(super) stride: usize,
}

/// Details of the same table that differ between the frameworks that publish weights for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Convention {
    pub(super) padding: Pad,
    pub(super) epsilon: f32,
    pub(super) momentum: f32,
}

/// How windows are padded.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pad {
    /// Keras's MobileNetV2: `same`, with a separate padding layer before a strided depthwise convolution.
    Layer,
    /// TensorFlow's `SAME` everywhere.
    Same,
    /// PyTorch's: half the kernel on each side.
    Symmetric,
}

/// Names of a convolution and the layers after it.
pub(super) struct Names {
    pub(super) conv: String,
    pub(super) bn: String,
    pub(super) relu: String,
}

/// How a family names its layers.
pub(super) struct Naming {
    /// Names for the convolution at a place, its BatchNormalization and its activation.
    pub(super) conv: fn(Place) -> Names,
    /// Name of the layer `pad` or `add` of the block at a place.
    pub(super) block: fn(Place, &str) -> String,
    /// Name of the pooling layer.
    pub(super) pool: &'static str,
    /// Name of the dropout layer before the classifier.
    pub(super) dropout: &'static str,
}

/// Everything [`build`] needs.
pub(super) struct Spec<'a> {
    pub(super) name: String,
    pub(super) preprocessing: Preprocessing,
    pub(super) stem: usize,
    pub(super) rows: &'a [Row],
    pub(super) top: usize,
    pub(super) classes: Option<usize>,
    pub(super) dropout: Option<f32>,
    pub(super) convention: Convention,
    pub(super) naming: Naming,
}

/// Rounds a channel count to a multiple of 8 without losing more than a tenth of it.
pub(super) fn round_channels(channels: f32) -> usize {
    let rounded = ((channels + 4.0) as usize / 8 * 8).max(8);
    if (rounded as f32) < 0.9 * channels { rounded + 8 } else { rounded }
}

pub(super) fn build(spec: Spec<'_>) -> Result<Network, ModelError> {
    let mut net = Builder {
        net: NetworkBuilder::new(spec.name, spec.preprocessing),
        convention: spec.convention,
        naming: spec.naming,
    };
    net.conv(Place::Stem, spec.stem, 3, 2)?;
    let mut index = 0;
    for (stage, row) in spec.rows.iter().enumerate() {
        for repeat in 0..row.repeats {
            let place =
                |part| Place::Block { index, stage, repeat, expands: row.expansion != 1, part };
            let stride = if repeat == 0 { row.stride } else { 1 };
            net.block(place, *row, stride)?;
            index += 1;
        }
    }
    net.conv(Place::Top, spec.top, 1, 1)?;
    if let Some(units) = spec.classes {
        net.classifier(units, spec.dropout)?;
    }
    Ok(net.net.finish())
}

struct Builder {
    net: NetworkBuilder,
    convention: Convention,
    naming: Naming,
}

impl Builder {
    /// Convolution, BatchNormalization, ReLU6.
    fn conv(
        &mut self,
        place: Place,
        filters: usize,
        kernel: usize,
        stride: usize,
    ) -> Result<(), ModelError> {
        let kind = LayerKind::conv(filters, self.window(kernel, stride));
        self.normalized(place, kind, true)
    }

    fn normalized(
        &mut self,
        place: Place,
        kind: LayerKind,
        activated: bool,
    ) -> Result<(), ModelError> {
        self.net.at(place);
        let names = (self.naming.conv)(place);
        let Convention { epsilon, momentum, .. } = self.convention;
        self.net.add(names.conv, kind)?;
        self.net.add(names.bn, LayerKind::BatchNormalization { epsilon, momentum })?;
        if activated {
            self.net.add(names.relu, LayerKind::ReLU { max_value: Some(6.0) })?;
        }
        Ok(())
    }

    /// Expansion, depthwise convolution, projection, and a residual where shapes allow it.
    fn block(
        &mut self,
        place: impl Fn(BlockPart) -> Place,
        row: Row,
        stride: usize,
    ) -> Result<(), ModelError> {
        let input = self.net.last();
        let channels = self.net.output().channels();
        if row.expansion != 1 {
            self.conv(place(BlockPart::Expand), channels * row.expansion, 1, 1)?;
        }
        let mut window = self.window(row.kernel, stride);
        if stride > 1 && matches!(self.convention.padding, Pad::Layer) {
            self.net.at(place(BlockPart::Depthwise));
            let name = (self.naming.block)(place(BlockPart::Depthwise), "pad");
            self.net.add(name, LayerKind::ZeroPadding2D(self.correct_pad(row.kernel)))?;
            window.padding = Padding::Valid;
        }
        self.normalized(place(BlockPart::Depthwise), LayerKind::depthwise(window), true)?;
        let project = LayerKind::conv(row.channels, self.window(1, 1));
        self.normalized(place(BlockPart::Project), project, false)?;
        if stride == 1 && channels == row.channels {
            self.net.at(place(BlockPart::Residual));
            let name = (self.naming.block)(place(BlockPart::Residual), "add");
            self.net.add_residual(name, input, self.net.last())?;
        }
        Ok(())
    }

    fn classifier(&mut self, units: usize, dropout: Option<f32>) -> Result<(), ModelError> {
        self.net.at(Place::Classifier);
        self.net.add(self.naming.pool, LayerKind::global_average())?;
        if let Some(rate) = dropout {
            self.net.add(self.naming.dropout, LayerKind::Dropout { rate })?;
        }
        self.net.add("predictions", LayerKind::Dense { units, activation: Activation::Softmax })?;
        Ok(())
    }

    fn window(&self, kernel: usize, stride: usize) -> Window {
        let padding = match self.convention.padding {
            Pad::Layer | Pad::Same => Padding::Same,
            Pad::Symmetric => Padding::Symmetric(kernel / 2),
        };
        Window { kernel, stride, padding }
    }

    /// Keras's `imagenet_utils.correct_pad`: sides of even length get less padding at the start.
    fn correct_pad(&self, kernel: usize) -> Margins {
        let (height, width) = self.net.output().spatial();
        let half = kernel / 2;
        let start = |size: usize| half - (1 - size % 2);
        Margins { top: start(height), bottom: half, left: start(width), right: half }
    }
}
