//! Compares every base with its original, module by module: fixtures of `tools/reference/torch_bases.py` and
//! `keras_bases.py`.

mod seeded;

use std::collections::BTreeMap;

use headstart_engine::frozen::{FrozenConfig, Plan};
use headstart_engine::{Isa, frozen};
use headstart_formats::Naming;
use headstart_model::architectures::ARCHITECTURES;
use headstart_model::{Activation, LayerId, LayerKind, Network, Place, Weights};

use seeded::{Fixture, difference, picture, sampled};

const SIZES: [(usize, usize); 2] = [(64, 64), (75, 98)];

fn run(network: &Network, weights: &Weights, config: &FrozenConfig, picture: &[u8]) -> Vec<f32> {
    let plan = Plan::compile(network, weights, config);
    let mut out = vec![f32::NAN; plan.output_shape().len()];
    plan.run(&mut plan.arena(), picture, &mut out);
    out
}

/// The layer that computes a module's output: the corresponding layer, or the last one of the corresponding block.
fn layer_of(network: &Network, naming: Naming, module: &str) -> Option<LayerId> {
    let layers = network.layers();
    let named = |id: &LayerId| match naming {
        Naming::Torchvision => layers[*id].modules.torchvision.as_deref(),
        Naming::Timm => layers[*id].modules.timm.as_deref(),
        _ => Some(layers[*id].name.as_str()),
    };
    let of_module = |id: &LayerId| named(id) == Some(module) || layers[*id].name == module;
    if let Some(id) = (0..layers.len()).find(of_module) {
        return Some(id);
    }
    let below = format!("{module}.");
    let first = (0..layers.len()).find(|id| named(id).is_some_and(|n| n.starts_with(&below)))?;
    let of_block = |id: &LayerId| match (layers[*id].place, layers[first].place) {
        (Place::Block { index, .. }, Place::Block { index: block, .. }) => index == block,
        (place, of_first) => place == of_first,
    };
    (first..layers.len()).rev().find(of_block)
}

/// Which values of a fixture are compared besides features. Each needs a plan of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// All at the first size, [`Depth::Blocks`] at the second.
    Layers,
    /// Blocks, or every sixth of Keras's layers, at both sizes.
    Blocks,
}

/// Asserts that values equal the original's at both sizes, to 1e-4 of the largest of their samples.
fn assert_agrees(id: &str, naming: Naming, fixture: &str, depth: Depth) {
    let expected = Fixture::open(fixture).named("names", "values");
    let mut worst: BTreeMap<String, f64> = BTreeMap::new();
    for size in SIZES {
        let (network, weights) = seeded::network(id, naming, size);
        let pixels = picture(size, 0);
        let key = format!("{}x{}/", size.0, size.1);
        let mut compared = 0;
        let all = depth == Depth::Layers && size == SIZES[0];
        for (index, (name, expected)) in expected.iter().enumerate() {
            let Some(module) = name.strip_prefix(&key) else { continue };
            let config = if module == "features" {
                FrozenConfig { pooled: true, ..FrozenConfig::default() }
            } else {
                let found = layer_of(&network, naming, module);
                let output = found.unwrap_or_else(|| panic!("{fixture}: no layer is {module}"));
                let layer = &network.layers()[output];
                let is_block = match naming {
                    Naming::KerasLayers => index % 6 == 0,
                    Naming::Timm => layer.modules.timm.as_deref() != Some(module),
                    _ => layer.modules.torchvision.as_deref() != Some(module),
                };
                // A convolution with an activation is two modules in PyTorch, and a hard sigmoid is ReLU6 divided by 6
                // in Keras.
                let is_part = match layer.kind {
                    LayerKind::Conv2D { activation, .. } => {
                        activation != Activation::Linear && naming != Naming::KerasLayers
                    }
                    kind => kind == LayerKind::Activation(Activation::HardSigmoid),
                };
                if (!all && !is_block) || is_part {
                    continue;
                }
                FrozenConfig { output: Some(output), ..FrozenConfig::default() }
            };
            let actual = sampled(&run(&network, &weights, &config, &pixels));
            let error = difference(&actual, expected);
            assert!(error < 1e-4, "{fixture} {name}: {error:e}\n{actual:?}\n{expected:?}");
            worst.insert(name.clone(), error);
            compared += 1;
        }
        assert!(compared > 8, "{fixture} {key}: {compared} compared");
        // Every instruction set, and the threads of a pool, compute the same features.
        let (_, expected) =
            expected.iter().find(|(name, _)| *name == format!("{key}features")).unwrap();
        for isa in Isa::available() {
            let compute = frozen::Compute::from(isa);
            let config =
                FrozenConfig { pooled: true, compute, band_bytes: 0, ..FrozenConfig::default() };
            let error = difference(&sampled(&run(&network, &weights, &config, &pixels)), expected);
            assert!(error < 1e-4, "{fixture} {key} {isa:?}: {error:e}");
        }
        let config = FrozenConfig { pooled: true, ..FrozenConfig::default() };
        let plan = Plan::compile(&network, &weights, &config);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let mut out = vec![f32::NAN; plan.output_shape().len()];
        let mut arena = plan.shared_arena(3);
        pool.install(|| plan.run(&mut arena, &pixels, &mut out));
        let error = difference(&sampled(&out), expected);
        assert!(error < 1e-4, "{fixture} {key} 3 threads: {error:e}");
    }
    let (name, error) = worst.iter().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
    println!("{fixture}: {} values, at most {error:.1e} off ({name})", worst.len());
}

