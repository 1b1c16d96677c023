//! Runs a TensorFlow Lite model in f32 according to the specification of its operators, slowly. Quantized numbers are
//! computed as the values that they represent.

use std::collections::BTreeMap;

use super::reader::{Model, Operator, Quantization, Tensor};

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    pub(super) shape: Vec<usize>,
    pub(super) data: Vec<f32>,
}

/// The values of all tensors, for pixels `[n][height][width][3]`.
pub(super) fn run(model: &Model<'_>, pixels: Array) -> BTreeMap<usize, Array> {
    let constant = |tensor: &Tensor<'_>| {
        let words = tensor.data.as_chunks::<4>().0.iter();
        let data = match tensor.kind {
            0 => words.map(|x| f32::from_le_bytes(*x)).collect(),
            2 => words.map(|x| i32::from_le_bytes(*x) as f32).collect(),
            9 => tensor.data.iter().map(|&x| f32::from(x as i8)).collect(),
            kind => panic!("{}: {kind}", tensor.name),
        };
        let numbers = Array { shape: tensor.shape.clone(), data };
        tensor.quantization.as_ref().map_or(numbers.clone(), |own| own.values(numbers))
    };
    let mut values: BTreeMap<usize, Array> = (model.tensors.iter().enumerate())
        .filter(|(_, tensor)| !tensor.data.is_empty())
        .map(|(id, tensor)| (id, constant(tensor)))
        .collect();
    let input = model.tensors[model.input].quantization.as_ref();
    values.insert(model.input, input.map_or(pixels.clone(), |own| own.values(pixels)));
    for operator in &model.operators {
        let inputs: Vec<&Array> = operator.inputs.iter().map(|id| &values[id]).collect();
        let mut value = compute(operator, &inputs);
        let to = &model.tensors[operator.outputs[0]];
        if let Some(own) = to.quantization.as_ref().filter(|_| to.kind == 9) {
            own.snap(&mut value.data);
        }
        assert!(values.insert(operator.outputs[0], value).is_none(), "computed twice");
    }
    values
}

fn compute(operator: &Operator<'_>, inputs: &[&Array]) -> Array {
    let x = inputs[0];
    let options = || operator.options.expect("options");
    let each = |f: &dyn Fn(f32) -> f32| Array {
        shape: x.shape.clone(),
        data: x.data.iter().map(|&x| f(x)).collect(),
    };
    match operator.code {
        0 => fused(broadcast(x, inputs[1], |a, b| a + b), options().i8(0)),
        3 => {
            let (padding, fuse) = (options().i8(0), options().i8(3));
            assert_eq!((options().u32_or(4, 1), options().u32_or(5, 1)), (1, 1));
            fused(convolution(x, inputs, (padding, options().u32(1)), false), fuse)
        }
        4 => {
            let (padding, fuse) = (options().i8(0), options().i8(4));
            fused(convolution(x, inputs, (padding, options().u32(1)), true), fuse)
        }
        9 => {
            let (kernel, bias) = (inputs[1], inputs[2]);
            let [units, dim] = kernel.shape[..] else { panic!("a matrix") };
            let row = |row: &[f32], unit: usize| {
                let weights = &kernel.data[unit * dim..][..dim];
                let products = row.iter().zip(weights).map(|(x, w)| f64::from(x * w));
                (products.sum::<f64>() + f64::from(bias.data[unit])) as f32
            };
            let rows = x.data.chunks_exact(dim);
            let data = rows.flat_map(|x| (0..units).map(move |unit| row(x, unit))).collect();
            fused(Array { shape: vec![x.shape[0], units], data }, options().i8(0))
        }
        14 => each(&|x| 1.0 / (1.0 + (-x).exp())),
        18 => fused(broadcast(x, inputs[1], |a, b| a * b), options().i8(0)),
        19 => each(&|x| x.max(0.0)),
        21 => each(&|x| x.clamp(0.0, 6.0)),
        25 => {
            assert_eq!(options().f32(0), 1.0);
            let mut data = x.data.clone();
            for row in data.chunks_exact_mut(x.shape[1]) {
                let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                row.iter_mut().for_each(|x| *x = (*x - largest).exp());
                let sum: f32 = row.iter().sum();
                row.iter_mut().for_each(|x| *x /= sum);
            }
            Array { shape: x.shape.clone(), data }
        }
        28 => each(&f32::tanh),
        34 => padded(x, &inputs[1].data.iter().map(|&n| n as usize).collect::<Vec<_>>()),
        40 => {
            assert_eq!((&inputs[1].data[..], options().i8(0)), (&[1.0, 2.0][..], 0));
            let [n, h, w, c] = axes(x);
            let mean = |at: usize| {
                let map = &x.data[at / c * h * w * c..][..h * w * c];
                let sum: f64 = map.iter().skip(at % c).step_by(c).map(|&x| f64::from(x)).sum();
                (sum / (h * w) as f64) as f32
            };
            Array { shape: vec![n, c], data: (0..n * c).map(mean).collect() }
        }
        42 => fused(broadcast(x, inputs[1], |a, b| a / b), options().i8(0)),
        47 => each(&f32::exp),
        6 | 53 | 114 => x.clone(),
        55 => broadcast(x, inputs[1], f32::max),
        57 => broadcast(x, inputs[1], f32::min),
        59 => each(&|x| -x),
        73 => each(&f32::ln),
        98 => {
            let alpha = options().f32(0);
            each(&|x| if x < 0.0 { alpha * x } else { x })
        }
        101 => each(&f32::abs),
        111 => each(&|x| if x < 0.0 { x.exp_m1() } else { x }),
        other => panic!("operator {other}"),
    }
}

