//! Compares the compiled plan with Keras and PyTorch: every layer's output and the features.
//!
//! Fixtures: `tools/reference/keras_mobilenetv2.py`, `pytorch_names.py` and `pytorch_efficientnet_lite0.py`.

use std::collections::HashMap;
use std::path::PathBuf;

use headstart_engine::Isa;
use headstart_engine::frozen::{Compute, FrozenConfig, Plan, Precision};
use headstart_formats as formats;
use headstart_model::architectures::{Architecture, NetworkConfig};
use headstart_model::{Network, Weights};
use safetensors::{Dtype, SafeTensors};

/// Samples of each layer's output and whole features, under `HEIGHTxWIDTH/PICTURE/NAME`.
struct Expected {
    values: HashMap<String, Vec<f32>>,
    pictures: HashMap<String, Vec<u8>>,
}

fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn expected(file: &str) -> Expected {
    let bytes = std::fs::read(repository().join("fixtures").join(file)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut expected = Expected { values: HashMap::new(), pictures: HashMap::new() };
    for (name, tensor) in tensors.iter() {
        let data = tensor.data();
        let values: Vec<f32> = match tensor.dtype() {
            Dtype::F32 => data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Dtype::F64 => {
                data.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect()
            }
            _ => {
                expected.pictures.insert(name.to_owned(), data.to_vec());
                continue;
            }
        };
        expected.values.insert(name.to_owned(), values);
    }
    expected
}

fn network(id: &str, width: f32, input_size: (usize, usize), top: Option<usize>) -> Network {
    let config = NetworkConfig { input_size: Some(input_size), width: Some(width), top };
    Architecture::find(id).unwrap().build(&config).unwrap()
}

/// The samples of an output in the fixtures: 256 of its values, evenly spaced.
fn sampled(values: &[f32]) -> Vec<f32> {
    let n = values.len();
    if n <= 256 { values.to_vec() } else { (0..256).map(|i| values[i * n / 256]).collect() }
}

/// The largest difference, relative to the largest expected value.
fn difference(actual: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(actual.len(), expected.len());
    let scale = expected.iter().fold(f32::MIN_POSITIVE, |max, x| max.max(x.abs()));
    actual.iter().zip(expected).map(|(a, e)| (a - e).abs() / scale).fold(0.0, f32::max)
}

fn run(network: &Network, weights: &Weights, config: &FrozenConfig, picture: &[u8]) -> Vec<f32> {
    let plan = Plan::compile(network, weights, config);
    let mut out = vec![f32::NAN; plan.output_shape().len()];
    let mut arena = plan.arena();
    plan.run(&mut arena, picture, &mut out);
    // A used arena must not change the result.
    let mut again = vec![f32::NAN; out.len()];
    plan.run(&mut arena, picture, &mut again);
    assert_eq!(out, again);
    out
}

#[test]
fn every_layer_of_mobilenetv2_agrees_with_keras_at_even_and_odd_sizes() {
    let expected = expected("keras_mobilenetv2/activations.safetensors");
    for size in [(96, 96), (97, 131)] {
        let network = network("mobilenetv2", 0.35, size, None);
        let file = repository().join("fixtures/keras_mobilenetv2/keras2_no_top.h5");
        let weights = formats::load(file, &network).unwrap();
        let key = format!("{}x{}/0", size.0, size.1);
        let picture = &expected.pictures[&format!("{key}/picture")];
        for (id, layer) in network.layers().iter().enumerate() {
            // Keras 3 calls the input `input_layer`.
            let name = if id == 0 { "input_layer" } else { &layer.name };
            let config = FrozenConfig { output: Some(id), ..FrozenConfig::default() };
            let actual = sampled(&run(&network, &weights, &config, picture));
            let error = difference(&actual, &expected.values[&format!("{key}/{name}")]);
            assert!(error < 1e-4, "{key} {name}: {error:e}");
        }
    }
}

#[test]
fn features_agree_with_keras_on_every_instruction_set_and_band_height() {
    let expected = expected("keras_mobilenetv2/activations.safetensors");
    for (size, pictures) in [((96, 96), 2), ((97, 131), 1)] {
        let network = network("mobilenetv2", 0.35, size, None);
        let file = repository().join("fixtures/keras_mobilenetv2/keras3_base.weights.h5");
        let weights = formats::load(file, &network).unwrap();
        for isa in Isa::available() {
            for band_bytes in [0, 20 << 10, 100 << 10, 1 << 30] {
                let config =
                    FrozenConfig { pooled: true, compute: isa.into(), band_bytes, output: None };
                for index in 0..pictures {
                    let key = format!("{}x{}/{index}", size.0, size.1);
                    let picture = &expected.pictures[&format!("{key}/picture")];
                    let actual = run(&network, &weights, &config, picture);
                    let error = difference(&actual, &expected.values[&format!("{key}/features")]);
                    assert!(error < 1e-4, "{key} {isa:?} {band_bytes}: {error:e}");
                }
            }
        }
    }
}

/// Tolerance between the outputs of a network for two orders of summation, relative to the largest and for any width of
/// vectors and panels. The error of a sum of n products is about sqrt(n) roundings of 2^-24 (Higham and Mary 2019, "A
/// new approach to probabilistic rounding error analysis"); layers propagate errors and add their own, and both orders
/// have them.
fn of_two_orders(network: &Network) -> f32 {
    let kernels = network.weight_specs().map(|(_, spec)| spec).filter(|spec| spec.name == "kernel");
    let roundings: f64 = kernels
        .map(|spec| {
            let products: usize = match spec.shape[..] {
                // A depthwise convolution sums only over its window.
                [height, width, _, 1] => height * width,
                [.., _] => spec.len() / spec.shape[spec.shape.len() - 1],
                [] => 1,
            };
            (products as f64).sqrt()
        })
        .sum();
    (2.0 * roundings * 2.0_f64.powi(-24)) as f32
}

#[test]
fn threads_that_share_a_picture_compute_what_one_computes() {
    for (id, asset, size) in [
        ("mobilenetv2", "mobilenetv2_1.00_160.safetensors", (96, 130)),
        ("efficientnet-lite0", "efficientnet_lite0.safetensors", (33, 224)),
    ] {
        let network = network(id, 1.0, size, None);
        let weights =
            formats::load(repository().join("crates/bundled/assets").join(asset), &network)
                .unwrap();
        let picture: Vec<u8> = (0..size.0 * size.1 * 3).map(|i| (i * 37 % 256) as u8).collect();
        let of_two_orders = of_two_orders(&network);
        for compute in best_in_each_precision() {
            for pooled in [true, false] {
                let config = FrozenConfig { pooled, compute, ..FrozenConfig::default() };
                let plan = Plan::compile(&network, &weights, &config);
                let alone = run(&network, &weights, &config, &picture);
                // Also with more parts than the pool has threads, and with more parts than rows.
                for (threads, pool) in [(2, 2), (3, 3), (4, 2), (2, 1), (9, 3)] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(pool).build().unwrap();
                    let mut out = vec![f32::NAN; alone.len()];
                    let mut arena = plan.shared_arena(threads);
                    for _ in 0..3 {
                        pool.install(|| plan.run(&mut arena, &picture, &mut out));
                        let error = difference(&out, &alone);
                        // Another order of summation may round the next input differently.
                        let tolerance = match compute.reduced.map(|set| set.precision()) {
                            None => of_two_orders,
                            Some(Precision::Bf16) => 4e-2,
                            Some(Precision::Int8) => 2e-1,
                        };
                        assert!(error < tolerance, "{id} {threads} threads {compute:?}: {error:e}");
                    }
                }
            }
        }
    }
}

