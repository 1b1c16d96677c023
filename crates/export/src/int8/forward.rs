//! Runs a program on one picture, with a callback for every intermediate value: to measure the ranges of values, and to
//! round them as int8 does.

use headstart_engine::frozen::{Clamp, Op, OpId, OpKind, Program, Sides};
use headstart_engine::matmul::matmul;
use headstart_model::Shape;

/// Either the result of an operation, or its value before a residual is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    BeforeResidual,
    Result,
}

/// The result of the last operation of a program, for a normalised picture `[height][width][channels]`. `look` is
/// called with each value as it is computed, and may change it.
pub(super) fn forward(
    program: &Program,
    picture: Vec<f32>,
    look: &mut dyn FnMut(OpId, Stage, &mut [f32]),
) -> Vec<f32> {
    let mut values = vec![picture];
    look(0, Stage::Result, &mut values[0]);
    for (id, op) in program.ops.iter().enumerate().skip(1) {
        let mut result = compute(op, &values[op.input], program.ops[op.input].shape);
        if let Some(residual) = op.residual {
            look(id, Stage::BeforeResidual, &mut result);
            result.iter_mut().zip(&values[residual]).for_each(|(sum, x)| *sum += x);
        }
        let Clamp { min, max } = op.activation.clamp().expect("other activations are refused");
        result.iter_mut().for_each(|x| *x = x.max(min).min(max));
        look(id, Stage::Result, &mut result);
        values.push(result);
    }
    values.pop().expect("the picture at least")
}

fn compute(op: &Op, x: &[f32], shape: Shape) -> Vec<f32> {
    let channels = shape.channels();
    match &op.kind {
        OpKind::Conv { kernel, bias, sides } => {
            let outputs = bias.len();
            let positions = op.shape.len() / outputs;
            let mut y = bias.repeat(positions);
            let is_pointwise = sides.kernel == 1 && op.shape.spatial() == shape.spatial();
            let gathered = (!is_pointwise).then(|| windows(x, shape, op.shape, *sides));
            let rows = gathered.as_deref().unwrap_or(x);
            let inputs = sides.kernel * sides.kernel * channels;
            matmul(rows, kernel, 1.0, &mut y, [positions, inputs, outputs]);
            y
        }
        OpKind::Depthwise { kernel, bias, sides } => {
            let mut y = bias.repeat(op.shape.len() / channels);
            each_pixel(shape, op.shape, *sides, |to, tap, from| {
                let weights = &kernel[tap * channels..][..channels];
                let pixel = &x[from * channels..][..channels];
                let sums = &mut y[to * channels..][..channels];
                for ((sum, x), weight) in sums.iter_mut().zip(pixel).zip(weights) {
                    *sum += x * weight;
                }
            });
            y
        }
        OpKind::Affine { scale, bias } => {
            let maps = scale.iter().zip(bias).cycle();
            x.iter().zip(maps).map(|(x, (scale, bias))| x * scale + bias).collect()
        }
        OpKind::Pad(margins) => {
            let mut y = vec![0.0; op.shape.len()];
            let sides = Sides { kernel: 1, stride: 1, margins: *margins };
            each_pixel(shape, op.shape, sides, |to, _, from| {
                y[to * channels..][..channels].copy_from_slice(&x[from * channels..][..channels]);
            });
            y
        }
        OpKind::GlobalAverage => mean(x, channels),
        kind => unreachable!("{} is refused, or no part of a base", kind.name()),
    }
}

/// The mean over all positions.
pub(super) fn mean(x: &[f32], channels: usize) -> Vec<f32> {
    let mut sums = vec![0.0; channels];
    for pixel in x.chunks_exact(channels) {
        sums.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += x);
    }
    let count = (x.len() / channels) as f32;
    sums.iter_mut().for_each(|sum| *sum /= count);
    sums
}

/// The window of each output position, one row each; zero beyond the edges.
fn windows(x: &[f32], from: Shape, to: Shape, sides: Sides) -> Vec<f32> {
    let (channels, taps) = (from.channels(), sides.kernel * sides.kernel);
    let (height, width) = to.spatial();
    let mut rows = vec![0.0; height * width * taps * channels];
    each_pixel(from, to, sides, |to, tap, from| {
        let at = (to * taps + tap) * channels;
        rows[at..][..channels].copy_from_slice(&x[from * channels..][..channels]);
    });
    rows
}

/// Calls `each` for every output position and every tap of the window inside the input, with three indices: of the
/// output position, of the tap, and of the input pixel under it.
fn each_pixel(from: Shape, to: Shape, sides: Sides, mut each: impl FnMut(usize, usize, usize)) {
    let ((height, width), (high, wide)) = (from.spatial(), to.spatial());
    let Sides { kernel, stride, margins } = sides;
    for (y, x) in (0..high).flat_map(|y| (0..wide).map(move |x| (y, x))) {
        for (r, c) in (0..kernel).flat_map(|r| (0..kernel).map(move |c| (r, c))) {
            let row = (y * stride + r).checked_sub(margins.top).filter(|row| *row < height);
            let column = (x * stride + c).checked_sub(margins.left).filter(|c| *c < width);
            if let (Some(row), Some(column)) = (row, column) {
                each(y * wide + x, r * kernel + c, row * width + column);
            }
        }
    }
}
