//! ONNX: one file with the graph of the plan (BatchNormalization folded, activations clamped), from u8 pixels to
//! probabilities.
//!
//! Operator set 13 is the oldest whose Softmax works along a single axis. onnxruntime, OpenVINO and TensorRT have
//! supported it for years.

mod graph;
mod proto;
#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use headstart_engine::frozen::{Activation, Clamp, Function, Op, OpKind, Program, Sides};
use headstart_engine::head::Task;
use headstart_model::{Elementwise, Shape, Tensor};
use prost::Message;
use serde_json::json;

use crate::description::ENTRY;
use crate::subject::{Dense, Subject};
use crate::{ExportError, Output, Proof};
use graph::{Graph, Value, float, int, ints, value};
use proto::{DataType, ModelProto, OperatorSetIdProto, StringStringEntryProto};

const IR_VERSION: i64 = 7;
const OPERATOR_SET: i64 = 13;
/// The name of the input.
const INPUT: &str = "pixels";

pub(crate) fn write(subject: &Subject<'_>, proof: &Proof) -> Result<Vec<u8>, ExportError> {
    let (height, width) = subject.size();
    let network = &subject.model.network;
    let mut graph = Graph::default();
    let picture = normalised(&mut graph, subject);
    let mut last = base(&mut graph, &Program::new(network, &subject.model.weights), picture);
    if let Shape::Map { .. } = network.output() {
        last = mean(&mut graph, "features", &last);
    }
    for layer in subject.dense() {
        last = dense(&mut graph, &layer, &last);
    }
    scores(&mut graph, subject, last);

    let words = &subject.description["preprocessing_in_words"];
    let words = words.as_str().expect("it is text");
    let input = value(INPUT, DataType::Uint8, &[height, width, 3], words);
    let output = subject.output().name();
    let output = value(output, DataType::Float, &[subject.outputs()], "");
    let model = ModelProto {
        ir_version: IR_VERSION,
        producer_name: "headstart".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: words.to_owned(),
        graph: Some(graph.finish(network.name(), input, output)),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPERATOR_SET }],
        metadata_props: metadata(subject, proof),
    };
    Ok(model.encode_to_vec())
}

/// The metadata entries: the whole description, those parts of it that are read most often, and the proof.
fn metadata(subject: &Subject<'_>, proof: &Proof) -> Vec<StringStringEntryProto> {
    let description = &subject.description;
    let text = |entry: &serde_json::Value| match entry.as_str() {
        Some(text) => text.to_owned(),
        None => entry.to_string(),
    };
    let entries = [
        ("classes", text(&description["classes"])),
        ("preprocessing", text(&description["preprocessing_in_words"])),
        ("temperature", text(&description["temperature"])),
        (
            "unknown_threshold",
            text(description.pointer("/unknown/threshold").unwrap_or(&json!(null))),
        ),
        (ENTRY, description.to_string()),
        // A NumPy archive in base64.
        ("headstart.proof", STANDARD.encode(proof.to_npz())),
    ];
    let entry =
        |(key, value): (&str, String)| StringStringEntryProto { key: key.to_owned(), value };
    entries.into_iter().filter(|(_, value)| value != "null").map(entry).collect()
}

/// The input of the base: the picture scaled, channels first.
fn normalised(graph: &mut Graph, subject: &Subject<'_>) -> Value {
    let scaling = subject.scaling();
    let to = int("to", DataType::Float as i64);
    let cast = graph.node("Cast", "normalize/cast", &[INPUT], vec![to]);
    let of_channels = |values: [f32; 3]| Tensor::new(vec![3], values.to_vec());
    let scale = graph.constant("normalize/scale", &of_channels(scaling.scale));
    let offset = graph.constant("normalize/offset", &of_channels(scaling.offset));
    let scaled = graph.node("Mul", "normalize/mul", &[&cast, &scale], vec![]);
    let moved = graph.node("Add", "normalize/add", &[&scaled, &offset], vec![]);
    let channels_first = ints("perm", &[0, 3, 1, 2]);
    graph.node("Transpose", "normalize", &[&moved], vec![channels_first])
}

