//! What stands after the base: pooling, dropout, dense, and its activation.

use serde_json::Value;

use super::HeadActivation;
use super::graph::{Graph, Node};

/// What was read after the base.
pub(super) struct After {
    /// The node of the dense layer.
    pub(super) dense: usize,
    pub(super) units: usize,
    pub(super) has_bias: bool,
    pub(super) activation: HeadActivation,
    pub(super) dropout: f32,
}

/// Reads the nodes after node `last`, the base's output.
pub(super) fn read(graph: &Graph<'_>, last: usize) -> Result<After, String> {
    let mut pooled = false;
    let mut kept = 1.0;
    let mut dense: Option<After> = None;
    for (index, node) in graph.nodes.iter().enumerate().skip(last + 1) {
        if node.inputs != [index - 1] {
            return Err(format!("{} does not read the layer before it", node.about()));
        }
        match (node.class, &mut dense) {
            ("GlobalAveragePooling2D", None) if !pooled => {
                if node.config["keepdims"] == true {
                    return Err(format!("{} keeps its axes", node.about()));
                }
                pooled = true;
            }
            ("Flatten", None) if pooled => {}
            ("Dropout", None) => kept *= 1.0 - node.config["rate"].as_f64().unwrap_or(0.0),
            ("Dense", None) if pooled => {
                let units = node.config["units"].as_u64().filter(|&units| units > 0);
                dense = Some(After {
                    dense: index,
                    units: units.ok_or_else(|| format!("{} has no units", node.about()))? as usize,
                    has_bias: node.config["use_bias"] != false,
                    activation: activation(node, &node.config["activation"])?,
                    dropout: (1.0 - kept) as f32,
                });
            }
            ("Softmax", Some(dense)) if dense.activation == HeadActivation::Linear => {
                dense.activation = HeadActivation::Softmax;
            }
            ("Activation", Some(dense)) if dense.activation == HeadActivation::Linear => {
                dense.activation = activation(node, &node.config["activation"])?;
            }
            ("Dense", Some(_)) => {
                return Err(format!("{} is a second dense layer", node.about()));
            }
            ("Dense", None) => {
                return Err(format!("{} stands before any pooling", node.about()));
            }
            _ => return Err(format!("{} stands after the base", node.about())),
        }
    }
    dense.ok_or_else(|| "it has no Dense layer after the base".to_owned())
}

fn activation(node: &Node<'_>, value: &Value) -> Result<HeadActivation, String> {
    let name = value.as_str().or(value["class_name"].as_str()).or(value["config"].as_str());
    match name {
        None | Some("linear") => Ok(HeadActivation::Linear),
        Some("softmax") => Ok(HeadActivation::Softmax),
        Some("sigmoid") => Ok(HeadActivation::Sigmoid),
        Some(other) => Err(format!("{} has the activation {other}", node.about())),
    }
}
