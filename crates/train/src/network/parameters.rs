//! The weights of a network in training, and their folded form in operations.

use headstart_model::{LayerId, LayerKind, Network, Place, Weights, weight_name};

/// A weight of a layer.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// `layer/weight`, as in [`Weights`].
    pub name: String,
    /// Its axes.
    pub shape: Vec<usize>,
    /// Its values.
    pub values: Vec<f32>,
    /// The gradient of the loss, one value for each weight; `None` for frozen weights and moving statistics.
    pub gradient: Option<Vec<f32>>,
    /// Whether weight decay applies: to kernels and biases, not to normalisations and scales.
    pub decays: bool,
    /// The position of its layer in the architecture.
    pub place: Place,
}

/// The index of a parameter.
pub(crate) type ParameterId = usize;

/// The weights of a range of layers, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters {
    pub(crate) list: Vec<Parameter>,
}

impl Parameters {
    /// Adds the weights of a layer; returns the index of the first.
    pub(crate) fn add(&mut self, network: &Network, weights: &Weights, layer: LayerId) -> usize {
        let layer = &network.layers()[layer];
        let first = self.list.len();
        for spec in &layer.weights {
            let tensor = weights.get(layer, spec.name);
            let trains = layer.trainable && spec.is_parameter();
            self.list.push(Parameter {
                name: weight_name(&layer.name, spec.name),
                shape: tensor.shape.clone(),
                values: tensor.data.clone(),
                gradient: trains.then(|| vec![0.0; tensor.data.len()]),
                decays: !is_normalization(&layer.kind),
                place: layer.place,
            });
        }
        first
    }

    /// Whether the layer has a bias besides its kernel.
    fn has_bias(&self, first: ParameterId) -> bool {
        let name = |id: ParameterId| self.list.get(id)?.name.rsplit_once('/');
        let (kernel, bias) = (name(first), name(first + 1));
        bias.is_some_and(|(layer, weight)| {
            ["bias", "beta"].contains(&weight) && kernel.is_some_and(|(own, _)| own == layer)
        })
    }

    pub(crate) fn values(&self, id: ParameterId) -> &[f32] {
        &self.list[id].values
    }

    pub(crate) fn trains(&self, id: ParameterId) -> bool {
        self.list[id].gradient.is_some()
    }
}

/// Whether a layer's weights only scale and shift channels.
fn is_normalization(kind: &LayerKind) -> bool {
    use LayerKind::{BatchNormalization, LayerNormalization, LayerScale};
    matches!(kind, BatchNormalization { .. } | LayerNormalization { .. } | LayerScale)
}

/// A BatchNormalization's weights.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Norm {
    /// The index of gamma, followed by beta, moving mean and moving variance.
    first: ParameterId,
    pub(crate) epsilon: f32,
    pub(crate) momentum: f32,
}

impl Norm {
    pub(crate) fn new(first: ParameterId, epsilon: f32, momentum: f32) -> Self {
        Self { first, epsilon, momentum }
    }

    pub(crate) fn gamma(&self) -> ParameterId {
        self.first
    }

    pub(crate) fn beta(&self) -> ParameterId {
        self.first + 1
    }

    pub(crate) fn moving_mean(&self) -> ParameterId {
        self.first + 2
    }

    pub(crate) fn moving_variance(&self) -> ParameterId {
        self.first + 3
    }

    pub(crate) fn trains(&self, parameters: &Parameters) -> bool {
        parameters.trains(self.gamma())
    }
}

/// A kernel, with the channels last, and a bias.
#[derive(Default)]
pub(crate) struct FoldedWeights {
    pub(crate) kernel: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// Kernel and bias of an operation: those of a convolution, with the BatchNormalization after it folded in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Folded {
    /// All ones when `None`.
    pub(crate) kernel: Option<ParameterId>,
    /// All zeros when `None`.
    pub(crate) bias: Option<ParameterId>,
    pub(crate) norm: Option<Norm>,
    pub(crate) channels: usize,
}

impl Folded {
    /// All ones and zeros.
    pub(crate) fn identity(channels: usize) -> Self {
        Self { kernel: None, bias: None, norm: None, channels }
    }

    /// The kernel, and the optional bias, of a layer with this first parameter.
    pub(crate) fn of_layer(parameters: &Parameters, first: ParameterId, channels: usize) -> Self {
        let bias = parameters.has_bias(first).then_some(first + 1);
        Self { kernel: Some(first), bias, norm: None, channels }
    }

