//! Compares gradients of whole networks with finite differences, for any set of frozen layers.

use std::collections::{BTreeMap, BTreeSet};

use headstart_engine::Isa;
use headstart_model::{Activation, LayerKind, Margins, Network, Padding, Trainable, Window};
use headstart_train::network::BatchNorm::{self, Inference, Train};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::networks::{
    ARCHITECTURES, Reference, Trial, norm, of_layers, random_weights, registered, relative,
    trainable_names,
};

/// The step of finite differences. Sums of 1e3 with rounding errors of 1e-16 keep quotients accurate to 1e-7, where the
/// gradients of a tensor have a norm of at least 1e-2.
const STEP: f64 = 1e-6;
/// The step for cases where a small one changes 1e5 activations strongly, some across a kink, and gradients are large:
/// when all weights move, and with batch statistics.
const FINE: f64 = 1e-8;
/// The tolerated error of f32, relative to a gradient's norm; a bug costs percents.
const TOLERANCE: f64 = 1e-3;
/// The same where a normalisation with PyTorch's small epsilon amplifies f32 rounding errors until activations cross
/// kinks, different ones on each instruction set.
const MAGNIFIED: f64 = 1e-2;

/// Draws of weights at which a direction is tested. If an activation is so near to a kink of ReLU6 that f32 rounds it
/// across, the network and its reference are different functions. That happens in different draws for each instruction
/// set: AVX-512, AVX2 and portable code are each affected in some of 6 draws. Away from kinks their median errors are
/// alike, 1e-5. A bug shows in every draw.
const DRAWS: std::ops::RangeInclusive<u64> = 3..=7;

/// An equal number of `+1` and `-1`, in random order.
fn signs(random: &mut ChaCha8Rng, len: usize) -> Vec<f64> {
    (0..len).map(|_| if random.random::<bool>() { 1.0 } else { -1.0 }).collect()
}

fn dot(a: &[f32], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * b).sum()
}

/// Tests random directions of each of the given tensors, and of all together. The product of a gradient with signs has
/// the magnitude of its norm, to which the tolerance is relative.
fn assert_directions(
    network: &Network,
    (bn, isa): (BatchNorm, Isa),
    pictures: usize,
    every: usize,
    case: &str,
) {
    let mut wrong: Option<BTreeMap<String, String>> = None;
    for draw in DRAWS {
        let is_asked = |what: &str| wrong.as_ref().is_none_or(|wrong| wrong.contains_key(what));
        let still = wrong_directions(network, (bn, isa), pictures, every, draw, case, &is_asked);
        if still.is_empty() {
            return;
        }
        wrong = Some(still);
    }
    panic!("{case}, at every draw of weights: {:#?}", wrong.unwrap_or_default());
}

/// Returns the tested directions in which gradients differ from finite differences.
fn wrong_directions(
    network: &Network,
    (bn, isa): (BatchNorm, Isa),
    pictures: usize,
    every: usize,
    draw: u64,
    case: &str,
    is_asked: &dyn Fn(&str) -> bool,
) -> BTreeMap<String, String> {
    let weights = random_weights(network, draw);
    let mut trial = Trial::new(network, &weights, (bn, isa), pictures);
    let mut reference = Reference::new(network, &weights, bn, &trial);
    let features = trial.step();
    let expected: Vec<f32> = reference.features().iter().map(|&x| x as f32).collect();
    let error = relative(&features, &expected);
    assert!(error < 1e-4, "{case}: the features are {error:.1e} off");
    let gradients = trial.gradients();
    assert_eq!(
        gradients.keys().cloned().collect::<BTreeSet<_>>(),
        trainable_names(network),
        "{case}: what has a gradient"
    );
    // If a normalisation cancels what a bias adds, the gradient is 0 except for rounding errors.
    let floor = if bn == Train { 1e-2 } else { 0.0 };
    let small =
        |kind| matches!(kind, LayerKind::BatchNormalization { epsilon, .. } if epsilon < 1e-4);
    let magnified = bn == Train && network.layers().iter().any(|layer| small(layer.kind));
    let tolerance = if magnified { MAGNIFIED } else { TOLERANCE };
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let directions: BTreeMap<String, Vec<f64>> = gradients
        .iter()
        .map(|(name, gradient)| (name.clone(), signs(&mut random, gradient.len())))
        .collect();
    let mut wrong = BTreeMap::new();
    let mut check = |names: Vec<&String>, what: &str| {
        if !is_asked(what) {
            return;
        }
        let own = |name: &&String| (name.to_string(), directions[*name].clone());
        let own: BTreeMap<_, _> = names.iter().map(own).collect();
        let expected =
            reference.derivative(&own, if bn == Train || own.len() > 1 { FINE } else { STEP });
        let actual: f64 = own.iter().map(|(name, d)| dot(&gradients[name], d)).sum();
        let size = norm(own.keys().flat_map(|name| &gradients[name]).map(|&d| d.into()));
        let error = (actual - expected).abs() / size.max(floor);
        if error.is_nan() || error >= tolerance {
            let told = format!("{actual}, not {expected}; the norm is {size}");
            wrong.insert(what.to_owned(), told);
        }
    };
    check(gradients.keys().collect(), "all");
    for name in gradients.keys().step_by(every) {
        check(vec![name], name);
    }
    wrong
}

