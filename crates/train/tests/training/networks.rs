//! Test networks: registered ones with random weights, and small ones of unusual structure; and an f64 reference for
//! them.

use std::collections::{BTreeMap, BTreeSet};

use headstart_engine::Isa;
use headstart_engine::frozen::{FrozenConfig, Plan};
use headstart_model::architectures::{Architecture, NetworkConfig};
use headstart_model::{LayerId, LayerKind, Margins, Network, Shape, Tensor, Weights, weight_name};
use headstart_train::network::{BatchNorm, TrainableNetwork};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::oracle::{self, Map};

/// The architectures to test: Keras's padding, PyTorch's, and TensorFlow's with kernels of side 5.
pub(crate) const ARCHITECTURES: [(&str, f32); 3] =
    [("mobilenetv2", 0.35), ("mobilenetv2-torch", 0.5), ("efficientnet-lite0", 1.0)];

pub(crate) fn registered(id: &str, width: f32, input_size: (usize, usize)) -> Network {
    let config = NetworkConfig { input_size: Some(input_size), width: Some(width), top: None };
    Architecture::find(id).unwrap().build(&config).unwrap()
}

/// Replaces the first layers of a registered network by others, each with its inputs; later layers pass their input on.
/// The picture has 33 x 36 pixels.
pub(crate) fn of_layers(layers: &[(LayerKind, &[LayerId])]) -> Network {
    let mut network = registered("mobilenetv2", 0.35, (33, 36));
    for id in 1..network.layers().len() {
        let last = id - 1;
        let (kind, inputs) = match layers.get(id - 1) {
            Some((kind, inputs)) => (*kind, inputs.to_vec()),
            None => (LayerKind::ZeroPadding2D(Margins::default()), vec![last]),
        };
        let input = network.layers()[inputs[0]].output;
        let mut output = shape_after(&kind, input);
        if let (LayerKind::Concatenate, Shape::Map { channels, .. }) = (&kind, &mut output) {
            *channels += network.layers()[inputs[1]].output.channels();
        }
        let name = network.layers()[id].name.clone();
        let layer = network.layer_mut(&name).unwrap();
        layer.weights = kind.weight_specs(input.channels());
        (layer.kind, layer.inputs, layer.output) = (kind, inputs, output);
    }
    network
}

fn shape_after(kind: &LayerKind, input: Shape) -> Shape {
    let ((height, width), channels) = (input.spatial(), input.channels());
    let slid = |window: headstart_model::Window, channels| Shape::Map {
        height: window.along(height).unwrap().0,
        width: window.along(width).unwrap().0,
        channels,
    };
    match *kind {
        LayerKind::Conv2D { filters, window, .. } => slid(window, filters),
        LayerKind::DepthwiseConv2D { window, .. } | LayerKind::MaxPooling2D(window) => {
            slid(window, channels)
        }
        LayerKind::ZeroPadding2D(m) => Shape::Map {
            height: height + m.top + m.bottom,
            width: width + m.left + m.right,
            channels,
        },
        LayerKind::GlobalAveragePooling2D { keepdims: true } => {
            Shape::Map { height: 1, width: 1, channels }
        }
        LayerKind::GlobalAveragePooling2D { keepdims: false } => Shape::Vector(channels),
        _ => input,
    }
}

/// Weights that keep values around the kinks of ReLU6 in every layer, and statistics that match no batch.
pub(crate) fn random_weights(network: &Network, seed: u64) -> Weights {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut tensors = BTreeMap::new();
    for (layer, spec) in network.weight_specs() {
        let taps: usize = spec.shape[..spec.shape.len() - 1].iter().product();
        let depthwise =
            matches!(layer.kind, LayerKind::DepthwiseConv2D { .. }) && spec.name == "kernel";
        let taps = if depthwise { spec.shape[0] * spec.shape[1] } else { taps };
        let spread = (1.5 / taps as f32).sqrt();
        let range = match spec.name {
            "kernel" => -spread..spread,
            "gamma" => 0.5..2.0,
            "beta" => -0.5..3.5,
            "bias" => -0.5..1.0,
            "moving_mean" => -0.5..0.5,
            "moving_variance" => 0.5..2.0,
            other => panic!("{other} is no base's weight"),
        };
        let mut draw = || {
            let value: f32 = random.random_range(range.clone());
            // Some scales invert their channel.
            if spec.name == "gamma" && random.random_range(0.0..1.0_f32) < 0.2 {
                -value
            } else {
                value
            }
        };
        let data = (0..spec.len()).map(|_| draw()).collect();
        let tensor = Tensor::new(spec.shape.clone(), data);
        tensors.insert(weight_name(&layer.name, spec.name), tensor);
    }
    Weights::new(network, tensors).unwrap()
}

/// The pixels of a picture.
pub(crate) fn picture(network: &Network, seed: u64) -> Vec<u8> {
    let (height, width) = network.layers()[0].output.spatial();
    let mut random = ChaCha8Rng::seed_from_u64(1000 + seed);
    (0..height * width * 3).map(|_| random.random_range(0..=255)).collect()
}

