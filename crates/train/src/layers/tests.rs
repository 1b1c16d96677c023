//! Compares the gradients of every layer with finite differences of an oracle in f64, on every instruction set, in
//! every layout that networks use.

use headstart_kernels::elementwise::clamp_gradient;
use headstart_kernels::{Clamp, Isa};
use headstart_model::Margins;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::affine::{Affine, residual_backward};
use super::batch_normalization::{self, Moments, Sums};
use super::maps::{Before, Gradient, Maps, MapsMut, WeightGradients};
use super::{Conv2D, DepthwiseConv2D, global_average_pooling2d, zero_padding2d};
use crate::network::bands::Rows;
use crate::network::layout::Layout;

#[path = "../../tests/training/oracle.rs"]
mod oracle;
use oracle::{Map, differences};

const RELU6: Clamp = Clamp { min: 0.0, max: 6.0 };
const RELU: Clamp = Clamp { min: 0.0, max: f32::INFINITY };
const PICTURES: usize = 2;
/// The step of finite differences. Sums of some hundred products are accurate to 1e-13, so quotients to 1e-7.
const STEP: f64 = 1e-6;
/// Minimum distance of values from a kink: a multiple of f32 rounding errors and of the step.
const CLEARANCE: f64 = 3e-5;
/// Content of a gradient before another is added.
const BEFORE: f64 = 0.5;

/// Values that f32 represents exactly.
fn uniform(seed: u64, len: usize, (low, high): (f32, f32)) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..len).map(|_| f64::from(random.random_range(low..high))).collect()
}

fn map(seed: u64, (height, width): (usize, usize), channels: usize) -> Map {
    let empty = Map::zeros(PICTURES, (height, width), channels);
    Map { values: uniform(seed, empty.values.len(), (-1.0, 1.0)), ..empty }
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&x| x as f32).collect()
}

/// A sum of products, whose gradient is `d_y`.
fn dot(y: &Map, d_y: &[f64]) -> f64 {
    assert_eq!(y.values.len(), d_y.len());
    y.values.iter().zip(d_y).map(|(y, d)| y * d).sum()
}

fn plain(map: &Map) -> Layout {
    let shape = headstart_model::Shape::Map {
        height: map.height,
        width: map.width,
        channels: map.channels,
    };
    Layout::dense(shape)
}

/// The index of every value of a picture.
fn places(layout: Layout) -> impl Iterator<Item = usize> {
    (0..layout.height).flat_map(move |y| {
        (0..layout.width).flat_map(move |x| {
            let row = (layout.margins.top + y) * layout.columns();
            let pixel = row + layout.margins.left + x;
            (0..layout.channels).map(move |c| pixel * layout.pixel + c)
        })
    })
}

/// Stores values in a layout, with zeros outside pixels.
fn pack(values: &[f64], layout: Layout) -> Vec<f32> {
    let len = layout.height * layout.width * layout.channels;
    let mut packed = vec![0.0; values.len() / len * layout.len()];
    for (values, packed) in values.chunks_exact(len).zip(packed.chunks_exact_mut(layout.len())) {
        values.iter().zip(places(layout)).for_each(|(&value, to)| packed[to] = value as f32);
    }
    packed
}

/// Reads values stored by [`pack`]; all others must be zero, as readers of such a layout rely on that.
#[track_caller]
fn unpack(packed: &[f32], layout: Layout, case: &str) -> Vec<f32> {
    let mut values = Vec::new();
    for picture in packed.chunks_exact(layout.len()) {
        let mut gaps = picture.to_vec();
        for at in places(layout) {
            values.push(picture[at]);
            gaps[at] = 0.0;
        }
        assert!(gaps.iter().all(|&gap| gap == 0.0), "{case}: something lies between the pixels");
    }
    values
}

/// Asserts agreement up to the f32 rounding error of a sum of some hundred products of this magnitude.
#[track_caller]
fn assert_close(actual: &[f32], expected: &[f64], case: &str) {
    assert_eq!(actual.len(), expected.len(), "{case}");
    let scale = expected.iter().fold(1.0_f64, |most, x| most.max(x.abs()));
    for (index, (a, e)) in actual.iter().zip(expected).enumerate() {
        let error = (f64::from(*a) - e).abs();
        assert!(error <= 3e-6 * scale, "{case}: [{index}] is {a}, not {e}");
    }
}

