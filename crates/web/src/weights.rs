//! The precision of stored weights.

use std::str::FromStr;

use headstart_engine::frozen::{OpKind, Program};

use crate::WebError;

/// The precision with which a network's weights are stored: as integers times a scale for each output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Weights {
    /// 16 bits, which is as short as f16 but several times as exact: probabilities stay within 1e-3.
    #[default]
    Int16,
    /// 8 bits. Answers may change.
    Int8,
}

/// Layers with fewer weights stay f32, since quantizing them gains nothing.
const MANY: usize = 1 << 14;

impl Weights {
    /// The name of the kind, which options use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int16 => "int16",
            Self::Int8 => "int8",
        }
    }

    /// Bytes per weight, for a layer of `count` weights. Small layers stay f32; they include the first layers, whose
    /// errors would propagate through all others.
    pub(crate) fn bytes(self, count: usize) -> usize {
        match self {
            _ if count < MANY => size_of::<f32>(),
            Self::Int8 => 1,
            Self::Int16 => 2,
        }
    }

    /// The program with its weights rounded as they are stored.
    pub(crate) fn rounded(self, mut program: Program) -> Program {
        for op in &mut program.ops {
            if let OpKind::Conv { kernel, bias, .. } = &mut op.kind {
                let (outputs, bytes) = (bias.len(), self.bytes(kernel.len()));
                if bytes == size_of::<f32>() {
                    continue;
                }
                for output in 0..outputs {
                    let own = || kernel.iter().skip(output).step_by(outputs);
                    let scale = scale(own().copied(), bytes);
                    for weight in kernel.iter_mut().skip(output).step_by(outputs) {
                        *weight = f32::from(units(*weight, scale, bytes)) * scale;
                    }
                }
            }
        }
        program
    }
}

impl FromStr for Weights {
    type Err = WebError;

    fn from_str(name: &str) -> Result<Self, WebError> {
        let all = [Self::Int16, Self::Int8];
        let found = all.into_iter().find(|weights| weights.name() == name);
        found.ok_or_else(|| WebError::NoSuchWeights { name: name.to_owned() })
    }
}

/// The largest absolute value of a quantized weight of `bytes` bytes.
fn most(bytes: usize) -> f64 {
    if bytes == 1 { i8::MAX.into() } else { i16::MAX.into() }
}

/// The scale of an output's weights: a weight is the quantized integer times the scale.
pub(crate) fn scale(weights: impl Iterator<Item = f32>, bytes: usize) -> f32 {
    match weights.map(f32::abs).fold(0.0, f32::max) {
        0.0 => 1.0,
        largest => (f64::from(largest) / most(bytes)) as f32,
    }
}

/// A quantized weight.
pub(crate) fn units(weight: f32, scale: f32, bytes: usize) -> i16 {
    let most = most(bytes);
    (f64::from(weight) / f64::from(scale)).round().clamp(-most, most) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_weights_is_near_and_stays_when_it_is_rounded_again() {
        let weights: Vec<f32> = (0..500).map(|i| ((i * 37 % 101) as f32 - 50.0) / 777.0).collect();
        for (bytes, near) in [(1, 0.5 / 127.0), (2, 0.5 / 32767.0)] {
            let of = |weights: &[f32]| -> Vec<f32> {
                let scale = scale(weights.iter().copied(), bytes);
                weights.iter().map(|&x| f32::from(units(x, scale, bytes)) * scale).collect()
            };
            let once = of(&weights);
            let largest = weights.iter().copied().fold(0.0, f32::max);
            let off = weights.iter().zip(&once).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off <= near * largest * 1.001, "{bytes}: {off}");
            assert_eq!(of(&once), once);
        }
        assert_eq!(scale([0.0, 0.0].into_iter(), 2), 1.0);
    }
}
