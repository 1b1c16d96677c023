//! Reads the fixtures, and generates data.

use std::{fs, path::PathBuf};

use headstart_train::Event;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;
use serde_json::Value;
use std::ops::ControlFlow;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

pub(crate) struct Data {
    bytes: Vec<u8>,
}

impl Data {
    pub(crate) fn read() -> Self {
        Self { bytes: fs::read(path("head/data.safetensors")).unwrap() }
    }

    fn bytes<const N: usize>(&self, name: &str) -> Vec<[u8; N]> {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        let data = tensors.tensor(name).unwrap().data().to_vec();
        data.chunks_exact(N).map(|chunk| chunk.try_into().unwrap()).collect()
    }

    pub(crate) fn f32(&self, name: &str) -> Vec<f32> {
        self.bytes(name).into_iter().map(f32::from_le_bytes).collect()
    }

    pub(crate) fn f64(&self, name: &str) -> Vec<f64> {
        self.bytes(name).into_iter().map(f64::from_le_bytes).collect()
    }

    pub(crate) fn labels(&self, name: &str) -> Vec<usize> {
        self.bytes(name).into_iter().map(|bytes| i64::from_le_bytes(bytes) as usize).collect()
    }
}

/// Reads a JSON fixture.
pub(crate) fn read(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(path(name)).unwrap()).unwrap()
}

/// Reads the cases of a JSON fixture of the head.
pub(crate) fn cases(name: &str) -> Vec<Value> {
    read(&format!("head/{name}"))["cases"].as_array().unwrap().clone()
}

/// All numbers of nested arrays, in order.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().unwrap()],
    }
}

/// Like [`numbers`], in f32.
pub(crate) fn narrow(value: &Value) -> Vec<f32> {
    numbers(value).iter().map(|&v| v as f32).collect()
}

/// |found - expected| / |expected|, as vectors.
pub(crate) fn relative_error(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let apart = norm(&mut found.iter().zip(expected).map(|(a, b)| a - b));
    apart / norm(&mut expected.iter().copied())
}

pub(crate) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| v.into()).collect()
}

pub(crate) fn uniform(n: usize, seed: u64) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| 2.0 * random.random::<f32>() - 1.0).collect()
}

/// n samples whose classes are `apart` apart, each in a direction of its own, with labels in turn.
pub(crate) fn clusters(n: usize, dim: usize, classes: usize, apart: f32) -> (Vec<f32>, Vec<usize>) {
    let centres = uniform(classes * dim, 1);
    let labels: Vec<usize> = (0..n).map(|row| row % classes).collect();
    let mut features = uniform(n * dim, 2);
    for (row, &label) in features.chunks_exact_mut(dim).zip(&labels) {
        for (x, centre) in row.iter_mut().zip(&centres[label * dim..]) {
            *x += apart * centre;
        }
    }
    (features, labels)
}

pub(crate) fn go_on(_: Event) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub(crate) fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}
