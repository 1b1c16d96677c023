//! Activation functions, applied to each value after an operation.

use pulp::{Simd, WithSimd};

use crate::simd::{clamp, load, mul_add, store};
use crate::{Clamp, Isa};

/// An activation function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// Clamps values to a range: ReLU and ReLU6.
    Clamp(Clamp),
    /// Any other function.
    Function(Function),
}

/// A smooth function, or one with more than one slope.
///
/// Absolute errors, compared with the function in f64, for arguments from -100 to 100: 3e-7 for functions with values
/// between 0 and 1, and 2e-7 times the argument (at least 1) for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `min(max(x + 3, 0), 6) / 6`.
    HardSigmoid,
    /// `x * sigmoid(x)`.
    Silu,
    /// `x * hard_sigmoid(x)`.
    HardSilu,
    /// `x / 2 * (1 + erf(x / sqrt(2)))`.
    Gelu,
}

impl Activation {
    /// The identity.
    pub const NONE: Self = Self::Clamp(Clamp::NONE);

    /// The range to which it clamps values, if it does nothing else.
    pub fn clamp(self) -> Option<Clamp> {
        match self {
            Self::Clamp(clamp) => Some(clamp),
            Self::Function(_) => None,
        }
    }

    /// The function, unless it only clamps.
    pub fn function(self) -> Option<Function> {
        match self {
            Self::Clamp(_) => None,
            Self::Function(function) => Some(function),
        }
    }
}

impl From<Clamp> for Activation {
    fn from(clamp: Clamp) -> Self {
        Self::Clamp(clamp)
    }
}

impl Function {
    /// Keras's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sigmoid => "sigmoid",
            Self::HardSigmoid => "hard_sigmoid",
            Self::Silu => "silu",
            Self::HardSilu => "hard_silu",
            Self::Gelu => "gelu",
        }
    }

    /// Applies the function to the values, in place.
    pub fn apply(self, isa: Isa, values: &mut [f32]) {
        let used = values.len();
        Pixels { values, size: (1, 1), strides: (0, 0), used }.apply(isa, self);
    }

    /// Propagates the gradient through the function, in place: multiplies `d[i]` by the derivative at `x[i]`.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn gradient(self, isa: Isa, x: &[f32], d: &mut [f32]) {
        assert_eq!(x.len(), d.len(), "x and the gradient do not agree");
        isa.run(Gradient { function: self, x, d });
    }
}

/// A range of values of each pixel of a map.
pub(crate) struct Pixels<'a> {
    /// Starts at the range's first value of the first pixel.
    pub(crate) values: &'a mut [f32],
    /// Rows, and pixels per row.
    pub(crate) size: (usize, usize),
    /// Strides between rows and between pixels, in values.
    pub(crate) strides: (usize, usize),
    /// Number of values of each pixel.
    pub(crate) used: usize,
}

impl Pixels<'_> {
    /// Applies a function to the values in place.
    pub(crate) fn apply(self, isa: Isa, function: Function) {
        isa.run(Finish { function, pixels: self });
    }
}

/// Applies a function to the values in place. It is not inlined, since every tile size would contain a copy of all
/// functions.
#[inline(never)]
pub(crate) fn finish<S: Simd>(simd: S, function: Function, pixels: Pixels<'_>) {
    simd.vectorize(Finish { function, pixels });
}

struct Finish<'a> {
    function: Function,
    pixels: Pixels<'a>,
}

impl WithSimd for Finish<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let pixels = self.pixels;
        match self.function {
            Function::Sigmoid => each(
                simd,
                pixels,
                #[inline(always)]
                |x| sigmoid(simd, x),
            ),
            Function::HardSigmoid => each(
                simd,
                pixels,
                #[inline(always)]
                |x| hard_sigmoid(simd, x),
            ),
            Function::Silu => each(
                simd,
                pixels,
                #[inline(always)]
                |x| simd.mul_f32s(x, sigmoid(simd, x)),
            ),
            Function::HardSilu => each(
                simd,
                pixels,
                #[inline(always)]
                |x| simd.mul_f32s(x, hard_sigmoid(simd, x)),
            ),
            Function::Gelu => each(
                simd,
                pixels,
                #[inline(always)]
                |x| gelu(simd, x),
            ),
        }
    }
}

