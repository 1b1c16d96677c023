//! Small models to export in tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use headstart_engine::head::{Head, Hidden, Task};
use headstart_model::architectures::{Architecture, NetworkConfig};
use headstart_model::{Elementwise, Network, Tensor, Weights, weight_name};
use headstart_predict::{ClassifierHead, Model, Temperature, Trust};

/// Class names that need escaping in every format.
pub(crate) const AWKWARD: [&str; 4] = ["a \"b\" 'c'", "back\\slash", "<d> & {e}", "naïve 猫 🐈"];

/// Pseudorandom numbers in `-1.0..1.0`.
pub(crate) fn numbers(seed: usize, count: usize) -> Vec<f32> {
    let number = |i: usize| {
        let mixed = ((seed * 1_000_003 + i) as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(number).collect()
}

/// A network for pictures of 40 x 32 pixels, with weights that keep the values of all layers at a similar scale.
pub(crate) fn network(architecture: &str) -> (Network, Weights) {
    let architecture = Architecture::find(architecture).expect("it is registered");
    let width = architecture.widths.iter().copied().reduce(f32::min);
    let config = NetworkConfig { input_size: Some((40, 32)), width, top: None };
    let network = architecture.build(&config).expect("it is large enough");
    let mut tensors = BTreeMap::new();
    for (index, (layer, spec)) in network.weight_specs().enumerate() {
        let shape = &spec.shape;
        let mut values = numbers(index, spec.len());
        let scaled: (f32, f32) = match spec.name {
            // Kernels are scaled by the number of inputs of an output: the product of all axes except the last, or, for
            // a depthwise kernel, of its two sides.
            "count" | "mean" => (0.1, 0.0),
            "kernel" if shape[3] == 1 => (2.3 / shape[0] as f32, 0.0),
            "kernel" => (2.3 / ((shape[0] * shape[1] * shape[2]) as f32).sqrt(), 0.0),
            "gamma" | "moving_variance" | "variance" => (0.3, 1.0),
            _ => (0.2, 0.0),
        };
        values.iter_mut().for_each(|x| *x = *x * scaled.0 + scaled.1);
        tensors.insert(weight_name(&layer.name, spec.name), Tensor::new(shape.clone(), values));
    }
    let weights = Weights::new(&network, tensors).expect("every weight is there");
    (network, weights)
}

/// A model with a head of these hidden layers.
pub(crate) fn model(
    architecture: &str,
    task: Task,
    classes: &[&str],
    hidden: &[Elementwise],
    temperature: Option<Vec<f32>>,
) -> Model {
    let (network, weights) = network(architecture);
    let mut inputs = network.output().channels();
    let mut seed = 1000;
    let mut layer = |units: usize| {
        seed += 2;
        let scale = 6.0 / (inputs as f32).sqrt();
        let kernel = numbers(seed, inputs * units).iter().map(|x| x * scale).collect();
        inputs = units;
        (kernel, numbers(seed + 1, units))
    };
    let hidden = hidden.iter().enumerate().map(|(index, &activation)| {
        let (kernel, bias) = layer(5 + index);
        Hidden { kernel, bias, activation, dropout: 0.25 }
    });
    let hidden = hidden.collect();
    let (kernel, bias) = layer(task.units(classes.len()));
    let head = Head { hidden, kernel, bias, classes: classes.len(), dropout: 0.2, task };
    let names = classes.iter().map(|&name| name.to_owned()).collect();
    let mut head = ClassifierHead::new(head, names);
    if let Some(values) = temperature {
        let mut trust = Trust::default();
        trust.temperature = Temperature::new(values, task, classes.len());
        assert!(trust.temperature.is_some(), "a temperature for this head");
        head.set_trust(trust);
    }
    let weights = Arc::new(weights);
    Model { network, weights, further: Vec::new(), mirrored: false, head, training: None }
}

/// Models whose bases have operations that only ONNX supports.
pub(crate) fn uncommon_models() -> Vec<(&'static str, Model)> {
    [
        "resnet18",
        "squeezenet1.1",
        "mobilenetv3-small-torch",
        "mobilenetv3-small",
        "efficientnet-b0",
        "regnet-y-400mf",
        "convnext-tiny",
    ]
    .map(|id| (id, model(id, Task::SingleLabel, &AWKWARD[..3], &[], None)))
    .into()
}

/// Models of every base whose operations all formats support, and of every kind of head.
pub(crate) fn models() -> Vec<(&'static str, Model)> {
    use Elementwise as E;
    let relu6 = E::by_name("relu6").expect("it is known");
    let leaky = E::Relu { negative_slope: 0.3, max_value: Some(2.0) };
    let (one, many) = (Task::SingleLabel, Task::MultiLabel);
    let three = &AWKWARD[..3];
    vec![
        ("four classes", model("mobilenetv2", one, &AWKWARD, &[], None)),
        ("a temperature", model("mobilenetv2", one, three, &[], Some(vec![1.7]))),
        ("one logit", model("mobilenetv2-torch", one, &["no", "yes"], &[], Some(vec![0.6]))),
        ("TensorFlow's padding", model("efficientnet-lite0", one, three, &[], None)),
        ("PyTorch's padding", model("efficientnet-lite0-torch", one, three, &[], Some(vec![2.0]))),
        ("several labels", model("mobilenetv2", many, three, &[], Some(vec![0.5, 1.0, 3.0]))),
        ("one label or none", model("mobilenetv2", many, &["a"], &[], None)),
        ("hidden layers", model("mobilenetv2", one, three, &[E::RELU, relu6, leaky], None)),
        (
            "hidden layers of functions",
            model(
                "mobilenetv2",
                one,
                &["no", "yes"],
                &[
                    E::Linear,
                    E::Elu { alpha: 1.5 },
                    E::Selu,
                    E::Silu,
                    E::Sigmoid,
                    E::Tanh,
                    E::Softplus,
                    E::Softsign,
                ],
                None,
            ),
        ),
    ]
}
