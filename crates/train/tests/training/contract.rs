//! Guarantees of a trainable network besides its gradients: its boundary, agreement with a plan, which statistics
//! change, and bitwise equal results in any way of running it.

use std::error::Error;
use std::ops::ControlFlow;

use headstart_engine::Isa;
use headstart_engine::frozen::{FrozenConfig, Plan};
use headstart_model::architectures::{Architecture, NetworkConfig};
use headstart_model::{LayerKind, Network, Trainable};
use headstart_train::network::BatchNorm::{self, Inference, Train};
use headstart_train::network::TrainableNetwork;
use headstart_train::{Event, FineTuneConfig, FineTuner, Head, Inputs, Label, Task, TrainError};

use crate::networks::{ARCHITECTURES, Trial, picture, random_weights, registered};

/// The last layer that alone feeds all later layers, with nothing trainable before them, found by trying each.
fn last_boundary(network: &Network) -> usize {
    let layers = network.layers();
    let feeds_all = |&id: &usize| {
        let reads = layers[id + 1..].iter().flat_map(|layer| &layer.inputs);
        let trains = layers[..=id].iter().any(|layer| layer.trainable_params() > 0);
        !trains && reads.min().is_none_or(|first| *first >= id)
    };
    (0..layers.len()).filter(feeds_all).max().unwrap()
}

#[test]
fn everything_behind_the_boundary_reads_only_it_and_nothing_trains_before_it() {
    for (id, width) in ARCHITECTURES {
        let mut network = registered(id, width, (33, 45));
        let weights = random_weights(&network, 1);
        let names: Vec<String> = network.layers().iter().map(|layer| layer.name.clone()).collect();
        for (cut, name) in names.iter().enumerate().step_by(5) {
            let by_name = Trainable::FromLayer(name.clone());
            for trainable in [Trainable::FromIndex(cut), by_name] {
                network.apply(&trainable).unwrap();
                let own = TrainableNetwork::new(&network, &weights, Inference, Isa::best());
                if network.trainable_params() == 0 {
                    assert!(matches!(own, Err(TrainError::NothingTrainable)), "{id} {trainable:?}");
                    continue;
                }
                let boundary = own.unwrap().boundary();
                assert_eq!(boundary, last_boundary(&network), "{id} {trainable:?}");
            }
        }
    }
}

#[test]
fn a_classifier_on_top_is_an_error_that_names_its_layer() {
    let config = NetworkConfig { top: Some(4), input_size: Some((32, 32)), width: None };
    let network = Architecture::find("mobilenetv2").unwrap().build(&config).unwrap();
    let tensors = network.weight_specs().map(|(layer, spec)| {
        let value = headstart_model::Tensor::new(spec.shape.clone(), vec![1.0; spec.len()]);
        (headstart_model::weight_name(&layer.name, spec.name), value)
    });
    let weights = headstart_model::Weights::new(&network, tensors.collect()).unwrap();
    let error = TrainableNetwork::new(&network, &weights, Inference, Isa::best()).err().unwrap();
    assert_eq!(error.to_string(), "layer predictions is a Dense, which cannot be fine-tuned");
}

#[test]
fn features_are_those_of_the_compiled_plan_wherever_the_network_is_cut() {
    for ((id, width), size) in ARCHITECTURES.into_iter().zip([(33, 45), (45, 33), (64, 64)]) {
        let mut network = registered(id, width, size);
        let weights = random_weights(&network, 2);
        for isa in Isa::available() {
            let config =
                FrozenConfig { pooled: true, compute: isa.into(), ..FrozenConfig::default() };
            let plan = Plan::compile(&network, &weights, &config);
            let mut arena = plan.arena();
            let mut expected = Vec::new();
            for index in 0..5 {
                let mut out = vec![f32::NAN; plan.output_shape().len()];
                plan.run(&mut arena, &picture(&network, index), &mut out);
                expected.extend(out);
            }
            let largest = expected.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            for cut in (0..network.layers().len() - 3).step_by(37) {
                for bn in [Inference, Train] {
                    network.apply(&Trainable::FromIndex(cut)).unwrap();
                    let trial = Trial::new(&network, &weights, (bn, isa), 5);
                    let features = trial.infer(0..5);
                    let off = features.iter().zip(&expected).map(|(a, e)| (a - e).abs());
                    let error = off.fold(0.0, f32::max) / largest;
                    assert!(error < 1e-5, "{id} {isa:?} from {cut}, {bn:?}: {error:.1e}");
                }
            }
        }
    }
}