#[test]
fn gradients_of_whole_networks_are_finite_differences() {
    let isa = Isa::best();
    for ((id, width), size) in ARCHITECTURES.into_iter().zip([(33, 45), (45, 33), (33, 36)]) {
        for bn in [Inference, Train] {
            let mut network = registered(id, width, size);
            network.apply(&Trainable::All).unwrap();
            let every = if id == "efficientnet-lite0" { 11 } else { 3 };
            assert_directions(&network, (bn, isa), 3, every, &format!("{id} {bn:?}"));
        }
    }
}

/// Each with its inputs; 0 is the picture.
type Layers = Vec<(LayerKind, &'static [usize])>;

const NONE: Margins = Margins { top: 0, bottom: 0, left: 0, right: 0 };

fn conv(filters: usize, kernel: usize, stride: usize, padding: Padding) -> LayerKind {
    LayerKind::conv(filters, Window { kernel, stride, padding })
}

fn depthwise(kernel: usize, stride: usize, padding: Padding) -> LayerKind {
    LayerKind::depthwise(Window { kernel, stride, padding })
}

/// Structures that occur in no registered network, or not after a trainable layer.
#[test]
fn gradients_of_networks_of_any_structure_are_finite_differences() {
    use Activation::{Gelu, HardSigmoid, HardSilu, Linear, Sigmoid, Silu};
    use LayerKind::{Add, Concatenate, LayerScale, Multiply};
    use Padding::{Ceil, Same, Symmetric, Valid};
    let bn = LayerKind::BatchNormalization { epsilon: 1e-3, momentum: 0.9 };
    let (relu, relu6) =
        (LayerKind::ReLU { max_value: None }, LayerKind::ReLU { max_value: Some(6.0) });
    let pad = LayerKind::ZeroPadding2D(Margins { top: 1, left: 2, ..NONE });
    let stem = conv(5, 3, 2, Same);
    let apply = LayerKind::Activation;
    let pool = |padding| LayerKind::MaxPooling2D(Window { kernel: 3, stride: 2, padding });
    let norm = LayerKind::LayerNormalization { epsilon: 1e-6 };
    let mean = LayerKind::GlobalAveragePooling2D { keepdims: true };
    let biased = |filters, kernel, groups, activation| LayerKind::Conv2D {
        filters,
        window: Window { kernel, stride: 1, padding: Same },
        groups,
        bias: true,
        activation,
    };
    let grouped = |filters, stride, groups| LayerKind::Conv2D {
        filters,
        window: Window { kernel: 3, stride, padding: Symmetric(1) },
        groups,
        bias: false,
        activation: Linear,
    };
    let biased_depthwise = LayerKind::DepthwiseConv2D {
        window: Window { kernel: 7, stride: 1, padding: Symmetric(3) },
        bias: true,
    };
    let networks: [(&str, Layers); 25] = [
        (
            "wide kernels in the middle",
            vec![
                (stem, &[0]),
                (bn, &[1]),
                (relu6, &[2]),
                (conv(7, 5, 2, Same), &[3]),
                (bn, &[4]),
                (relu6, &[5]),
                (conv(4, 3, 1, Symmetric(1)), &[6]),
                (bn, &[7]),
            ],
        ),
        ("a stride of 1x1", vec![(stem, &[0]), (bn, &[1]), (conv(6, 1, 2, Valid), &[2])]),
        (
            "two convolutions of a value",
            vec![
                (stem, &[0]),
                (conv(4, 3, 1, Same), &[1]),
                (conv(4, 1, 1, Same), &[1]),
                (Add, &[2, 3]),
            ],
        ),
        (
            "windows of two paddings on a value",
            vec![
                (stem, &[0]),
                (bn, &[1]),
                (relu6, &[2]),
                (depthwise(3, 1, Same), &[3]),
                (depthwise(5, 1, Same), &[3]),
                (Add, &[4, 5]),
                (Add, &[6, 3]),
            ],
        ),
        ("a sum of a value and itself", vec![(stem, &[0]), (bn, &[1]), (Add, &[2, 2])]),
        ("a padding that BatchNormalization reads", vec![(stem, &[0]), (pad, &[1]), (bn, &[2])]),
        ("a padding that ReLU reads", vec![(stem, &[0]), (bn, &[1]), (pad, &[2]), (relu, &[3])]),
        (
            "paddings that a sum reads",
            vec![(stem, &[0]), (pad, &[1]), (bn, &[1]), (pad, &[3]), (Add, &[2, 4]), (relu6, &[5])],
        ),
        ("a padding that nothing reads", vec![(stem, &[0]), (bn, &[1]), (pad, &[2])]),
        (
            "a padding before windows that pad",
            vec![
                (stem, &[0]),
                (bn, &[1]),
                (pad, &[2]),
                (depthwise(3, 2, Same), &[3]),
                (bn, &[4]),
                (pad, &[5]),
                (conv(3, 3, 1, Symmetric(1)), &[6]),
            ],
        ),
        (
            "BatchNormalization alone, and twice",
            vec![(stem, &[0]), (relu, &[1]), (bn, &[2]), (bn, &[3]), (relu6, &[4]), (bn, &[5])],
        ),
        (
            "a sum of sums with activations",
            vec![
                (stem, &[0]),
                (bn, &[1]),
                (conv(5, 1, 1, Same), &[2]),
                (Add, &[2, 3]),
                (relu6, &[4]),
                (Add, &[5, 2]),
                (conv(5, 1, 1, Same), &[6]),
                (bn, &[7]),
                (Add, &[6, 8]),
            ],
        ),
        (
            "large depthwise kernels and strides",
            vec![
                (stem, &[0]),
                (depthwise(7, 3, Same), &[1]),
                (bn, &[2]),
                (relu6, &[3]),
                (depthwise(3, 2, Valid), &[4]),
            ],
        ),
        (
            "a bias that BatchNormalization follows, and one that nothing does",
            vec![
                (biased(6, 3, 1, Linear), &[0]),
                (bn, &[1]),
                (relu, &[2]),
                (biased(4, 1, 1, Linear), &[3]),
            ],
        ),
        (
            "the largest under windows with margins, before windows that pad",
            vec![
                (stem, &[0]),
                (bn, &[1]),
                (relu, &[2]),
                (pool(Symmetric(1)), &[3]),
                (conv(4, 3, 1, Same), &[4]),
            ],
        ),
        (
            "the largest under windows that reach over the edge, read twice",
            vec![
                (stem, &[0]),
                (bn, &[1]),
                (pool(Ceil), &[2]),
                (conv(5, 1, 1, Same), &[3]),
                (Add, &[3, 4]),
            ],
        ),
        (
            "two maps, one behind the other",
            vec![
                (stem, &[0]),
                (bn, &[1]),
                (relu, &[2]),
                (biased(3, 1, 1, Linear), &[3]),
                (relu, &[4]),
                (biased(4, 3, 1, Linear), &[3]),
                (relu, &[6]),
                (Concatenate, &[5, 7]),
                (depthwise(3, 2, Same), &[8]),
            ],
        ),
        (
            "every function, around convolutions",
            vec![
                (stem, &[0]),
                (bn, &[1]),
                (apply(Silu), &[2]),
                (conv(5, 3, 1, Same), &[3]),
                (apply(Gelu), &[4]),
                (depthwise(3, 1, Same), &[5]),
                (apply(HardSilu), &[6]),
                (conv(5, 1, 1, Same), &[7]),
                (apply(Sigmoid), &[8]),
                (Add, &[4, 9]),
                (apply(HardSigmoid), &[10]),
            ],
        ),
        (
            "squeeze-and-excitation between depthwise and pointwise convolutions",
            vec![
                (stem, &[0]),
                (bn, &[1]),
                (conv(6, 1, 1, Same), &[2]),
                (bn, &[3]),
                (apply(HardSilu), &[4]),
                (depthwise(5, 2, Same), &[5]),
                (bn, &[6]),
                (relu, &[7]),
                (mean, &[8]),
                (biased(3, 1, 1, Silu), &[9]),
                (biased(6, 1, 1, Sigmoid), &[10]),
                (Multiply, &[8, 11]),
                (conv(5, 1, 1, Same), &[12]),
                (bn, &[13]),
            ],
        ),
        (
            "a product of a map that a depthwise convolution computes and pads",
            vec![
                (stem, &[0]),
                (depthwise(3, 1, Same), &[1]),
                (mean, &[2]),
                (biased(5, 1, 1, HardSigmoid), &[3]),
                (Multiply, &[2, 4]),
                (depthwise(3, 2, Symmetric(1)), &[5]),
            ],
        ),
        (
            "groups of channels",
            vec![
                (conv(8, 3, 2, Same), &[0]),
                (bn, &[1]),
                (relu, &[2]),
                (grouped(12, 1, 2), &[3]),
                (bn, &[4]),
                (relu, &[5]),
                (grouped(8, 2, 4), &[6]),
                (biased(6, 1, 2, Linear), &[7]),
            ],
        ),
        (
            "layer normalization, scales and biased depthwise convolutions",
            vec![
                (conv(6, 4, 4, Valid), &[0]),
                (norm, &[1]),
                (biased_depthwise, &[2]),
                (norm, &[3]),
                (biased(9, 1, 1, Gelu), &[4]),
                (biased(6, 1, 1, Linear), &[5]),
                (LayerScale, &[6]),
                (Add, &[2, 7]),
                (norm, &[8]),
                (conv(5, 2, 2, Valid), &[9]),
            ],
        ),
        (
            "a normalization that windows read, and a scale alone",
            vec![(stem, &[0]), (norm, &[1]), (conv(4, 3, 1, Same), &[2]), (LayerScale, &[3])],
        ),
        (
            "two maps that BatchNormalization follows, and a dropout that does nothing",
            vec![
                (stem, &[0]),
                (conv(3, 1, 1, Same), &[1]),
                (Concatenate, &[1, 2]),
                (bn, &[3]),
                (LayerKind::Dropout { rate: 0.5 }, &[4]),
                (Add, &[4, 5]),
                (relu6, &[6]),
            ],
        ),
        ("pooling of its own", vec![(stem, &[0]), (bn, &[1]), (LayerKind::global_average(), &[2])]),
    ];
    for (what, layers) in networks {
        let network = of_layers(&layers);
        for mode in [Inference, Train] {
            for isa in Isa::available() {
                let case = format!("{what}, {mode:?} {isa:?}");
                // Tensor by tensor on one; along all of them together on each.
                let every = if isa.name() == Isa::best().name() { 1 } else { usize::MAX };
                assert_directions(&network, (mode, isa), 5, every, &case);
            }
        }
    }
}

/// Frozen layers as a fraction of those above a cut, or by kind.
#[test]
fn frozen_layers_have_no_gradient_and_change_no_other() {
    let batch_norm = |kind: &LayerKind| matches!(kind, LayerKind::BatchNormalization { .. });
    for ((id, width), size) in ARCHITECTURES.into_iter().zip([(33, 45), (45, 33), (64, 33)]) {
        let whole = registered(id, width, size);
        let weights = random_weights(&whole, 7);
        let layers = whole.layers().len();
        let full = {
            let mut trial = Trial::new(&whole, &weights, (Inference, Isa::best()), 3);
            trial.step();
            trial.gradients()
        };
        let cuts = (0..layers - 3)
            .step_by(if id == "mobilenetv2" { 7 } else { 19 })
            .chain(layers - 8..layers - 3);
        for cut in cuts {
            for pattern in 0..4 {
                let mut network = whole.clone();
                network.apply(&Trainable::FromIndex(cut)).unwrap();
                for index in cut + 1..layers {
                    let layer = &network.layers()[index];
                    let freeze = match pattern {
                        0 => false,
                        1 => batch_norm(&layer.kind),
                        2 => !batch_norm(&layer.kind),
                        _ => index % 3 == 0 || index % 5 == 0,
                    };
                    let name = layer.name.clone();
                    network.layer_mut(&name).unwrap().set_trainable(!freeze);
                }
                if trainable_names(&network).is_empty() {
                    continue;
                }
                let mut trial = Trial::new(&network, &weights, (Inference, Isa::best()), 3);
                trial.step();
                let gradients = trial.gradients();
                let case = format!("{id} from {cut}, pattern {pattern}");
                let names: BTreeSet<String> = gradients.keys().cloned().collect();
                assert_eq!(names, trainable_names(&network), "{case}");
                for (name, gradient) in &gradients {
                    let error = relative(gradient, &full[name]);
                    assert!(error < 1e-3, "{case}: {name} is {error:.1e} off");
                }
            }
        }
    }
}

/// A frozen BatchNormalization stays in inference mode while others train.
#[test]
fn gradients_of_partly_frozen_networks_are_finite_differences_in_training_mode() {
    for ((id, width), size) in ARCHITECTURES.into_iter().take(2).zip([(33, 45), (45, 33)]) {
        for (cut, third) in [(40, 0), (61, 1), (100, 2)] {
            let mut network = registered(id, width, size);
            network.apply(&Trainable::FromIndex(cut)).unwrap();
            for index in (cut..network.layers().len()).filter(|index| index % 4 == third) {
                let name = network.layers()[index].name.clone();
                network.layer_mut(&name).unwrap().set_trainable(false);
            }
            let case = format!("{id} from {cut}, Train");
            assert_directions(&network, (Train, Isa::best()), 4, 4, &case);
        }
    }
}
