//! Finds the registered network that layers of a Keras model form, by what they compute.

use headstart_model::architectures::{ARCHITECTURES, NetworkConfig};
use headstart_model::{
    Activation, Layer, LayerId, LayerKind, Margins, Network, Padding, Shape, Window,
};
use serde_json::Value;

use super::before::{Before, Place, Start};
use super::graph::{Graph, Node};

/// The base found in a graph.
pub(super) struct Base {
    pub(super) network: Network,
    /// For each of its layers, the index of the matching node. The network's input layer matches the node that the
    /// base reads.
    pub(super) nodes: Vec<usize>,
    /// The Rescaling layer that the registered network has and the model lacks.
    pub(super) lacks: Option<LayerId>,
}

/// Compares every registered network with the nodes from each possible start of the base. The input has the model's
/// height and width where these are fixed. Returns the base, and what precedes it.
pub(super) fn find(graph: &Graph<'_>, start: &Start) -> Result<(Base, Before), String> {
    let (place, Before { size, .. }) = start.of(0).expect("there is a convolution");
    let mut best: Option<(usize, Network, String)> = None;
    for architecture in ARCHITECTURES {
        let default = architecture.input_size;
        let input_size = Some((size[0].unwrap_or(default), size[1].unwrap_or(default)));
        for &width in architecture.widths {
            let config = NetworkConfig { input_size, width: Some(width), top: None };
            let network = architecture.build(&config).map_err(|error| error.to_string())?;
            let own = scales_pixels(&network);
            // Keras omits the last Rescaling of EfficientNet if it was built without ImageNet weights.
            let is_last = own > 1 && network.layers()[own - 1].kind == LayerKind::Normalization;
            let last = is_last.then_some(Some(own));
            for lacks in [None].into_iter().chain(last) {
                let own = own - usize::from(lacks.is_some());
                let Some((place, before)) = start.of(own) else { continue };
                match compare(graph, &place, &network, lacks) {
                    Ok(nodes) => return Ok((Base { network, nodes, lacks }, before)),
                    Err((agreed, why)) => {
                        if best.as_ref().is_none_or(|(most, ..)| agreed > *most) {
                            best = Some((agreed, network.clone(), why));
                        }
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
            let node = &graph.nodes[place.next];
            let base = node.around.last().map_or_else(String::new, |name| format!("`{name}`, "));
            Err(format!("its base ({base}from {} on) is none that is known here", node.about()))
        }
    }
}

/// The number of layers right after a network's input that scale pixels.
fn scales_pixels(network: &Network) -> usize {
    let scales = |layer: &&Layer| {
        matches!(layer.kind, LayerKind::Rescaling { .. } | LayerKind::Normalization)
    };
    network.layers()[1..].iter().take_while(scales).count()
}

/// Networks share their first few layers, so a match of this many says nothing.
const FEW: usize = 12;

/// The node that matches each layer. On a mismatch, the number of layers that agree, and why the next one does not.
fn compare(
    graph: &Graph<'_>,
    place: &Place,
    network: &Network,
    lacks: Option<LayerId>,
) -> Result<Vec<usize>, (usize, String)> {
    let layers = network.layers();
    let mut nodes = vec![place.input];
    let mut next = place.next;
    for (index, layer) in layers.iter().enumerate().skip(1) {
        if lacks == Some(index) {
            nodes.push(nodes[index - 1]);
            continue;
        }
        let ends = || (index, format!("it ends before {}", layer.name));
        let mut node = graph.nodes.get(next).ok_or_else(ends)?;
        let mut reads: Vec<usize> = layer.inputs.iter().map(|&id| nodes[id]).collect();
        let mut before = Margins::default();
        if node.class == "ZeroPadding2D" && node.inputs == reads && margins(layer, layers).is_some()
        {
            // Keras up to 2.3 implements SAME padding with a layer of its own, and PyTorch's padding needs one in any
            // version.
            before = margins_of(node).unwrap_or_default();
            reads = vec![next];
            next += 1;
            node = graph.nodes.get(next).ok_or_else(ends)?;
        }
        if layer.kind == LayerKind::Activation(Activation::HardSigmoid)
            && let Some(last) = hard_sigmoid(graph, next, &reads)
        {
            nodes.push(last);
            next = last + 1;
            continue;
        }
        let mut inputs = node.inputs.clone();
        reads.sort_unstable();
        inputs.sort_unstable();
        let found = if reads == inputs {
            let input = layers[layer.inputs[0]].output;
            disagreement(node, layer, input, before)
        } else {
            Some("reads other layers".to_owned())
        };
        if let Some(what) = found {
            return Err((index, format!("{} {what}", node.about())));
        }
        nodes.push(next);
        next += 1;
    }
    Ok(nodes)
}

/// The last of the nodes from `first` on that form a hard sigmoid as in Keras's MobileNetV3: `ReLU6(x + 3) / 6`.
fn hard_sigmoid(graph: &Graph<'_>, first: usize, reads: &[usize]) -> Option<usize> {
    let [sum, clamp, share] = graph.nodes.get(first..first + 3)? else { return None };
    let constant = |node: &Node<'_>, is: f64| {
        node.constant.is_some_and(|constant| (constant - is).abs() < 1e-6)
    };
    let is_it = sum.inputs == reads
        && matches!(sum.operation(), Some("Add" | "add"))
        && constant(sum, 3.0)
        && clamp.inputs == [first]
        && clamp.class == "ReLU"
        && near(&clamp.config["max_value"], 6.0)
        && share.inputs == [first + 1]
        && matches!(share.operation(), Some("Multiply" | "multiply" | "mul"))
        && constant(share, 1.0 / 6.0);
    is_it.then_some(first + 2)
}

/// The zero padding that a convolution applies to its input.
fn margins(layer: &Layer, layers: &[Layer]) -> Option<Margins> {
    let (LayerKind::Conv2D { window, .. } | LayerKind::DepthwiseConv2D { window, .. }) = layer.kind
    else {
        return None;
    };
    let (height, width) = layers[*layer.inputs.first()?].output.spatial();
    window.margins(height, width)
}

/// The zero padding of a ZeroPadding2D node.
fn margins_of(node: &Node<'_>) -> Option<Margins> {
    let side = |axis: usize, end: usize| {
        let side = &node.config["padding"][axis][end];
        side.as_u64().and_then(|side| usize::try_from(side).ok()).filter(|side| *side < MOST_PADDED)
    };
    let (top, bottom) = (side(0, 0)?, side(0, 1)?);
    Some(Margins { top, bottom, left: side(1, 0)?, right: side(1, 1)? })
}

/// Larger than the padding of any network.
const MOST_PADDED: usize = 1 << 16;

fn has_margins(node: &Node<'_>, margins: Margins) -> bool {
    margins_of(node) == Some(margins)
}

/// How a node differs from what `layer` computes of an input of this shape that is already padded by `before`.
fn disagreement(node: &Node<'_>, layer: &Layer, input: Shape, before: Margins) -> Option<String> {
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
        LayerKind::Conv2D { filters, window, groups, bias, activation } => {
            checks.push(("filters", config["filters"].as_u64() == Some(filters as u64)));
            checks.push(("groups", config["groups"].as_u64().unwrap_or(1) == groups as u64));
            checks.extend(convolution(config, window, input, before));
            checks.push(("use_bias", config["use_bias"] == bias));
            checks.push(("activation", is_called(&config["activation"], activation)));
        }
        LayerKind::DepthwiseConv2D { window, bias } => {
            checks.push(("use_bias", config["use_bias"] == bias));
            checks.push(("activation", is_called(&config["activation"], Activation::Linear)));
            let multiplier = config["depth_multiplier"].as_u64();
            checks.push(("depth_multiplier", matches!(multiplier, None | Some(1))));
            checks.extend(convolution(config, window, input, before));
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
            checks.push(("padding", has_margins(node, m)));
        }
        LayerKind::Activation(activation) => {
            checks.push(("activation", is_called(&config["activation"], activation)));
        }
        LayerKind::GlobalAveragePooling2D { keepdims } => {
            checks.push(("keepdims", config["keepdims"].as_bool().unwrap_or(false) == keepdims));
        }
        LayerKind::Reshape(shape) => {
            let axes: Vec<u64> = shape.axes().into_iter().map(|axis| axis as u64).collect();
            checks.push(("target_shape", config["target_shape"] == serde_json::json!(axes)));
        }
        LayerKind::Rescaling { scale, offset } => {
            let all = |field: &str, values: [f32; 3]| {
                let value = |c: usize| config[field].get(c).unwrap_or(&config[field]);
                (0..3).all(|c| near(value(c), values[c]))
            };
            checks.push(("scale", all("scale", scale)));
            checks.push(("offset", all("offset", offset)));
        }
        LayerKind::Input
        | LayerKind::Add
        | LayerKind::Multiply
        | LayerKind::Flatten
        | LayerKind::Normalization
        | LayerKind::Dropout { .. }
        | LayerKind::Dense { .. } => {}
        LayerKind::LayerNormalization { .. }
        | LayerKind::LayerScale
        | LayerKind::Concatenate
        | LayerKind::MaxPooling2D(_) => return Some("is none that is compared here".to_owned()),
    }
    let (field, _) = checks.into_iter().find(|(_, agrees)| !agrees)?;
    Some(format!("has {field} {}", config[field]))
}

fn convolution(
    config: &Value,
    window: Window,
    input: Shape,
    before: Margins,
) -> Vec<(&'static str, bool)> {
    let pair = |field: &str, side: usize| {
        let side = Some(side as u64);
        let both = config[field][0].as_u64() == side && config[field][1].as_u64() == side;
        both || config[field].as_u64() == side
    };
    let (height, width) = input.spatial();
    let own = match config["padding"].as_str() {
        Some("valid") => Some(Padding::Valid),
        Some("same") => Some(Padding::Same),
        _ => None,
    };
    let own = own.and_then(|padding| {
        let window = Window { padding, ..window };
        let across = width + before.left + before.right;
        window.margins(height + before.top + before.bottom, across)
    });
    // However the padding is divided between layers, the window sees their sum.
    let padding = own.is_some_and(|own| {
        let all = Margins {
            top: before.top + own.top,
            bottom: before.bottom + own.bottom,
            left: before.left + own.left,
            right: before.right + own.right,
        };
        window.margins(height, width) == Some(all)
    });
    vec![
        ("kernel_size", pair("kernel_size", window.kernel)),
        ("strides", pair("strides", window.stride)),
        ("padding", padding),
        ("dilation_rate", config["dilation_rate"].is_null() || pair("dilation_rate", 1)),
    ]
}

/// Whether a configuration names this activation. Older versions of Keras use other names for some.
fn is_called(value: &Value, activation: Activation) -> bool {
    let other = match activation {
        Activation::Silu => "swish",
        Activation::HardSilu => "hard_swish",
        _ => activation.name(),
    };
    match value.as_str() {
        Some(name) => name == activation.name() || name == other,
        None => value.is_null() && activation == Activation::Linear,
    }
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
