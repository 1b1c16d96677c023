//! Compares the gradients of every layer with finite differences of an oracle in f64, on every instruction set, in
//! every layout that networks use.

mod affine;
mod batch_normalization;
mod convolutions;
mod global_average_pooling2d;
mod zero_padding2d;

use headstart_kernels::Clamp;
use headstart_model::Margins;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::maps::{Before, Gradient, MapsMut, WeightGradients};
use crate::network::layout::Layout;

#[path = "../../../tests/training/oracle.rs"]
mod oracle;
use oracle::Map;

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