/// The fastest way to compute in each precision that this processor has.
fn best_in_each_precision() -> Vec<Compute> {
    let mut all = Compute::available();
    all.dedup_by_key(|compute| compute.precision());
    all
}

/// The cosine of the angle between two vectors.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn features_in_reduced_precision_point_where_those_of_keras_and_pytorch_do() {
    let keras = expected("keras_mobilenetv2/activations.safetensors");
    let torch = expected("pytorch_efficientnet_lite0/expected.safetensors");
    let cases = [
        (
            "mobilenetv2",
            0.35,
            (96, 96),
            "fixtures/keras_mobilenetv2/keras3_base.weights.h5",
            &keras,
        ),
        (
            "mobilenetv2",
            0.35,
            (97, 131),
            "fixtures/keras_mobilenetv2/keras3_base.weights.h5",
            &keras,
        ),
        (
            "efficientnet-lite0",
            1.0,
            (224, 224),
            "crates/bundled/assets/efficientnet_lite0.safetensors",
            &torch,
        ),
    ];
    for (id, width, size, file, expected) in cases {
        let network = network(id, width, size, None);
        let weights = formats::load(repository().join(file), &network).unwrap();
        let key = format!("{}x{}/0", size.0, size.1);
        for compute in Compute::available() {
            let least = match compute.reduced.map(|set| set.precision()) {
                None => 0.999_999,
                Some(Precision::Bf16) => 0.9995,
                Some(Precision::Int8) => 0.99,
            };
            for band_bytes in [0, 64 << 10] {
                let config = FrozenConfig { pooled: true, compute, band_bytes, output: None };
                let picture = &expected.pictures[&format!("{key}/picture")];
                let actual = run(&network, &weights, &config, picture);
                let cosine = cosine(&actual, &expected.values[&format!("{key}/features")]);
                assert!(cosine > least, "{id} {key} {compute:?}: {cosine}");
            }
        }
    }
}

