//! Networks without weights, for benchmarks.

use std::collections::BTreeMap;

use headstart_model::architectures::{Architecture, NetworkConfig};
use headstart_model::{Tensor, WeightSpec, Weights, weight_name};

use super::Base;
use crate::Error;

impl Base {
    /// A base with made-up weights, to measure speed. Its outputs are meaningless.
    ///
    /// # Errors
    /// When there is no such architecture, width or input size.
    pub fn untrained(architecture: &str, config: &NetworkConfig) -> Result<Self, Error> {
        let network = Architecture::find(architecture)?.build(config)?;
        let tensors: BTreeMap<String, Tensor> = network
            .weight_specs()
            .map(|(layer, spec)| (weight_name(&layer.name, spec.name), tensor(spec)))
            .collect();
        let weights = Weights::new(&network, tensors)?;
        Ok(Self::new(network, weights))
    }
}

/// A made-up weight. Kernels keep the magnitude of their input (He et al. 2015, uniform), and normalisation
/// changes nothing.
fn tensor(spec: &WeightSpec) -> Tensor {
    let value = |index: usize| match spec.name {
        "kernel" => {
            let fan_in: usize = match spec.shape[..] {
                [height, width, _, 1] => height * width,
                [.., _] => spec.len() / spec.shape[spec.shape.len() - 1],
                [] => 1,
            };
            // Quasi-random numbers (Weyl's sequence of the golden ratio).
            let unit = (index as f64 * 0.618_033_988_749_894_9).fract() * 2.0 - 1.0;
            (unit * (6.0 / fan_in as f64).sqrt()) as f32
        }
        "gamma" | "moving_variance" => 1.0,
        _ => 0.0,
    };
    Tensor::new(spec.shape.clone(), (0..spec.len()).map(value).collect())
}
