//! EfficientNet-B0 to B3 and EfficientNetV2-S, as in Keras and torchvision.
//!
//! Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019, and "EfficientNetV2:
//! Smaller Models and Faster Training", 2021.

use super::inverted_residual::{Convention, Pad, round_channels};
use super::mbconv::{Block, Builder, Family, Follows, Libraries};
use super::{Architecture, Framework, NetworkConfig};
use crate::layer::{Activation, BlockPart, LayerKind, Place};
use crate::{Fit, Interpolation, ModelError, Network, Preprocessing, Scaling};

/// What distinguishes one size of the family.
struct Size {
    width: f32,
    depth: f32,
    dropout: f32,
}

const B0_SIZE: Size = Size { width: 1.0, depth: 1.0, dropout: 0.2 };
const B1_SIZE: Size = Size { width: 1.0, depth: 1.1, dropout: 0.2 };
const B2_SIZE: Size = Size { width: 1.1, depth: 1.2, dropout: 0.3 };
const B3_SIZE: Size = Size { width: 1.2, depth: 1.4, dropout: 0.3 };

pub(super) const B0: Architecture = Architecture {
    id: "efficientnet-b0",
    about: "EfficientNet-B0 as in keras.applications",
    widths: &[1.0],
    input_size: 224,
    feature_width: 1280,
    top_classes: 1000,
    framework: Framework::Keras,
    build: |architecture, config| v1(architecture, config, B0_SIZE),
};
pub(super) const B1: Architecture = Architecture {
    id: "efficientnet-b1",
    about: "EfficientNet-B1 as in keras.applications",
    input_size: 240,
    build: |architecture, config| v1(architecture, config, B1_SIZE),
    ..B0
};
pub(super) const B2: Architecture = Architecture {
    id: "efficientnet-b2",
    about: "EfficientNet-B2 as in keras.applications",
    input_size: 260,
    feature_width: 1408,
    build: |architecture, config| v1(architecture, config, B2_SIZE),
    ..B0
};
pub(super) const B3: Architecture = Architecture {
    id: "efficientnet-b3",
    about: "EfficientNet-B3 as in keras.applications",
    input_size: 300,
    feature_width: 1536,
    build: |architecture, config| v1(architecture, config, B3_SIZE),
    ..B0
};
pub(super) const B0_TORCH: Architecture = Architecture {
    id: "efficientnet-b0-torch",
    about: "EfficientNet-B0 as in torchvision",
    framework: Framework::PyTorch,
    ..B0
};
pub(super) const B1_TORCH: Architecture = Architecture {
    id: "efficientnet-b1-torch",
    about: "EfficientNet-B1 as in torchvision",
    framework: Framework::PyTorch,
    ..B1
};
pub(super) const B2_TORCH: Architecture = Architecture {
    id: "efficientnet-b2-torch",
    about: "EfficientNet-B2 as in torchvision",
    input_size: 288,
    framework: Framework::PyTorch,
    ..B2
};
pub(super) const B3_TORCH: Architecture = Architecture {
    id: "efficientnet-b3-torch",
    about: "EfficientNet-B3 as in torchvision",
    framework: Framework::PyTorch,
    ..B3
};
pub(super) const B0_TF: Architecture = Architecture {
    id: "efficientnet-b0-tf",
    about: "EfficientNet-B0 of TensorFlow as timm has it",
    framework: Framework::TensorFlow,
    ..B0
};
pub(super) const B1_TF: Architecture = Architecture {
    id: "efficientnet-b1-tf",
    about: "EfficientNet-B1 of TensorFlow as timm has it",
    framework: Framework::TensorFlow,
    ..B1
};
pub(super) const B2_TF: Architecture = Architecture {
    id: "efficientnet-b2-tf",
    about: "EfficientNet-B2 of TensorFlow as timm has it",
    framework: Framework::TensorFlow,
    ..B2
};
pub(super) const B3_TF: Architecture = Architecture {
    id: "efficientnet-b3-tf",
    about: "EfficientNet-B3 of TensorFlow as timm has it",
    framework: Framework::TensorFlow,
    ..B3
};
pub(super) const V2S: Architecture = Architecture {
    id: "efficientnetv2-s",
    about: "EfficientNetV2-S as in keras.applications",
    input_size: 384,
    build: v2,
    ..B0
};
pub(super) const V2S_TORCH: Architecture = Architecture {
    id: "efficientnetv2-s-torch",
    about: "EfficientNetV2-S as in torchvision",
    framework: Framework::PyTorch,
    ..V2S
};
pub(super) const V2S_TF: Architecture = Architecture {
    id: "efficientnetv2-s-tf",
    about: "EfficientNetV2-S of TensorFlow as timm has it",
    input_size: 300,
    framework: Framework::TensorFlow,
    ..V2S
};

