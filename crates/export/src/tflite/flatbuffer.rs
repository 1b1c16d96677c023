//! The tables of TensorFlow Lite's schema (version 3) that headstart writes, with their field numbers.

use flatbuffers::{
    FlatBufferBuilder, Push, TableFinishedWIPOffset, UOffsetT, VOffsetT, Vector, WIPOffset,
};

use super::graph::{Graph, Id, Kind, Operation, Quantization, TensorSpec};

pub(super) type Builder<'a> = FlatBufferBuilder<'a>;
pub(super) type Table = WIPOffset<TableFinishedWIPOffset>;

/// The file identifier, at byte 4 of the file.
const IDENTIFIER: &str = "TFL3";
const VERSION: u32 = 3;
/// The alignment of constants, so that they can be used in place.
const ALIGNMENT: usize = 16;

/// The offset of a field's entry in the table of offsets.
fn slot(field: VOffsetT) -> VOffsetT {
    4 + 2 * field
}

/// Writes a table, whose fields `fill` sets.
pub(super) fn table<'a>(
    builder: &mut Builder<'a>,
    fill: impl FnOnce(&mut Fields<'_, 'a>),
) -> Table {
    let start = builder.start_table();
    fill(&mut Fields(builder));
    builder.end_table(start)
}

/// The fields of a table that is being written.
pub(super) struct Fields<'b, 'a>(&'b mut Builder<'a>);

impl Fields<'_, '_> {
    pub(super) fn set<T: Push>(&mut self, field: VOffsetT, value: T) -> &mut Self {
        self.0.push_slot_always(slot(field), value);
        self
    }
}

/// A vector of bytes at a multiple of [`ALIGNMENT`]. A flat buffer grows towards its beginning, and the length of the
/// whole is a multiple of the alignment.
fn aligned<'a>(builder: &mut Builder<'a>, data: &[u8]) -> WIPOffset<Vector<'a, u8>> {
    pad(builder, data.len());
    builder.create_vector(data)
}

/// Writes zeros such that the length of what has been written, plus `more` bytes, is a multiple of [`ALIGNMENT`].
fn pad(builder: &mut Builder<'_>, more: usize) {
    while !(builder.unfinished_data().len() + more).is_multiple_of(ALIGNMENT) {
        builder.push(0_u8);
    }
}

/// A model: the graph from `input` to `output`, with metadata by name.
pub(super) fn model(
    graph: &Graph,
    name: &str,
    (input, output): (Id, Id),
    description: &str,
    metadata: &[(&str, &[u8])],
) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let b = &mut builder;
    // The first buffer is the empty one; those of constants and of metadata follow.
    let mut buffers = vec![table(b, |_| {})];
    let mut buffer = |b: &mut Builder<'_>, data: &[u8]| {
        let data = aligned(b, data);
        buffers.push(table(b, |fields| {
            fields.set(0, data);
        }));
        (buffers.len() - 1) as u32
    };
    let mut tensors = Vec::new();
    for tensor in &graph.tensors {
        let buffer = tensor.data.as_ref().map_or(0, |data| buffer(b, data));
        tensors.push(self::tensor(b, tensor, buffer));
    }
    let entries: Vec<Table> = (metadata.iter())
        .map(|(name, content)| {
            let buffer = buffer(b, content);
            let name = b.create_string(name);
            table(b, |fields| {
                fields.set(0, name).set(1, buffer);
            })
        })
        .collect();
    let mut codes: Vec<(i32, i32)> = Vec::new();
    let mut operators = Vec::new();
    for operator in &graph.operators {
        let is_whole = graph.tensors[operator.inputs[0]].kind == Kind::I8;
        let code = (code(operator.operation), version(operator.operation, is_whole));
        let index = codes.iter().position(|known| *known == code).unwrap_or_else(|| {
            codes.push(code);
            codes.len() - 1
        });
        let inputs = ids(b, &operator.inputs);
        let outputs = ids(b, &[operator.output]);
        let options = options(b, operator.operation);
        operators.push(table(b, |fields| {
            fields.set(0, index as u32).set(1, inputs).set(2, outputs);
            if let Some((kind, options)) = options {
                fields.set(3, kind).set(4, options);
            }
        }));
    }
    let codes: Vec<Table> = (codes.iter())
        .map(|&(code, version)| {
            table(b, |fields| {
                // Older readers look at field 0, which is a single byte.
                fields.set(0, code.min(127) as i8).set(2, version).set(3, code);
            })
        })
        .collect();
    let (codes, tensors) = (b.create_vector(&codes), b.create_vector(&tensors));
    let (inputs, outputs) = (ids(b, &[input]), ids(b, &[output]));
    let (operators, name) = (b.create_vector(&operators), b.create_string(name));
    let graph = table(b, |fields| {
        fields.set(0, tensors).set(1, inputs).set(2, outputs).set(3, operators).set(4, name);
    });
    let graphs = b.create_vector(&[graph]);
    let description = b.create_string(description);
    let (buffers, entries) = (b.create_vector(&buffers), b.create_vector(&entries));
    let root = table(b, |fields| {
        fields.set(0, VERSION).set(1, codes).set(2, graphs).set(3, description);
        fields.set(4, buffers).set(6, entries);
    });
    pad(b, IDENTIFIER.len() + size_of::<UOffsetT>());
    b.finish(root, Some(IDENTIFIER));
    b.finished_data().to_vec()
}

