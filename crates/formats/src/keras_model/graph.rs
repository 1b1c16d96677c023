//! A Keras model's configuration as one flat list of layers, with nested models expanded.

use std::collections::HashMap;

use serde_json::Value;

use crate::naming::keras::counted;

/// Transfer-learning models are never nested more deeply.
const MAX_DEPTH: usize = 8;

/// A layer that is not itself a model.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) name: &'a str,
    pub(super) class: &'a str,
    pub(super) config: &'a Value,
    /// Indices of the nodes that it reads.
    pub(super) inputs: Vec<usize>,
    /// The constant operand of an operation, as in `x / 127.5`.
    pub(super) constant: Option<f64>,
    /// The path of its group in a file that numbers layers by class: `layers/functional/layers/conv2d_3`.
    pub(super) group: String,
    /// The names of the models around it, outermost first, without the whole model.
    pub(super) around: Vec<&'a str>,
}

impl<'a> Node<'a> {
    /// For errors: ``the layer `dense` (Dense)``.
    pub(super) fn about(&self) -> String {
        format!("the layer `{}` ({})", self.name, self.class)
    }

    /// The name of the operation, with Keras 2's `math.truediv` and `__operators__.add` reduced to their last parts.
    pub(super) fn operation(&self) -> Option<&'a str> {
        match self.class {
            "TFOpLambda" => self.config["function"].as_str()?.rsplit('.').next(),
            class => Some(class),
        }
    }
}

/// A whole model.
#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    /// Its layers in topological order; the input is the first.
    pub(super) nodes: Vec<Node<'a>>,
    /// Height, width and channels of the input, where the configuration fixes them.
    pub(super) input: [Option<usize>; 3],
    /// The same for the first nested model whose input is a picture.
    pub(super) inner_input: [Option<usize>; 3],
}

impl<'a> Graph<'a> {
    /// Flattens a configuration. The model's output must be that of its last layer.
    pub(super) fn new(model: &'a Value) -> Result<Self, String> {
        let (graph, whole) = Self::as_far_as_known(model);
        let output = whole?;
        if output + 1 != graph.nodes.len() {
            let after = graph.nodes[output + 1].about();
            return Err(format!("{after} does not lead to the model's output"));
        }
        Ok(graph)
    }

    /// Flattens a configuration up to the first layer that is not understood. Beside the graph, returns the index of
    /// the model's output, or why it was not reached.
    pub(super) fn as_far_as_known(model: &'a Value) -> (Self, Result<usize, String>) {
        let mut graph = Self::default();
        let output = graph.model(model, None, "", &[]);
        (graph, output)
    }

