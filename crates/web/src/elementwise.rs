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

/// The derivative at `x`; where it jumps at 0, the same one as the engine's.
pub(crate) fn slope(math: Math, activation: Elementwise, x: Var<F64>) -> Expr<F64> {
    let is_above = || x.get().gt(double(0.0));
    let is_negative = || x.get().lt(double(0.0));
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
        Elementwise::Elu { alpha } => power(alpha.into()).or(double(1.0), is_negative()),
        Elementwise::Selu => power(SELU_SCALE * SELU_ALPHA).or(double(SELU_SCALE), is_negative()),
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

#[cfg(test)]
mod tests {
    use headstart_engine::head::elementwise;

    use super::*;
    use crate::code::{Body, Module};
    use crate::data::Data;
    use crate::testing::Running;

    #[test]
    fn derivatives_are_the_engines_also_at_zero() {
        use Elementwise as E;
        for activation in [
            E::Linear,
            E::RELU,
            E::Relu { negative_slope: 0.1, max_value: Some(6.0) },
            E::Elu { alpha: 1.5 },
            E::Selu,
            E::Silu,
            E::Sigmoid,
            E::Tanh,
            E::Softplus,
            E::Softsign,
        ] {
            let xs = [-2.0, -0.5, 0.0, 0.5, 6.0, 7.0];
            let (mut module, mut data) = (Module::default(), Data::default());
            let place = data.room(4);
            let math = Math::new(&mut module);
            let (mut body, [at]) = Body::taking(false);
            let x = body.var(at.get().f32_at(0).into_f64());
            body.store_f32(at.get(), 0, slope(math, activation, x).into_f32());
            let function = module.function(body);
            module.export("slope", function);
            let heap = data.end();
            let mut running = Running::new(&data.module(heap), &module.finish(data.pages(heap)));
            let own = xs.map(|x: f32| {
                let bytes = place as usize..place as usize + 4;
                running.memory()[bytes.clone()].copy_from_slice(&x.to_le_bytes());
                running.call("slope", &[place]);
                f32::from_le_bytes(running.memory()[bytes].try_into().expect("four bytes"))
            });
            let mut engines = [1.0; 6];
            elementwise::backward(activation, &xs, &mut engines);
            for ((x, own), engines) in xs.iter().zip(own).zip(engines) {
                assert!((own - engines).abs() < 1e-6, "{activation:?} at {x}: {own}, {engines}");
            }
        }
    }
}