fn tensor(b: &mut Builder<'_>, tensor: &TensorSpec, buffer: u32) -> Table {
    let axes: Vec<i32> = tensor.shape.iter().map(|&axis| axis as i32).collect();
    let shape = b.create_vector(&axes);
    let signature = tensor.data.is_none().then(|| {
        let mut axes = axes.clone();
        axes[0] = -1;
        b.create_vector(&axes)
    });
    let name = b.create_string(&tensor.name);
    let quantization = tensor.quantization.as_ref().map(|own| quantization(b, own));
    table(b, |fields| {
        fields.set(0, shape).set(1, tensor.kind as i8).set(2, buffer).set(3, name);
        if let Some(quantization) = quantization {
            fields.set(4, quantization);
        }
        if let Some(signature) = signature {
            fields.set(7, signature);
        }
        fields.set(8, true);
    })
}

fn quantization(b: &mut Builder<'_>, own: &Quantization) -> Table {
    let zeros: Vec<i64> = own.zeros.iter().copied().map(i64::from).collect();
    let (scales, zeros) = (b.create_vector(&own.scales), b.create_vector(&zeros));
    table(b, |fields| {
        fields.set(2, scales).set(3, zeros).set(6, own.axis as i32);
    })
}

fn ids<'a>(b: &mut Builder<'a>, ids: &[Id]) -> WIPOffset<Vector<'a, i32>> {
    let ids: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
    b.create_vector(&ids)
}

/// The number of an operator in the schema.
fn code(operation: Operation) -> i32 {
    use Operation as O;
    match operation {
        O::Add { .. } => 0,
        O::Conv { .. } => 3,
        O::Depthwise { .. } => 4,
        O::Dequantize => 6,
        O::FullyConnected { .. } => 9,
        O::Logistic => 14,
        O::Mul => 18,
        O::Relu => 19,
        O::Relu6 => 21,
        O::Softmax => 25,
        O::Tanh => 28,
        O::Pad => 34,
        O::Mean => 40,
        O::Div => 42,
        O::Exp => 47,
        O::Cast { .. } => 53,
        O::Maximum => 55,
        O::Minimum => 57,
        O::Neg => 59,
        O::Log => 73,
        O::LeakyRelu { .. } => 98,
        O::Abs => 101,
        O::Elu => 111,
        O::Quantize => 114,
    }
}

/// The first version of an operator that supports f32, or int8 if `is_whole`.
fn version(operation: Operation, is_whole: bool) -> i32 {
    use Operation as O;
    match operation {
        O::Conv { .. } | O::Depthwise { .. } if is_whole => 3,
        O::FullyConnected { .. } if is_whole => 4,
        _ if is_whole => 2,
        _ => 1,
    }
}

/// The type and the table of an operator's options.
fn options(b: &mut Builder<'_>, operation: Operation) -> Option<(u8, Table)> {
    use Operation as O;
    let padding = |same: bool| i8::from(!same);
    Some(match operation {
        O::Conv { stride, same, fused } => (
            1,
            table(b, |fields| {
                fields.set(0, padding(same)).set(1, stride as i32).set(2, stride as i32);
                fields.set(3, fused as i8).set(4, 1_i32).set(5, 1_i32);
            }),
        ),
        O::Depthwise { stride, same, fused } => (
            2,
            table(b, |fields| {
                fields.set(0, padding(same)).set(1, stride as i32).set(2, stride as i32);
                fields.set(3, 1_i32).set(4, fused as i8).set(5, 1_i32).set(6, 1_i32);
            }),
        ),
        O::FullyConnected { fused } => (8, activation(b, fused as i8)),
        O::Softmax => (
            9,
            table(b, |fields| {
                fields.set(0, 1_f32);
            }),
        ),
        O::Add { fused } => (11, activation(b, fused as i8)),
        O::Mul => (21, activation(b, 0)),
        O::Pad => (22, table(b, |_| {})),
        O::Mean => (
            27,
            table(b, |fields| {
                fields.set(0, false);
            }),
        ),
        O::Div => (29, activation(b, 0)),
        O::Exp => (33, table(b, |_| {})),
        O::Cast { from, to } => (
            37,
            table(b, |fields| {
                fields.set(0, from as i8).set(1, to as i8);
            }),
        ),
        O::Maximum | O::Minimum => (39, table(b, |_| {})),
        O::Neg => (42, table(b, |_| {})),
        O::LeakyRelu { alpha } => (
            75,
            table(b, |fields| {
                fields.set(0, alpha);
            }),
        ),
        O::Abs => (78, table(b, |_| {})),
        O::Logistic
        | O::Tanh
        | O::Relu
        | O::Relu6
        | O::Elu
        | O::Log
        | O::Quantize
        | O::Dequantize => return None,
    })
}

/// Options that consist of only a fused activation.
fn activation(b: &mut Builder<'_>, fused: i8) -> Table {
    table(b, |fields| {
        fields.set(0, fused);
    })
}
