//! Runs a graph according to ONNX's specification of its operators, slowly.

use std::collections::HashMap;

use prost::Message;

use crate::onnx::proto::{AttributeProto, DataType, ModelProto, NodeProto, TensorProto};

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    pub(super) shape: Vec<usize>,
    pub(super) data: Vec<f32>,
}

/// The value of every node in the graph, by name.
pub(super) fn run(model: &ModelProto, pixels: Array) -> HashMap<String, Array> {
    let graph = model.graph.as_ref().expect("a graph");
    let mut values: HashMap<String, Array> =
        graph.initializer.iter().map(|tensor| (tensor.name.clone(), array(tensor))).collect();
    values.insert(graph.input[0].name.clone(), pixels);
    for node in &graph.node {
        let inputs: Vec<Option<&Array>> =
            (node.input.iter()).map(|name| (!name.is_empty()).then(|| &values[name])).collect();
        let value = compute(node, &inputs);
        let before = values.insert(node.output[0].clone(), value);
        assert!(before.is_none(), "{} is computed twice", node.output[0]);
    }
    values
}

pub(super) fn decode(bytes: &[u8]) -> ModelProto {
    ModelProto::decode(bytes).expect("a model")
}

fn array(tensor: &TensorProto) -> Array {
    let shape = tensor.dims.iter().map(|&axis| axis as usize).collect();
    let raw = &tensor.raw_data;
    let data = match DataType::try_from(tensor.data_type).expect("a known type") {
        DataType::Float => raw.as_chunks().0.iter().map(|x| f32::from_le_bytes(*x)).collect(),
        DataType::Int64 => {
            raw.as_chunks().0.iter().map(|x| i64::from_le_bytes(*x) as f32).collect()
        }
        other => panic!("{} is of {other:?}", tensor.name),
    };
    Array { shape, data }
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

fn integers(node: &NodeProto, name: &str) -> Vec<usize> {
    let found = attribute(node, name).unwrap_or_else(|| panic!("{} has no {name}", node.name));
    found.ints.iter().map(|&i| i as usize).collect()
}

fn compute(node: &NodeProto, inputs: &[Option<&Array>]) -> Array {
    let x = inputs[0].expect("an input");
    let other = || inputs[1].expect("a second input");
    let each = |f: &dyn Fn(f32) -> f32| Array {
        shape: x.shape.clone(),
        data: x.data.iter().map(|&x| f(x)).collect(),
    };
    let alpha = |otherwise: f32| attribute(node, "alpha").map_or(otherwise, |alpha| alpha.f);
    match node.op_type.as_str() {
        "Cast" => {
            assert_eq!(attribute(node, "to").expect("a type").i, DataType::Float as i64);
            x.clone()
        }
        "Mul" => broadcast(x, other(), |a, b| a * b),
        "Add" => broadcast(x, other(), |a, b| a + b),
        "Div" => broadcast(x, other(), |a, b| a / b),
        "Transpose" => {
            assert_eq!(integers(node, "perm"), [0, 3, 1, 2]);
            let [n, h, w, c] = axes(x);
            let at = |n: usize, c: usize, y: usize, z: usize, w: usize, h: usize, cs: usize| {
                ((n * h + y) * w + z) * cs + c
            };
            let mut data = Vec::with_capacity(x.data.len());
            for (n, channel) in (0..n).flat_map(|n| (0..c).map(move |c| (n, c))) {
                for (y, z) in (0..h).flat_map(|y| (0..w).map(move |z| (y, z))) {
                    data.push(x.data[at(n, channel, y, z, w, h, c)]);
                }
            }
            Array { shape: vec![n, c, h, w], data }
        }
        "Conv" => convolution(node, x, other(), inputs[2].expect("a bias")),
        "Pad" => {
            let pads: Vec<usize> = other().data.iter().map(|&pad| pad as usize).collect();
            let [n, c, h, w] = axes(x);
            assert_eq!([pads[0], pads[1], pads[4], pads[5]], [0; 4]);
            let (height, width) = (h + pads[2] + pads[6], w + pads[3] + pads[7]);
            let mut padded =
                Array { shape: vec![n, c, height, width], data: vec![0.0; n * c * height * width] };
            for (map, from) in x.data.chunks_exact(h * w).enumerate() {
                for (y, row) in from.chunks_exact(w).enumerate() {
                    let at = (map * height + y + pads[2]) * width + pads[3];
                    padded.data[at..][..w].copy_from_slice(row);
                }
            }
            padded
        }
        "Relu" => each(&|x| x.max(0.0)),
        "Clip" => {
            let bound = |index: usize, otherwise: f32| {
                inputs.get(index).copied().flatten().map_or(otherwise, |bound| bound.data[0])
            };
            let (min, max) = (bound(1, f32::NEG_INFINITY), bound(2, f32::INFINITY));
            each(&|x| x.max(min).min(max))
        }
        "GlobalAveragePool" => {
            let [n, c, h, w] = axes(x);
            let mean = |map: &[f32]| {
                map.iter().map(|&x| f64::from(x)).sum::<f64>() as f32 / (h * w) as f32
            };
            Array { shape: vec![n, c, 1, 1], data: x.data.chunks_exact(h * w).map(mean).collect() }
        }
        "Flatten" => {
            assert_eq!(attribute(node, "axis").expect("an axis").i, 1);
            Array { shape: vec![x.shape[0], x.data.len() / x.shape[0]], data: x.data.clone() }
        }
        "Gemm" => {
            assert!(node.attribute.is_empty());
            let (kernel, bias) = (other(), inputs[2].expect("a bias"));
            let [dim, units] = kernel.shape[..] else { panic!("a matrix") };
            let mut data = Vec::new();
            for row in x.data.chunks_exact(dim) {
                data.extend((0..units).map(|unit| {
                    let product =
                        |(i, x): (usize, &f32)| f64::from(x * kernel.data[i * units + unit]);
                    (row.iter().enumerate().map(product).sum::<f64>() + f64::from(bias.data[unit]))
                        as f32
                }));
            }
            Array { shape: vec![x.shape[0], units], data }
        }
        "Sub" => broadcast(x, other(), |a, b| a - b),
        "Sqrt" => each(&f32::sqrt),
        "Erf" => each(&|x| erf(f64::from(x)) as f32),
        "HardSigmoid" => {
            let beta = attribute(node, "beta").map_or(0.5, |beta| beta.f);
            each(&|x| (alpha(0.2) * x + beta).clamp(0.0, 1.0))
        }
        "MaxPool" => max_pool(node, x),
        "ReduceMean" => {
            assert_eq!(
                (integers(node, "axes"), attribute(node, "keepdims").expect("it is said").i),
                (vec![1], 1)
            );
            let [n, c, h, w] = axes(x);
            let mean = |at: usize| {
                let (picture, place) = (at / (h * w), at % (h * w));
                let value = |channel: usize| x.data[(picture * c + channel) * h * w + place];
                let values = (0..c).map(|channel| f64::from(value(channel)));
                (values.sum::<f64>() / c as f64) as f32
            };
            Array { shape: vec![n, 1, h, w], data: (0..n * h * w).map(mean).collect() }
        }
        "Concat" => {
            assert_eq!(attribute(node, "axis").expect("an axis").i, 1);
            let ([n, a, h, w], [_, b, ..]) = (axes(x), axes(other()));
            let (own, behind) = (a * h * w, b * h * w);
            let pairs = x.data.chunks_exact(own).zip(other().data.chunks_exact(behind));
            let data = pairs.flat_map(|(own, behind)| [own, behind].concat()).collect();
            Array { shape: vec![n, a + b, h, w], data }
        }
        "LeakyRelu" => each(&|x| if x < 0.0 { alpha(0.01) * x } else { x }),
        "Elu" => each(&|x| if x < 0.0 { alpha(1.0) * x.exp_m1() } else { x }),
        "Selu" => {
            assert!(node.attribute.is_empty());
            each(&|x| 1.050_701 * if x < 0.0 { 1.673_263_2 * x.exp_m1() } else { x })
        }
        "Sigmoid" => each(&|x| 1.0 / (1.0 + (-x).exp())),
        "Tanh" => each(&f32::tanh),
        "Softplus" => each(&|x| x.exp().ln_1p()),
        "Softsign" => each(&|x| x / (1.0 + x.abs())),
        "Softmax" => {
            assert_eq!((attribute(node, "axis").expect("an axis").i, x.shape.len()), (1, 2));
            let mut data = x.data.clone();
            for row in data.chunks_exact_mut(x.shape[1]) {
                let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                row.iter_mut().for_each(|x| *x = (*x - largest).exp());
                let sum: f32 = row.iter().sum();
                row.iter_mut().for_each(|x| *x /= sum);
            }
            Array { shape: x.shape.clone(), data }
        }
        other => panic!("{other}"),
    }
}

fn axes(x: &Array) -> [usize; 4] {
    x.shape.as_slice().try_into().expect("four axes")
}

/// The error function, by the series of Abramowitz and Stegun 7.1.6.
fn erf(x: f64) -> f64 {
    if x.abs() > 5.9 {
        return x.signum();
    }
    let (mut sum, mut term, mut n) = (x, x, 0.0);
    while term.abs() > 1e-18 * sum.abs() {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

fn max_pool(node: &NodeProto, x: &Array) -> Array {
    let [n, channels, height, width] = axes(x);
    let (sides, pads) = (integers(node, "kernel_shape"), integers(node, "pads"));
    let strides = integers(node, "strides");
    let high = (height + pads[0] + pads[2] - sides[0]) / strides[0] + 1;
    let wide = (width + pads[1] + pads[3] - sides[1]) / strides[1] + 1;
    let mut data = Vec::with_capacity(n * channels * high * wide);
    for map in x.data.chunks_exact(height * width) {
        for (y, z) in (0..high).flat_map(|y| (0..wide).map(move |z| (y, z))) {
            let rows = (y * strides[0]).saturating_sub(pads[0])
                ..(y * strides[0] + sides[0]).saturating_sub(pads[0]).min(height);
            let columns = (z * strides[1]).saturating_sub(pads[1])
                ..(z * strides[1] + sides[1]).saturating_sub(pads[1]).min(width);
            let values = rows.flat_map(|row| &map[row * width..][columns.clone()]);
            data.push(values.copied().fold(f32::NEG_INFINITY, f32::max));
        }
    }
    Array { shape: vec![n, channels, high, wide], data }
}

/// Matches axes from the last one on; an axis of `b` that is missing or of length 1 is repeated.
fn broadcast(a: &Array, b: &Array, f: impl Fn(f32, f32) -> f32) -> Array {
    assert!(a.shape.len() >= b.shape.len(), "{:?} and {:?}", a.shape, b.shape);
    let missing = a.shape.len() - b.shape.len();
    let data = (0..a.data.len()).map(|at| {
        let (mut rest, mut index, mut stride) = (at, 0, 1);
        for axis in (0..a.shape.len()).rev() {
            let place = rest % a.shape[axis];
            rest /= a.shape[axis];
            if axis >= missing {
                let size = b.shape[axis - missing];
                assert!(size == 1 || size == a.shape[axis], "{:?} and {:?}", a.shape, b.shape);
                index += if size == 1 { 0 } else { place * stride };
                stride *= size;
            }
        }
        f(a.data[at], b.data[index])
    });
    Array { shape: a.shape.clone(), data: data.collect() }
}

fn convolution(node: &NodeProto, x: &Array, kernel: &Array, bias: &Array) -> Array {
    let [n, channels, height, width] = axes(x);
    let [outputs, inputs, rows, columns] = axes(kernel);
    let (pads, strides) = (integers(node, "pads"), integers(node, "strides"));
    assert_eq!(integers(node, "kernel_shape"), [rows, columns]);
    assert_eq!(integers(node, "dilations"), [1, 1]);
    let groups = attribute(node, "group").expect("a number of groups").i as usize;
    assert_eq!(channels, inputs * groups);
    let high = (height + pads[0] + pads[2] - rows) / strides[0] + 1;
    let wide = (width + pads[1] + pads[3] - columns) / strides[1] + 1;
    let mut data = Vec::with_capacity(n * outputs * high * wide);
    for (picture, output) in (0..n).flat_map(|n| (0..outputs).map(move |o| (n, o))) {
        let group = output / (outputs / groups);
        for (y, z) in (0..high).flat_map(|y| (0..wide).map(move |z| (y, z))) {
            let mut sum = f64::from(bias.data[output]);
            for input in 0..inputs {
                let map = (picture * channels + group * inputs + input) * height;
                for (r, c) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
                    let (row, column) = (y * strides[0] + r, z * strides[1] + c);
                    let inside = row.checked_sub(pads[0]).filter(|row| *row < height);
                    let across = column.checked_sub(pads[1]).filter(|column| *column < width);
                    if let (Some(row), Some(column)) = (inside, across) {
                        let weight =
                            kernel.data[((output * inputs + input) * rows + r) * columns + c];
                        sum += f64::from(weight * x.data[(map + row) * width + column]);
                    }
                }
            }
            data.push(sum as f32);
        }
    }
    Array { shape: vec![n, outputs, high, wide], data }
}