/// The possible layouts of a map's values or gradients: the input of a pointwise convolution, and of a window.
fn layouts(map: &Map, lanes: usize) -> [Layout; 2] {
    let dense = plain(map);
    let margins = Margins { top: 1, bottom: 2, left: 0, right: 1 };
    let pixel = dense.channels.next_multiple_of(lanes);
    [dense, Layout { margins, pixel, ..dense }]
}

/// Runs the backward pass into each layout and after each kind of earlier contribution.
fn assert_input_gradient(
    like: &Map,
    lanes: usize,
    expected: &[f64],
    case: &str,
    with_sum: bool,
    mut backward: impl FnMut(Gradient<'_>),
) {
    let sum: Vec<f64> = expected.iter().map(|d| d + BEFORE).collect();
    for layout in layouts(like, lanes) {
        let others = pack(&vec![BEFORE; expected.len()], layout);
        let never = vec![f32::NAN; others.len()];
        let mut cases = vec![
            ("alone", Before::Nothing, never.clone(), expected),
            ("added", Before::There, others.clone(), &sum),
        ];
        if with_sum {
            cases.push(("begun", Before::Is(&others), never, &sum));
        }
        for (what, before, mut values, expected) in cases {
            let maps = MapsMut { values: &mut values, layout: &layout };
            backward(Gradient { maps, before, gate: None });
            let case = format!("{case} {what} {layout:?}");
            assert_close(&unpack(&values, layout, &case), expected, &case);
        }
    }
}

/// Runs the backward pass with weights' gradients overwritten, and added to.
fn assert_weight_gradients(
    (kernel, bias): (&[f64], &[f64]),
    case: &str,
    mut backward: impl FnMut(WeightGradients<'_>),
) {
    for (add, was, more) in [(false, f32::NAN, 0.0), (true, BEFORE as f32, BEFORE)] {
        let (mut d_kernel, mut d_bias) = (vec![was; kernel.len()], vec![was; bias.len()]);
        backward(WeightGradients { kernel: &mut d_kernel, bias: &mut d_bias, add });
        let expect = |d: &[f64]| d.iter().map(|d| d + more).collect::<Vec<_>>();
        assert_close(&d_kernel, &expect(kernel), &format!("{case}: kernel, add {add}"));
        assert_close(&d_bias, &expect(bias), &format!("{case}: bias, add {add}"));
    }
}

/// The input to a layer's test: redraws until no value is too near to a kink, and some are on either side of each.
fn clear_of_kinks<T>(clamp: Clamp, mut draw: impl FnMut(u64) -> (T, Map)) -> T {
    let kinks = [clamp.min, clamp.max].map(f64::from).into_iter().filter(|kink| kink.is_finite());
    for seed in 0..1000 {
        let (drawn, before) = draw(100 * seed);
        let values = &before.values;
        let clear = |kink: f64| values.iter().all(|x| (x - kink).abs() > CLEARANCE);
        let either = |kink| values.iter().any(|&x| x > kink) && values.iter().any(|&x| x < kink);
        let passes = values.iter().any(|&x| x > clamp.min.into() && x < clamp.max.into());
        if passes && kinks.clone().all(|kink| clear(kink) && either(kink)) {
            return drawn;
        }
    }
    panic!("no draw has values on both sides of each kink, and none on it");
}

fn clamped(x: Map, clamp: Clamp) -> Map {
    oracle::clamp(x, clamp.min.into(), clamp.max.into())
}

fn margins(top: usize, bottom: usize, left: usize, right: usize) -> Margins {
    Margins { top, bottom, left, right }
}

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

/// A separate BatchNormalization in inference mode, a ReLU, a ReLU6, a sum.
#[test]
fn gradients_of_an_affine_map_are_its_finite_differences() {
    for (clamp, with_residual) in
        [(Clamp::NONE, false), (Clamp::NONE, true), (RELU, false), (RELU6, false), (RELU6, true)]
    {
        for (size, channels) in [((3, 5), 1), ((4, 3), 7), ((2, 3), 17)] {
            let draw = |seed| {
                let x = map(seed, size, channels);
                let scale = uniform(seed + 1, channels, (-5.0, 5.0));
                let bias = uniform(seed + 2, channels, (0.0, 6.0));
                let residual = with_residual.then(|| map(seed + 3, size, channels));
                let d_y = uniform(seed + 4, x.values.len(), (-1.0, 1.0));
                let y = oracle::affine(&x, &scale, &bias);
                let y = residual.as_ref().map_or(y.clone(), |r| oracle::add(&y, r));
                ((x, scale, bias, residual, d_y), y)
            };
            let (x, scale, bias, residual, d_y) = clear_of_kinks(clamp, draw);
            let value = |x: &Map, scale: &[f64], bias: &[f64], residual: Option<&Map>| {
                let y = oracle::affine(x, scale, bias);
                clamped(residual.map_or(y.clone(), |r| oracle::add(&y, r)), clamp)
            };
            let own = residual.as_ref();
            let with = |x: &Map, values: &[f64]| Map { values: values.to_vec(), ..*x };
            let y = value(&x, &scale, &bias, own);
            let d_x = differences(&x.values, STEP, |values| {
                dot(&value(&with(&x, values), &scale, &bias, own), &d_y)
            });
            let d_scale =
                differences(&scale, STEP, |scale| dot(&value(&x, scale, &bias, own), &d_y));
            let d_bias = differences(&bias, STEP, |bias| dot(&value(&x, &scale, bias, own), &d_y));
            let d_residual = own.map_or(Vec::new(), |r| {
                differences(&r.values, STEP, |values| {
                    dot(&value(&x, &scale, &bias, Some(&with(r, values))), &d_y)
                })
            });
            for isa in Isa::available() {
                let op = Affine { scale: narrow(&scale), bias: narrow(&bias), clamp };
                for layout in layouts(&x, isa.lanes()) {
                    let case = format!("{isa:?} {clamp:?} {with_residual} {layout:?}");
                    let packed = pack(&x.values, layout);
                    let from = Maps { values: &packed, layout: &layout };
                    let mut d_clamped = Vec::new();
                    for of_y in layouts(&y, isa.lanes()) {
                        let residual = own.map(|r| pack(&r.values, of_y));
                        let mut out = vec![f32::NAN; PICTURES * of_y.len()];
                        let to = MapsMut { values: &mut out, layout: &of_y };
                        op.forward(from, residual.as_deref(), to);
                        let out = unpack(&out, of_y, &case);
                        assert_close(&out, &y.values, &case);
                        d_clamped = narrow(&d_y);
                        clamp_gradient(isa, &out, clamp, &mut d_clamped);
                    }
                    let dense = plain(&y);
                    let d_y = Maps { values: &d_clamped, layout: &dense };
                    assert_weight_gradients((&d_scale, &d_bias), &case, |to| {
                        op.backward(from, d_y, Some(to), None);
                    });
                    assert_input_gradient(&x, isa.lanes(), &d_x, &case, true, |to| {
                        op.backward(from, d_y, None, Some(to));
                    });
                    if with_residual {
                        assert_input_gradient(&y, isa.lanes(), &d_residual, &case, false, |to| {
                            residual_backward(d_y, to);
                        });
                    }
                }
            }
        }
    }
}

#[test]
fn gradients_through_the_statistics_of_a_batch_are_finite_differences() {
    let epsilon = 1e-3_f32;
    for (size, channels) in [((1, 1), 3), ((2, 3), 1), ((3, 3), 9), ((5, 2), 17)] {
        // Channels with a mean far from zero, where f32 would cancel.
        let offset = uniform(9, channels, (-4.0, 4.0));
        let x = oracle::affine(&map(1, size, channels), &vec![1.0; channels], &offset);
        let x = Map { values: x.values.iter().map(|&x| f64::from(x as f32)).collect(), ..x };
        let (gamma, beta) = (uniform(2, channels, (-2.0, 2.0)), uniform(3, channels, (-1.0, 1.0)));
        let d_y = uniform(4, x.values.len(), (-1.0, 1.0));
        let value = |x: &Map, gamma: &[f64], beta: &[f64]| {
            let (mean, variance) = oracle::moments(x);
            oracle::normalize(x, (gamma, beta), (&mean, &variance), epsilon.into())
        };
        // The error of these differences is the square of the step times a third derivative, which is large when there
        // are only two positions.
        let d_x = differences(&x.values, STEP, |values| {
            dot(&value(&Map { values: values.to_vec(), ..x }, &gamma, &beta), &d_y)
        });
        let d_gamma = differences(&gamma, STEP, |gamma| dot(&value(&x, gamma, &beta), &d_y));
        let d_beta = differences(&beta, STEP, |beta| dot(&value(&x, &gamma, beta), &d_y));
        let y = value(&x, &gamma, &beta);
        let case = format!("{size:?} {channels}");

        let layout = plain(&x);
        let (packed, d_packed) = (pack(&x.values, layout), pack(&d_y, layout));
        let whole = Maps { values: &packed, layout: &layout };
        let d_whole = Maps { values: &d_packed, layout: &layout };
        // Sums of separate parts of the batch.
        let (mut sums, mut d_sums) = (Sums::default(), Sums::default());
        for (x, d) in whole.pictures().zip(d_whole.pictures()) {
            let (x, d) = (Maps { values: x, layout: &layout }, Maps { values: d, layout: &layout });
            sums.add(&batch_normalization::moment_sums(x));
            d_sums.add(&batch_normalization::gradient_sums(x, d));
        }
        let positions = PICTURES * size.0 * size.1;
        let moments = Moments::new(&sums, positions);
        let (gamma, beta) = (narrow(&gamma), narrow(&beta));
        let (scale, bias) = moments.affine(&gamma, &beta, epsilon);
        let mut out = vec![f32::NAN; packed.len()];
        let to = MapsMut { values: &mut out, layout: &layout };
        Affine { scale, bias, clamp: Clamp::NONE }.forward(whole, None, to);
        // A scale of up to 2 / sqrt(epsilon) over values of up to 5.
        let error = out.iter().zip(&y.values).map(|(a, e)| (f64::from(*a) - e).abs());
        assert!(error.fold(0.0, f64::max) < 3e-5, "{case}: forward");
        let (own_gamma, own_beta) =
            batch_normalization::weight_gradients(&d_sums, &moments, epsilon);
        assert_close(&own_gamma, &d_gamma, &case);
        assert_close(&own_beta, &d_beta, &case);
        let (sums, by) = ((&d_sums, positions), (&moments, &gamma[..], epsilon));
        assert_input_gradient(&x, 8, &d_x, &case, true, |to| {
            batch_normalization::backward(whole, d_whole, sums, by, to);
        });
    }
}

#[test]
fn gradients_of_zero_padding_are_its_finite_differences() {
    for own in [margins(1, 2, 3, 0), margins(0, 1, 0, 1), margins(2, 0, 0, 0)] {
        let x = map(1, (3, 4), 5);
        let y = oracle::pad(&x, own);
        let d_y = uniform(2, y.values.len(), (-1.0, 1.0));
        let d_x = differences(&x.values, STEP, |values| {
            dot(&oracle::pad(&Map { values: values.to_vec(), ..x }, own), &d_y)
        });
        let dense = plain(&y);
        for layout in layouts(&x, 8) {
            let packed = pack(&x.values, layout);
            let from = Maps { values: &packed, layout: &layout };
            let mut out = vec![f32::NAN; PICTURES * dense.len()];
            let to = MapsMut { values: &mut out, layout: &dense };
            zero_padding2d::forward(own, from, to);
            assert_close(&out, &y.values, &format!("{own:?}"));
        }
        let packed = narrow(&d_y);
        let d_y = Maps { values: &packed, layout: &dense };
        assert_input_gradient(&x, 8, &d_x, &format!("{own:?}"), true, |to| {
            zero_padding2d::backward(own, d_y, to);
        });
    }
}

#[test]
fn gradients_of_global_average_pooling_are_its_finite_differences() {
    for (size, channels) in [((1, 1), 3), ((3, 5), 9), ((7, 7), 17)] {
        let x = map(1, size, channels);
        let y = oracle::pool(&x);
        let d_y = uniform(2, y.values.len(), (-1.0, 1.0));
        let d_x = differences(&x.values, STEP, |values| {
            dot(&oracle::pool(&Map { values: values.to_vec(), ..x }), &d_y)
        });
        let (layout, of_y) = (plain(&x), plain(&y));
        let (packed, d_packed) = (narrow(&x.values), narrow(&d_y));
        for isa in Isa::available() {
            let mut out = vec![f32::NAN; y.values.len()];
            let from = Maps { values: &packed, layout: &layout };
            let to = MapsMut { values: &mut out, layout: &of_y };
            global_average_pooling2d::forward(isa, from, to);
            assert_close(&out, &y.values, &format!("{isa:?} {size:?}"));
        }
        let d_y = Maps { values: &d_packed, layout: &of_y };
        assert_input_gradient(&x, 8, &d_x, &format!("{size:?} {channels}"), true, |to| {
            global_average_pooling2d::backward(d_y, to);
        });
    }
}
