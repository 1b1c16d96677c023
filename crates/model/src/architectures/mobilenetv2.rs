//! MobileNetV2, as in Keras, torchvision and timm.

use super::inverted_residual::{Convention, Names, Naming, Pad, Row, Spec, build, round_channels};
use super::{Architecture, Framework, NetworkConfig};
use crate::layer::{BlockPart, Place};
use crate::{Fit, Interpolation, ModelError, Network, Preprocessing, Scaling};

pub(super) const KERAS: Architecture = Architecture {
    id: "mobilenetv2",
    about: "MobileNetV2 as in keras.applications",
    widths: &[1.0, 0.35, 0.5, 0.75, 1.3, 1.4],
    input_size: 160,
    feature_width: 1280,
    top_classes: 1000,
    framework: Framework::Keras,
    build: |architecture, config| {
        let same = Convention { padding: Pad::Layer, epsilon: 1e-3, momentum: 0.999 };
        network(architecture, config, same, Interpolation::Bilinear, Scaling::minus_one_to_one())
    },
};

pub(super) const TORCH: Architecture = Architecture {
    id: "mobilenetv2-torch",
    about: "MobileNetV2 as in torchvision and timm",
    input_size: 224,
    framework: Framework::PyTorch,
    build: |architecture, config| {
        // PyTorch's momentum is the weight of the batch: 0.1 there is 0.9 here.
        let symmetric = Convention { padding: Pad::Symmetric, epsilon: 1e-5, momentum: 0.9 };
        network(architecture, config, symmetric, Interpolation::Bilinear, Scaling::imagenet())
    },
    ..KERAS
};

const ROWS: [Row; 7] = [
    row(1, 16, 1, 1),
    row(6, 24, 2, 2),
    row(6, 32, 3, 2),
    row(6, 64, 4, 2),
    row(6, 96, 3, 1),
    row(6, 160, 3, 2),
    row(6, 320, 1, 1),
];

const fn row(expansion: usize, channels: usize, repeats: usize, stride: usize) -> Row {
    Row { kernel: 3, expansion, channels, repeats, stride }
}

fn network(
    architecture: &Architecture,
    config: &NetworkConfig,
    convention: Convention,
    interpolation: Interpolation,
    scaling: Scaling,
) -> Result<Network, ModelError> {
    let multiplier = architecture.width(config);
    let (height, width) = architecture.input_size(config);
    let scaled = |channels: usize| round_channels(channels as f32 * multiplier);
    let rows = ROWS.map(|row| Row { channels: scaled(row.channels), ..row });
    build(Spec {
        name: format!("mobilenetv2_{multiplier:.2}_{height}"),
        preprocessing: Preprocessing { height, width, interpolation, fit: Fit::Stretch, scaling },
        stem: scaled(32),
        rows: &rows,
        top: if multiplier > 1.0 { scaled(1280) } else { 1280 },
        classes: config.top,
        dropout: None,
        convention,
        naming: Naming {
            conv: conv_names,
            block: |place, what| format!("{}{what}", prefix(place)),
            pool: "global_average_pooling2d",
            dropout: "top_dropout",
        },
    })
}

fn prefix(place: Place) -> String {
    match place {
        Place::Block { index: 0, .. } => "expanded_conv_".to_owned(),
        Place::Block { index, .. } => format!("block_{index}_"),
        _ => String::new(),
    }
}

fn conv_names(place: Place) -> Names {
    let names = |conv: &str, bn: &str, relu: &str| Names {
        conv: conv.to_owned(),
        bn: bn.to_owned(),
        relu: relu.to_owned(),
    };
    let part = match place {
        Place::Stem => return names("Conv1", "bn_Conv1", "Conv1_relu"),
        Place::Top | Place::Classifier => return names("Conv_1", "Conv_1_bn", "out_relu"),
        Place::Block { part, .. } => match part {
            BlockPart::Expand => "expand",
            BlockPart::Depthwise => "depthwise",
            BlockPart::Project | BlockPart::Residual | BlockPart::Other => "project",
        },
    };
    let conv = format!("{}{part}", prefix(place));
    names(&conv, &format!("{conv}_BN"), &format!("{conv}_relu"))
}