#[test]
fn mobilenetv2_with_pytorchs_padding_agrees_with_torchvision() {
    let expected = expected("pytorch_mobilenetv2/expected.safetensors");
    for size in [(96, 96), (97, 131)] {
        let network = network("mobilenetv2-torch", 0.35, size, Some(5));
        let file = repository().join("fixtures/pytorch_mobilenetv2/torchvision_0.35.pth");
        let weights = formats::load(file, &network).unwrap();
        let key = format!("{}x{}/0", size.0, size.1);
        let picture = &expected.pictures[&format!("{key}/picture")];
        let features = network.find("global_average_pooling2d").unwrap();
        let config = FrozenConfig { output: Some(features), ..FrozenConfig::default() };
        let actual = run(&network, &weights, &config, picture);
        let error = difference(&actual, &expected.values[&format!("{key}/features")]);
        assert!(error < 1e-4, "{key} features: {error:e}");

        // Whole blocks: the paddings differ in strided depthwise convolutions.
        for (module, layer) in [
            ("features.0.0", "Conv1"),
            ("features.2.conv.1.0", "block_1_depthwise"),
            ("features.9.conv.3", "block_8_project_BN"),
        ] {
            let output = Some(network.find(layer).unwrap());
            let config = FrozenConfig { output, ..FrozenConfig::default() };
            let actual = sampled(&run(&network, &weights, &config, picture));
            let error = difference(&actual, &expected.values[&format!("{key}/{module}")]);
            assert!(error < 1e-4, "{key} {layer}: {error:e}");
        }

        let logits = &expected.values[&format!("{key}/logits")];
        let exp: Vec<f32> = logits.iter().map(|x| x.exp()).collect();
        let softmax: Vec<f32> = exp.iter().map(|x| x / exp.iter().sum::<f32>()).collect();
        let actual = run(&network, &weights, &FrozenConfig::default(), picture);
        let error = difference(&actual, &softmax);
        assert!(error < 1e-4, "{key} probabilities: {error:e}");
    }
}

