//! TensorFlow Lite (LiteRT): a flat buffer followed by an archive, which has the labels where MediaPipe's tasks look
//! for them.

mod flatbuffer;
mod graph;
mod int8;
mod metadata;
#[cfg(test)]
mod tests;

use std::io::{Cursor, Seek, SeekFrom, Write};

use headstart_engine::frozen::{Clamp, Op, OpKind, Program, Sides};
use headstart_engine::head::Task;
use headstart_model::{Elementwise, Margins, Padding, Tensor, Window};
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::description::ENTRY;
use crate::operations::check_program;
use crate::subject::{Dense, Subject};
use crate::{ExportError, Output, Proof};
use graph::{Fused, Graph, Id, Kind, Operation};

pub(crate) fn write(subject: &Subject<'_>, proof: &Proof) -> Result<Vec<u8>, ExportError> {
    let (height, width) = subject.size();
    let network = &subject.model.network;
    let mut graph = Graph::default();
    let input = graph.value("pixels", &[height, width, 3], Kind::U8);
    let mut last = match &subject.int8 {
        Some(int8) => int8::base(&mut graph, int8, input),
        None => {
            let program = Program::new(network, &subject.model.weights);
            check_program("tflite", network, &program)?;
            let picture = normalised(&mut graph, subject, input);
            base(&mut graph, &program, picture)
        }
    };
    last = mean(&mut graph, "features", last);
    for layer in subject.dense() {
        last = dense(&mut graph, &layer, last);
    }
    last = scores(&mut graph, subject, last);
    subject.output().name().clone_into(&mut graph.tensors[last].name);
    Ok(packed(subject, proof, &graph, (input, last)))
}

/// The file of a graph, with metadata, and an archive at the end that has the labels and the proof.
fn packed(subject: &Subject<'_>, proof: &Proof, graph: &Graph, ends: (Id, Id)) -> Vec<u8> {
    let words = &subject.description["preprocessing_in_words"];
    let words = words.as_str().expect("it is text");
    let network = subject.model.network.name();
    let labelled = subject.output() != Output::Features;
    let metadata = metadata::bytes(network, words, subject.output().name(), labelled);
    let description = subject.description.to_string();
    let entries = [
        (metadata::ENTRY, metadata.as_slice()),
        ("min_runtime_version", b"1.14.0".as_slice()),
        (ENTRY, description.as_bytes()),
    ];
    let model = flatbuffer::model(graph, network, ends, words, &entries);

    // Offsets of the archive's entries are relative to the beginning of the file. Entries are stored uncompressed,
    // since readers on devices cannot decompress.
    let mut file = Cursor::new(model);
    file.seek(SeekFrom::End(0)).expect("memory has an end");
    let mut archive = ZipWriter::new(file);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default());
    let labels = subject.model.head.classes().join("\n") + "\n";
    let proof = proof.to_npz();
    let files = [(metadata::LABELS, labels.as_bytes()), ("headstart/proof.npz", &proof)];
    for (name, content) in files {
        archive.start_file(name, options).expect("memory takes what it is given");
        archive.write_all(content).expect("memory takes what it is given");
    }
    archive.finish().expect("memory takes what it is given").into_inner()
}

/// The input of the base: the picture scaled.
fn normalised(graph: &mut Graph, subject: &Subject<'_>, input: Id) -> Id {
    let scaling = subject.scaling();
    let axes = graph.axes(input).to_vec();
    let cast = graph.value("normalize/cast", &axes, Kind::F32);
    let operation = Operation::Cast { from: Kind::U8, to: Kind::F32 };
    graph.operators.push(graph::Operator { operation, inputs: vec![input], output: cast });
    let of_channels = |values: [f32; 3]| Tensor::new(vec![3], values.to_vec());
    let scale = graph.constant("normalize/scale", &of_channels(scaling.scale));
    let offset = graph.constant("normalize/offset", &of_channels(scaling.offset));
    let scaled = graph.each(Operation::Mul, "normalize/mul".to_owned(), &[cast, scale]);
    let fused = Fused::None;
    graph.each(Operation::Add { fused }, "normalize/add".to_owned(), &[scaled, offset])
}

/// Adds the operations of the base, and returns its last map.
fn base(graph: &mut Graph, program: &Program, picture: Id) -> Id {
    let mut values = vec![picture];
    for op in program.ops.iter().skip(1) {
        let value = operation(graph, op, &values);
        values.push(value);
    }
    values.pop().expect("the picture at least")
}

