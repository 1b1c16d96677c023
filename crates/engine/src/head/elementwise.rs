//! Functions of each output of a layer.

use headstart_model::Elementwise;

use super::sigmoid;

/// The parameters of SELU (Klambauer et al. 2017, equation 14), for which the values of a deep network converge to mean
/// 0 and variance 1.
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

/// `values[i] = f(values[i])`.
pub fn forward(f: Elementwise, values: &mut [f32]) {
    if f != Elementwise::Linear {
        values.iter_mut().for_each(|x| *x = value(f, f64::from(*x)) as f32);
    }
}

/// Converts the gradient of f's value to the gradient of its argument `x`, in place.
pub fn backward(f: Elementwise, x: &[f32], d: &mut [f32]) {
    if f != Elementwise::Linear {
        x.iter().zip(d).for_each(|(&x, d)| *d *= slope(f, f64::from(x)) as f32);
    }
}

fn value(f: Elementwise, x: f64) -> f64 {
    match f {
        Elementwise::Linear => x,
        Elementwise::Relu { negative_slope, .. } if x < 0.0 => f64::from(negative_slope) * x,
        Elementwise::Relu { max_value, .. } => max_value.map_or(x, |most| x.min(most.into())),
        Elementwise::Elu { alpha } if x < 0.0 => f64::from(alpha) * x.exp_m1(),
        Elementwise::Elu { .. } => x,
        Elementwise::Selu if x < 0.0 => SELU_SCALE * SELU_ALPHA * x.exp_m1(),
        Elementwise::Selu => SELU_SCALE * x,
        Elementwise::Silu => x * sigmoid(x),
        Elementwise::Sigmoid => sigmoid(x),
        Elementwise::Tanh => x.tanh(),
        Elementwise::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Elementwise::Softsign => x / (1.0 + x.abs()),
    }
}

/// The derivative. Where it jumps at 0, it is the one from the left for ReLU and from the right for ELU and SELU, as in
/// TensorFlow.
fn slope(f: Elementwise, x: f64) -> f64 {
    match f {
        Elementwise::Linear => 1.0,
        Elementwise::Relu { negative_slope, .. } if x <= 0.0 => negative_slope.into(),
        Elementwise::Relu { max_value, .. } => {
            f64::from(u8::from(max_value.is_none_or(|most| x < most.into())))
        }
        Elementwise::Elu { alpha } if x < 0.0 => f64::from(alpha) * x.exp(),
        Elementwise::Elu { .. } => 1.0,
        Elementwise::Selu if x < 0.0 => SELU_SCALE * SELU_ALPHA * x.exp(),
        Elementwise::Selu => SELU_SCALE,
        Elementwise::Silu => {
            let s = sigmoid(x);
            s * (1.0 + x * (1.0 - s))
        }
        Elementwise::Sigmoid => sigmoid(x) * (1.0 - sigmoid(x)),
        Elementwise::Tanh => 1.0 - x.tanh().powi(2),
        Elementwise::Softplus => sigmoid(x),
        Elementwise::Softsign => (1.0 + x.abs()).powi(-2),
    }
}
