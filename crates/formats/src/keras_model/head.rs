//! The layers after the base: pooling, then dense layers with their activations, dropout and
//! normalisation.

use headstart_model::Elementwise;
use serde_json::Value;

use super::HeadActivation;
use super::graph::{Graph, Node};

/// The layers after the base.
pub(super) struct After {
    /// The dense layers, at least one.
    pub(super) dense: Vec<Dense>,
    /// The activation of the last dense layer.
    pub(super) activation: HeadActivation,
    /// The divisors of the last layer's outputs, before the activation.
    pub(super) temperature: Option<Vec<f32>>,
}

/// A dense layer and what can be merged into it.
#[derive(Default)]
pub(super) struct Dense {
    /// The index of its node.
    pub(super) node: usize,
    pub(super) units: usize,
    pub(super) has_bias: bool,
    /// Its activation, if that is a layer of its own.
    pub(super) activation: Elementwise,
    /// The fraction of its inputs that dropout zeroes in training.
    pub(super) dropout: f32,
    /// Nodes of the normalisations of its inputs, in order.
    pub(super) normalised: Vec<usize>,
    /// Nodes of the normalisations of its outputs, before the activation.
    pub(super) normalises: Vec<usize>,
    /// The divisors of its outputs, before the activation.
    pub(super) temperature: Option<Vec<f32>>,
}

/// The shape of a layer's output for each picture.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    /// The base's feature map.
    Map,
    /// The mean of the map, with both spatial axes kept.
    OnePosition,
    Vector,
}

/// The activation seen so far after a dense layer.
#[derive(Clone, Copy, PartialEq)]
enum Function {
    None,
    Elementwise(Elementwise),
    Softmax,
}

/// Layers that do nothing in inference and only regularise in training.
const REGULARISERS: [&str; 5] =
    ["ActivityRegularization", "AlphaDropout", "GaussianDropout", "GaussianNoise", "Identity"];

/// Reads the nodes after node `last`, the base's output, whose height and width are `map`.
pub(super) fn read(graph: &Graph<'_>, last: usize, map: (usize, usize)) -> Result<After, String> {
    let mut reading = Reading { map, shape: Shape::Map, kept: 1.0, before: vec![], dense: vec![] };
    for (index, node) in graph.nodes.iter().enumerate().skip(last + 1) {
        if node.inputs != [index - 1] {
            return Err(format!("{} does not read the layer before it", node.about()));
        }
        reading.node(index, node)?;
    }
    reading.finish(graph)
}

struct Reading {
    map: (usize, usize),
    shape: Shape,
    /// The fraction of values that dropout has kept since the last dense layer.
    kept: f64,
    /// Normalisations since the last dense layer that belong to the next one.
    before: Vec<usize>,
    dense: Vec<(Dense, Function)>,
}

impl Reading {
    fn node(&mut self, index: usize, node: &Node<'_>) -> Result<(), String> {
        let config = node.config;
        match (node.class, self.shape) {
            ("GlobalAveragePooling2D", Shape::Map) => {
                let kept = config["keepdims"] == true;
                self.shape = if kept { Shape::OnePosition } else { Shape::Vector };
            }
            ("AveragePooling2D", Shape::Map) if self.is_global(config) => {
                self.shape = Shape::OnePosition;
            }
            ("Flatten", Shape::OnePosition | Shape::Vector) => self.shape = Shape::Vector,
            ("Flatten", Shape::Map) if self.map == (1, 1) => self.shape = Shape::Vector,
            ("Dropout" | "SpatialDropout2D", _) => {
                self.kept *= 1.0 - config["rate"].as_f64().unwrap_or(0.0);
            }
            ("BatchNormalization", _) => match self.dense.last_mut() {
                // Before any activation, the normalisation belongs to this layer, unless dropout
                // comes between them.
                Some((dense, Function::None))
                    if self.kept == 1.0
                        && self.before.is_empty()
                        && dense.temperature.is_none() =>
                {
                    dense.normalises.push(index);
                }
                _ => self.before.push(index),
            },
            ("Dense", Shape::Map) => {
                return Err(format!("{} stands before any pooling", node.about()));
            }
            ("Dense", _) => {
                let units = config["units"].as_u64().filter(|&units| units > 0);
                let dense = Dense {
                    node: index,
                    units: units.ok_or_else(|| format!("{} has no units", node.about()))? as usize,
                    has_bias: config["use_bias"] != false,
                    dropout: (1.0 - self.kept) as f32,
                    normalised: std::mem::take(&mut self.before),
                    ..Dense::default()
                };
                self.kept = 1.0;
                self.dense.push((dense, activation(node, &config["activation"])?));
            }
            ("Rescaling", Shape::Vector) => {
                let after =
                    self.dense.last_mut().filter(|_| self.kept == 1.0 && self.before.is_empty());
                let temperature = after.and_then(|(dense, function)| {
                    let free = *function == Function::None && dense.temperature.is_none();
                    dense.temperature = Some(temperature(config, dense.units).filter(|_| free)?);
                    Some(())
                });
                temperature.ok_or_else(|| format!("{} stands after the base", node.about()))?;
            }
            (class, _) if REGULARISERS.contains(&class) => {}
            (class, _) => {
                let own = match class {
                    "Activation" => Some(activation(node, &config["activation"])?),
                    class => layer(class, config),
                };
                let Some(function) = own else {
                    return Err(format!("{} stands after the base", node.about()));
                };
                self.function(node, function)?;
            }
        }
        Ok(())
    }

