//! The graph of a base in int8.

use headstart_engine::frozen::{Op, OpId, OpKind};
use headstart_model::Tensor;

use super::graph::{Fused, Graph, Id, Kind, Operation, Operator, Quantization};
use super::{clamp_of, fusible, mean, padded, windowed};
use crate::int8::{Grid, Int8, Weights};

/// Adds the base, and returns its last map, in f32.
pub(super) fn base(graph: &mut Graph, int8: &Int8, pixels: Id) -> Id {
    let input = int8.grid(0, false);
    // The pixels are the same levels as u8, so their zero point is 128 higher.
    graph.tensors[pixels].quantization =
        Some(Quantization { zeros: vec![input.zero + 128], ..Quantization::from(input) });
    let axes = graph.axes(pixels).to_vec();
    let counted = graph.value("pixels/int8", &axes, Kind::I8);
    let (inputs, quantize) = (vec![pixels], Operation::Quantize);
    graph.operators.push(Operator { operation: quantize, inputs, output: counted });
    on(graph, counted, input);
    let mut values = vec![counted];
    for (id, op) in int8.program.ops.iter().enumerate().skip(1) {
        let value = operation(graph, (id, op), int8, &values);
        values.push(value);
    }
    let map = values.pop().expect("the picture at least");
    let axes = graph.axes(map).to_vec();
    let wide = graph.value("map", &axes, Kind::F32);
    let (inputs, dequantize) = (vec![map], Operation::Dequantize);
    graph.operators.push(Operator { operation: dequantize, inputs, output: wide });
    wide
}

/// Sets the quantization of a tensor.
fn on(graph: &mut Graph, id: Id, grid: Grid) {
    graph.tensors[id].quantization = Some(grid.into());
}

fn operation(graph: &mut Graph, (id, op): (OpId, &Op), int8: &Int8, values: &[Id]) -> Id {
    let name = &op.name;
    let (input, from) = (values[op.input], int8.grid(op.input, false));
    // The ends of the result's grid apply the rest of the clamp.
    let (fused, _) = fusible(clamp_of(op));
    let own = if op.residual.is_none() { fused } else { Fused::None };
    let weights = || int8.weights[id].as_ref().expect("a convolution has some");
    let axes = op.shape.axes();
    let mut result = match &op.kind {
        OpKind::Conv { sides, .. } => {
            let weights = weights();
            let (outputs, side) = (weights.bias.len(), sides.kernel);
            let inputs = weights.kernel.len() / (side * side * outputs);
            let kernel = (&[side, side, inputs, outputs][..], &[3, 0, 1, 2][..], 0);
            let (input, same) = windowed(graph, name, input, *sides);
            let operation = Operation::Conv { stride: sides.stride, same, fused: own };
            weighted(graph, operation, name, input, (weights, kernel, from), &axes)
        }
        OpKind::Depthwise { sides, .. } => {
            let weights = weights();
            let side = sides.kernel;
            let kernel = (&[1, side, side, weights.bias.len()][..], &[0, 1, 2, 3][..], 3);
            let (input, same) = windowed(graph, name, input, *sides);
            let operation = Operation::Depthwise { stride: sides.stride, same, fused: own };
            weighted(graph, operation, name, input, (weights, kernel, from), &axes)
        }
        OpKind::Pad(margins) => padded(graph, name, input, *margins),
        OpKind::GlobalAverage => mean(graph, name, input),
        kind => unreachable!("{} is refused, or no part of a base", kind.name()),
    };
    on(graph, result, int8.grid(id, op.residual.is_some()));
    if let Some(residual) = op.residual {
        let inputs = [result, values[residual]];
        result = graph.each(Operation::Add { fused }, format!("{name}/residual"), &inputs);
        on(graph, result, int8.grid(id, false));
    }
    result
}

/// Adds an operator with weights. `axes` are those of the kernel, `order` is the permutation to TensorFlow Lite's
/// layout, and `outputs` is the axis of the scales after it.
fn weighted(
    graph: &mut Graph,
    operation: Operation,
    name: &str,
    input: Id,
    (weights, (axes, order, outputs), from): (&Weights, (&[usize], &[usize], usize), Grid),
    shape: &[usize],
) -> Id {
    let numbers = weights.kernel.iter().map(|&w| f32::from(w)).collect();
    let kernel = Tensor::new(axes.to_vec(), numbers).permuted(order);
    let bytes = kernel.data.iter().map(|&w| w as i8 as u8).collect();
    let of = |scales: Vec<f32>, axis| Quantization { zeros: vec![0; scales.len()], scales, axis };
    let kernel = graph.raw(format!("{name}/kernel"), kernel.shape, Kind::I8, bytes);
    graph.tensors[kernel].quantization = Some(of(weights.scales.clone(), outputs));
    let bias = graph.integers(format!("{name}/bias"), &[weights.bias.len()], &weights.bias);
    let scales = weights.scales.iter().map(|scale| from.scale * scale).collect();
    graph.tensors[bias].quantization = Some(of(scales, 0));
    graph.apply(operation, name, &[input, kernel, bias], shape)
}

impl From<Grid> for Quantization {
    fn from(grid: Grid) -> Self {
        Self { scales: vec![grid.scale], zeros: vec![grid.zero], axis: 0 }
    }
}