macro_rules! agrees {
    ($($test:ident: $id:literal, $naming:ident, $fixture:literal, $depth:ident;)+) => {
        const COMPARED: &[&str] = &[$($id),+];

        $(#[test]
        fn $test() {
            assert_agrees($id, Naming::$naming, $fixture, Depth::$depth);
        })+
    };
}

agrees! {
    resnet18_agrees_with_torchvision:
        "resnet18", Torchvision, "resnet18", Layers;
    resnet18_agrees_with_timm:
        "resnet18", Timm, "resnet18-timm", Blocks;
    resnet34_agrees_with_torchvision:
        "resnet34", Torchvision, "resnet34", Blocks;
    resnet50_agrees_with_torchvision:
        "resnet50", Torchvision, "resnet50", Blocks;
    squeezenet_agrees_with_torchvision:
        "squeezenet1.1", Torchvision, "squeezenet1.1", Layers;
    mobilenetv3_small_agrees_with_torchvision:
        "mobilenetv3-small-torch", Torchvision, "mobilenetv3-small-torch", Layers;
    mobilenetv3_large_agrees_with_torchvision:
        "mobilenetv3-large-torch", Torchvision, "mobilenetv3-large-torch", Blocks;
    efficientnet_b0_agrees_with_torchvision:
        "efficientnet-b0-torch", Torchvision, "efficientnet-b0-torch", Layers;
    efficientnet_b1_agrees_with_torchvision:
        "efficientnet-b1-torch", Torchvision, "efficientnet-b1-torch", Blocks;
    efficientnet_b2_agrees_with_torchvision:
        "efficientnet-b2-torch", Torchvision, "efficientnet-b2-torch", Blocks;
    efficientnet_b3_agrees_with_torchvision:
        "efficientnet-b3-torch", Torchvision, "efficientnet-b3-torch", Blocks;
    efficientnetv2_s_agrees_with_torchvision:
        "efficientnetv2-s-torch", Torchvision, "efficientnetv2-s-torch", Blocks;
    regnet_agrees_with_torchvision:
        "regnet-y-400mf", Torchvision, "regnet-y-400mf", Layers;
    convnext_tiny_agrees_with_torchvision:
        "convnext-tiny", Torchvision, "convnext-tiny", Layers;
    convnext_small_agrees_with_torchvision:
        "convnext-small", Torchvision, "convnext-small", Blocks;
    convnext_tiny_agrees_with_timm:
        "convnext-tiny", Timm, "convnext-tiny-timm", Blocks;
    convnext_small_agrees_with_timm:
        "convnext-small", Timm, "convnext-small-timm", Blocks;
    efficientnet_b0_agrees_with_timm:
        "efficientnet-b0-torch", Timm, "efficientnet-b0-timm", Blocks;
    efficientnet_b0_of_tensorflow_agrees_with_timm:
        "efficientnet-b0-tf", Timm, "efficientnet-b0-tf", Blocks;
    efficientnet_b3_of_tensorflow_agrees_with_timm:
        "efficientnet-b3-tf", Timm, "efficientnet-b3-tf", Blocks;
    efficientnetv2_s_of_tensorflow_agrees_with_timm:
        "efficientnetv2-s-tf", Timm, "efficientnetv2-s-tf", Blocks;
    mobilenetv3_small_agrees_with_timm:
        "mobilenetv3-small-timm", Timm, "mobilenetv3-small-timm", Blocks;
    mobilenetv3_large_agrees_with_timm:
        "mobilenetv3-large-timm", Timm, "mobilenetv3-large-timm", Blocks;
    regnet_agrees_with_timm:
        "regnet-y-400mf", Timm, "regnet-y-400mf-timm", Blocks;
    mobilenetv1_agrees_with_keras:
        "mobilenetv1", KerasLayers, "mobilenetv1", Layers;
    mobilenetv3_small_agrees_with_keras:
        "mobilenetv3-small", KerasLayers, "mobilenetv3-small", Layers;
    mobilenetv3_large_agrees_with_keras:
        "mobilenetv3-large", KerasLayers, "mobilenetv3-large", Blocks;
    efficientnet_b0_agrees_with_keras:
        "efficientnet-b0", KerasLayers, "efficientnet-b0", Layers;
    efficientnet_b1_agrees_with_keras:
        "efficientnet-b1", KerasLayers, "efficientnet-b1", Blocks;
    efficientnet_b2_agrees_with_keras:
        "efficientnet-b2", KerasLayers, "efficientnet-b2", Blocks;
    efficientnet_b3_agrees_with_keras:
        "efficientnet-b3", KerasLayers, "efficientnet-b3", Blocks;
    efficientnetv2_s_agrees_with_keras:
        "efficientnetv2-s", KerasLayers, "efficientnetv2-s", Blocks;
}

/// Bases that `frozen.rs` compares with files of the originals.
const IN_FROZEN: [&str; 3] = ["mobilenetv2", "mobilenetv2-torch", "efficientnet-lite0"];
/// Bases without a fixture. Other sizes of the same table are compared, and other variants of it.
const BY_OTHERS: [&str; 7] = [
    "efficientnet-lite0-torch",
    "efficientnet-lite1",
    "efficientnet-lite2",
    "efficientnet-lite3",
    "efficientnet-lite4",
    "efficientnet-b1-tf",
    "efficientnet-b2-tf",
];

#[test]
fn every_base_is_compared_or_known_to_be_like_one_that_is() {
    for id in ARCHITECTURES.iter().map(|architecture| architecture.id) {
        let lists = [COMPARED, &IN_FROZEN, &BY_OTHERS];
        assert_eq!(lists.iter().filter(|list| list.contains(&id)).count(), 1, "{id}");
    }
}