/// A row of the table: `repeats` blocks, the first of which has the stride.
#[derive(Clone, Copy)]
struct Row {
    fused: bool,
    kernel: usize,
    expansion: usize,
    channels: usize,
    repeats: usize,
    stride: usize,
}

const fn row(
    kernel: usize,
    expansion: usize,
    channels: usize,
    repeats: usize,
    stride: usize,
) -> Row {
    Row { fused: false, kernel, expansion, channels, repeats, stride }
}

const fn fused(expansion: usize, channels: usize, repeats: usize, stride: usize) -> Row {
    Row { fused: true, kernel: 3, expansion, channels, repeats, stride }
}

/// The table of B0.
const ROWS: [Row; 7] = [
    row(3, 1, 16, 1, 1),
    row(3, 6, 24, 2, 2),
    row(5, 6, 40, 2, 2),
    row(3, 6, 80, 3, 2),
    row(5, 6, 112, 3, 1),
    row(5, 6, 192, 4, 2),
    row(3, 6, 320, 1, 1),
];
/// The table of V2-S.
const V2_ROWS: [Row; 6] = [
    fused(1, 24, 2, 1),
    fused(4, 48, 4, 2),
    fused(4, 64, 4, 2),
    row(3, 4, 128, 6, 2),
    row(3, 6, 160, 9, 1),
    row(3, 6, 256, 15, 2),
];

fn v1(
    architecture: &Architecture,
    config: &NetworkConfig,
    size: Size,
) -> Result<Network, ModelError> {
    let scaled = |channels: usize| round_channels(channels as f32 * size.width);
    let rows = ROWS.map(|row| Row {
        channels: scaled(row.channels),
        repeats: (row.repeats as f32 * size.depth).ceil() as usize,
        ..row
    });
    let family = Family {
        convention: match architecture.framework {
            Framework::Keras => Convention { padding: Pad::Layer, epsilon: 1e-3, momentum: 0.99 },
            Framework::TensorFlow => {
                Convention { padding: Pad::Same, epsilon: 1e-3, momentum: 0.99 }
            }
            Framework::PyTorch => {
                Convention { padding: Pad::Symmetric, epsilon: 1e-5, momentum: 0.9 }
            }
        },
        pads_stem: true,
        name: |place, what| layer_name(place, what, "dwconv"),
        hard: false,
        staged: true,
        libraries: match architecture.framework {
            Framework::Keras => Libraries::Torchvision,
            Framework::TensorFlow => Libraries::Timm,
            Framework::PyTorch => Libraries::Both,
        },
    };
    let name = architecture.id.replace("efficientnet-", "efficientnet");
    let (stem, top) = (scaled(32), scaled(1280));
    network(architecture, config, (name, family), (stem, &rows, top), size.dropout)
}

fn v2(architecture: &Architecture, config: &NetworkConfig) -> Result<Network, ModelError> {
    let family = Family {
        convention: match architecture.framework {
            Framework::Keras | Framework::TensorFlow => {
                Convention { padding: Pad::Same, epsilon: 1e-3, momentum: 0.9 }
            }
            Framework::PyTorch => {
                Convention { padding: Pad::Symmetric, epsilon: 1e-3, momentum: 0.9 }
            }
        },
        pads_stem: false,
        name: |place, what| layer_name(place, what, "dwconv2"),
        hard: false,
        staged: true,
        // timm's EfficientNetV2 is a different network.
        libraries: match architecture.framework {
            Framework::TensorFlow => Libraries::Timm,
            _ => Libraries::Torchvision,
        },
    };
    let named = (architecture.id.to_owned(), family);
    network(architecture, config, named, (24, &V2_ROWS, 1280), 0.2)
}

