//! Weights and pictures generated from their names, as in `tools/reference/seeded.py`, and the outputs of the original
//! networks for them. Shared with the tests of training.

use std::collections::HashMap;
use std::path::PathBuf;

use headstart_formats as formats;
use headstart_formats::Naming;
use headstart_model::architectures::{Architecture, NetworkConfig};
use headstart_model::safetensors::{self, Stored};
use headstart_model::{LayerKind, Network, Tensor, Weights};
use safetensors_file::{Dtype, SafeTensors};

use ::safetensors as safetensors_file;

/// Sampled values per output in the fixtures, besides mean and root mean square.
pub(crate) const SAMPLES: usize = 32;

/// Numbers in 0..1 with 24 bits each: splitmix64, seeded by the FNV-1a hash of the name.
pub(crate) fn uniform(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let hash = |seed: u64, byte: &u8| (seed ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let seed = name.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, hash);
    (1..=count as u64).map(move |i| {
        let mut z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(seed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 40) as f64 / f64::from(1 << 24)
    })
}

/// A weight by its name and shape in a file.
fn tensor(name: &str, shape: &[usize], fan_in: usize, gain: f64) -> Tensor {
    let end = name.rsplit(['/', '.']).next().unwrap_or(name);
    let value = |u: f64| match end {
        "running_var" | "moving_variance" | "variance" => 0.5 + u,
        "running_mean" | "moving_mean" | "mean" | "bias" | "beta" => 0.5 * u - 0.25,
        "layer_scale" => 0.2 + 0.4 * u,
        "gamma" if name.contains(".blocks.") => 0.2 + 0.4 * u,
        "count" => 0.0,
        _ if shape.len() == 1 => 0.6 + 0.8 * u,
        _ => (2.0 * u - 1.0) * (gain / fan_in as f64).sqrt(),
    };
    let count = shape.iter().product();
    Tensor::new(shape.to_vec(), uniform(name, count).map(|u| value(u) as f32).collect())
}

/// A registered network with the weights that a file with these names would contain.
pub(crate) fn network(id: &str, naming: Naming, size: (usize, usize)) -> (Network, Weights) {
    let config = NetworkConfig { input_size: Some(size), ..NetworkConfig::default() };
    let network = Architecture::find(id).unwrap().build(&config).unwrap();
    let named = naming.names(&network);
    // Chains of residual sums would grow beyond the range in which gates respond.
    let gain = if id.starts_with("efficientnetv2") { 2.0 } else { 5.0 };
    let tensors = network.weight_specs().zip(named).map(|((layer, spec), names)| {
        let own = Tensor::new(spec.shape.clone(), vec![0.0; spec.len()]);
        let mut shape = naming.from_ours(layer, &own).shape;
        // Linear layers over channels, and scales, in the layout of their files.
        match (&layer.kind, &shape[..]) {
            (LayerKind::Conv2D { .. }, &[outputs, inputs, 1, 1]) if id.starts_with("convnext") => {
                shape = vec![outputs, inputs];
            }
            (LayerKind::LayerScale, &[n]) if naming == Naming::Torchvision => shape = vec![n, 1, 1],
            _ => {}
        }
        // Outputs are last in our layout, and first in PyTorch's; a depthwise kernel has one input.
        let fan_in = match spec.shape[..] {
            [height, width, _, 1] => height * width,
            [.., outputs] => spec.len() / outputs,
            [] => 1,
        };
        (names[0].clone(), tensor(&names[0], &shape, fan_in, gain))
    });
    let tensors: Vec<(String, Tensor)> = tensors.collect();
    let mut file = Vec::new();
    let stored = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor, Stored::F32));
    safetensors::write(&mut file, stored, &Default::default()).unwrap();
    let checkpoint = formats::read_bytes(&file, id).unwrap();
    let weights = formats::assign(checkpoint, &network).unwrap();
    (network, weights)
}

/// u8 RGB.
pub(crate) fn picture((height, width): (usize, usize), index: usize) -> Vec<u8> {
    let count = height * width * 3;
    uniform(&format!("picture/{index}"), count).map(|u| (u * 256.0) as u8).collect()
}

/// Evenly spaced values, then mean and root mean square of all.
pub(crate) fn sampled(values: &[f32]) -> Vec<f32> {
    let n = values.len();
    let at = |i: usize| match n > SAMPLES {
        true => values[i * n / SAMPLES],
        false => values.get(i).copied().unwrap_or(0.0),
    };
    let sum = |f: &dyn Fn(f64) -> f64| values.iter().map(|&x| f(x.into())).sum::<f64>() / n as f64;
    let ends = [sum(&|x| x), sum(&|x| x * x).sqrt()].map(|x| x as f32);
    (0..SAMPLES).map(at).chain(ends).collect()
}

/// The difference between samples, relative to the root mean square of all values or to the largest sample.
pub(crate) fn difference(actual: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(actual.len(), expected.len());
    let scale = expected.iter().fold(f32::MIN_POSITIVE, |most, x| most.max(x.abs()));
    let off = actual.iter().zip(expected).map(|(a, e)| f64::from((a - e).abs() / scale));
    off.fold(0.0, |most, x| if x.is_nan() { f64::INFINITY } else { most.max(x) })
}

/// A file of `fixtures/bases`.
pub(crate) struct Fixture {
    /// Matrices by name, as rows.
    rows: HashMap<String, Vec<Vec<f64>>>,
    metadata: HashMap<String, String>,
}

impl Fixture {
    /// Opens the fixture of this name.
    pub(crate) fn open(name: &str) -> Self {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/bases"));
        let bytes = std::fs::read(folder.join(format!("{name}.safetensors"))).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
        let read = |(name, tensor): (&str, safetensors_file::tensor::TensorView<'_>)| {
            let data = tensor.data();
            let values: Vec<f64> = match tensor.dtype() {
                Dtype::F32 => {
                    let fours = data.as_chunks::<4>().0.iter();
                    fours.map(|b| f32::from_le_bytes(*b).into()).collect()
                }
                _ => data.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
            };
            let row = *tensor.shape().last().unwrap();
            (name.to_owned(), values.chunks_exact(row).map(<[f64]>::to_vec).collect())
        };
        let rows = SafeTensors::deserialize(&bytes).unwrap().iter().map(read).collect();
        Self { rows, metadata }
    }

    /// The rows of a matrix, named by a list in the metadata.
    pub(crate) fn named(&self, names: &str, matrix: &str) -> Vec<(String, Vec<f32>)> {
        let names: Vec<String> = serde_json::from_str(&self.metadata[names]).unwrap();
        let rows = &self.rows[matrix];
        assert_eq!(names.len(), rows.len());
        let narrow = |row: &Vec<f64>| row.iter().map(|&x| x as f32).collect();
        names.into_iter().zip(rows.iter().map(narrow)).collect()
    }

    /// A vector.
    #[allow(dead_code)] // plans have no losses
    pub(crate) fn vector(&self, name: &str) -> &[f64] {
        &self.rows[name][0]
    }
}
