//! ConvNeXt-Tiny and -Small, as in torchvision and timm.
//!
//! Liu et al., "A ConvNet for the 2020s", 2022. Features are the mean of the last map. The LayerNormalization after
//! that mean counts as part of the classifier, so features remain means over positions.

use super::plain::{Builder, TORCH_NORM, biased};
use super::{Architecture, Framework, NetworkConfig};
use crate::layer::{Activation, LayerKind, Place};
use crate::shape::{Padding, Window};
use crate::{ModelError, Network};

pub(super) const TINY: Architecture = Architecture {
    id: "convnext-tiny",
    about: "ConvNeXt-Tiny as in torchvision and timm",
    widths: &[1.0],
    input_size: 224,
    feature_width: 768,
    top_classes: 1000,
    framework: Framework::PyTorch,
    build: |architecture, config| network(architecture, config, [3, 3, 9, 3]),
};
pub(super) const SMALL: Architecture = Architecture {
    id: "convnext-small",
    about: "ConvNeXt-Small as in torchvision and timm",
    build: |architecture, config| network(architecture, config, [3, 3, 27, 3]),
    ..TINY
};

/// Channels of each stage.
const CHANNELS: [usize; 4] = [96, 192, 384, 768];
/// Epsilon of every LayerNormalization.
const EPSILON: f32 = 1e-6;

fn network(
    architecture: &Architecture,
    config: &NetworkConfig,
    repeats: [usize; 4],
) -> Result<Network, ModelError> {
    let mut net = Builder::new(architecture, config, TORCH_NORM);
    let norm = LayerKind::LayerNormalization { epsilon: EPSILON };
    let patches = |side| Window { kernel: side, stride: side, padding: Padding::Valid };
    let layer = |net: &mut Builder, names: [&str; 2], kind| -> Result<(), ModelError> {
        let [torchvision, timm] = names;
        net.layer(torchvision, kind, None)?;
        net.net.module(Some(torchvision), Some(timm));
        Ok(())
    };
    layer(&mut net, ["features.0.0", "stem.0"], biased(CHANNELS[0], patches(4)))?;
    layer(&mut net, ["features.0.1", "stem.1"], norm)?;
    for (stage, (channels, repeats)) in CHANNELS.into_iter().zip(repeats).enumerate() {
        if stage > 0 {
            net.block(stage, 0);
            let [own, timm] =
                [format!("features.{}", 2 * stage), format!("stages.{stage}.downsample")];
            let named = |part: usize| [format!("{own}.{part}"), format!("{timm}.{part}")];
            let ([a, b], [c, d]) = (named(0), named(1));
            layer(&mut net, [&a, &b], norm)?;
            layer(&mut net, [&c, &d], biased(channels, patches(2)))?;
        }
        for repeat in 0..repeats {
            net.block(stage, repeat + usize::from(stage > 0));
            let own = format!("features.{}.{repeat}", 2 * stage + 1);
            let timm = format!("stages.{stage}.blocks.{repeat}");
            let input = net.net.last();
            let depthwise = LayerKind::DepthwiseConv2D {
                window: Window { kernel: 7, stride: 1, padding: Padding::Symmetric(3) },
                bias: true,
            };
            let pointwise = |filters, activation| LayerKind::Conv2D {
                filters,
                window: patches(1),
                groups: 1,
                bias: true,
                activation,
            };
            for (module, timm_module, kind) in [
                ("block.0", "conv_dw", depthwise),
                ("block.2", "norm", norm),
                ("block.3", "mlp.fc1", pointwise(4 * channels, Activation::Linear)),
            ] {
                let names = [format!("{own}.{module}"), format!("{timm}.{timm_module}")];
                layer(&mut net, [&names[0], &names[1]], kind)?;
            }
            net.net.add(format!("{own}.block.4"), LayerKind::Activation(Activation::Gelu))?;
            let names = [format!("{own}.block.5"), format!("{timm}.mlp.fc2")];
            layer(&mut net, [&names[0], &names[1]], pointwise(channels, Activation::Linear))?;
            // These modules are the parameters themselves.
            let names = [format!("{own}.layer_scale"), format!("{timm}.gamma")];
            layer(&mut net, [&names[0], &names[1]], LayerKind::LayerScale)?;
            let last = net.net.last();
            net.net.add_residual(format!("{own}.add"), input, last)?;
        }
    }
    if let Some(units) = config.top {
        net.net.at(Place::Classifier);
        net.net.add("avgpool", LayerKind::global_average())?;
        layer(&mut net, ["classifier.0", "head.norm"], norm)?;
        let dense = LayerKind::Dense { units, activation: Activation::Softmax };
        net.net.add("predictions", dense)?;
        net.net.module(Some("classifier.2"), Some("head.fc"));
    }
    Ok(net.finish())
}