/// The fixture's name for the value that our layer computes, if it contains it.
fn lukemelas(network: &Network, layer: &str) -> Option<String> {
    let (prefix, part) = layer.split_once('_')?;
    let place = match prefix {
        "stem" => {
            let part = match part {
                "conv" => "_conv_stem",
                "bn" => "_bn0",
                _ => "_swish",
            };
            return Some(part.to_owned());
        }
        "top" => {
            let part = match part {
                "conv" => "_conv_head",
                "bn" => "_bn1",
                _ => "_swish#2",
            };
            return Some(part.to_owned());
        }
        block => block.strip_prefix("block")?,
    };
    let mut blocks: Vec<&str> = network
        .layers()
        .iter()
        .filter_map(|l| l.name.split_once('_')?.0.strip_prefix("block"))
        .collect();
    blocks.dedup();
    let index = blocks.iter().position(|b| *b == place)?;
    let first = index == 0;
    let part = match part {
        "expand_conv" => "._expand_conv",
        "expand_bn" => "._bn0",
        "expand_activation" => "._swish",
        "dwconv" => "._depthwise_conv",
        "bn" => "._bn1",
        "activation" if first => "._swish",
        "activation" => "._swish#2",
        "project_conv" => "._project_conv",
        "project_bn" => "._bn2",
        "add" => "",
        _ => return None,
    };
    Some(format!("_blocks.{index}{part}"))
}

#[test]
fn every_layer_of_efficientnet_lite0_agrees_with_pytorch() {
    let expected = expected("pytorch_efficientnet_lite0/expected.safetensors");
    for (size, picture) in [((224, 224), 0), ((224, 224), 1), ((97, 131), 0)] {
        let network = network("efficientnet-lite0", 1.0, size, None);
        let asset = repository().join("crates/bundled/assets/efficientnet_lite0.safetensors");
        let weights = formats::load(asset, &network).unwrap();
        let key = format!("{}x{}/{picture}", size.0, size.1);
        let picture = &expected.pictures[&format!("{key}/picture")];
        let mut compared = 0;
        for (id, layer) in network.layers().iter().enumerate() {
            let Some(module) = lukemelas(&network, &layer.name) else { continue };
            let config = FrozenConfig { output: Some(id), ..FrozenConfig::default() };
            let actual = sampled(&run(&network, &weights, &config, picture));
            let error = difference(&actual, &expected.values[&format!("{key}/{module}")]);
            assert!(error < 1e-4, "{key} {}: {error:e}", layer.name);
            compared += 1;
        }
        assert_eq!(compared, network.layers().len() - 1, "all layers but the input");
        let config = FrozenConfig { pooled: true, ..FrozenConfig::default() };
        let actual = run(&network, &weights, &config, picture);
        let error = difference(&actual, &expected.values[&format!("{key}/features")]);
        assert!(error < 1e-4, "{key} features: {error:e}");
    }
}

#[test]
fn bands_change_no_bit_at_any_input_size() {
    for (id, asset) in [
        ("mobilenetv2", "mobilenetv2_1.00_160.safetensors"),
        ("efficientnet-lite0", "efficientnet_lite0.safetensors"),
    ] {
        for size in [(32, 32), (33, 34), (37, 64), (45, 49), (64, 35), (71, 96), (100, 57)] {
            let network = network(id, 1.0, size, None);
            let weights =
                formats::load(repository().join("crates/bundled/assets").join(asset), &network)
                    .unwrap();
            let picture: Vec<u8> = (0..size.0 * size.1 * 3).map(|i| (i * 37 % 256) as u8).collect();
            let features = |band_bytes| {
                let config = FrozenConfig { pooled: true, band_bytes, ..FrozenConfig::default() };
                run(&network, &weights, &config, &picture)
            };
            let whole = features(usize::MAX);
            assert!(whole.iter().all(|x| x.is_finite()), "{id} {size:?}");
            for band_bytes in [0, 30 << 10, 200 << 10] {
                assert_eq!(features(band_bytes), whole, "{id} {size:?} {band_bytes}");
            }
        }
    }
}
