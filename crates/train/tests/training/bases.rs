//! Compares gradients and losses of bases with PyTorch: `tools/reference/torch_bases.py`.

use headstart_engine::Isa;
use headstart_engine::frozen::{FrozenConfig, Plan};
use headstart_engine::head::Dense;
use headstart_formats::Naming;
use headstart_model::{Network, Trainable, Weights, weight_name};
use headstart_train::layers::dense::backward;
use headstart_train::losses::{Loss, Targets};
use headstart_train::network::{BatchNorm, TrainableNetwork};

use crate::seeded::{self, Fixture, difference, picture, sampled, uniform};

const SIZE: (usize, usize) = (64, 64);
const PICTURES: usize = 3;
const CLASSES: usize = 5;

struct Training {
    network: TrainableNetwork,
    inputs: Vec<Vec<f32>>,
    kernel: Vec<f32>,
}

impl Training {
    /// The head's kernel is scaled by `scale` over the root of the number of features.
    fn new(network: &mut Network, weights: &Weights, scale: f64) -> Self {
        network.apply(&Trainable::All).unwrap();
        let own =
            TrainableNetwork::new(network, weights, BatchNorm::Inference, Isa::best()).unwrap();
        let config = FrozenConfig { output: Some(own.boundary()), ..FrozenConfig::default() };
        let plan = Plan::compile(network, weights, &config);
        let mut arena = plan.arena();
        let input = |index: usize| {
            let mut out = vec![f32::NAN; own.input_len()];
            plan.run(&mut arena, &picture(SIZE, index), &mut out);
            out
        };
        let inputs = (0..PICTURES).map(input).collect();
        let dim = own.features();
        let scale = scale / (dim as f64).sqrt();
        let kernel = uniform("head/kernel", dim * CLASSES);
        let kernel = kernel.map(|u| ((2.0 * u - 1.0) * scale) as f32).collect();
        Self { network: own, inputs, kernel }
    }

    /// Runs forward and backward; leaves the gradients, and returns the loss.
    fn step(&mut self) -> f64 {
        let Self { network, inputs, kernel } = self;
        let objective = |range: std::ops::Range<usize>, features: &[f32], d: &mut [f32]| {
            let bias = [0.0; CLASSES];
            let dense = Dense { kernel, bias: &bias };
            let mut logits = vec![0.0; range.len() * CLASSES];
            dense.forward(features, &mut logits);
            let labels: Vec<usize> = range.clone().map(|index| index % CLASSES).collect();
            let (loss, labels) = (Loss::of(CLASSES), Targets::Labels(&labels));
            let value = loss.forward(&logits, labels, None) * range.len() as f64;
            let mut d_logits = vec![0.0; logits.len()];
            loss.backward(&logits, labels, None, &mut d_logits);
            d_logits.iter_mut().for_each(|d| *d *= range.len() as f32 / PICTURES as f32);
            let (mut d_kernel, mut d_bias) = (vec![0.0; kernel.len()], [0.0; CLASSES]);
            let weights = (&mut d_kernel[..], &mut d_bias[..]);
            backward(dense, features, &d_logits, weights, Some(d));
            value
        };
        let input = |index: usize, to: &mut [f32]| {
            to.copy_from_slice(&inputs[index]);
            Ok::<(), ()>(())
        };
        network.step(inputs.len(), input, objective).unwrap().iter().sum::<f64>() / PICTURES as f64
    }

    fn descend(&mut self, rate: f64) {
        for parameter in self.network.parameters_mut() {
            let Some(gradient) = &parameter.gradient else { continue };
            let rate = rate as f32;
            parameter.values.iter_mut().zip(gradient).for_each(|(value, d)| *value -= rate * d);
        }
        self.network.refresh();
    }
}

/// Compares the gradients of every weight, and the losses of several steps.
fn assert_trains(id: &str) {
    let fixture = Fixture::open(id);
    let expected = fixture.named("parameters", "gradients");
    let &[ref losses @ .., rate, scale] = fixture.vector("losses") else { panic!("losses") };
    let (mut network, weights) = seeded::network(id, Naming::Torchvision, SIZE);
    let mut training = Training::new(&mut network, &weights, scale);
    let mut worst = (0.0, String::new());
    for (step, expected_loss) in losses.iter().enumerate() {
        let loss = training.step();
        assert!((loss - expected_loss).abs() < 1e-4 * expected_loss, "{id} step {step}: {loss}");
        if step == 0 {
            let names = Naming::Torchvision.names(&network);
            let mut compared = 0;
            for ((layer, spec), names) in network.weight_specs().zip(names) {
                let own = weight_name(&layer.name, spec.name);
                let parameters = training.network.parameters().iter();
                let parameter = parameters.clone().find(|parameter| parameter.name == own);
                let Some(gradient) = parameter.and_then(|own| own.gradient.clone()) else {
                    continue;
                };
                let gradient = headstart_model::Tensor::new(spec.shape.clone(), gradient);
                let gradient = Naming::Torchvision.from_ours(layer, &gradient);
                let (_, expected) = expected.iter().find(|(name, _)| *name == names[0]).unwrap();
                let error = difference(&sampled(&gradient.data), expected);
                assert!(error < 2e-3, "{id} {}: {error:.1e}", names[0]);
                if error > worst.0 {
                    worst = (error, names[0].clone());
                }
                compared += 1;
            }
            assert_eq!(compared, expected.len(), "{id}: all weights of the base");
        }
        training.descend(rate);
    }
    println!("{id}: {} gradients, at most {:.1e} off ({})", expected.len(), worst.0, worst.1);
}

#[test]
fn resnet18_trains_as_in_pytorch() {
    assert_trains("resnet18");
}

#[test]
fn squeezenet_trains_as_in_pytorch() {
    assert_trains("squeezenet1.1");
}

#[test]
fn mobilenetv3_small_trains_as_in_pytorch() {
    assert_trains("mobilenetv3-small-torch");
}

#[test]
fn efficientnet_b0_trains_as_in_pytorch() {
    assert_trains("efficientnet-b0-torch");
}

#[test]
fn regnet_trains_as_in_pytorch() {
    assert_trains("regnet-y-400mf");
}

#[test]
fn convnext_tiny_trains_as_in_pytorch() {
    assert_trains("convnext-tiny");
}