    /// Adds the layers of a model that reads node `given`, and returns its output.
    fn model(
        &mut self,
        model: &'a Value,
        given: Option<usize>,
        group: &str,
        around: &[&'a str],
    ) -> Result<usize, String> {
        if around.len() > MAX_DEPTH {
            return Err("its models are nested too deeply".to_owned());
        }
        let config = &model["config"];
        // Early Keras versions write the layers of a Sequential as a bare list.
        let layers = config["layers"].as_array().or(config.as_array());
        let layers = layers.ok_or("its configuration has no layers")?;
        let sequential = class(model) == "Sequential";
        let mut counters = HashMap::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut last = given;
        for layer in layers {
            let name = layer["name"].as_str().or(layer["config"]["name"].as_str());
            let name = name.ok_or("a layer has no name")?;
            let group = format!("{group}layers/{}", counted(&mut counters, class(layer)));
            let (inputs, constant) = if sequential {
                (last.into_iter().collect(), None)
            } else {
                let (inputs, constant) = inbound(layer, name)?;
                let find = |input: String| {
                    let unknown =
                        || format!("the layer `{name}` reads `{input}`, which comes after it");
                    known.get(input.as_str()).copied().ok_or_else(unknown)
                };
                (inputs.into_iter().map(find).collect::<Result<Vec<_>, _>>()?, constant)
            };
            let node = match class(layer) {
                "InputLayer" => {
                    let of = if given.is_none() { &mut self.input } else { &mut self.inner_input };
                    set_input(of, &layer["config"]);
                    match given {
                        Some(given) => given,
                        None if self.nodes.is_empty() => self.push(layer, name, group, around),
                        None => return Err(format!("it has a second input, `{name}`")),
                    }
                }
                "Functional" | "Model" | "Sequential" => {
                    let inside: Vec<_> = around.iter().copied().chain([name]).collect();
                    if inputs.len() > 1 {
                        return Err(format!("the model `{name}` has more than one input"));
                    }
                    self.model(layer, inputs.first().copied(), &format!("{group}/"), &inside)?
                }
                _ => {
                    if self.nodes.is_empty() {
                        // A Sequential may lack an input layer and specify only the shape of its first layer.
                        set_input(&mut self.input, &layer["config"]);
                        self.push(&Value::Null, "input", String::new(), &[]);
                    }
                    let inputs = if inputs.is_empty() && sequential { vec![0] } else { inputs };
                    let index = self.push(layer, name, group, around);
                    let node = &mut self.nodes[index];
                    (node.inputs, node.constant) = (inputs, constant);
                    index
                }
            };
            known.insert(name, node);
            last = Some(node);
        }
        if sequential {
            return last.ok_or_else(|| "it has no layers".to_owned());
        }
        let outputs = &config["output_layers"];
        let output = outputs[0].as_str().or(outputs[0][0].as_str());
        let one = outputs[0].is_string() || outputs.as_array().is_some_and(|all| all.len() == 1);
        match output.and_then(|name| known.get(name)) {
            Some(&output) if one => Ok(output),
            _ => Err("it must have one output".to_owned()),
        }
    }

    fn push(
        &mut self,
        layer: &'a Value,
        name: &'a str,
        group: String,
        around: &[&'a str],
    ) -> usize {
        self.nodes.push(Node {
            name,
            class: class(layer),
            config: &layer["config"],
            inputs: Vec::new(),
            constant: None,
            group,
            around: around.to_vec(),
        });
        self.nodes.len() - 1
    }
}

/// Fills in the picture shape from a configuration, where it is not known yet.
fn set_input(input: &mut [Option<usize>; 3], config: &Value) {
    for key in ["batch_shape", "batch_input_shape"] {
        if let Some([_, shape @ ..]) = config[key].as_array().map(Vec::as_slice)
            && shape.len() == input.len()
        {
            for (known, size) in input.iter_mut().zip(shape) {
                *known = known.or(size.as_u64().map(|size| size as usize));
            }
        }
    }
}

fn class(layer: &Value) -> &str {
    layer["class_name"].as_str().unwrap_or("InputLayer")
}

/// The names of the layers that a layer reads, and the constant operand of an operation.
fn inbound(layer: &Value, name: &str) -> Result<(Vec<String>, Option<f64>), String> {
    let nodes = layer["inbound_nodes"].as_array().map_or(&[][..], Vec::as_slice);
    let [node] = nodes else {
        return match nodes.len() {
            0 => Ok((Vec::new(), None)),
            _ => Err(format!("the layer `{name}` is used more than once")),
        };
    };
    let mut inputs = Vec::new();
    let mut constant = None;
    match node {
        // Keras 3: {"args": [tensor or [tensors], 127.5], "kwargs": {…}}
        Value::Object(_) => {
            keras3_inputs(&node["args"], &mut inputs, 0);
            let args = node["args"].as_array().map_or(&[][..], Vec::as_slice);
            let keyword = ["x1", "x2"].iter().find_map(|key| node["kwargs"][key].as_f64());
            if args.first().is_some_and(Value::is_number) {
                return Err(format!("the layer `{name}` has a number before its input"));
            }
            constant = args.iter().find_map(Value::as_f64).or(keyword);
        }
        // Keras 2: [["layer", node, tensor, {"y": 127.5}], …]; operations lack the outer brackets.
        Value::Array(items) => {
            let flat = items.first().is_some_and(Value::is_string);
            let items = if flat { std::slice::from_ref(node) } else { items.as_slice() };
            for item in items {
                inputs.extend(item[0].as_str().map(str::to_owned));
                constant = constant.or(item[3]["y"].as_f64());
            }
        }
        _ => return Err(format!("the layer `{name}` has an unknown kind of input")),
    }
    Ok((inputs, constant))
}

fn keras3_inputs(value: &Value, inputs: &mut Vec<String>, depth: usize) {
    if let Some(from) = value["config"]["keras_history"][0].as_str() {
        inputs.push(from.to_owned());
    } else if depth < 3 {
        for item in value.as_array().into_iter().flatten() {
            keras3_inputs(item, inputs, depth + 1);
        }
    }
}
