//! ResNet-18, -34 and -50, as in torchvision and timm: the 3x3 convolution of a bottleneck has the stride.
//!
//! He et al., "Deep Residual Learning for Image Recognition", 2015.

use super::plain::{Builder, TORCH_NORM, centred};
use super::{Architecture, Framework, NetworkConfig};
use crate::layer::LayerKind;
use crate::shape::{Padding, Window};
use crate::{ModelError, Network};

pub(super) const RESNET18: Architecture = Architecture {
    id: "resnet18",
    about: "ResNet-18 as in torchvision and timm",
    widths: &[1.0],
    input_size: 224,
    feature_width: 512,
    top_classes: 1000,
    framework: Framework::PyTorch,
    build: |architecture, config| network(architecture, config, [2, 2, 2, 2], &BASIC),
};
pub(super) const RESNET34: Architecture = Architecture {
    id: "resnet34",
    about: "ResNet-34 as in torchvision and timm",
    build: |architecture, config| network(architecture, config, [3, 4, 6, 3], &BASIC),
    ..RESNET18
};
pub(super) const RESNET50: Architecture = Architecture {
    id: "resnet50",
    about: "ResNet-50 as in torchvision and timm",
    feature_width: 2048,
    build: |architecture, config| network(architecture, config, [3, 4, 6, 3], &BOTTLENECK),
    ..RESNET18
};

/// A convolution of a block.
struct Conv {
    kernel: usize,
    /// Filters, as a multiple of the stage's.
    filters: usize,
    /// Whether it has the block's stride.
    strides: bool,
}

const BASIC: [Conv; 2] =
    [Conv { kernel: 3, filters: 1, strides: true }, Conv { kernel: 3, filters: 1, strides: false }];
const BOTTLENECK: [Conv; 3] = [
    Conv { kernel: 1, filters: 1, strides: false },
    Conv { kernel: 3, filters: 1, strides: true },
    Conv { kernel: 1, filters: 4, strides: false },
];

/// Filters and stride of each stage.
const STAGES: [(usize, usize); 4] = [(64, 1), (128, 2), (256, 2), (512, 2)];

fn network(
    architecture: &Architecture,
    config: &NetworkConfig,
    repeats: [usize; 4],
    block: &[Conv],
) -> Result<Network, ModelError> {
    let mut net = Builder::new(architecture, config, TORCH_NORM);
    named(&mut net, "conv1", LayerKind::conv(64, centred(7, 2)))?;
    normalized(&mut net, "bn1")?;
    net.relu("relu")?;
    net.net.add("maxpool", LayerKind::MaxPooling2D(centred(3, 2)))?;
    for (stage, ((filters, stride), repeats)) in STAGES.into_iter().zip(repeats).enumerate() {
        for repeat in 0..repeats {
            net.block(stage, repeat);
            let stride = if repeat == 0 { stride } else { 1 };
            residual(&mut net, &format!("layer{}.{repeat}", stage + 1), block, (filters, stride))?;
        }
    }
    if let Some(units) = config.top {
        net.classifier(units, None, "fc")?;
        net.net.module(Some("fc"), Some("fc"));
    }
    Ok(net.finish())
}

/// Adds the convolutions of a block, and their sum with its input, which passes through a convolution if the shapes
/// differ.
fn residual(
    net: &mut Builder,
    prefix: &str,
    block: &[Conv],
    (filters, stride): (usize, usize),
) -> Result<(), ModelError> {
    let input = net.net.last();
    let channels = net.net.output().channels();
    for (index, conv) in block.iter().enumerate() {
        let window = centred(conv.kernel, if conv.strides { stride } else { 1 });
        let number = index + 1;
        named(
            net,
            &format!("{prefix}.conv{number}"),
            LayerKind::conv(filters * conv.filters, window),
        )?;
        normalized(net, &format!("{prefix}.bn{number}"))?;
        if number < block.len() {
            net.relu(&format!("{prefix}.relu{number}"))?;
        }
    }
    let last = net.net.last();
    let outputs = net.net.output().channels();
    let shortcut = if stride == 1 && channels == outputs {
        input
    } else {
        let window = Window { kernel: 1, stride, padding: Padding::Valid };
        let name = format!("{prefix}.downsample.0");
        net.layer(&name, LayerKind::conv(outputs, window), Some(input))?;
        net.net.module(Some(&name), Some(&name));
        normalized(net, &format!("{prefix}.downsample.1"))?
    };
    net.net.add_residual(format!("{prefix}.add"), shortcut, last)?;
    net.relu(&format!("{prefix}.relu"))?;
    Ok(())
}

/// Adds a layer after the last one; timm's module names equal torchvision's.
fn named(net: &mut Builder, name: &str, kind: LayerKind) -> Result<(), ModelError> {
    net.layer(name, kind, None)?;
    net.net.module(Some(name), Some(name));
    Ok(())
}

fn normalized(net: &mut Builder, name: &str) -> Result<usize, ModelError> {
    let id = net.norm(name)?;
    net.net.module(Some(name), Some(name));
    Ok(id)
}