/// Adds the operations of the base, and returns its last map.
fn base(graph: &mut Graph, program: &Program, picture: Value) -> Value {
    let mut values = vec![picture];
    for op in program.ops.iter().skip(1) {
        let value = operation(graph, op, &values);
        values.push(value);
    }
    values.pop().expect("the picture at least")
}

fn operation(graph: &mut Graph, op: &Op, values: &[Value]) -> Value {
    let name = &op.name;
    let input = values[op.input].as_str();
    let mut result = match &op.kind {
        OpKind::Input => unreachable!("the first alone is the input"),
        OpKind::Conv { kernel, bias, sides } => {
            let (outputs, side) = (bias.len(), sides.kernel);
            let inputs = kernel.len() / (side * side * outputs);
            let kernel = Tensor::new(vec![side, side, inputs, outputs], kernel.clone());
            convolution(graph, name, input, (&kernel.permuted(&[3, 2, 0, 1]), bias), *sides, 1)
        }
        OpKind::Grouped { kernel, bias, sides, groups } => {
            let (outputs, side) = (bias.len(), sides.kernel);
            let inputs = kernel.len() / (side * side * outputs);
            let kernel = Tensor::new(vec![side, side, inputs, outputs], kernel.clone());
            let kernel = kernel.permuted(&[3, 2, 0, 1]);
            convolution(graph, name, input, (&kernel, bias), *sides, *groups)
        }
        OpKind::Depthwise { kernel, bias, sides } => {
            let (channels, side) = (bias.len(), sides.kernel);
            let kernel = Tensor::new(vec![side, side, channels, 1], kernel.clone());
            let kernel = kernel.permuted(&[2, 3, 0, 1]);
            convolution(graph, name, input, (&kernel, bias), *sides, channels)
        }
        OpKind::Affine { scale, bias } => {
            let shape = match op.shape {
                Shape::Map { channels, .. } => vec![channels, 1, 1],
                Shape::Vector(channels) => vec![channels],
            };
            let mut constant = |what: &str, values: &[f32]| {
                let tensor = Tensor::new(shape.clone(), values.to_vec());
                graph.constant(format!("{name}/{what}"), &tensor)
            };
            let (scale, bias) = (constant("scale", scale), constant("bias", bias));
            let scaled = graph.node("Mul", format!("{name}/mul"), &[input, &scale], vec![]);
            graph.node("Add", format!("{name}/add"), &[&scaled, &bias], vec![])
        }
        OpKind::Pad(m) => {
            let pads = [0, 0, m.top, m.left, 0, 0, m.bottom, m.right].map(|n| n as i64);
            let pads = graph.integers(format!("{name}/pads"), &pads);
            graph.node("Pad", format!("{name}/pad"), &[input, &pads], vec![])
        }
        OpKind::LayerNorm { scale, bias, epsilon } => {
            layer_norm(graph, name, input, (scale, bias), *epsilon)
        }
        OpKind::MaxPool(sides) => {
            let m = sides.margins;
            let attributes = vec![
                ints("kernel_shape", &[sides.kernel; 2]),
                ints("pads", &[m.top, m.left, m.bottom, m.right]),
                ints("strides", &[sides.stride; 2]),
            ];
            graph.node("MaxPool", name, &[input], attributes)
        }
        OpKind::GlobalAverage => match op.shape {
            Shape::Map { .. } => graph.node("GlobalAveragePool", name, &[input], vec![]),
            Shape::Vector(_) => mean(graph, name, input),
        },
        // The gates are a map of 1 x 1 positions.
        OpKind::Gate(gate) => graph.node("Mul", name, &[input, &values[*gate]], vec![]),
        OpKind::Concat(other) => {
            graph.node("Concat", name, &[input, &values[*other]], vec![int("axis", 1)])
        }
        OpKind::Softmax => {
            graph.node("Softmax", format!("{name}/softmax"), &[input], vec![int("axis", 1)])
        }
    };
    if let Some(residual) = op.residual {
        let inputs = [result.as_str(), values[residual].as_str()];
        result = graph.node("Add", format!("{name}/residual"), &inputs, vec![]);
    }
    match op.activation {
        Activation::Clamp(clamp) => clamped(graph, name, clamp, result),
        Activation::Function(function) => followed(graph, name, function, &result),
    }
}

