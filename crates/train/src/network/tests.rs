//! Results depend neither on earlier content of memory nor on the placement of values.

use std::convert::Infallible;

use headstart_model::architectures::{Architecture, NetworkConfig};
use headstart_model::{Network, Tensor, Trainable, Weights, weight_name};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

const PICTURES: usize = 6;

/// Networks whose maps are small from the start, and others that begin with large ones.
fn networks() -> Vec<(Network, Weights)> {
    let mut networks = Vec::new();
    for (id, width, size, cut) in [
        ("mobilenetv2", 0.35, (33, 45), 0),
        ("mobilenetv2-torch", 0.35, (45, 33), 50),
        ("mobilenetv2", 0.35, (97, 96), 0),
        ("efficientnet-lite0", 1.0, (64, 64), 12),
    ] {
        let config = NetworkConfig { input_size: Some(size), width: Some(width), top: None };
        let mut network = Architecture::find(id).unwrap().build(&config).unwrap();
        network.apply(&Trainable::FromIndex(cut)).unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut tensor = |spec: &headstart_model::WeightSpec| {
            let spread = (6.0 / (spec.len() / spec.shape[spec.shape.len() - 1]) as f32).sqrt();
            let range = if spec.name == "kernel" { -spread..spread } else { 0.5..1.5 };
            let data = (0..spec.len()).map(|_| random.random_range(range.clone())).collect();
            Tensor::new(spec.shape.clone(), data)
        };
        let tensors = network
            .weight_specs()
            .map(|(layer, spec)| (weight_name(&layer.name, spec.name), tensor(spec)));
        let weights = Weights::new(&network, tensors.collect()).unwrap();
        networks.push((network, weights));
    }
    networks
}

/// Returns features and gradients, which must be finite.
fn step(network: &mut TrainableNetwork) -> Vec<f32> {
    let input = |index: usize, to: &mut [f32]| {
        let mut random = ChaCha8Rng::seed_from_u64(index as u64);
        to.fill_with(|| random.random_range(-1.0..1.0));
        Ok::<(), Infallible>(())
    };
    let objective = |range: Range<usize>, features: &[f32], d_features: &mut [f32]| {
        let value = |i: usize| ((range.start * 31 + i) % 17) as f32 / 8.0 - 1.0;
        d_features.iter_mut().enumerate().for_each(|(i, d)| *d = value(i));
        features.to_vec()
    };
    let mut all = network.step(PICTURES, input, objective).unwrap().concat();
    all.extend(network.parameters().iter().flat_map(|p| p.gradient.iter().flatten()));
    assert!(all.iter().all(|x| x.is_finite()) && all.iter().any(|x| *x != 0.0));
    all
}

fn for_each(mut check: impl FnMut(&dyn Fn() -> TrainableNetwork, &str)) {
    let mut one_by_one = 0;
    for (network, weights) in networks() {
        for bn in [BatchNorm::Inference, BatchNorm::Train] {
            let new = || TrainableNetwork::new(&network, &weights, bn, Isa::best()).unwrap();
            one_by_one += usize::from(new().together > 0);
            check(&new, &format!("{} from {} {bn:?}", network.name(), new().boundary()));
        }
    }
    assert!(one_by_one > 0, "no network takes pictures one by one");
}

#[test]
fn what_memory_held_before_a_step_changes_no_bit() {
    for_each(|new, case| {
        let expected = step(&mut new());
        for poison in [f32::NAN, 1e30] {
            let mut network = new();
            let tasks = PICTURES.div_ceil(network.pictures);
            for _ in 0..tasks {
                let (mut arena, mut gradients) = (network.arena(), network.task_gradients());
                arena.fill(poison);
                gradients.fill(poison);
                network.arenas.get_mut().unwrap().push(arena);
                network.gradients.get_mut().unwrap().push(gradients);
            }
            assert!(step(&mut network) == expected, "{case} {poison}");
        }
    });
}

#[test]
fn values_that_share_memory_are_the_same_bits_as_ones_that_do_not() {
    for_each(|new, case| {
        let mut network = new();
        let expected = step(&mut new());
        let (program, memory) = (&network.program, &mut network.memory);
        let shared = memory.len;
        let mut len: usize = 0;
        let mut apart = |own: &mut Range<usize>, values: usize| {
            *own = len..len + network.pictures * values;
            len = own.end.next_multiple_of(16);
        };
        let values = memory.values.iter_mut().zip(&program.values);
        values.for_each(|(own, layout)| apart(own, layout.len()));
        let gradients = memory.gradients.iter_mut().zip(&program.gradients);
        for (own, layout) in gradients.filter(|(own, _)| own.start < own.end) {
            apart(own, layout.len());
        }
        memory.single.fill(false);
        memory.len = len;
        assert!(shared < len * 3 / 4, "{case}: hardly anything is shared: {shared} of {len}");
        assert!(step(&mut network) == expected, "{case}");
    });
}

#[test]
fn where_pictures_begin_to_go_together_changes_no_gradient() {
    for_each(|new, case| {
        let mut network = new();
        if case.ends_with("Train") {
            return;
        }
        let expected = step(&mut new());
        let size = expected.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let ops = network.program.ops.len();
        for together in [0, 1, 2, ops / 3, ops / 2, ops - 1, ops] {
            let (program, plan) = (&network.program, &network.plan);
            let chains = bands::chains(program, together, bands::BAND);
            let cut = (network.pictures, together);
            network.memory = memory::layout(program, plan, &chains, cut);
            (network.chains, network.together) = (chains, together);
            network.arenas.get_mut().unwrap().clear();
            let actual = step(&mut network);
            let off = actual.iter().zip(&expected).map(|(a, e)| (a - e).abs());
            let error = off.fold(0.0, f32::max) / size;
            assert!(error < 1e-6, "{case}, together from {together} of {ops}: {error:.1e}");
        }
    });
}
