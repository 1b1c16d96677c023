//! The names that PyTorch's libraries give to the modules of these networks.

use headstart_model::{BlockPart, Layer, Network, Place, WeightSpec};

use super::is_normalization;

/// The module of a layer, given how many blocks the network has.
type Module = fn(&Layer, usize) -> String;

pub(super) fn names(network: &Network, module: Module) -> Vec<Vec<String>> {
    let blocks = network
        .layers()
        .iter()
        .filter_map(|layer| match layer.place {
            Place::Block { index, .. } => Some(index + 1),
            _ => None,
        })
        .max()
        .unwrap_or(0);
    network
        .weight_specs()
        .map(|(layer, spec)| vec![format!("{}.{}", module(layer, blocks), tensor(spec))])
        .collect()
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
pub(super) fn torchvision(layer: &Layer, blocks: usize) -> String {
    let bn = usize::from(is_normalization(layer));
    match layer.place {
        Place::Stem => format!("features.0.{bn}"),
        Place::Block { index, expands, part, .. } => {
            let block = index + 1;
            let depthwise = usize::from(expands);
            match part {
                BlockPart::Expand => format!("features.{block}.conv.0.{bn}"),
                BlockPart::Depthwise => format!("features.{block}.conv.{depthwise}.{bn}"),
                BlockPart::Project | BlockPart::Residual => {
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
pub(super) fn timm(layer: &Layer, _: usize) -> String {
    let choose = |conv: &str, bn: &str| if is_normalization(layer) { bn } else { conv }.to_owned();
    match layer.place {
        Place::Stem => choose("conv_stem", "bn1"),
        Place::Block { stage, repeat, expands, part, .. } => {
            let module = match (part, expands) {
                (BlockPart::Expand, _) => choose("conv_pw", "bn1"),
                (BlockPart::Depthwise, true) => choose("conv_dw", "bn2"),
                (BlockPart::Depthwise, false) => choose("conv_dw", "bn1"),
                (BlockPart::Project | BlockPart::Residual, true) => choose("conv_pwl", "bn3"),
                (BlockPart::Project | BlockPart::Residual, false) => choose("conv_pw", "bn2"),
            };
            format!("blocks.{stage}.{repeat}.{module}")
        }
        Place::Top => choose("conv_head", "bn2"),
        Place::Classifier => "classifier".to_owned(),
    }
}

pub(super) fn lukemelas(layer: &Layer, _: usize) -> String {
    let choose = |conv: &str, bn: &str| if is_normalization(layer) { bn } else { conv }.to_owned();
    match layer.place {
        Place::Stem => choose("_conv_stem", "_bn0"),
        Place::Block { index, part, .. } => {
            let module = match part {
                BlockPart::Expand => choose("_expand_conv", "_bn0"),
                BlockPart::Depthwise => choose("_depthwise_conv", "_bn1"),
                BlockPart::Project | BlockPart::Residual => choose("_project_conv", "_bn2"),
            };
            format!("_blocks.{index}.{module}")
        }
        Place::Top => choose("_conv_head", "_bn1"),
        Place::Classifier => "_fc".to_owned(),
    }
}