fn operation(graph: &mut Graph, op: &Op, values: &[Id]) -> Id {
    let name = &op.name;
    let input = values[op.input];
    let axes = op.shape.axes();
    // The activation can be fused into a convolution, or into the sum of a residual that follows it.
    let clamp = clamp_of(op);
    let (fused, rest) = fusible(clamp);
    let own = if op.residual.is_none() { fused } else { Fused::None };
    let mut result = match &op.kind {
        OpKind::Input => unreachable!("the first alone is the input"),
        OpKind::Conv { kernel, bias, sides } => {
            let (outputs, side) = (bias.len(), sides.kernel);
            let inputs = kernel.len() / (side * side * outputs);
            let kernel = Tensor::new(vec![side, side, inputs, outputs], kernel.clone());
            let kernel = kernel.permuted(&[3, 0, 1, 2]);
            let (input, same) = windowed(graph, name, input, *sides);
            let operation = Operation::Conv { stride: sides.stride, same, fused: own };
            weighted(graph, operation, name, input, (&kernel, bias), &axes)
        }
        OpKind::Depthwise { kernel, bias, sides } => {
            let side = sides.kernel;
            let kernel = Tensor::new(vec![1, side, side, bias.len()], kernel.clone());
            let (input, same) = windowed(graph, name, input, *sides);
            let operation = Operation::Depthwise { stride: sides.stride, same, fused: own };
            weighted(graph, operation, name, input, (&kernel, bias), &axes)
        }
        OpKind::Affine { scale, bias } => {
            let mut constant = |what: &str, values: &[f32]| {
                let tensor = Tensor::new(vec![values.len()], values.to_vec());
                graph.constant(format!("{name}/{what}"), &tensor)
            };
            let (scale, bias) = (constant("scale", scale), constant("bias", bias));
            let scaled = graph.each(Operation::Mul, format!("{name}/mul"), &[input, scale]);
            graph.each(Operation::Add { fused: own }, name.clone(), &[scaled, bias])
        }
        OpKind::Pad(margins) => padded(graph, name, input, *margins),
        OpKind::GlobalAverage => mean(graph, name, input),
        OpKind::Softmax => graph.each(Operation::Softmax, name.clone(), &[input]),
        kind => unreachable!("{} is refused", kind.name()),
    };
    if let Some(residual) = op.residual {
        let inputs = [result, values[residual]];
        result = graph.each(Operation::Add { fused }, format!("{name}/residual"), &inputs);
    }
    let fuses = op.residual.is_some()
        || matches!(
            op.kind,
            OpKind::Conv { .. } | OpKind::Depthwise { .. } | OpKind::Affine { .. }
        );
    clamped(graph, name, if fuses { rest } else { clamp }, result)
}

/// The range of an operation's results; other activations are refused.
fn clamp_of(op: &Op) -> Clamp {
    op.activation.clamp().expect("other activations are refused")
}

/// The part of a clamp that can be fused into an operator, and the rest of it.
fn fusible(clamp: Clamp) -> (Fused, Clamp) {
    match clamp {
        Clamp { min: 0.0, max: 6.0 } => (Fused::Relu6, Clamp::NONE),
        Clamp { min: 0.0, max } => (Fused::Relu, Clamp { min: f32::NEG_INFINITY, max }),
        clamp => (Fused::None, clamp),
    }
}

fn clamped(graph: &mut Graph, name: &str, clamp: Clamp, mut value: Id) -> Id {
    for (what, operation, bound) in
        [("min", Operation::Maximum, clamp.min), ("max", Operation::Minimum, clamp.max)]
    {
        if bound.is_finite() {
            let bound = graph.number(format!("{name}/{what}"), bound);
            value = graph.each(operation, format!("{name}/clip_{what}"), &[value, bound]);
        }
    }
    value
}

/// The input of an operator with a window, and whether the operator pads as TensorFlow's `SAME`. Any other padding is a
/// separate operator before it.
fn windowed(graph: &mut Graph, name: &str, input: Id, sides: Sides) -> (Id, bool) {
    let [height, width, _] = graph.axes(input)[..] else { unreachable!("a map has three axes") };
    let window = Window { kernel: sides.kernel, stride: sides.stride, padding: Padding::Same };
    if window.margins(height, width) == Some(sides.margins) {
        (input, true)
    } else if sides.margins == Margins::default() {
        (input, false)
    } else {
        (padded(graph, &format!("{name}/padding"), input, sides.margins), false)
    }
}

fn padded(graph: &mut Graph, name: &str, input: Id, m: Margins) -> Id {
    let [height, width, channels] = graph.axes(input)[..] else {
        unreachable!("a map has three axes")
    };
    let zeros = [0, 0, m.top, m.bottom, m.left, m.right, 0, 0].map(|n| n as i32);
    let zeros = graph.integers(format!("{name}/zeros"), &[4, 2], &zeros);
    let shape = [height + m.top + m.bottom, width + m.left + m.right, channels];
    graph.apply(Operation::Pad, name, &[input, zeros], &shape)
}

fn weighted(
    graph: &mut Graph,
    operation: Operation,
    name: &str,
    input: Id,
    (kernel, bias): (&Tensor, &[f32]),
    shape: &[usize],
) -> Id {
    let kernel = graph.constant(format!("{name}/kernel"), kernel);
    let bias = Tensor::new(vec![bias.len()], bias.to_vec());
    let bias = graph.constant(format!("{name}/bias"), &bias);
    graph.apply(operation, name, &[input, kernel, bias], shape)
}