fn followed(graph: &mut Graph, name: &str, function: Function, x: &str) -> Value {
    let hard = || vec![float("alpha", 1.0 / 6.0), float("beta", 0.5)];
    let own = |what: &str| format!("{name}/{what}");
    match function {
        Function::Sigmoid => graph.node("Sigmoid", own("sigmoid"), &[x], vec![]),
        Function::HardSigmoid => graph.node("HardSigmoid", own("hard_sigmoid"), &[x], hard()),
        Function::Silu => {
            let sigmoid = graph.node("Sigmoid", own("sigmoid"), &[x], vec![]);
            graph.node("Mul", own("silu"), &[x, &sigmoid], vec![])
        }
        Function::HardSilu => {
            let sigmoid = graph.node("HardSigmoid", own("hard_sigmoid"), &[x], hard());
            graph.node("Mul", own("hard_silu"), &[x, &sigmoid], vec![])
        }
        Function::Gelu => {
            let [root, one, half] =
                [std::f32::consts::SQRT_2, 1.0, 0.5].map(|value| graph.number(value));
            let scaled = graph.node("Div", own("scaled"), &[x, &root], vec![]);
            let erf = graph.node("Erf", own("erf"), &[&scaled], vec![]);
            let sum = graph.node("Add", own("sum"), &[&erf, &one], vec![]);
            let product = graph.node("Mul", own("product"), &[x, &sum], vec![]);
            graph.node("Mul", own("gelu"), &[&product, &half], vec![])
        }
    }
}

/// Layer normalization over the channels, written out because this operator set does not have it.
fn layer_norm(
    graph: &mut Graph,
    name: &str,
    x: &str,
    (scale, bias): (&[f32], &[f32]),
    epsilon: f32,
) -> Value {
    let own = |what: &str| format!("{name}/{what}");
    let mean = |graph: &mut Graph, what: &str, x: &str| {
        graph.node("ReduceMean", own(what), &[x], vec![ints("axes", &[1]), int("keepdims", 1)])
    };
    let first = mean(graph, "mean", x);
    let centred = graph.node("Sub", own("centred"), &[x, &first], vec![]);
    let squares = graph.node("Mul", own("squares"), &[&centred, &centred], vec![]);
    let variance = mean(graph, "variance", &squares);
    let epsilon = graph.number(epsilon);
    let positive = graph.node("Add", own("positive"), &[&variance, &epsilon], vec![]);
    let deviation = graph.node("Sqrt", own("deviation"), &[&positive], vec![]);
    let normal = graph.node("Div", own("normal"), &[&centred, &deviation], vec![]);
    let constant = |graph: &mut Graph, what: &str, values: &[f32]| {
        graph.constant(own(what), &Tensor::new(vec![values.len(), 1, 1], values.to_vec()))
    };
    let (scale, bias) = (constant(graph, "scale", scale), constant(graph, "bias", bias));
    let scaled = graph.node("Mul", own("scaled"), &[&normal, &scale], vec![]);
    graph.node("Add", name, &[&scaled, &bias], vec![])
}

/// Adds a convolution. `kernel` is `[outputs][inputs of a group][side][side]`.
fn convolution(
    graph: &mut Graph,
    name: &str,
    input: &str,
    (kernel, bias): (&Tensor, &[f32]),
    sides: Sides,
    groups: usize,
) -> Value {
    let bias = Tensor::new(vec![bias.len()], bias.to_vec());
    let kernel = graph.constant(format!("{name}/kernel"), kernel);
    let bias = graph.constant(format!("{name}/bias"), &bias);
    let m = sides.margins;
    let attributes = vec![
        ints("dilations", &[1, 1]),
        int("group", groups as i64),
        ints("kernel_shape", &[sides.kernel; 2]),
        ints("pads", &[m.top, m.left, m.bottom, m.right]),
        ints("strides", &[sides.stride; 2]),
    ];
    graph.node("Conv", name, &[input, &kernel, &bias], attributes)
}