/// Random values for the weights of a linear loss over the features.
pub(crate) fn uniform(seed: u64, len: usize) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..len).map(|_| random.random_range(-1.0..1.0)).collect()
}

/// A trainable network with its inputs, and a loss that is a weighted sum of its features.
pub(crate) struct Trial {
    pub(crate) network: TrainableNetwork,
    pub(crate) inputs: Vec<Vec<f32>>,
    /// The gradient of the loss with respect to the features, `[pictures][features]`.
    pub(crate) d_features: Vec<f32>,
}

impl Trial {
    pub(crate) fn new(
        network: &Network,
        weights: &Weights,
        (bn, isa): (BatchNorm, Isa),
        pictures: usize,
    ) -> Self {
        let trained = TrainableNetwork::new(network, weights, bn, isa).unwrap();
        let config = FrozenConfig {
            output: Some(trained.boundary()),
            compute: isa.into(),
            ..FrozenConfig::default()
        };
        let plan = Plan::compile(network, weights, &config);
        let mut arena = plan.arena();
        let input = |index: usize| {
            let mut out = vec![f32::NAN; trained.input_len()];
            plan.run(&mut arena, &picture(network, index as u64), &mut out);
            out
        };
        let inputs = (0..pictures).map(input).collect();
        let d_features = uniform(5, pictures * trained.features());
        Self { network: trained, inputs, d_features }
    }

    /// Runs forward and backward for all pictures: leaves the gradients, and returns the features.
    pub(crate) fn step(&mut self) -> Vec<f32> {
        let Self { network, inputs, d_features: weights } = self;
        let dim = network.features();
        let input = |index: usize, to: &mut [f32]| {
            to.copy_from_slice(&inputs[index]);
            Ok::<(), ()>(())
        };
        let objective = |range: std::ops::Range<usize>, features: &[f32], d: &mut [f32]| {
            d.copy_from_slice(&weights[range.start * dim..range.end * dim]);
            features.to_vec()
        };
        network.step(inputs.len(), input, objective).unwrap().concat()
    }

    /// The features of a range of pictures in inference mode.
    pub(crate) fn infer(&self, pictures: std::ops::Range<usize>) -> Vec<f32> {
        let mut features = vec![f32::NAN; pictures.len() * self.network.features()];
        let input = |index: usize, to: &mut [f32]| {
            to.copy_from_slice(&self.inputs[pictures.start + index]);
            Ok::<(), ()>(())
        };
        self.network.infer(pictures.len(), input, &mut features).unwrap();
        features
    }

    /// Takes a gradient descent step.
    pub(crate) fn descend(&mut self, rate: f32) {
        for parameter in self.network.parameters_mut() {
            let Some(gradient) = &parameter.gradient else { continue };
            parameter.values.iter_mut().zip(gradient).for_each(|(value, d)| *value -= rate * d);
        }
        self.network.refresh();
    }

    /// Gradients by name; frozen weights have none.
    pub(crate) fn gradients(&self) -> BTreeMap<String, Vec<f32>> {
        let own = self.network.parameters().iter();
        own.filter_map(|p| Some((p.name.clone(), p.gradient.clone()?))).collect()
    }

    /// All weights by name.
    pub(crate) fn values(&self) -> BTreeMap<String, Vec<f32>> {
        self.network.parameters().iter().map(|p| (p.name.clone(), p.values.clone())).collect()
    }
}

/// The names of the weights that should be trainable.
pub(crate) fn trainable_names(network: &Network) -> BTreeSet<String> {
    let specs = network.weight_specs();
    specs
        .filter(|(layer, spec)| layer.trainable && spec.is_parameter())
        .map(|(layer, spec)| weight_name(&layer.name, spec.name))
        .collect()
}

/// The layers after the boundary of a network, in f64.
pub(crate) struct Reference<'a> {
    network: &'a Network,
    boundary: LayerId,
    bn: BatchNorm,
    pub(crate) tensors: BTreeMap<String, Vec<f64>>,
    /// The output of each layer from the boundary on.
    values: Vec<Map>,
    d_features: Vec<f64>,
}

impl<'a> Reference<'a> {
    pub(crate) fn new(
        network: &'a Network,
        weights: &Weights,
        bn: BatchNorm,
        trial: &Trial,
    ) -> Self {
        let boundary = trial.network.boundary();
        let wide = |values: &[f32]| values.iter().map(|&x| x.into()).collect::<Vec<f64>>();
        let tensors = weights.iter().map(|(name, tensor)| (name.to_owned(), wide(&tensor.data)));
        let shape = network.layers()[boundary].output;
        let empty = Map::zeros(trial.inputs.len(), shape.spatial(), shape.channels());
        let input = Map { values: wide(&trial.inputs.concat()), ..empty };
        let mut own = Self {
            network,
            boundary,
            bn,
            tensors: tensors.collect(),
            values: Vec::new(),
            d_features: wide(&trial.d_features),
        };
        own.values = own.run(&[input], boundary + 1);
        own
    }

    /// The features, `[pictures][features]`.
    pub(crate) fn features(&self) -> Vec<f64> {
        Self::pooled(self.values.last().unwrap())
    }

