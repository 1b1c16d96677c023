use headstart_kernels::Isa;
use headstart_kernels::elementwise::clamp_gradient;

use super::oracle::differences;
use super::*;
use crate::layers::affine::residual_backward;
use crate::layers::maps::Maps;
use crate::layers::{Conv2D, DepthwiseConv2D};
use crate::network::bands::Rows;

/// A convolution of either kind and all of its inputs.
#[derive(Clone)]
struct Window {
    side: usize,
    stride: usize,
    margins: Margins,
    clamp: Clamp,
    depthwise: bool,
    x: Map,
    kernel: Vec<f64>,
    bias: Vec<f64>,
    residual: Option<Map>,
    d_y: Vec<f64>,
}

impl Window {
    fn before_clamp(&self, x: &Map, kernel: &[f64], bias: &[f64], residual: Option<&Map>) -> Map {
        let apply = if self.depthwise { oracle::depthwise } else { oracle::conv };
        let y = apply(x, kernel, (self.side, self.stride), self.margins);
        let y = oracle::affine(&y, &vec![1.0; bias.len()], bias);
        residual.map_or(y.clone(), |residual| oracle::add(&y, residual))
    }

    fn value(&self, x: &Map, kernel: &[f64], bias: &[f64], residual: Option<&Map>) -> f64 {
        dot(&clamped(self.before_clamp(x, kernel, bias, residual), self.clamp), &self.d_y)
    }

    fn draw(
        (side, stride, margins): (usize, usize, Margins),
        (size, inputs, outputs): ((usize, usize), usize, usize),
        (clamp, with_residual, depthwise): (Clamp, bool, bool),
    ) -> Self {
        clear_of_kinks(clamp, |seed| {
            let taps = side * side * if depthwise { 1 } else { inputs };
            // Sums with a spread of several units around the middle of ReLU6.
            let most = 8.0 / (taps as f32).sqrt();
            let mut own = Self {
                side,
                stride,
                margins,
                clamp,
                depthwise,
                x: map(seed, size, inputs),
                kernel: uniform(seed + 1, taps * outputs, (-most, most)),
                bias: uniform(seed + 2, outputs, (0.0, 6.0)),
                residual: None,
                d_y: Vec::new(),
            };
            let y = own.before_clamp(&own.x, &own.kernel, &own.bias, None);
            own.residual = with_residual.then(|| map(seed + 3, (y.height, y.width), outputs));
            own.d_y = uniform(seed + 4, y.values.len(), (-1.0, 1.0));
            let y = own.before_clamp(&own.x, &own.kernel, &own.bias, own.residual.as_ref());
            (own, y)
        })
    }

    /// The expected output, and gradients of input, kernel, bias and residual.
    fn expected(&self) -> (Map, [Vec<f64>; 4]) {
        let Self { x, kernel, bias, residual, .. } = self;
        let residual = residual.as_ref();
        let y = clamped(self.before_clamp(x, kernel, bias, residual), self.clamp);
        let with = |x: &Map, values: &[f64]| Map { values: values.to_vec(), ..*x };
        let d_x = differences(&x.values, STEP, |values| {
            self.value(&with(x, values), kernel, bias, residual)
        });
        let d_kernel = differences(kernel, STEP, |kernel| self.value(x, kernel, bias, residual));
        let d_bias = differences(bias, STEP, |bias| self.value(x, kernel, bias, residual));
        let d_residual = residual.map_or(Vec::new(), |own| {
            differences(&own.values, STEP, |values| {
                self.value(x, kernel, bias, Some(&with(own, values)))
            })
        });
        (y, [d_x, d_kernel, d_bias, d_residual])
    }
}

/// Margins that occur in networks, and some that do not yet.
fn windows(sides: &[usize], strides: &[usize]) -> Vec<(usize, usize, Margins)> {
    let mut windows = Vec::new();
    for &side in sides {
        for &stride in strides {
            let half = side / 2;
            let all = [
                margins(0, 0, 0, 0),
                margins(half, half, half, half),
                margins(half.saturating_sub(1), half, half.saturating_sub(1), half),
                margins(half, half.saturating_sub(1), 0, side - 1),
            ];
            for (index, own) in all.iter().enumerate() {
                if !all[..index].contains(own) {
                    windows.push((side, stride, *own));
                }
            }
        }
    }
    windows
}

