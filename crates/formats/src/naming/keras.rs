//! Keras's names, and our own, which are Keras's without the groups.

use std::collections::HashMap;

use headstart_model::{Layer, LayerKind, Network, weight_name};

pub(super) fn own(network: &Network) -> Vec<Vec<String>> {
    network.weight_specs().map(|(layer, spec)| vec![weight_name(&layer.name, spec.name)]).collect()
}

/// Names by layer: `layer/weight`.
pub(super) fn by_layer(network: &Network) -> Vec<Vec<String>> {
    let names = |layer: &Layer, weight| {
        let weights = weight_names(&layer.kind, weight);
        let mut names: Vec<String> =
            weights.iter().map(|weight| weight_name(&layer.name, weight)).collect();
        if layer.kind == LayerKind::Normalization {
            // The Normalization layer of EfficientNet has no name, so Keras numbers such layers within a process.
            let counted = (1..=MOST_COUNTED).map(|count| format!("{}_{count}", layer.name));
            names.extend(counted.map(|name| weight_name(&name, weight)));
        }
        names
    };
    network.weight_specs().map(|(layer, spec)| names(layer, spec.name)).collect()
}

/// The highest number tried for an unnamed layer: how many networks a process may have built before.
const MOST_COUNTED: usize = 20;

/// The possible names of the weight `weight` in Keras's files. Keras 2 names the kernel of a depthwise convolution
/// `depthwise_kernel`.
pub(crate) fn weight_names(kind: &LayerKind, weight: &'static str) -> Vec<&'static str> {
    match kind {
        LayerKind::DepthwiseConv2D { .. } => vec![weight, "depthwise_kernel"],
        _ => vec![weight],
    }
}

/// Names by count, as `conv2d_3/vars/0`: the class, the number of its layers so far, the index of the weight.
pub(super) fn by_counter(network: &Network) -> Vec<Vec<String>> {
    let mut counters = HashMap::new();
    let mut names = Vec::new();
    for layer in network.layers() {
        let group = counted(&mut counters, layer.kind.class_name());
        names.extend((0..layer.weights.len()).map(|i| vec![format!("{group}/vars/{i}")]));
    }
    names
}

/// The name of the group of the next layer of `class`: `conv2d`, `conv2d_1`, …
pub(crate) fn counted(counters: &mut HashMap<String, usize>, class: &str) -> String {
    let snake = snake_case(class);
    let count = counters.entry(snake.clone()).or_default();
    let name = if *count == 0 { snake } else { format!("{snake}_{count}") };
    *count += 1;
    name
}

/// Keras's `to_snake_case`: `DepthwiseConv2D` becomes `depthwise_conv2d`, `ReLU` becomes `re_lu`.
fn snake_case(class: &str) -> String {
    let chars: Vec<char> = class.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    let mut snake = String::new();
    for (i, c) in chars.iter().enumerate() {
        let after_lower = i > 0 && chars[i - 1].is_ascii_lowercase();
        let before_lower = i > 0 && chars.get(i + 1).is_some_and(char::is_ascii_lowercase);
        if c.is_ascii_uppercase() && (after_lower || before_lower) {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// Removes the suffix and the repeated layer name: `model_weights/Conv1/Conv1/kernel:0` becomes
/// `model_weights/Conv1/kernel`.
pub(crate) fn canonical_layer(name: &str) -> String {
    let name = match name.rsplit_once(':') {
        Some((name, digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => name,
    };
    let Some((path, weight)) = name.rsplit_once('/') else { return name.to_owned() };
    let Some((outer, layer)) = path.rsplit_once('/') else { return name.to_owned() };
    match outer.strip_suffix(layer) {
        Some(outer) if outer.is_empty() || outer.ends_with('/') => {
            format!("{outer}{layer}/{weight}")
        }
        _ => name.to_owned(),
    }
}

/// Replaces the group name of early `.keras` files by `layers`, and backslashes by slashes.
pub(crate) fn canonical_counter(name: &str) -> String {
    name.replace('\\', "/").replace("_layer_checkpoint_dependencies", "layers")
}

/// Whether a tensor is the kernel or the bias of a dense layer, or of a 1x1 convolution, which some networks use as
/// the classifier.
pub(super) fn is_dense(name: &str, shape: &[usize]) -> bool {
    match (name.rsplit_once('/').map_or(name, |(_, weight)| weight), shape) {
        ("kernel", [_, _] | [1, 1, _, _]) | ("bias", [_]) => true,
        ("0", [_, _]) | ("1", [_]) => name.contains("dense"),
        ("0", [1, 1, _, _]) => name.contains("conv2d"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_names_become_the_groups_that_keras_makes_of_them() {
        for (class, group) in [
            ("Conv2D", "conv2d"),
            ("DepthwiseConv2D", "depthwise_conv2d"),
            ("BatchNormalization", "batch_normalization"),
            ("ReLU", "re_lu"),
            ("ZeroPadding2D", "zero_padding2d"),
            ("GlobalAveragePooling2D", "global_average_pooling2d"),
            ("TFOpLambda", "tf_op_lambda"),
            ("Functional", "functional"),
        ] {
            assert_eq!(snake_case(class), group);
        }
    }

    #[test]
    fn a_layer_named_twice_is_named_once() {
        for (name, canonical) in [
            ("Conv1/Conv1/kernel:0", "Conv1/kernel"),
            ("Conv1/kernel", "Conv1/kernel"),
            ("model_weights/Conv1/Conv1/kernel", "model_weights/Conv1/kernel"),
            ("model_weights/base/Conv1/kernel:0", "model_weights/base/Conv1/kernel"),
            ("my_Conv1/Conv1/kernel", "my_Conv1/Conv1/kernel"),
            ("kernel", "kernel"),
        ] {
            assert_eq!(canonical_layer(name), canonical);
        }
    }
}
