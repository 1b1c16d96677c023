//! What several test files need. The fixtures come from `tools/reference/pictures.py`.
#![allow(dead_code)]

use std::fs;
use std::path::PathBuf;

use headstart_data::Rgb;

pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    fs::read(fixture(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The rows of a table of tab-separated fields.
pub(crate) fn table<const N: usize>(name: &str) -> Vec<[String; N]> {
    let text = String::from_utf8(bytes(name)).unwrap();
    text.lines()
        .map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap())
        .collect()
}

/// Width and height as little-endian u32, then RGB rows.
pub(crate) fn rgb(name: &str) -> Rgb {
    let bytes = bytes(name);
    let side = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    Rgb::new(side(0), side(4), bytes[8..].to_vec()).unwrap()
}

/// The largest and the mean difference of two pictures of the same size.
pub(crate) fn difference(a: &[u8], b: &[u8]) -> (u8, f64) {
    assert_eq!(a.len(), b.len());
    let each = || a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    (each().max().unwrap(), each().map(f64::from).sum::<f64>() / a.len() as f64)
}
