//! RegNetY-400MF, as in torchvision and timm.
//!
//! Radosavovic et al., "Designing Network Design Spaces", 2020.

use super::plain::{Builder, TORCH_NORM, biased, centred};
use super::{Architecture, Framework, NetworkConfig};
use crate::layer::{Activation, LayerKind};
use crate::shape::{Padding, Window};
use crate::{ModelError, Network};

pub(super) const Y_400MF: Architecture = Architecture {
    id: "regnet-y-400mf",
    about: "RegNetY-400MF as in torchvision and timm",
    widths: &[1.0],
    input_size: 224,
    feature_width: 440,
    top_classes: 1000,
    framework: Framework::PyTorch,
    build: network,
};

/// Channels of each group.
const GROUP: usize = 8;
/// Channels and blocks of each stage; the first block has a stride of 2.
const STAGES: [(usize, usize); 4] = [(48, 1), (104, 3), (208, 6), (440, 6)];

fn network(architecture: &Architecture, config: &NetworkConfig) -> Result<Network, ModelError> {
    let mut net = Builder::new(architecture, config, TORCH_NORM);
    net.layer("stem.0", LayerKind::conv(32, centred(3, 2)), None)?;
    net.net.module(Some("stem.0"), Some("stem.conv"));
    net.norm("stem.1")?;
    net.net.module(Some("stem.1"), Some("stem.bn"));
    net.relu("stem.2")?;
    for (stage, (channels, repeats)) in STAGES.into_iter().enumerate() {
        for repeat in 0..repeats {
            net.block(stage, repeat);
            let number = stage + 1;
            let prefix = format!("trunk_output.block{number}.block{number}-{repeat}");
            let stride = if repeat == 0 { 2 } else { 1 };
            let timm = format!("s{number}.b{}", repeat + 1);
            block(&mut net, (&prefix, &timm), channels, stride)?;
        }
    }
    if let Some(units) = config.top {
        net.classifier(units, None, "fc")?;
        net.net.module(Some("fc"), Some("head.fc"));
    }
    Ok(net.finish())
}

/// 1x1, grouped 3x3, squeeze-and-excitation, 1x1, and the sum with the input. torchvision and timm use different module
/// prefixes.
fn block(
    net: &mut Builder,
    (prefix, timm): (&str, &str),
    channels: usize,
    stride: usize,
) -> Result<(), ModelError> {
    let (input, inputs) = (net.net.last(), net.net.output().channels());
    let name = |part: &str| format!("{prefix}.{part}");
    let layer = |net: &mut Builder, [own, of_timm]: [&str; 2], kind, input| {
        let own = name(own);
        let id = net.layer(&own, kind, input)?;
        net.net.module(Some(&own), Some(&format!("{timm}.{of_timm}")));
        Ok::<_, ModelError>(id)
    };
    let norm = |net: &mut Builder, [own, of_timm]: [&str; 2]| {
        let own = name(own);
        let id = net.norm(&own)?;
        net.net.module(Some(&own), Some(&format!("{timm}.{of_timm}")));
        Ok::<_, ModelError>(id)
    };
    let shortcut = if stride == 1 && inputs == channels {
        input
    } else {
        let window = Window { kernel: 1, stride, padding: Padding::Valid };
        layer(net, ["proj.0", "downsample.conv"], LayerKind::conv(channels, window), None)?;
        norm(net, ["proj.1", "downsample.bn"])?
    };
    let pointwise = LayerKind::conv(channels, centred(1, 1));
    layer(net, ["f.a.0", "conv1.conv"], pointwise, Some(input))?;
    norm(net, ["f.a.1", "conv1.bn"])?;
    net.relu(&name("f.a.2"))?;
    let grouped = LayerKind::Conv2D {
        filters: channels,
        window: centred(3, stride),
        groups: channels / GROUP,
        bias: false,
        activation: Activation::Linear,
    };
    layer(net, ["f.b.0", "conv2.conv"], grouped, None)?;
    norm(net, ["f.b.1", "conv2.bn"])?;
    let map = net.relu(&name("f.b.2"))?;
    net.net.add(name("f.se.avgpool"), LayerKind::GlobalAveragePooling2D { keepdims: true })?;
    // A quarter of the block's input, rounded.
    let squeezed = (inputs as f32 / 4.0).round_ties_even() as usize;
    layer(net, ["f.se.fc1", "se.fc1"], biased(squeezed, centred(1, 1)), None)?;
    net.relu(&name("f.se.activation"))?;
    layer(net, ["f.se.fc2", "se.fc2"], biased(channels, centred(1, 1)), None)?;
    let gate =
        net.net.add(name("f.se.scale_activation"), LayerKind::Activation(Activation::Sigmoid))?;
    net.net.add_product(name("f.se"), map, gate)?;
    layer(net, ["f.c.0", "conv3.conv"], pointwise, None)?;
    let last = norm(net, ["f.c.1", "conv3.bn"])?;
    net.net.add_residual(name("add"), shortcut, last)?;
    net.relu(&name("activation"))?;
    Ok(())
}
