//! The names of modules in PyTorch's libraries.

use std::borrow::Cow;

use headstart_model::{
    BlockPart, Layer, LayerKind, Modules, Network, Place, WeightSpec, weight_name,
};

use super::is_normalization;

/// How a library names modules.
#[derive(Clone, Copy)]
pub(super) struct Library {
    /// The module that the layer itself specifies.
    named: fn(&Layer) -> Option<Cow<'_, str>>,
    /// The module of a layer by its place in inverted-residual blocks, given the number of blocks.
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

/// Whether the library has a module for every layer with weights, except Keras's Normalization.
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
            // This module is the parameter itself.
            Some(module) if layer.kind == LayerKind::LayerScale => module.into_owned(),
            Some(module) => format!("{module}.{}", tensor(spec)),
            None => weight_name(&layer.name, spec.name),
        },
        (Style::Placed, Some(placed)) => format!("{}.{}", placed(layer, blocks), tensor(spec)),
        _ => weight_name(&layer.name, spec.name),
    };
    network.weight_specs().map(|own| vec![name(own)]).collect()
}

/// How modules are derived from layers.
#[derive(Clone, Copy)]
enum Style {
    /// The layers specify their modules.
    Named,
    /// Modules follow from the places of layers in inverted-residual blocks.
    Placed,
    /// Modules are unknown: no library has the network.
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

/// A convolution and its normalisation are items `0` and `1` of a sequence, and a block consists of such sequences;
/// only the projection has none.
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

/// Blocks are numbered within their stage. A block without expansion is a different module, in which the projection
/// has the name that the expansion has elsewhere.
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

/// The ConvNeXt authors' names for modules that timm adopted.
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
