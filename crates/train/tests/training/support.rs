//! The network, the data and the expected values of the fixtures.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

use headstart_engine::Isa;
use headstart_engine::frozen::{FrozenConfig, Plan};
use headstart_formats as formats;
use headstart_model::architectures::{Architecture, NetworkConfig};
use headstart_model::{Network, Trainable, Weights};
use headstart_train::layers::dense::backward;
use headstart_train::losses::{Loss, Targets};
use headstart_train::network::{BatchNorm, TrainableNetwork};
use safetensors::{Dtype, SafeTensors};

pub(crate) const CLASSES: usize = 3;

/// A fixture file.
pub(crate) struct Fixture {
    pub(crate) numbers: HashMap<String, Vec<f64>>,
    pub(crate) bytes: HashMap<String, Vec<u8>>,
}

impl Fixture {
    pub(crate) fn open(file: &str) -> Self {
        let bytes = std::fs::read(fixtures().join("keras_training").join(file)).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let mut own = Self { numbers: HashMap::new(), bytes: HashMap::new() };
        for (name, tensor) in tensors.iter() {
            let data = tensor.data();
            let eights = || data.as_chunks::<8>().0.iter();
            let numbers: Vec<f64> = match tensor.dtype() {
                Dtype::F32 => {
                    let fours = data.as_chunks::<4>().0.iter();
                    fours.map(|b| f32::from_le_bytes(*b).into()).collect()
                }
                Dtype::F64 => eights().map(|b| f64::from_le_bytes(*b)).collect(),
                Dtype::I64 => eights().map(|b| i64::from_le_bytes(*b) as f64).collect(),
                _ => {
                    own.bytes.insert(name.to_owned(), data.to_vec());
                    continue;
                }
            };
            own.numbers.insert(name.to_owned(), numbers);
        }
        own
    }

    pub(crate) fn floats(&self, name: &str) -> Vec<f32> {
        self.numbers[name].iter().map(|&x| x as f32).collect()
    }
}

fn fixtures() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures"))
}

/// MobileNetV2 0.35 at 96 x 96 with the fixtures' weights.
pub(crate) fn base(trainable: &Trainable) -> (Network, Weights) {
    let config = NetworkConfig { input_size: Some((96, 96)), width: Some(0.35), top: None };
    let mut network = Architecture::find("mobilenetv2").unwrap().build(&config).unwrap();
    let file = fixtures().join("keras_mobilenetv2/keras3_base.weights.h5");
    let weights = formats::load(file, &network).unwrap();
    network.apply(trainable).unwrap();
    (network, weights)
}

/// Pictures with their labels, as input to the trainable end of a network.
pub(crate) struct Batch {
    inputs: Vec<Vec<f32>>,
    labels: Vec<usize>,
}

/// The head on the features, and its gradients.
#[derive(Clone)]
pub(crate) struct Head {
    pub(crate) kernel: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) d_kernel: Vec<f32>,
    pub(crate) d_bias: Vec<f32>,
}

pub(crate) struct Training {
    pub(crate) network: TrainableNetwork,
    pub(crate) head: Head,
    batches: Vec<Batch>,
}

impl Training {
    pub(crate) fn new(trainable: &Trainable, bn: BatchNorm, isa: Isa) -> Self {
        let (network, weights) = base(trainable);
        let trained = TrainableNetwork::new(&network, &weights, bn, isa).unwrap();
        let config = FrozenConfig {
            output: Some(trained.boundary()),
            compute: isa.into(),
            ..FrozenConfig::default()
        };
        let plan = Plan::compile(&network, &weights, &config);
        let mut arena = plan.arena();
        let data = Fixture::open("data.safetensors");
        let batch = |index: usize| {
            let input = |pixels: &[u8]| {
                let mut out = vec![0.0; trained.input_len()];
                plan.run(&mut arena, pixels, &mut out);
                out
            };
            let pictures = &data.bytes[&format!("pictures/{index}")];
            let labels = &data.numbers[&format!("labels/{index}")];
            Batch {
                inputs: pictures.chunks_exact(96 * 96 * 3).map(input).collect(),
                labels: labels.iter().map(|&label| label as usize).collect(),
            }
        };
        let batches = [0, 1].map(batch).into();
        let (kernel, bias) = (data.floats("head/kernel"), data.floats("head/bias"));
        let (d_kernel, d_bias) = (kernel.clone(), bias.clone());
        Self { network: trained, head: Head { kernel, bias, d_kernel, d_bias }, batches }
    }

    /// Runs forward and backward; leaves the gradients, and returns the loss.
    pub(crate) fn step(&mut self, batch: usize) -> f64 {
        let Batch { inputs, labels } = &self.batches[batch];
        let n = labels.len();
        let head = &self.head;
        let objective = |range: Range<usize>, features: &[f32], d_features: &mut [f32]| {
            let (kernel, bias) = (&head.kernel, &head.bias);
            let dense = headstart_engine::head::Dense { kernel, bias };
            let mut logits = vec![0.0; range.len() * CLASSES];
            dense.forward(features, &mut logits);
            let loss = Loss::of(CLASSES);
            let labels = Targets::Labels(&labels[range.clone()]);
            let mut d_logits = vec![0.0; logits.len()];
            let value = loss.forward(&logits, labels, None) * range.len() as f64;
            loss.backward(&logits, labels, None, &mut d_logits);
            d_logits.iter_mut().for_each(|d| *d *= range.len() as f32 / n as f32);
            let (mut d_kernel, mut d_bias) = (vec![0.0; kernel.len()], vec![0.0; CLASSES]);
            let d_weights = (&mut d_kernel[..], &mut d_bias[..]);
            backward(dense, features, &d_logits, d_weights, Some(d_features));
            (value, d_kernel, d_bias)
        };
        let input = |index: usize, to: &mut [f32]| {
            to.copy_from_slice(&inputs[index]);
            Ok::<(), ()>(())
        };
        let parts = self.network.step(n, input, objective).unwrap();
        self.head.d_kernel.fill(0.0);
        self.head.d_bias.fill(0.0);
        let mut total = 0.0;
        for (value, d_kernel, d_bias) in parts {
            total += value;
            self.head.d_kernel.iter_mut().zip(d_kernel).for_each(|(sum, d)| *sum += d);
            self.head.d_bias.iter_mut().zip(d_bias).for_each(|(sum, d)| *sum += d);
        }
        total / n as f64
    }
}