/// Adds the mean over all positions, as a vector.
fn mean(graph: &mut Graph, name: &str, map: Id) -> Id {
    let &[_, _, channels] = graph.axes(map) else { return map };
    let axes = graph.integers(format!("{name}/axes"), &[2], &[1, 2]);
    graph.apply(Operation::Mean, name, &[map, axes], &[channels])
}

fn dense(graph: &mut Graph, layer: &Dense, input: Id) -> Id {
    let name = &layer.name;
    let kernel = layer.kernel.permuted(&[1, 0]);
    let units = layer.bias.data.len();
    let operation = Operation::FullyConnected { fused: Fused::None };
    let x = weighted(graph, operation, name, input, (&kernel, &layer.bias.data), &[units]);
    activated(graph, name, layer.activation, x)
}

fn activated(graph: &mut Graph, name: &str, activation: Elementwise, x: Id) -> Id {
    use Operation as O;
    let add = O::Add { fused: Fused::None };
    let mut step = |what: &str, operation: Operation, inputs: &[Id]| {
        graph.each(operation, format!("{name}/{what}"), inputs)
    };
    match activation {
        Elementwise::Linear => x,
        Elementwise::Relu { negative_slope, max_value } => {
            let max = max_value.unwrap_or(f32::INFINITY);
            if negative_slope == 0.0 && max == 6.0 {
                return step("relu6", O::Relu6, &[x]);
            }
            let result = match negative_slope {
                0.0 => step("relu", O::Relu, &[x]),
                alpha => step("leaky_relu", O::LeakyRelu { alpha }, &[x]),
            };
            clamped(graph, name, Clamp { min: f32::NEG_INFINITY, max }, result)
        }
        Elementwise::Elu { alpha } => elu(graph, name, x, (alpha, 1.0)),
        Elementwise::Selu => elu(graph, name, x, (1.673_263_2, 1.050_701)),
        Elementwise::Silu => {
            let sigmoid = step("sigmoid", O::Logistic, &[x]);
            step("silu", O::Mul, &[x, sigmoid])
        }
        Elementwise::Sigmoid => step("sigmoid", O::Logistic, &[x]),
        Elementwise::Tanh => step("tanh", O::Tanh, &[x]),
        Elementwise::Softplus => {
            // max(x, 0) + ln(1 + exp(-|x|))
            let positive = step("relu", O::Relu, &[x]);
            let size = step("abs", O::Abs, &[x]);
            let negative = step("neg", O::Neg, &[size]);
            let power = step("exp", O::Exp, &[negative]);
            let one = graph.number(format!("{name}/one"), 1.0);
            let sum = graph.each(add, format!("{name}/sum"), &[power, one]);
            let log = graph.each(O::Log, format!("{name}/log"), &[sum]);
            graph.each(add, format!("{name}/softplus"), &[positive, log])
        }
        Elementwise::Softsign => {
            let size = step("abs", O::Abs, &[x]);
            let one = graph.number(format!("{name}/one"), 1.0);
            let sum = graph.each(add, format!("{name}/sum"), &[size, one]);
            graph.each(O::Div, format!("{name}/softsign"), &[x, sum])
        }
    }
}

/// `scale * (max(x, 0) + alpha * elu(min(x, 0)))`
fn elu(graph: &mut Graph, name: &str, x: Id, (alpha, scale): (f32, f32)) -> Id {
    use Operation as O;
    if (alpha, scale) == (1.0, 1.0) {
        return graph.each(O::Elu, format!("{name}/elu"), &[x]);
    }
    let zero = graph.number(format!("{name}/zero"), 0.0);
    let negative = graph.each(O::Minimum, format!("{name}/negative"), &[x, zero]);
    let power = graph.each(O::Elu, format!("{name}/power"), &[negative]);
    let [alpha, scale] = [("alpha", alpha * scale), ("scale", scale)]
        .map(|(what, value)| graph.number(format!("{name}/{what}"), value));
    let below = graph.each(O::Mul, format!("{name}/below"), &[power, alpha]);
    let positive = graph.each(O::Relu, format!("{name}/relu"), &[x]);
    let above = graph.each(O::Mul, format!("{name}/above"), &[positive, scale]);
    graph.each(O::Add { fused: Fused::None }, format!("{name}/elu"), &[above, below])
}

/// Adds the conversion of logits to calibrated probabilities, if these are the output.
fn scores(graph: &mut Graph, subject: &Subject<'_>, mut last: Id) -> Id {
    if subject.output() != Output::Probabilities {
        return last;
    }
    if let Some(temperature) = subject.temperature() {
        let tensor = Tensor::new(vec![temperature.len()], temperature.to_vec());
        let temperature = graph.constant("temperature", &tensor);
        last = graph.each(Operation::Div, "calibrate".to_owned(), &[last, temperature]);
    }
    let operation = match subject.task() {
        Task::SingleLabel => Operation::Softmax,
        Task::MultiLabel => Operation::Logistic,
    };
    graph.each(operation, "scores".to_owned(), &[last])
}