impl Quantization {
    /// The values that quantized numbers represent.
    fn values(&self, mut numbers: Array) -> Array {
        let inner: usize = numbers.shape[self.axis + 1..].iter().product();
        let outputs = numbers.shape[self.axis];
        for (at, x) in numbers.data.iter_mut().enumerate() {
            let own = (at / inner) % outputs % self.scales.len();
            *x = self.scales[own] * (*x - self.zeros[own] as f32);
        }
        numbers
    }

    /// Rounds to the nearest values that 8 bits can represent.
    fn snap(&self, values: &mut [f32]) {
        let (scale, zero) = (self.scales[0], self.zeros[0] as f32);
        for x in values {
            *x = scale * (((*x / scale).round() + zero).clamp(-128.0, 127.0) - zero);
        }
    }
}

fn fused(mut x: Array, activation: i8) -> Array {
    match activation {
        0 => {}
        1 => x.data.iter_mut().for_each(|x| *x = x.max(0.0)),
        3 => x.data.iter_mut().for_each(|x| *x = x.clamp(0.0, 6.0)),
        other => panic!("activation {other}"),
    }
    x
}

fn axes(x: &Array) -> [usize; 4] {
    x.shape.as_slice().try_into().expect("four axes")
}

/// One operand has the shape of the result; the axes of the other one are its last axes.
fn broadcast(a: &Array, b: &Array, f: impl Fn(f32, f32) -> f32) -> Array {
    let long = if a.data.len() >= b.data.len() { a } else { b };
    let short = if a.data.len() >= b.data.len() { b } else { a };
    let matched: Vec<usize> = short.shape.iter().copied().skip_while(|axis| *axis == 1).collect();
    assert!(long.shape.ends_with(&matched), "{:?} and {:?}", a.shape, b.shape);
    let at = |x: &Array, i: usize| x.data[i % x.data.len()];
    let data = (0..long.data.len()).map(|i| f(at(a, i), at(b, i))).collect();
    Array { shape: long.shape.clone(), data }
}

fn padded(x: &Array, zeros: &[usize]) -> Array {
    let [n, h, w, c] = axes(x);
    let [0, 0, top, bottom, left, right, 0, 0] = zeros[..] else { panic!("{zeros:?}") };
    let (height, width) = (h + top + bottom, w + left + right);
    let mut data = vec![0.0; n * height * width * c];
    for (row, from) in x.data.chunks_exact(w * c).enumerate() {
        let at = (row / h * height + top + row % h) * width + left;
        data[at * c..][..w * c].copy_from_slice(from);
    }
    Array { shape: vec![n, height, width, c], data }
}

/// A depthwise kernel is `[1][h][w][channels]`, any other `[outputs][h][w][inputs]`.
fn convolution(
    x: &Array,
    inputs: &[&Array],
    (padding, stride): (i8, usize),
    depthwise: bool,
) -> Array {
    let (kernel, bias) = (inputs[1], inputs[2]);
    let [n, height, width, channels] = axes(x);
    let [first, rows, columns, last] = axes(kernel);
    let outputs = if depthwise { last } else { first };
    // TensorFlow's `SAME`: the size divided by the stride, rounded up; an odd zero is added at the end.
    let along = |size: usize, kernel: usize| match padding {
        0 => {
            let positions = size.div_ceil(stride);
            let total = ((positions - 1) * stride + kernel).saturating_sub(size);
            (positions, total / 2)
        }
        1 => ((size - kernel) / stride + 1, 0),
        other => panic!("padding {other}"),
    };
    let ((high, top), (wide, left)) = (along(height, rows), along(width, columns));
    let mut data = Vec::with_capacity(n * high * wide * outputs);
    for (picture, y) in (0..n).flat_map(|n| (0..high).map(move |y| (n, y))) {
        for (z, output) in (0..wide).flat_map(|z| (0..outputs).map(move |o| (z, o))) {
            let mut sum = f64::from(bias.data[output]);
            for (r, c) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
                let row = (y * stride + r).checked_sub(top).filter(|row| *row < height);
                let column = (z * stride + c).checked_sub(left).filter(|column| *column < width);
                let (Some(row), Some(column)) = (row, column) else { continue };
                let pixel = &x.data[((picture * height + row) * width + column) * channels..];
                if depthwise {
                    let weight = kernel.data[(r * columns + c) * last + output];
                    sum += f64::from(weight * pixel[output]);
                } else {
                    let weights =
                        &kernel.data[((output * rows + r) * columns + c) * last..][..last];
                    let products = weights.iter().zip(pixel).map(|(w, x)| f64::from(w * x));
                    sum += products.sum::<f64>();
                }
            }
            data.push(sum as f32);
        }
    }
    Array { shape: vec![n, high, wide, outputs], data }
}
