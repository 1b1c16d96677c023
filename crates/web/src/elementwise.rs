//! Functions of each output of a layer, and their derivatives, as in `headstart_engine::head::elementwise`.

use headstart_model::Elementwise;

use crate::code::{Expr, F64, Var};
use crate::math::Math;

const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

fn double(value: f64) -> Expr<F64> {
    Expr::double(value)
}

/// The value of the function at `x`.
pub(crate) fn activated(math: Math, activation: Elementwise, x: Var<F64>) -> Expr<F64> {
    let is_negative = || x.get().lt(double(0.0));
    let less_one = |alpha: f64| double(alpha) * (math.exp.of(x.get()) - double(1.0));
    match activation {
        Elementwise::Linear => x.get(),
        Elementwise::Relu { negative_slope, max_value } => {
            let most = max_value.map_or(f64::INFINITY, f64::from);
            let below = x.get() * double(negative_slope.into());
            below.or(x.get().min(double(most)), is_negative())
        }
        Elementwise::Elu { alpha } => less_one(alpha.into()).or(x.get(), is_negative()),
        Elementwise::Selu => {
            less_one(SELU_SCALE * SELU_ALPHA).or(double(SELU_SCALE) * x.get(), is_negative())
        }
        Elementwise::Silu => x.get() * math.sigmoid(x.get()),
        Elementwise::Sigmoid => math.sigmoid(x.get()),
        Elementwise::Tanh => double(2.0) * math.sigmoid(double(2.0) * x.get()) - double(1.0),
        Elementwise::Softplus => softplus(math, x),
        Elementwise::Softsign => x.get() / (double(1.0) + x.get().abs()),
    }
}

/// The derivative at `x`; at a kink at 0, the one from the left.
pub(crate) fn slope(math: Math, activation: Elementwise, x: Var<F64>) -> Expr<F64> {
    let is_above = || x.get().gt(double(0.0));
    let sigmoid = |x: Expr<F64>| math.sigmoid(x);
    let power = |alpha: f64| double(alpha) * math.exp.of(x.get());
    let logistic = |x: Expr<F64>| sigmoid(x.clone()) * (double(1.0) - sigmoid(x));
    match activation {
        Elementwise::Linear => double(1.0),
        Elementwise::Relu { negative_slope, max_value } => {
            let most = max_value.map_or(f64::INFINITY, f64::from);
            let above = double(1.0).or(double(0.0), x.get().lt(double(most)));
            above.or(double(negative_slope.into()), is_above())
        }
        Elementwise::Elu { alpha } => double(1.0).or(power(alpha.into()), is_above()),
        Elementwise::Selu => double(SELU_SCALE).or(power(SELU_SCALE * SELU_ALPHA), is_above()),
        Elementwise::Silu => sigmoid(x.get()) + x.get() * logistic(x.get()),
        Elementwise::Sigmoid => logistic(x.get()),
        Elementwise::Tanh => double(4.0) * logistic(double(2.0) * x.get()),
        Elementwise::Softplus => sigmoid(x.get()),
        Elementwise::Softsign => {
            let size = || double(1.0) + x.get().abs();
            double(1.0) / (size() * size())
        }
    }
}

/// ln(1 + e^x).
pub(crate) fn softplus(math: Math, x: Var<F64>) -> Expr<F64> {
    let small = math.exp.of(double(0.0) - x.get().abs());
    x.get().max(double(0.0)) + math.ln.of(double(1.0) + small)
}