/// Replaces every value by `f` of it. Closures do not inherit the target features of the enclosing function: unless
/// marked for inlining, each vector operation is a call.
#[inline(always)]
fn each<S: Simd>(simd: S, pixels: Pixels<'_>, f: impl Fn(S::f32s) -> S::f32s) {
    let Pixels { values, size: (height, width), strides: (row_stride, pixel_stride), used } =
        pixels;
    // Contiguous pixels are treated as one.
    let (width, used) = if pixel_stride == used { (1, width * used) } else { (width, used) };
    for row in 0..height {
        for pixel in 0..width {
            let pixel = &mut values[row * row_stride + pixel * pixel_stride..][..used];
            let (vectors, rest) = S::as_mut_simd_f32s(pixel);
            for vector in vectors {
                *vector = f(*vector);
            }
            if !rest.is_empty() {
                let value = f(simd.partial_load_f32s(rest));
                simd.partial_store_f32s(rest, value);
            }
        }
    }
}

struct Gradient<'a> {
    function: Function,
    x: &'a [f32],
    d: &'a mut [f32],
}

impl WithSimd for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { function, x, d } = self;
        match function {
            Function::Sigmoid => through(
                simd,
                x,
                d,
                #[inline(always)]
                |x| {
                    let y = sigmoid(simd, x);
                    simd.mul_f32s(y, simd.sub_f32s(simd.splat_f32s(1.0), y))
                },
            ),
            Function::HardSigmoid => through(
                simd,
                x,
                d,
                #[inline(always)]
                |x| inside(simd, x, simd.splat_f32s(1.0 / 6.0), simd.splat_f32s(0.0)),
            ),
            Function::Silu => through(
                simd,
                x,
                d,
                #[inline(always)]
                |x| {
                    let y = sigmoid(simd, x);
                    let one = simd.splat_f32s(1.0);
                    let rest = simd.mul_f32s(x, simd.sub_f32s(one, y));
                    simd.mul_f32s(y, simd.add_f32s(one, rest))
                },
            ),
            Function::HardSilu => through(
                simd,
                x,
                d,
                #[inline(always)]
                |x| {
                    let slope = mul_add(simd, x, simd.splat_f32s(1.0 / 3.0), simd.splat_f32s(0.5));
                    let zero = simd.splat_f32s(0.0);
                    let above = simd.select_f32s(
                        simd.greater_than_f32s(x, zero),
                        simd.splat_f32s(1.0),
                        zero,
                    );
                    inside(simd, x, slope, above)
                },
            ),
            Function::Gelu => through(
                simd,
                x,
                d,
                #[inline(always)]
                |x| gelu_slope(simd, x),
            ),
        }
    }
}

#[inline(always)]
fn through<S: Simd>(simd: S, x: &[f32], d: &mut [f32], f: impl Fn(S::f32s) -> S::f32s) {
    for (x, d) in x.chunks(S::F32_LANES).zip(d.chunks_mut(S::F32_LANES)) {
        let product = simd.mul_f32s(load(simd, d), f(load(simd, x)));
        store(simd, d, product);
    }
}

/// `within` where `-3 < x < 3`, otherwise `beyond`.
#[inline(always)]
fn inside<S: Simd>(simd: S, x: S::f32s, within: S::f32s, beyond: S::f32s) -> S::f32s {
    let is_inside = simd.less_than_f32s(simd.abs_f32s(x), simd.splat_f32s(3.0));
    simd.select_f32s(is_inside, within, beyond)
}

