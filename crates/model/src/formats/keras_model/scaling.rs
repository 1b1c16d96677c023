//! What stands before the base: the input, augmentation, and the scaling of pixels.

use serde_json::Value;

use super::graph::{Graph, Node};
use crate::Scaling;

/// What was read before the base.
pub(super) struct Before {
    /// The node that the base reads.
    pub(super) input: usize,
    /// The base's first node.
    pub(super) next: usize,
    /// All scaling together, if there is any.
    pub(super) scaling: Option<Scaling>,
}

/// Layers that do nothing in inference. Not RandomCrop, which crops then too.
const AUGMENTATION: [&str; 11] = [
    "RandomFlip",
    "RandomRotation",
    "RandomZoom",
    "RandomTranslation",
    "RandomContrast",
    "RandomBrightness",
    "RandomHeight",
    "RandomWidth",
    "RandomColorJitter",
    "RandomShear",
    "GaussianNoise",
];

pub(super) fn read(graph: &Graph<'_>) -> Result<Before, String> {
    let mut input = 0;
    let mut map = [(1.0_f64, 0.0_f64); 3];
    let mut scaled = false;
    for (index, node) in graph.nodes.iter().enumerate().skip(1) {
        let class = node.class;
        let reads_last = node.inputs == [input];
        if reads_last && matches!(class, "Conv2D" | "ZeroPadding2D" | "DepthwiseConv2D") {
            let scaling = scaled.then(|| Scaling {
                scale: map.map(|(scale, _)| scale as f32),
                offset: map.map(|(_, offset)| offset as f32),
            });
            return Ok(Before { input, next: index, scaling });
        }
        if !reads_last {
            return Err(format!("{} does not read the layer before it", node.about()));
        }
        if !AUGMENTATION.contains(&class) && !is_identity(node) {
            let step = affine(node).ok_or_else(|| {
                format!("{} stands before the base and is not known", node.about())
            })?;
            scaled = true;
            for (channel, (scale, offset)) in step.into_iter().enumerate() {
                map[channel] = (map[channel].0 * scale, map[channel].1 * scale + offset);
            }
        }
        input = index;
    }
    Err("it has no convolution".to_owned())
}

/// A layer that gives what it is given.
fn is_identity(node: &Node<'_>) -> bool {
    node.class == "Identity"
        || (node.class == "Activation" && node.config["activation"] == "linear")
}

/// The map `x * scale + offset` of each channel that a layer is.
fn affine(node: &Node<'_>) -> Option<[(f64, f64); 3]> {
    if node.class == "Rescaling" {
        let scale = channels(&node.config["scale"])?;
        let offset = match &node.config["offset"] {
            Value::Null => [0.0; 3],
            offset => channels(offset)?,
        };
        return Some(std::array::from_fn(|c| (scale[c], offset[c])));
    }
    let operation = match node.class {
        // Keras 2's operations: `math.truediv`, or `__operators__.add`.
        "TFOpLambda" => node.config["function"].as_str()?.rsplit('.').next()?,
        class => class,
    };
    let y = node.constant?;
    let step = match operation {
        "TrueDivide" | "Divide" | "truediv" | "divide" => (1.0 / y, 0.0),
        "Multiply" | "multiply" | "mul" => (y, 0.0),
        "Subtract" | "subtract" | "sub" => (1.0, -y),
        "Add" | "add" => (1.0, y),
        _ => return None,
    };
    Some([step; 3])
}

/// One number for all channels, or one for each.
fn channels(value: &Value) -> Option<[f64; 3]> {
    if let Some(number) = value.as_f64() {
        return Some([number; 3]);
    }
    // Keras 3 writes arrays as {"class_name": "__numpy__", "config": {"value": […]}}.
    let list = value.as_array().or(value["config"]["value"].as_array())?;
    let numbers: Vec<f64> = list.iter().map_while(Value::as_f64).collect();
    numbers.try_into().ok()
}
