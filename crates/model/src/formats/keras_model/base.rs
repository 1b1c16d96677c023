//! Which registered network the layers of a Keras model are, by what they compute.

use serde_json::Value;

use super::graph::{Graph, Node};
use crate::architectures::{ARCHITECTURES, Framework, NetworkConfig};
use crate::layer::{LayerKind, Padding, Window};
use crate::{Layer, Network};

/// The base found in a graph.
pub(super) struct Base {
    pub(super) network: Network,
    /// Index of the node that is its first layer after the input.
    pub(super) first: usize,
}

/// Compares the nodes from `first` on, which reads node `input`, with every network that
/// Keras's conventions fit.
pub(super) fn find(graph: &Graph<'_>, first: usize, input: usize) -> Result<Base, String> {
    let side = |axis: usize| graph.input[axis];
    let mut best: Option<(usize, Network, String)> = None;
    for architecture in ARCHITECTURES.iter().filter(|a| a.framework != Framework::PyTorch) {
        let default = architecture.input_size;
        let size = (side(0).unwrap_or(default), side(1).unwrap_or(default));
        for &width in architecture.widths {
            let config = NetworkConfig { input_size: Some(size), width: Some(width), top: None };
            let network = architecture.build(&config).map_err(|error| error.to_string())?;
            match compare(graph, first, input, &network) {
                Ok(()) => return Ok(Base { network, first }),
                Err((agreed, why)) => {
                    if best.as_ref().is_none_or(|(most, ..)| agreed > *most) {
                        best = Some((agreed, network, why));
                    }
                }
            }
        }
    }
    match best {
        Some((agreed, network, why)) if agreed > FEW => {
            Err(format!("its base is nearly {}, but {why}", network.name()))
        }
        _ => {
            let node = &graph.nodes[first];
            let base = node.around.last().map_or_else(String::new, |name| format!("`{name}`, "));
            Err(format!("its base ({base}from {} on) is none that is known here", node.about()))
        }
    }
}

/// Networks share their first few layers: so many say nothing.
const FEW: usize = 12;

/// How many layers agree before one does not, and why that one does not.
fn compare(
    graph: &Graph<'_>,
    first: usize,
    input: usize,
    network: &Network,
) -> Result<(), (usize, String)> {
    let place = |layer: usize| if layer == 0 { input } else { first + layer - 1 };
    for (index, layer) in network.layers().iter().enumerate().skip(1) {
        let Some(node) = graph.nodes.get(place(index)) else {
            return Err((index, format!("it ends before {}", layer.name)));
        };
        let mut reads: Vec<usize> = layer.inputs.iter().map(|&id| place(id)).collect();
        let mut inputs = node.inputs.clone();
        reads.sort_unstable();
        inputs.sort_unstable();
        let found = if reads == inputs {
            disagreement(node, layer)
        } else {
            Some("reads other layers".to_owned())
        };
        if let Some(what) = found {
            return Err((index, format!("{} {what}", node.about())));
        }
    }
    Ok(())
}

/// In what a node differs from what a layer computes.
fn disagreement(node: &Node<'_>, layer: &Layer) -> Option<String> {
    let config = node.config;
    let class = layer.kind.class_name();
    let is_relu6 = config["activation"] == "relu6" && matches!(layer.kind, LayerKind::ReLU { .. });
    if node.class == "Activation" && is_relu6 {
        return None;
    }
    if node.class != class {
        return Some(format!("should be {class}"));
    }
    let mut checks = vec![("data_format", absent_or(config, "data_format", "channels_last"))];
    match layer.kind {
        LayerKind::Conv2D { filters, window } => {
            checks.push(("filters", config["filters"].as_u64() == Some(filters as u64)));
            checks.push(("groups", matches!(config["groups"].as_u64(), None | Some(1))));
            checks.extend(convolution(config, window));
        }
        LayerKind::DepthwiseConv2D(window) => {
            let multiplier = config["depth_multiplier"].as_u64();
            checks.push(("depth_multiplier", matches!(multiplier, None | Some(1))));
            checks.extend(convolution(config, window));
        }
        LayerKind::BatchNormalization { epsilon, momentum } => {
            let axis = config["axis"].as_i64().or(config["axis"][0].as_i64());
            checks.push(("axis", matches!(axis, None | Some(-1 | 3))));
            checks.push(("epsilon", near(&config["epsilon"], epsilon)));
            checks.push(("momentum", near(&config["momentum"], momentum)));
            checks.push(("center", config["center"] != false));
            checks.push(("scale", config["scale"] != false));
        }
        LayerKind::ReLU { max_value } => {
            let ceiling = match max_value {
                Some(max) => near(&config["max_value"], max),
                None => config["max_value"].is_null(),
            };
            checks.push(("max_value", ceiling));
            checks.push(("negative_slope", zero(&config["negative_slope"])));
            checks.push(("threshold", zero(&config["threshold"])));
        }
        LayerKind::ZeroPadding2D(m) => {
            let expected = serde_json::json!([[m.top, m.bottom], [m.left, m.right]]);
            checks.push(("padding", config["padding"] == expected));
        }
        _ => {}
    }
    let (field, _) = checks.into_iter().find(|(_, agrees)| !agrees)?;
    Some(format!("has {field} {}", config[field]))
}

fn convolution(config: &Value, window: Window) -> Vec<(&'static str, bool)> {
    let pair = |field: &str, side: usize| {
        let side = Some(side as u64);
        let both = config[field][0].as_u64() == side && config[field][1].as_u64() == side;
        both || config[field].as_u64() == side
    };
    let padding = match window.padding {
        // Nothing to pad: the two are one.
        _ if window.kernel == 1 && window.stride == 1 => true,
        Padding::Same => config["padding"] == "same",
        Padding::Valid => config["padding"] == "valid",
        Padding::Symmetric(_) => false,
    };
    vec![
        ("kernel_size", pair("kernel_size", window.kernel)),
        ("strides", pair("strides", window.stride)),
        ("padding", padding),
        ("dilation_rate", config["dilation_rate"].is_null() || pair("dilation_rate", 1)),
        ("use_bias", config["use_bias"] == false),
        ("activation", absent_or(config, "activation", "linear")),
    ]
}

fn absent_or(config: &Value, field: &str, value: &str) -> bool {
    config[field].is_null() || config[field] == value
}

fn near(value: &Value, expected: f32) -> bool {
    value.as_f64().is_some_and(|value| (value as f32 - expected).abs() <= 1e-6 * expected.abs())
}

fn zero(value: &Value) -> bool {
    value.as_f64().unwrap_or(0.0) == 0.0
}
