//! MobileNetV3, small and large, as in Keras and torchvision.
//!
//! Howard et al., "Searching for MobileNetV3", 2019. Features are the mean of the last map, after the final convolution
//! to 6 times the channels. The layers from the mean to the classes, one of them hidden, form the classifier, as in
//! Keras's `include_top=False` and torchvision's `features`.

use super::inverted_residual::{Convention, Pad, round_channels};
use super::mbconv::{Block, Builder, Family, Follows, Libraries};
use super::{Architecture, Framework, NetworkConfig};
use crate::layer::{Activation, BlockPart, LayerKind, Place};
use crate::shape::{Padding, Window};
use crate::{Fit, Interpolation, ModelError, Network, Preprocessing, Scaling};

pub(super) const SMALL: Architecture = Architecture {
    id: "mobilenetv3-small",
    about: "MobileNetV3-Small as in keras.applications",
    widths: &[1.0],
    input_size: 224,
    feature_width: 576,
    top_classes: 1000,
    framework: Framework::Keras,
    build: |architecture, config| network(architecture, config, &SMALL_ROWS, 1024),
};
pub(super) const LARGE: Architecture = Architecture {
    id: "mobilenetv3-large",
    about: "MobileNetV3-Large as in keras.applications",
    feature_width: 960,
    build: |architecture, config| network(architecture, config, &LARGE_ROWS, 1280),
    ..SMALL
};
pub(super) const SMALL_TORCH: Architecture = Architecture {
    id: "mobilenetv3-small-torch",
    about: "MobileNetV3-Small as in torchvision",
    framework: Framework::PyTorch,
    ..SMALL
};
pub(super) const LARGE_TORCH: Architecture = Architecture {
    id: "mobilenetv3-large-torch",
    about: "MobileNetV3-Large as in torchvision",
    framework: Framework::PyTorch,
    ..LARGE
};
pub(super) const SMALL_TIMM: Architecture = Architecture {
    id: "mobilenetv3-small-timm",
    about: "MobileNetV3-Small as timm trained it",
    ..SMALL_TORCH
};
pub(super) const LARGE_TIMM: Architecture = Architecture {
    id: "mobilenetv3-large-timm",
    about: "MobileNetV3-Large as timm trained it",
    ..LARGE_TORCH
};

/// A block.
struct Row {
    kernel: usize,
    expanded: usize,
    channels: usize,
    squeezes: bool,
    follows: Follows,
    stride: usize,
}

const fn row(
    kernel: usize,
    expanded: usize,
    channels: usize,
    squeezes: bool,
    follows: Follows,
    stride: usize,
) -> Row {
    Row { kernel, expanded, channels, squeezes, follows, stride }
}

const SMALL_ROWS: [Row; 11] = [
    row(3, 16, 16, true, Follows::Relu, 2),
    row(3, 72, 24, false, Follows::Relu, 2),
    row(3, 88, 24, false, Follows::Relu, 1),
    row(5, 96, 40, true, Follows::HardSilu, 2),
    row(5, 240, 40, true, Follows::HardSilu, 1),
    row(5, 240, 40, true, Follows::HardSilu, 1),
    row(5, 120, 48, true, Follows::HardSilu, 1),
    row(5, 144, 48, true, Follows::HardSilu, 1),
    row(5, 288, 96, true, Follows::HardSilu, 2),
    row(5, 576, 96, true, Follows::HardSilu, 1),
    row(5, 576, 96, true, Follows::HardSilu, 1),
];
const LARGE_ROWS: [Row; 15] = [
    row(3, 16, 16, false, Follows::Relu, 1),
    row(3, 64, 24, false, Follows::Relu, 2),
    row(3, 72, 24, false, Follows::Relu, 1),
    row(5, 72, 40, true, Follows::Relu, 2),
    row(5, 120, 40, true, Follows::Relu, 1),
    row(5, 120, 40, true, Follows::Relu, 1),
    row(3, 240, 80, false, Follows::HardSilu, 2),
    row(3, 200, 80, false, Follows::HardSilu, 1),
    row(3, 184, 80, false, Follows::HardSilu, 1),
    row(3, 184, 80, false, Follows::HardSilu, 1),
    row(3, 480, 112, true, Follows::HardSilu, 1),
    row(3, 672, 112, true, Follows::HardSilu, 1),
    row(5, 672, 160, true, Follows::HardSilu, 2),
    row(5, 960, 160, true, Follows::HardSilu, 1),
    row(5, 960, 160, true, Follows::HardSilu, 1),
];