    fn pooled(last: &Map) -> Vec<f64> {
        oracle::pool(last).values
    }

    /// The loss, if no weight of a layer before `from` has changed.
    pub(crate) fn loss(&self, from: LayerId) -> f64 {
        let from = from.max(self.boundary + 1);
        let values = self.run(&self.values[..from - self.boundary], from);
        let features = Self::pooled(values.last().unwrap());
        features.iter().zip(&self.d_features).map(|(y, d)| y * d).sum()
    }

    /// The outputs of layers from `from` on, after the given outputs of earlier ones.
    fn run(&self, before: &[Map], from: LayerId) -> Vec<Map> {
        let mut own: Vec<Map> = Vec::new();
        for layer in &self.network.layers()[from..] {
            let value = |index: usize| {
                let id = layer.inputs[index];
                if id < from { &before[id - self.boundary] } else { &own[id - from] }
            };
            let weight = |name: &str| &self.tensors[&weight_name(&layer.name, name)][..];
            let x = value(0);
            let y = match layer.kind {
                LayerKind::Conv2D { window, groups, bias, activation, .. } => {
                    let margins = window.margins(x.height, x.width).unwrap();
                    let sides = (window.kernel, window.stride);
                    let y = oracle::grouped(x, weight("kernel"), groups, sides, margins);
                    let y = if bias { oracle::moved(y, weight("bias")) } else { y };
                    oracle::activated(y, activation)
                }
                LayerKind::DepthwiseConv2D { window, bias } => {
                    let margins = window.margins(x.height, x.width).unwrap();
                    let sides = (window.kernel, window.stride);
                    let y = oracle::depthwise(x, weight("kernel"), sides, margins);
                    if bias { oracle::moved(y, weight("bias")) } else { y }
                }
                LayerKind::Activation(activation) => oracle::activated(x.clone(), activation),
                LayerKind::LayerScale => {
                    let gamma = weight("gamma");
                    oracle::affine(x, gamma, &vec![0.0; gamma.len()])
                }
                LayerKind::LayerNormalization { epsilon } => {
                    oracle::layer_norm(x, (weight("gamma"), weight("beta")), epsilon.into())
                }
                LayerKind::MaxPooling2D(window) => {
                    let margins = window.margins(x.height, x.width).unwrap();
                    oracle::max_pool(x, (window.kernel, window.stride), margins)
                }
                LayerKind::Multiply => oracle::multiply(x, value(1)),
                LayerKind::Concatenate => oracle::concatenate(x, value(1)),
                LayerKind::Dropout { .. } | LayerKind::Flatten | LayerKind::Reshape(_) => x.clone(),
                LayerKind::BatchNormalization { epsilon, .. } => {
                    let own = (weight("gamma"), weight("beta"));
                    let epsilon = f64::from(epsilon);
                    if self.bn == BatchNorm::Train && layer.trainable {
                        let (mean, variance) = oracle::moments(x);
                        oracle::normalize(x, own, (&mean, &variance), epsilon)
                    } else {
                        let moving = (weight("moving_mean"), weight("moving_variance"));
                        oracle::normalize(x, own, moving, epsilon)
                    }
                }
                LayerKind::ReLU { max_value } => {
                    let max = max_value.map_or(f64::INFINITY, f64::from);
                    oracle::clamp(x.clone(), 0.0, max)
                }
                LayerKind::Add => oracle::add(x, value(1)),
                LayerKind::ZeroPadding2D(margins) => oracle::pad(x, margins),
                LayerKind::GlobalAveragePooling2D { .. } => oracle::pool(x),
                other => panic!("{} is no layer of a base", other.class_name()),
            };
            own.push(y);
        }
        before.iter().cloned().chain(own).collect()
    }

    /// The layer of a weight.
    pub(crate) fn layer_of(&self, name: &str) -> LayerId {
        self.network.find(name.rsplit_once('/').unwrap().0).unwrap()
    }

    /// The derivative of the loss as these weights move along `directions`, by central differences.
    pub(crate) fn derivative(&mut self, directions: &BTreeMap<String, Vec<f64>>, step: f64) -> f64 {
        let first = directions.keys().map(|name| self.layer_of(name)).min().unwrap();
        let start: Vec<_> =
            directions.keys().map(|name| (name.clone(), self.tensors[name].clone())).collect();
        let mut at = |step: f64| {
            for ((name, start), direction) in start.iter().zip(directions.values()) {
                let moved = start.iter().zip(direction).map(|(x, d)| x + step * d);
                self.tensors.insert(name.clone(), moved.collect());
            }
            self.loss(first)
        };
        let difference = at(step) - at(-step);
        at(0.0);
        difference / (2.0 * step)
    }
}

/// The norm of some values.
pub(crate) fn norm(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The distance between actual and expected values, relative to the norm of the latter.
pub(crate) fn relative(actual: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(actual.len(), expected.len());
    let pairs = actual.iter().zip(expected);
    let difference = norm(pairs.map(|(a, e)| f64::from(*a) - f64::from(*e)));
    difference / norm(expected.iter().map(|&e| e.into())).max(f64::MIN_POSITIVE)
}