    /// Adds an activation that is a layer of its own.
    fn function(&mut self, node: &Node<'_>, function: Function) -> Result<(), String> {
        match self.dense.last_mut() {
            _ if function == Function::None => {}
            Some((_, own @ Function::None)) if self.before.is_empty() => *own = function,
            Some((_, Function::None)) => {
                return Err(format!("{} follows a normalisation after dropout", node.about()));
            }
            Some(_) => return Err(format!("{} is a second activation", node.about())),
            None => return Err(format!("{} stands before any dense layer", node.about())),
        }
        Ok(())
    }

    /// Whether the pooling covers the whole map.
    fn is_global(&self, config: &Value) -> bool {
        let pair = |value: &Value| match value {
            Value::Number(side) => side.as_u64().map(|side| (side, side)),
            _ => value[0].as_u64().zip(value[1].as_u64()),
        };
        let map = (self.map.0 as u64, self.map.1 as u64);
        let size = pair(&config["pool_size"]);
        let steps = match &config["strides"] {
            Value::Null => size,
            strides => pair(strides),
        };
        let one = config["padding"] != "same"
            || steps.is_some_and(|steps| steps.0 >= map.0 && steps.1 >= map.1);
        size == Some(map) && one && config["data_format"] != "channels_first"
    }

    fn finish(self, graph: &Graph<'_>) -> Result<After, String> {
        let count = self.dense.len();
        let mut dense = Vec::new();
        let mut last = HeadActivation::Linear;
        let mut temperature = None;
        for (index, (mut layer, function)) in self.dense.into_iter().enumerate() {
            let about = || graph.nodes[layer.node].about();
            if let Some(divisors) = layer.temperature.take() {
                if index + 1 < count {
                    return Err(format!(
                        "the outputs of {}, which is not the last, are rescaled",
                        about()
                    ));
                }
                temperature = Some(divisors);
            }
            if index + 1 < count {
                layer.activation = match function {
                    Function::None => Elementwise::Linear,
                    Function::Elementwise(function) => function,
                    Function::Softmax => {
                        return Err(format!(
                            "a softmax follows {}, which is not the last",
                            about()
                        ));
                    }
                };
            } else {
                last = match function {
                    Function::None => HeadActivation::Linear,
                    Function::Softmax if layer.units == 1 => {
                        return Err(format!(
                            "the softmax over the one output of {} is always 1",
                            about()
                        ));
                    }
                    Function::Softmax => HeadActivation::Softmax,
                    Function::Elementwise(Elementwise::Sigmoid) => HeadActivation::Sigmoid,
                    Function::Elementwise(other) => {
                        return Err(format!(
                            "{} is the last, and its activation {other:?} makes no probabilities",
                            about()
                        ));
                    }
                };
            }
            dense.push(layer);
        }
        if count == 0 {
            return Err("it has no Dense layer after the base".to_owned());
        }
        if let Some(&index) = self.before.first() {
            return Err(format!("{} stands after the last activation", graph.nodes[index].about()));
        }
        if self.shape != Shape::Vector {
            return Err("its output has more axes than one".to_owned());
        }
        Ok(After { dense, activation: last, temperature })
    }
}

/// The divisors of a Rescaling of `units` values: one number for all, or one for each.
fn temperature(config: &Value, units: usize) -> Option<Vec<f32>> {
    let scales: Vec<f64> = match &config["scale"] {
        Value::Array(scales) => scales.iter().map(Value::as_f64).collect::<Option<_>>()?,
        scale => vec![scale.as_f64()?],
    };
    let is_one = scales.len() == 1 || scales.len() == units;
    let moves_nothing =
        config["offset"].is_null() || config["offset"] == 0.0 || config["offset"] == 0;
    let temperature: Vec<f32> = scales.iter().map(|scale| (1.0 / scale) as f32).collect();
    let sound = temperature.iter().all(|t| t.is_finite() && *t > 0.0);
    (is_one && moves_nothing && sound).then_some(temperature)
}

/// The activation given by a name, a function or a layer.
fn activation(node: &Node<'_>, value: &Value) -> Result<Function, String> {
    let class = value["class_name"].as_str();
    let name = match class {
        None | Some("function") => value.as_str().or(value["config"].as_str()),
        class => class,
    };
    let Some(name) = name else { return Ok(Function::None) };
    let known = match name {
        "softmax" => Some(Function::Softmax),
        _ => match Elementwise::by_name(name) {
            Some(Elementwise::Linear) => Some(Function::None),
            Some(function) => Some(Function::Elementwise(function)),
            None => layer(name, &value["config"]),
        },
    };
    known.ok_or_else(|| format!("{} has the activation {name}, which is not known", node.about()))
}

/// The activation that a layer of this class computes.
fn layer(class: &str, config: &Value) -> Option<Function> {
    let number = |field: &str, default: f64| match &config[field] {
        Value::Null => Some(default),
        value => value.as_f64(),
    };
    let function = match class {
        "Softmax" => {
            let last = matches!(config["axis"].as_i64(), None | Some(-1 | 1));
            return last.then_some(Function::Softmax);
        }
        "ReLU" if number("threshold", 0.0)? == 0.0 => Elementwise::Relu {
            negative_slope: number("negative_slope", 0.0)? as f32,
            max_value: config["max_value"].as_f64().map(|most| most as f32),
        },
        // Keras 2 names the slope `alpha`.
        "LeakyReLU" => {
            let slope = number("negative_slope", number("alpha", 0.3)?)?;
            Elementwise::Relu { negative_slope: slope as f32, max_value: None }
        }
        "ELU" => Elementwise::Elu { alpha: number("alpha", 1.0)? as f32 },
        _ => return None,
    };
    function.is_finite().then_some(Function::Elementwise(function))
}