fn network(
    architecture: &Architecture,
    config: &NetworkConfig,
    rows: &[Row],
    hidden: usize,
) -> Result<Network, ModelError> {
    let (height, width) = architecture.input_size(config);
    let is_keras = architecture.framework == Framework::Keras;
    let name = match (is_keras, rows.len()) {
        (true, 11) => "MobileNetV3Small",
        (true, _) => "MobileNetV3Large",
        (false, _) => architecture.id,
    };
    let preprocessing = Preprocessing {
        height,
        width,
        interpolation: Interpolation::Bilinear,
        fit: Fit::Stretch,
        scaling: if is_keras { Scaling::none() } else { Scaling::imagenet() },
    };
    let is_timm = architecture.id.ends_with("-timm");
    // PyTorch's momentum is the weight of the batch: 0.01 there is 0.99 here.
    let convention = match (is_keras, is_timm) {
        (true, _) => Convention { padding: Pad::Layer, epsilon: 1e-3, momentum: 0.999 },
        (_, false) => Convention { padding: Pad::Symmetric, epsilon: 1e-3, momentum: 0.99 },
        (_, true) => Convention { padding: Pad::Symmetric, epsilon: 1e-5, momentum: 0.9 },
    };
    let family = Family {
        convention,
        pads_stem: false,
        name: layer_name,
        hard: true,
        staged: false,
        libraries: if is_timm { Libraries::Timm } else { Libraries::Torchvision },
    };
    let mut net = Builder::new(name.to_owned(), preprocessing, family);
    if is_keras {
        let Scaling { scale, offset } = Scaling::minus_one_to_one();
        net.net.add("rescaling", LayerKind::Rescaling { scale, offset })?;
    }
    net.stem(16, Follows::HardSilu)?;
    for (index, row) in rows.iter().enumerate() {
        let Row { kernel, expanded, channels, squeezes, follows, stride } = *row;
        net.block(Block {
            stage: index,
            repeat: 0,
            fused: false,
            kernel,
            expanded,
            channels,
            stride,
            squeezed: squeezes.then(|| round_channels(expanded as f32 / 4.0)),
            follows,
            drop: None,
        })?;
    }
    net.top(6 * net.net.output().channels(), Follows::HardSilu)?;
    if let Some(classes) = config.top {
        classifier(&mut net, is_keras, hidden, classes)?;
    }
    Ok(net.finish())
}

fn classifier(
    net: &mut Builder,
    is_keras: bool,
    hidden: usize,
    classes: usize,
) -> Result<(), ModelError> {
    net.net.at(Place::Classifier);
    let activation = LayerKind::Activation(Activation::HardSilu);
    let dropout = LayerKind::Dropout { rate: 0.2 };
    if is_keras {
        let net = &mut net.net;
        let window = Window { kernel: 1, stride: 1, padding: Padding::Same };
        let pool = LayerKind::GlobalAveragePooling2D { keepdims: true };
        net.add("global_average_pooling2d", pool)?;
        net.add("conv_2", super::plain::biased(hidden, window))?;
        net.add("classifier_activation", activation)?;
        net.add("dropout", dropout)?;
        net.add("logits", super::plain::biased(classes, window))?;
        net.add("flatten", LayerKind::Flatten)?;
        net.add("predictions", LayerKind::Activation(Activation::Softmax))?;
        return Ok(());
    }
    let dense = |units, activation| LayerKind::Dense { units, activation };
    net.net.add("global_average_pooling2d", LayerKind::global_average())?;
    net.net.add("conv_2", dense(hidden, Activation::Linear))?;
    net.module("classifier.0", "conv_head");
    net.net.add("classifier_activation", activation)?;
    net.net.add("dropout", dropout)?;
    net.net.add("predictions", dense(classes, Activation::Softmax))?;
    net.module("classifier.3", "classifier");
    Ok(())
}

/// Keras's name; empty for activations, which are named by count.
fn layer_name(place: Place, what: &str) -> String {
    if what.ends_with("/activation") {
        return String::new();
    }
    let prefix = match place {
        Place::Block { index: 0, .. } => "expanded_conv_".to_owned(),
        Place::Block { index, .. } => format!("expanded_conv_{index}_"),
        _ => String::new(),
    };
    let own = match what {
        "stem/conv" => "conv",
        "stem/bn" => "conv_bn",
        "top/conv" => "conv_1",
        "top/bn" => "conv_1_bn",
        "depthwise/pad" => "depthwise_pad",
        "squeeze/mean" => "squeeze_excite_avg_pool",
        "squeeze/reduce" => "squeeze_excite_conv",
        "squeeze/relu" => "squeeze_excite_relu",
        "squeeze/expand" => "squeeze_excite_conv_1",
        "squeeze/product" => "squeeze_excite_mul",
        "block/add" => "add",
        _ => {
            let part = match place {
                Place::Block { part: BlockPart::Expand, .. } => "expand",
                Place::Block { part: BlockPart::Depthwise, .. } => "depthwise",
                _ => "project",
            };
            let bn = if what.ends_with("/bn") { "_bn" } else { "" };
            return format!("{prefix}{part}{bn}");
        }
    };
    format!("{prefix}{own}")
}