#[inline(always)]
fn hard_sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let sum = simd.add_f32s(x, simd.splat_f32s(3.0));
    let clamped = simd.min_f32s(simd.max_f32s(sum, simd.splat_f32s(0.0)), simd.splat_f32s(6.0));
    simd.mul_f32s(clamped, simd.splat_f32s(1.0 / 6.0))
}

#[inline(always)]
fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    let (least, most) = (simd.splat_f32s(-87.0), simd.splat_f32s(87.0));
    let exp = exp2(simd, clamp(simd, x, least, most), -std::f32::consts::LOG2_E);
    simd.div_f32s(one, simd.add_f32s(one, exp))
}

/// `max(x, 0) - |x| / 2 * erfc(|x| / sqrt(2))`, which stays accurate far below 0.
#[inline(always)]
fn gelu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let size = simd.abs_f32s(x);
    let (erfc, _) = erfc_of_root(simd, size);
    let half = simd.mul_f32s(size, simd.splat_f32s(-0.5));
    mul_add(simd, half, erfc, simd.max_f32s(x, simd.splat_f32s(0.0)))
}

/// `P(X <= x) + x * density(x)` of a standard normal `X`.
#[inline(always)]
fn gelu_slope<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let (erfc, exp) = erfc_of_root(simd, simd.abs_f32s(x));
    let below = simd.mul_f32s(erfc, simd.splat_f32s(0.5));
    let above = simd.sub_f32s(simd.splat_f32s(1.0), below);
    let positive = simd.greater_than_f32s(x, simd.splat_f32s(0.0));
    let probability = simd.select_f32s(positive, above, below);
    // 1 / sqrt(2 pi)
    let density = simd.mul_f32s(exp, simd.splat_f32s(0.398_942_3));
    mul_add(simd, x, density, probability)
}

/// `erfc(x / sqrt(2))` and `exp(-x² / 2)` for `x >= 0`, the first to within 2e-7: formula 7.1.26 of Abramowitz and
/// Stegun, "Handbook of Mathematical Functions".
#[inline(always)]
fn erfc_of_root<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let one = simd.splat_f32s(1.0);
    // 0.3275911 / sqrt(2)
    let scaled = mul_add(simd, x, simd.splat_f32s(0.231_641_9), one);
    let t = simd.div_f32s(one, scaled);
    let mut sum = simd.splat_f32s(1.061_405_4);
    for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        sum = mul_add(simd, sum, t, simd.splat_f32s(coefficient));
    }
    let square = simd.min_f32s(simd.mul_f32s(x, x), simd.splat_f32s(174.0));
    let exp = exp2(simd, square, -0.5 * std::f32::consts::LOG2_E);
    (simd.mul_f32s(simd.mul_f32s(sum, t), exp), exp)
}

/// `2^(x * factor)` for products from -126 to 126, with a relative error of 2e-7 plus the effect of rounding the
/// product.
///
/// The product is split into an integer and a remainder of at most a half. The power of the remainder is a polynomial:
/// of those of degree 5 that are 1 at 0, the one with the smallest maximum relative error, 9.2e-8.
// The coefficients of the best polynomial do not include ln 2.
#[allow(clippy::approx_constant)]
#[inline(always)]
fn exp2<S: Simd>(simd: S, x: S::f32s, factor: f32) -> S::f32s {
    /// Added to an integer, it leaves that integer in the lowest bits.
    const MAGIC: f32 = 12_582_912.0;
    let (factor, magic) = (simd.splat_f32s(factor), simd.splat_f32s(MAGIC));
    let shifted = mul_add(simd, x, factor, magic);
    let rest = mul_add(simd, x, factor, simd.sub_f32s(magic, shifted));
    let mut sum = simd.splat_f32s(1.326_472e-3);
    for coefficient in [9.671_513e-3, 5.550_734e-2, 0.240_222_42, 0.693_147, 1.0] {
        sum = mul_add(simd, sum, rest, simd.splat_f32s(coefficient));
    }
    let power = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(sum), power))
}