#[test]
fn pictures_inferred_together_are_the_same_bits_as_one_by_one() {
    for (id, width) in ARCHITECTURES {
        let mut network = registered(id, width, (64, 45));
        network.apply(&Trainable::FromIndex(20)).unwrap();
        let weights = random_weights(&network, 4);
        let trial = Trial::new(&network, &weights, (Inference, Isa::best()), 9);
        let alone: Vec<f32> = (0..9).flat_map(|index| trial.infer(index..index + 1)).collect();
        for pictures in [1, 7, 9] {
            let features = trial.infer(0..pictures);
            assert!(features == alone[..features.len()], "{id}: {pictures}");
        }
    }
}

/// A network in which, above a cut, every third run of three layers is frozen.
fn partly_frozen(id: &str, width: f32) -> Network {
    let mut network = registered(id, width, (45, 33));
    network.apply(&Trainable::FromIndex(60)).unwrap();
    for index in (60..network.layers().len()).filter(|index| (index / 3) % 3 == 0) {
        let name = network.layers()[index].name.clone();
        network.layer_mut(&name).unwrap().set_trainable(false);
    }
    network
}

/// The classic error of fine-tuning: statistics that change unasked, or in frozen layers.
#[test]
fn steps_change_what_trains_and_statistics_only_where_asked() {
    for (id, width) in ARCHITECTURES {
        let network = partly_frozen(id, width);
        let weights = random_weights(&network, 5);
        for bn in [Inference, Train] {
            let mut trial = Trial::new(&network, &weights, (bn, Isa::best()), 5);
            let before = trial.values();
            for _ in 0..3 {
                trial.step();
                trial.descend(1e-3);
            }
            let (mut moved, mut still) = (0, 0);
            for (name, values) in trial.values() {
                let (layer, weight) = name.rsplit_once('/').unwrap();
                let layer = &network.layers()[network.find(layer).unwrap()];
                let statistic = weight.starts_with("moving_");
                let moves = layer.trainable && (!statistic || bn == Train);
                // A normalisation by the batch's mean may cancel everything a bias adds.
                if weight == "beta" && bn == Train && layer.trainable {
                    continue;
                }
                let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                let same = bits(&values) == bits(&before[&name]);
                assert_eq!(!same, moves, "{id} {bn:?}: {name}");
                let count = if moves { &mut moved } else { &mut still };
                *count += 1;
            }
            assert!(moved > 20 && still > 20, "{id} {bn:?}: {moved} moved, {still} did not");
        }
    }
}

/// Also right after a step, when the statistics have changed.
#[test]
fn inference_goes_by_the_moving_statistics_whatever_batch_was_last() {
    let network = partly_frozen("mobilenetv2", 0.35);
    let weights = random_weights(&network, 6);
    let mut trial = Trial::new(&network, &weights, (Train, Isa::best()), 5);
    trial.step();
    let actual = trial.infer(0..5);
    trial.network.refresh();
    assert!(actual == trial.infer(0..5), "inference went by the statistics of the batch");
}

/// The bits of everything that a step leaves behind.
fn bits_of_two_steps(network: &Network, bn: BatchNorm, pictures: usize) -> Vec<u32> {
    let weights = random_weights(network, 8);
    let mut trial = Trial::new(network, &weights, (bn, Isa::best()), pictures);
    let mut all = trial.step();
    trial.descend(1e-3);
    all.extend(trial.step());
    all.extend(trial.gradients().into_values().flatten());
    all.extend(trial.values().into_values().flatten());
    assert!(all.iter().all(|x| x.is_finite()));
    all.into_iter().map(f32::to_bits).collect()
}

