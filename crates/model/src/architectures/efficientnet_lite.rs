//! EfficientNet-Lite 0 to 4: EfficientNet without squeeze-and-excitation, with ReLU6, and with the same stem and top at
//! every size.

use super::inverted_residual::{Convention, Names, Naming, Pad, Row, Spec, build, round_channels};
use super::{Architecture, Framework, NetworkConfig};
use crate::layer::{BlockPart, Place};
use crate::{Fit, Interpolation, ModelError, Network, Preprocessing, Scaling};

/// What distinguishes one size of the family.
struct Size {
    width: f32,
    depth: f32,
    dropout: f32,
}

/// TensorFlow's conventions: `SAME` padding, pixels scaled to `(x - 127) / 128`.
const TF: Convention = Convention { padding: Pad::Same, epsilon: 1e-3, momentum: 0.99 };
/// Conventions of timm's own training: PyTorch's padding and the ImageNet statistics.
const TORCH: Convention = Convention { padding: Pad::Symmetric, epsilon: 1e-5, momentum: 0.9 };

pub(super) const LITE0: Architecture = Architecture {
    id: "efficientnet-lite0",
    about: "EfficientNet-Lite0 as in TensorFlow",
    widths: &[1.0],
    input_size: 224,
    feature_width: 1280,
    top_classes: 1000,
    framework: Framework::TensorFlow,
    build: |a, config| tensorflow(a, config, Size { width: 1.0, depth: 1.0, dropout: 0.2 }),
};
pub(super) const LITE1: Architecture = Architecture {
    id: "efficientnet-lite1",
    about: "EfficientNet-Lite1 as in TensorFlow",
    input_size: 240,
    build: |a, config| tensorflow(a, config, Size { width: 1.0, depth: 1.1, dropout: 0.2 }),
    ..LITE0
};
pub(super) const LITE2: Architecture = Architecture {
    id: "efficientnet-lite2",
    about: "EfficientNet-Lite2 as in TensorFlow",
    input_size: 260,
    build: |a, config| tensorflow(a, config, Size { width: 1.1, depth: 1.2, dropout: 0.3 }),
    ..LITE0
};
pub(super) const LITE3: Architecture = Architecture {
    id: "efficientnet-lite3",
    about: "EfficientNet-Lite3 as in TensorFlow",
    input_size: 280,
    build: |a, config| tensorflow(a, config, Size { width: 1.2, depth: 1.4, dropout: 0.3 }),
    ..LITE0
};
pub(super) const LITE4: Architecture = Architecture {
    id: "efficientnet-lite4",
    about: "EfficientNet-Lite4 as in TensorFlow",
    input_size: 300,
    build: |a, config| tensorflow(a, config, Size { width: 1.4, depth: 1.8, dropout: 0.3 }),
    ..LITE0
};
pub(super) const LITE0_TORCH: Architecture = Architecture {
    id: "efficientnet-lite0-torch",
    about: "EfficientNet-Lite0 as timm trained it",
    framework: Framework::PyTorch,
    build: |a, config| {
        let size = Size { width: 1.0, depth: 1.0, dropout: 0.2 };
        network(a, config, size, TORCH, Scaling::imagenet())
    },
    ..LITE0
};

/// The table of size 0; the first and last rows have the same depth at every size.
const ROWS: [Row; 7] = [
    row(3, 1, 16, 1, 1),
    row(3, 6, 24, 2, 2),
    row(5, 6, 40, 2, 2),
    row(3, 6, 80, 3, 2),
    row(5, 6, 112, 3, 1),
    row(5, 6, 192, 4, 2),
    row(3, 6, 320, 1, 1),
];

const fn row(
    kernel: usize,
    expansion: usize,
    channels: usize,
    repeats: usize,
    stride: usize,
) -> Row {
    Row { kernel, expansion, channels, repeats, stride }
}

fn tensorflow(
    architecture: &Architecture,
    config: &NetworkConfig,
    size: Size,
) -> Result<Network, ModelError> {
    network(architecture, config, size, TF, Scaling::standardize([127.0; 3], [128.0; 3]))
}

fn network(
    architecture: &Architecture,
    config: &NetworkConfig,
    size: Size,
    convention: Convention,
    scaling: Scaling,
) -> Result<Network, ModelError> {
    let (height, width) = architecture.input_size(config);
    let mut rows = ROWS;
    let last = rows.len() - 1;
    for (stage, row) in rows.iter_mut().enumerate() {
        row.channels = round_channels(row.channels as f32 * size.width);
        if stage != 0 && stage != last {
            row.repeats = (row.repeats as f32 * size.depth).ceil() as usize;
        }
    }
    build(Spec {
        name: architecture.id.to_owned(),
        preprocessing: Preprocessing {
            height,
            width,
            interpolation: Interpolation::Bicubic,
            fit: Fit::Stretch,
            scaling,
        },
        stem: 32,
        rows: &rows,
        top: 1280,
        classes: config.top,
        dropout: Some(size.dropout),
        convention,
        naming: Naming {
            conv: conv_names,
            block: |place, what| match what {
                "pad" => format!("{}dwconv_pad", prefix(place)),
                _ => format!("{}{what}", prefix(place)),
            },
            pool: "avg_pool",
            dropout: "top_dropout",
        },
    })
}

/// The name prefix of Keras's EfficientNet: rows are counted from 1, blocks within a row by letter.
fn prefix(place: Place) -> String {
    match place {
        Place::Stem => "stem_".to_owned(),
        Place::Block { stage, repeat, .. } => {
            let letter = char::from(b'a' + repeat as u8);
            format!("block{}{letter}_", stage + 1)
        }
        Place::Top | Place::Classifier => "top_".to_owned(),
    }
}

fn conv_names(place: Place) -> Names {
    let (conv, bn, relu) = match place {
        Place::Block { part: BlockPart::Expand, .. } => {
            ("expand_conv", "expand_bn", "expand_activation")
        }
        Place::Block { part: BlockPart::Depthwise, .. } => ("dwconv", "bn", "activation"),
        Place::Block { .. } => ("project_conv", "project_bn", "project_activation"),
        Place::Stem | Place::Top | Place::Classifier => ("conv", "bn", "activation"),
    };
    let prefix = prefix(place);
    Names {
        conv: format!("{prefix}{conv}"),
        bn: format!("{prefix}{bn}"),
        relu: format!("{prefix}{relu}"),
    }
}