fn clamped(graph: &mut Graph, name: &str, clamp: Clamp, value: Value) -> Value {
    let Clamp { min, max } = clamp;
    match (min > f32::NEG_INFINITY, max < f32::INFINITY) {
        (false, false) => value,
        (true, false) if min == 0.0 => {
            graph.node("Relu", format!("{name}/relu"), &[&value], vec![])
        }
        (has_min, has_max) => {
            // An omitted bound is an empty name.
            let min = if has_min { graph.number(min) } else { String::new() };
            let max = has_max.then(|| graph.number(max));
            let inputs: Vec<&str> =
                [value.as_str(), &min].into_iter().chain(max.as_deref()).collect();
            graph.node("Clip", format!("{name}/clip"), &inputs, vec![])
        }
    }
}

/// Adds the mean over all positions, as a vector.
fn mean(graph: &mut Graph, name: &str, map: &str) -> Value {
    let mean = graph.node("GlobalAveragePool", format!("{name}/mean"), &[map], vec![]);
    graph.node("Flatten", name, &[&mean], vec![int("axis", 1)])
}

fn dense(graph: &mut Graph, layer: &Dense, input: &str) -> Value {
    let name = &layer.name;
    let kernel = graph.constant(format!("{name}/kernel"), &layer.kernel);
    let bias = graph.constant(format!("{name}/bias"), &layer.bias);
    let logits = graph.node("Gemm", name, &[input, &kernel, &bias], vec![]);
    activated(graph, name, layer.activation, logits)
}

fn activated(graph: &mut Graph, name: &str, activation: Elementwise, x: Value) -> Value {
    let mut function = |op: &str, attributes| {
        graph.node(op, format!("{name}/{}", op.to_lowercase()), &[&x], attributes)
    };
    match activation {
        Elementwise::Linear => x,
        Elementwise::Relu { negative_slope, max_value } => {
            let max = max_value.unwrap_or(f32::INFINITY);
            if negative_slope == 0.0 {
                return clamped(graph, name, Clamp { min: 0.0, max }, x);
            }
            let leaky = function("LeakyRelu", vec![float("alpha", negative_slope)]);
            clamped(graph, name, Clamp { min: f32::NEG_INFINITY, max }, leaky)
        }
        Elementwise::Elu { alpha } => function("Elu", vec![float("alpha", alpha)]),
        Elementwise::Selu => function("Selu", vec![]),
        Elementwise::Silu => {
            let sigmoid = function("Sigmoid", vec![]);
            graph.node("Mul", format!("{name}/silu"), &[&x, &sigmoid], vec![])
        }
        Elementwise::Sigmoid => function("Sigmoid", vec![]),
        Elementwise::Tanh => function("Tanh", vec![]),
        Elementwise::Softplus => function("Softplus", vec![]),
        Elementwise::Softsign => function("Softsign", vec![]),
    }
}

/// Adds the conversion of logits to calibrated probabilities, if these are the output.
fn scores(graph: &mut Graph, subject: &Subject<'_>, mut last: Value) {
    if subject.output() != Output::Probabilities {
        return;
    }
    if let Some(temperature) = subject.temperature() {
        let tensor = Tensor::new(vec![temperature.len()], temperature.to_vec());
        let temperature = graph.constant("temperature", &tensor);
        last = graph.node("Div", "calibrate", &[&last, &temperature], vec![]);
    }
    match subject.task() {
        Task::SingleLabel => graph.node("Softmax", "scores", &[&last], vec![int("axis", 1)]),
        Task::MultiLabel => graph.node("Sigmoid", "scores", &[&last], vec![]),
    };
}