    pub(crate) fn trains(&self, parameters: &Parameters) -> bool {
        self.kernel.is_some_and(|kernel| parameters.trains(kernel))
            || self.norm.is_some_and(|norm| norm.trains(parameters))
    }

    /// Number of values of the kernel.
    pub(crate) fn kernel_len(&self, parameters: &Parameters) -> usize {
        self.kernel.map_or(self.channels, |kernel| parameters.values(kernel).len())
    }

    /// Computes kernel and bias: `kernel * gamma / sqrt(variance + epsilon)` and `beta + (bias - mean) * gamma /
    /// sqrt(…)`.
    pub(crate) fn fold(&self, parameters: &Parameters, folded: &mut FoldedWeights) {
        let ones = vec![1.0; self.channels];
        let kernel = self.kernel.map_or(&ones[..], |kernel| parameters.values(kernel));
        folded.kernel.clear();
        folded.kernel.extend_from_slice(kernel);
        folded.bias.clear();
        match self.bias {
            Some(bias) => folded.bias.extend_from_slice(parameters.values(bias)),
            None => folded.bias.resize(self.channels, 0.0),
        }
        let Some(norm) = self.norm else { return };
        let (scale, _) = self.scale(norm, parameters);
        for row in folded.kernel.chunks_exact_mut(self.channels) {
            for (weight, scale) in row.iter_mut().zip(&scale) {
                *weight = (f64::from(*weight) * scale) as f32;
            }
        }
        let beta = parameters.values(norm.beta());
        let mean = parameters.values(norm.moving_mean());
        for (c, bias) in folded.bias.iter_mut().enumerate() {
            let centred = f64::from(*bias) - f64::from(mean[c]);
            *bias = (f64::from(beta[c]) + centred * scale[c]) as f32;
        }
    }

    /// `gamma / sqrt(variance + epsilon)`, and the inverse of the root.
    fn scale(&self, norm: Norm, parameters: &Parameters) -> (Vec<f64>, Vec<f64>) {
        let variance = parameters.values(norm.moving_variance());
        let gamma = parameters.values(norm.gamma());
        let pair = |(gamma, variance): (&f32, &f32)| {
            let inverse = 1.0 / (f64::from(*variance) + f64::from(norm.epsilon)).sqrt();
            (f64::from(*gamma) * inverse, inverse)
        };
        gamma.iter().zip(variance).map(pair).unzip()
    }

    /// Converts the gradients of the folded kernel and bias to those of the weights, by the chain rule through
    /// [`Folded::fold`].
    pub(crate) fn unfold(&self, parameters: &mut Parameters, d_kernel: &[f32], d_bias: &[f32]) {
        let scale = self.norm.map(|norm| self.scale(norm, parameters));
        if let Some(norm) = self.norm.filter(|norm| norm.trains(parameters)) {
            let (_, inverse) = scale.as_ref().expect("there is a norm");
            let mut products = vec![0.0_f64; self.channels];
            let mut add = |d: &[f32], weights: &[f32]| {
                for (sum, (d, weight)) in products.iter_mut().zip(d.iter().zip(weights)) {
                    *sum += f64::from(*d) * f64::from(*weight);
                }
            };
            match self.kernel {
                Some(kernel) => {
                    let kernel = parameters.values(kernel).chunks_exact(self.channels);
                    d_kernel.chunks_exact(self.channels).zip(kernel).for_each(|(d, w)| add(d, w));
                }
                None => add(d_kernel, &vec![1.0; self.channels]),
            }
            let mean = parameters.values(norm.moving_mean());
            let d_gamma: Vec<f32> = (0..self.channels)
                .map(|c| {
                    let bias = self.bias.map_or(0.0, |bias| parameters.values(bias)[c].into());
                    let moved: f64 = bias - f64::from(mean[c]);
                    (inverse[c] * (products[c] + moved * f64::from(d_bias[c]))) as f32
                })
                .collect();
            parameters.list[norm.gamma()].gradient = Some(d_gamma);
            parameters.list[norm.beta()].gradient = Some(d_bias.to_vec());
        }
        for (id, d) in [(self.kernel, d_kernel), (self.bias, d_bias)] {
            let Some(gradient) = id.and_then(|id| parameters.list[id].gradient.as_mut()) else {
                continue;
            };
            gradient.copy_from_slice(d);
            if let Some((scale, _)) = &scale {
                for row in gradient.chunks_exact_mut(self.channels) {
                    for (d, scale) in row.iter_mut().zip(scale) {
                        *d = (f64::from(*d) * scale) as f32;
                    }
                }
            }
        }
    }
}
