//! What several test files need. The fixtures come from `tools/reference/pictures.py`.
#![allow(dead_code)]

use std::fs;
use std::path::PathBuf;

use headstart_data::Rgb;
use proptest::prelude::Rng;
use proptest::test_runner::TestRng;

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

/// A file with some bytes changed, gone, new or in other places; every eighth is cut short too.
pub(crate) fn mutated(whole: &[u8], round: usize, rng: &mut TestRng) -> Vec<u8> {
    let mut mutant = whole.to_vec();
    for _ in 0..1 + rng.next_u32() % 8 {
        let at = rng.next_u32() as usize % mutant.len();
        match rng.next_u32() % 6 {
            0 => mutant[at] = rng.next_u32() as u8,
            1 => mutant[at] ^= 1 << (rng.next_u32() % 8),
            2 => mutant[at] = [0x00, 0xFF, 0x7F, 0x80][rng.next_u32() as usize % 4],
            3 => mutant.insert(at, rng.next_u32() as u8),
            4 if mutant.len() > 1 => drop(mutant.remove(at)),
            // Pieces copied over others: lengths and markers in new places.
            _ => {
                let from = rng.next_u32() as usize % mutant.len();
                let length = (rng.next_u32() as usize % 16).min(mutant.len() - at.max(from));
                mutant.copy_within(from..from + length, at);
            }
        }
    }
    if round.is_multiple_of(8) {
        mutant.truncate(rng.next_u32() as usize % mutant.len());
    }
    mutant
}