fn network(
    architecture: &Architecture,
    config: &NetworkConfig,
    (name, family): (String, Family),
    (stem, rows, top): (usize, &[Row], usize),
    dropout: f32,
) -> Result<Network, ModelError> {
    let (height, width) = architecture.input_size(config);
    let is_keras = architecture.framework == Framework::Keras;
    let is_v2 = rows[0].fused;
    let preprocessing = Preprocessing {
        height,
        width,
        interpolation: Interpolation::Bicubic,
        fit: Fit::Stretch,
        scaling: match (architecture.framework, is_v2) {
            (Framework::Keras, _) => Scaling::none(),
            (Framework::TensorFlow, true) => Scaling::minus_one_to_one(),
            _ => Scaling::imagenet(),
        },
    };
    let mut net = Builder::new(name, preprocessing, family);
    if is_keras {
        scaling(&mut net, is_v2)?;
    }
    net.stem(stem, Follows::Silu)?;
    let blocks: usize = rows.iter().map(|row| row.repeats).sum();
    let mut index = 0;
    for (stage, row) in rows.iter().enumerate() {
        for repeat in 0..row.repeats {
            let inputs = net.net.output().channels();
            let rate = 0.2 * index as f32 / blocks as f32;
            net.block(Block {
                stage,
                repeat,
                fused: row.fused,
                kernel: row.kernel,
                expanded: inputs * row.expansion,
                channels: row.channels,
                stride: if repeat == 0 { row.stride } else { 1 },
                squeezed: (!row.fused).then_some((inputs / 4).max(1)),
                follows: Follows::Silu,
                drop: (is_keras && index > 0).then_some(rate),
            })?;
            index += 1;
        }
    }
    net.top(top, Follows::Silu)?;
    if let Some(units) = config.top {
        net.net.at(Place::Classifier);
        net.net.add("avg_pool", LayerKind::global_average())?;
        net.net.add("top_dropout", LayerKind::Dropout { rate: dropout })?;
        let dense = LayerKind::Dense { units, activation: Activation::Softmax };
        net.net.add("predictions", dense)?;
        net.module("classifier.1", "classifier");
    }
    Ok(net.finish())
}

/// Keras's layers before the first convolution. In B0 to B3 the variance by which they normalise is the standard
/// deviation, so the next layer divides by its root once more.
fn scaling(net: &mut Builder, is_v2: bool) -> Result<(), ModelError> {
    if is_v2 {
        let (scale, offset) = ([1.0 / 128.0; 3], [-1.0; 3]);
        net.net.add("rescaling", LayerKind::Rescaling { scale, offset })?;
        return Ok(());
    }
    let offset = [0.0; 3];
    net.net.add("rescaling", LayerKind::Rescaling { scale: [1.0 / 255.0; 3], offset })?;
    net.net.add("normalization", LayerKind::Normalization)?;
    let scale = [0.229_f64, 0.224, 0.225].map(|deviation| (1.0 / deviation.sqrt()) as f32);
    net.net.add("rescaling_1", LayerKind::Rescaling { scale, offset })?;
    Ok(())
}

/// Keras's layer name: rows are counted from 1, blocks within a row by letter.
fn layer_name(place: Place, what: &str, depthwise: &str) -> String {
    let prefix = match place {
        Place::Stem => "stem_".to_owned(),
        Place::Block { stage, repeat, .. } => {
            format!("block{}{}_", stage + 1, char::from(b'a' + repeat as u8))
        }
        Place::Top | Place::Classifier => "top_".to_owned(),
    };
    let part = match place {
        Place::Block { part: BlockPart::Expand, .. } => "expand_",
        Place::Block { part: BlockPart::Project, .. } => "project_",
        _ => "",
    };
    let own = match what {
        "stem/pad" => "conv_pad",
        "depthwise/pad" => return format!("{prefix}dwconv_pad"),
        "depthwise/conv" => return format!("{prefix}{depthwise}"),
        "squeeze/mean" => "se_squeeze",
        "squeeze/relu" => "se_reshape",
        "squeeze/reduce" => "se_reduce",
        "squeeze/expand" => "se_expand",
        "squeeze/product" => "se_excite",
        _ => what.split_once('/').map_or(what, |(_, own)| own),
    };
    format!("{prefix}{part}{own}")
}
