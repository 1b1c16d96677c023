//! The names that PyTorch's libraries give to the modules of these networks.

use std::borrow::Cow;

use headstart_model::{
    BlockPart, Layer, LayerKind, Modules, Network, Place, WeightSpec, weight_name,
};

use super::is_normalization;

/// How a library names modules.
#[derive(Clone, Copy)]
pub(super) struct Library {
    /// The module that a layer says it is.
    named: fn(&Layer) -> Option<Cow<'_, str>>,
    /// The module at a layer's place in inverted-residual blocks, given how many blocks the network has.
    placed: Option<fn(&Layer, usize) -> String>,
}

pub(super) const TORCHVISION: Library = Library {
    named: |layer| layer.modules.torchvision.as_deref().map(Cow::from),
    placed: Some(torchvision),
};
pub(super) const TIMM: Library =
    Library { named: |layer| layer.modules.timm.as_deref().map(Cow::from), placed: Some(timm) };
pub(super) const LUKEMELAS: Library = Library { named: |_| None, placed: Some(lukemelas) };
pub(super) const META: Library = Library { named: meta, placed: None };

/// Whether every layer with weights is a module of the library's, but for Keras's Normalization.
pub(super) fn has(network: &Network, library: Library) -> bool {
    match style(network) {
        Style::Named => network.weight_specs().all(|(layer, _)| {
            (library.named)(layer).is_some() || layer.kind == LayerKind::Normalization
        }),
        Style::Placed => library.placed.is_some(),
        Style::Unknown => false,
    }
}

pub(super) fn names(network: &Network, library: Library) -> Vec<Vec<String>> {
    let style = style(network);
    let blocks = network
        .layers()
        .iter()
        .filter_map(|layer| match layer.place {
            Place::Block { index, .. } => Some(index + 1),
            _ => None,
        })
        .max()
        .unwrap_or(0);
    let name = |(layer, spec): (&Layer, &WeightSpec)| match (style, library.placed) {
        (Style::Named, _) => match (library.named)(layer) {
            // This module is the weight itself.
            Some(module) if layer.kind == LayerKind::LayerScale => module.into_owned(),
            Some(module) => format!("{module}.{}", tensor(spec)),
            None => weight_name(&layer.name, spec.name),
        },
        (Style::Placed, Some(placed)) => format!("{}.{}", placed(layer, blocks), tensor(spec)),
        _ => weight_name(&layer.name, spec.name),
    };
    network.weight_specs().map(|own| vec![name(own)]).collect()
}

/// How it is known which modules layers are.
#[derive(Clone, Copy)]
enum Style {
    /// The layers say it.
    Named,
    /// By their places in inverted-residual blocks.
    Placed,
    /// It is not: a library does not have the network.
    Unknown,
}

fn style(network: &Network) -> Style {
    let layers = network.layers();
    let expands =
        |layer: &Layer| matches!(layer.place, Place::Block { part: BlockPart::Expand, .. });
    if layers.iter().any(|layer| layer.modules != Modules::default()) {
        Style::Named
    } else if layers.iter().any(expands) {
        Style::Placed
    } else {
        Style::Unknown
    }
}

fn tensor(spec: &WeightSpec) -> &'static str {
    match spec.name {
        "beta" | "bias" => "bias",
        "moving_mean" => "running_mean",
        "moving_variance" => "running_var",
        _ => "weight",
    }
}

/// A convolution and its normalisation stand at `0` and `1` of a sequence, and the sequences of
/// a block in a row; the projection has no sequence of its own.
fn torchvision(layer: &Layer, blocks: usize) -> String {
    let bn = usize::from(is_normalization(layer));
    match layer.place {
        Place::Stem => format!("features.0.{bn}"),
        Place::Block { index, expands, part, .. } => {
            let block = index + 1;
            let depthwise = usize::from(expands);
            match part {
                BlockPart::Expand => format!("features.{block}.conv.0.{bn}"),
                BlockPart::Depthwise => format!("features.{block}.conv.{depthwise}.{bn}"),
                BlockPart::Project | BlockPart::Residual | BlockPart::Other => {
                    format!("features.{block}.conv.{}", depthwise + 1 + bn)
                }
            }
        }
        Place::Top => format!("features.{}.{bn}", blocks + 1),
        Place::Classifier => "classifier.1".to_owned(),
    }
}

/// Blocks are counted within their stage; one that does not expand is another module, whose
/// projection is called as the expansion is elsewhere.
fn timm(layer: &Layer, _: usize) -> String {
    let choose = |conv: &str, bn: &str| if is_normalization(layer) { bn } else { conv }.to_owned();
    match layer.place {
        Place::Stem => choose("conv_stem", "bn1"),
        Place::Block { stage, repeat, expands, part, .. } => {
            let module = match (part, expands) {
                (BlockPart::Expand, _) => choose("conv_pw", "bn1"),
                (BlockPart::Depthwise, true) => choose("conv_dw", "bn2"),
                (BlockPart::Depthwise, false) => choose("conv_dw", "bn1"),
                (_, true) => choose("conv_pwl", "bn3"),
                (_, false) => choose("conv_pw", "bn2"),
            };
            format!("blocks.{stage}.{repeat}.{module}")
        }
        Place::Top => choose("conv_head", "bn2"),
        Place::Classifier => "classifier".to_owned(),
    }
}

fn lukemelas(layer: &Layer, _: usize) -> String {
    let choose = |conv: &str, bn: &str| if is_normalization(layer) { bn } else { conv }.to_owned();
    match layer.place {
        Place::Stem => choose("_conv_stem", "_bn0"),
        Place::Block { index, part, .. } => {
            let module = match part {
                BlockPart::Expand => choose("_expand_conv", "_bn0"),
                BlockPart::Depthwise => choose("_depthwise_conv", "_bn1"),
                _ => choose("_project_conv", "_bn2"),
            };
            format!("_blocks.{index}.{module}")
        }
        Place::Top => choose("_conv_head", "_bn1"),
        Place::Classifier => "_fc".to_owned(),
    }
}

/// What the authors of ConvNeXt call the modules that timm took over from them.
fn meta(layer: &Layer) -> Option<Cow<'_, str>> {
    let module = layer.modules.timm.as_deref()?;
    if let Some(part) = module.strip_prefix("stem.") {
        return Some(format!("downsample_layers.0.{part}").into());
    }
    if let Some(part) = module.strip_prefix("head.") {
        return Some(part.replace("fc", "head").into());
    }
    let (stage, rest) = module.strip_prefix("stages.")?.split_once('.')?;
    if let Some(part) = rest.strip_prefix("downsample.") {
        return Some(format!("downsample_layers.{stage}.{part}").into());
    }
    let (block, part) = rest.strip_prefix("blocks.")?.split_once('.')?;
    let part = part.replace("conv_dw", "dwconv").replace("mlp.fc", "pwconv");
    Some(format!("stages.{stage}.{block}.{part}").into())
}
