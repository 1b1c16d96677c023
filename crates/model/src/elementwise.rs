//! The activations between the dense layers of a head.

use serde::{Deserialize, Serialize};

/// A function applied to each output of a dense layer, by Keras's name and definition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Elementwise {
    /// `x`.
    #[default]
    Linear,
    /// `x` above 0, at most `max_value`; `negative_slope * x` below.
    Relu {
        /// The slope below 0: 0 for plain ReLU.
        negative_slope: f32,
        /// The upper limit: 6 for ReLU6.
        max_value: Option<f32>,
    },
    /// `x` above 0, `alpha * (exp(x) - 1)` below.
    Elu {
        /// The negative of the limit at minus infinity.
        alpha: f32,
    },
    /// `1.0507 * elu(x)` with an alpha of 1.6733.
    Selu,
    /// `x * sigmoid(x)`, also called swish.
    Silu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// `ln(1 + exp(x))`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
}

impl Elementwise {
    /// Plain ReLU.
    pub const RELU: Self = Self::Relu { negative_slope: 0.0, max_value: None };

    /// Returns the function with this Keras name, with Keras's default parameters.
    pub fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "linear" => Self::Linear,
            "relu" => Self::RELU,
            "relu6" => Self::Relu { negative_slope: 0.0, max_value: Some(6.0) },
            "leaky_relu" => Self::Relu { negative_slope: 0.2, max_value: None },
            "elu" => Self::Elu { alpha: 1.0 },
            "selu" => Self::Selu,
            "silu" | "swish" => Self::Silu,
            "sigmoid" => Self::Sigmoid,
            "tanh" => Self::Tanh,
            "softplus" => Self::Softplus,
            "softsign" => Self::Softsign,
            _ => return None,
        })
    }

    /// Whether all of its parameters are finite.
    pub fn is_finite(self) -> bool {
        match self {
            Self::Relu { negative_slope, max_value } => {
                negative_slope.is_finite() && max_value.is_none_or(f32::is_finite)
            }
            Self::Elu { alpha } => alpha.is_finite(),
            _ => true,
        }
    }
}