#[test]
fn gradients_of_a_convolution_are_its_finite_differences() {
    let clamps = [(Clamp::NONE, false), (RELU6, true), (RELU6, false), (RELU, true)];
    let mut cases: Vec<_> = windows(&[1, 3, 5], &[1, 2])
        .into_iter()
        .enumerate()
        .map(|(i, window)| {
            let size = [(7, 6), (5, 9), (6, 6)][i % 3];
            (window, (size, [2, 3][i % 2], [3, 5][i % 2]), clamps[i % 4])
        })
        .collect();
    // Channels below, at and above vectors, panels and chunks of inputs.
    for (i, (inputs, outputs)) in
        [(1, 1), (5, 8), (8, 17), (16, 16), (9, 40), (130, 3), (20, 65)].into_iter().enumerate()
    {
        cases.push(((1, 1, Margins::default()), ((2, 3), inputs, outputs), clamps[i % 4]));
        if inputs * outputs < 200 {
            cases.push((
                (3, 2, margins(0, 1, 0, 1)),
                ((3, 5), inputs, outputs),
                clamps[(i + 1) % 4],
            ));
        }
    }
    // More zeros than a window reaches over, and enough inputs for chunks in the rows of a kernel.
    cases.push(((3, 1, margins(3, 0, 2, 4)), ((4, 5), 2, 3), clamps[0]));
    cases.push(((3, 1, margins(1, 1, 1, 1)), ((3, 4), 60, 5), clamps[3]));
    cases.push(((3, 1, margins(1, 0, 1, 1)), ((3, 4), 3, 60), clamps[0]));
    for (shape, maps, (clamp, with_residual)) in cases {
        let own = Window::draw(shape, maps, (clamp, with_residual, false));
        let (y, [d_x, d_kernel, d_bias, d_residual]) = own.expected();
        for isa in Isa::available() {
            let case = format!("{isa:?} {shape:?} {maps:?} {clamp:?} {with_residual}");
            let kernel = (&narrow(&own.kernel)[..], &narrow(&own.bias)[..]);
            let conv = Conv2D::new(isa, (shape.0, shape.1), kernel, clamp, true);
            let layout = Layout { margins: shape.2, ..plain(&own.x) };
            let packed = pack(&own.x.values, layout);
            let x = Maps { values: &packed, layout: &layout };
            let mut d_clamped = Vec::new();
            for of_y in layouts(&y, isa.lanes()) {
                let residual = own.residual.as_ref().map(|r| pack(&r.values, of_y));
                let mut out = vec![f32::NAN; PICTURES * of_y.len()];
                conv.forward(x, residual.as_deref(), MapsMut { values: &mut out, layout: &of_y });
                let out = unpack(&out, of_y, &case);
                assert_close(&out, &y.values, &case);
                d_clamped = narrow(&own.d_y);
                clamp_gradient(isa, &out, clamp, &mut d_clamped);
            }
            let dense = plain(&y);
            let d_y = Maps { values: &d_clamped, layout: &dense };
            assert_weight_gradients((&d_kernel, &d_bias), &case, |to| {
                conv.backward(x, d_y, Some(to), None);
            });
            assert_input_gradient(&own.x, isa.lanes(), &d_x, &case, true, |to| {
                conv.backward(x, d_y, None, Some(to));
            });
            if with_residual {
                assert_input_gradient(&y, isa.lanes(), &d_residual, &case, false, |to| {
                    residual_backward(d_y, to);
                });
            }
        }
    }
}

#[test]
fn gradients_of_a_depthwise_convolution_are_its_finite_differences() {
    let clamps = [RELU6, Clamp::NONE, RELU];
    let mut cases: Vec<_> = windows(&[1, 3, 5, 7], &[1, 2, 3])
        .into_iter()
        .enumerate()
        .map(|(i, window)| {
            (window, ([(8, 7), (7, 9), (9, 8)][i % 3], [2, 3][i % 2]), clamps[i % 3])
        })
        .collect();
    // Channels below, at and above vectors.
    for (i, channels) in [1, 7, 8, 9, 15, 16, 17, 33, 48].into_iter().enumerate() {
        cases.push(((3, 1, margins(1, 1, 1, 1)), ((3, 2), channels), clamps[i % 3]));
        cases.push(((3, 2, margins(0, 1, 1, 1)), ((4, 3), channels), clamps[(i + 1) % 3]));
        cases.push(((5, 2, margins(1, 2, 2, 2)), ((3, 4), channels), clamps[(i + 2) % 3]));
    }
    for ((side, stride, margins), (size, channels), clamp) in cases {
        let (shape, maps) = ((side, stride, margins), (size, channels, channels));
        let own = Window::draw(shape, maps, (clamp, false, true));
        let (y, [d_x, d_kernel, d_bias, _]) = own.expected();
        for isa in Isa::available() {
            let case = format!("{isa:?} {shape:?} {size:?} {channels} {clamp:?}");
            let weights = (&narrow(&own.kernel)[..], &narrow(&own.bias)[..]);
            let op = DepthwiseConv2D::new(isa, (side, stride), weights, clamp);
            let pixel = channels.next_multiple_of(isa.lanes());
            let layout = Layout { margins, pixel, ..plain(&own.x) };
            let packed = pack(&own.x.values, layout);
            let x = Maps { values: &packed, layout: &layout };
            let mut d_clamped = Vec::new();
            for of_y in layouts(&y, isa.lanes()) {
                let mut out = vec![f32::NAN; PICTURES * of_y.len()];
                op.forward(x, MapsMut { values: &mut out, layout: &of_y }, 0..y.height);
                let out = unpack(&out, of_y, &case);
                assert_close(&out, &y.values, &case);
                d_clamped = narrow(&own.d_y);
                clamp_gradient(isa, &out, clamp, &mut d_clamped);
            }
            let of_d =
                DepthwiseConv2D::gradient_layout((side, stride), &layout, &plain(&y), isa.lanes());
            let wide: Vec<f64> = d_clamped.iter().map(|&d| d.into()).collect();
            let packed = pack(&wide, of_d);
            let d_y = Maps { values: &packed, layout: &of_d };
            let rows = Rows { input: 0..own.x.height, output: 0..y.height };
            assert_weight_gradients((&d_kernel, &d_bias), &case, |to| {
                op.backward(x, d_y, Some(to), None, &rows);
            });
            assert_input_gradient(&own.x, isa.lanes(), &d_x, &case, true, |to| {
                op.backward(x, d_y, None, Some(to), &rows);
            });
        }
    }
}