#[test]
fn steps_are_the_same_bits_whatever_the_number_of_threads() {
    for (id, width, cut, batches) in [
        ("mobilenetv2", 0.35, 60, &[1, 3, 4, 5, 32][..]),
        ("efficientnet-lite0", 1.0, 100, &[1, 5]),
    ] {
        let mut network = registered(id, width, (33, 45));
        network.apply(&Trainable::FromIndex(cut)).unwrap();
        let norms = network.layers().iter();
        assert!(
            norms
                .filter(|l| l.trainable)
                .any(|l| { matches!(l.kind, LayerKind::BatchNormalization { .. }) })
        );
        for bn in [Inference, Train] {
            for &pictures in batches {
                let with = |threads| {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                    pool.unwrap().install(|| bits_of_two_steps(&network, bn, pictures))
                };
                let one = with(1);
                for threads in [2, 3, 5] {
                    assert!(with(threads) == one, "{id} {bn:?}: {pictures} on {threads} threads");
                }
            }
        }
    }
}

/// A caller's own invalid inputs.
struct Wrong {
    labels: Vec<usize>,
    sets: Option<Vec<Vec<usize>>>,
    weights: Option<Vec<f32>>,
}

impl Inputs for Wrong {
    fn labels(&self) -> &[usize] {
        &self.labels
    }

    fn label_sets(&self) -> Option<&[Vec<usize>]> {
        self.sets.as_deref()
    }

    fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    fn read(
        &self,
        _epoch: usize,
        _picture: usize,
        _to: &mut [f32],
    ) -> Result<Label, Box<dyn Error + Send + Sync>> {
        unreachable!("nothing is read of what makes no sense")
    }
}

#[test]
fn labels_and_weights_that_make_no_sense_are_errors_before_anything_is_read() {
    let mut network = registered("mobilenetv2", 0.35, (32, 32));
    network.apply(&Trainable::FromLayer("Conv_1".to_owned())).unwrap();
    let weights = random_weights(&network, 1);
    let trainable = || TrainableNetwork::new(&network, &weights, Inference, Isa::best()).unwrap();
    let features = trainable().features();
    let head = |task, classes: usize, units: usize| Head {
        hidden: Vec::new(),
        kernel: vec![0.0; features * units],
        bias: vec![0.0; units],
        classes,
        dropout: 0.0,
        task,
    };
    let (single, multi) = (head(Task::SingleLabel, 2, 1), head(Task::MultiLabel, 2, 2));
    let wrong = |labels: &[usize], sets: Option<&[&[usize]]>, weights: Option<&[f32]>| Wrong {
        labels: labels.to_vec(),
        sets: sets.map(|sets| sets.iter().map(|set| set.to_vec()).collect()),
        weights: weights.map(<[f32]>::to_vec),
    };
    for (head, inputs, says) in [
        (&single, wrong(&[0, 2], None, None), "sample 1 has label 2, but there are 2 classes"),
        (&multi, wrong(&[0, 1], Some(&[&[0]]), None), "sample 1 has label 1, but there are 1"),
        (&multi, wrong(&[0], Some(&[&[0, 5]]), None), "sample 0 has label 5, but there are 2"),
        (&single, wrong(&[0, 1], None, Some(&[1.0])), "sample weights: 1 values, where 2"),
        (&single, wrong(&[], None, None), "no samples"),
    ] {
        let mut tuner =
            FineTuner::new(trainable(), head.clone(), FineTuneConfig::default()).unwrap();
        let mut go_on = |_: Event<'_>| ControlFlow::Continue(());
        for error in
            [tuner.epoch(&inputs, None, &mut go_on).err(), tuner.step_at(&inputs, 0.1).err()]
        {
            let message = error.expect("it makes no sense").to_string();
            assert!(message.contains(says), "{message}");
        }
    }
}
