//! Ten thousand damaged pictures: each gives a picture or an error, in little time and memory.

use std::env;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use headstart_data::Limits;
use headstart_data::decode::{MinSize, decode_at_least, estimated_bytes_at_least};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::support::{pictures, with_checksums};
use crate::{alone, peak};

const MUTANTS: u64 = 10_000;
const LIMITS: Limits =
    Limits { max_pixels: 1 << 20, max_bytes: 16 << 20, max_file_bytes: 512 << 20 };
/// Memory of decoders besides the size announced by a header: tables, windows, a tile larger than the picture, a row of
/// blocks of a JPEG, which takes 6 MB at the maximum width.
const STATE: u64 = 8 << 20;
/// Maximum declared size of a part of a lossy WebP, which its decoder allocates.
const WEBP_PART: u64 = 1 << 24;
/// No file this small takes longer, even on a busy machine.
const HANG: Duration = Duration::from_secs(5);

#[test]
fn ten_thousand_damaged_pictures_give_as_many_pictures_or_errors() {
    let _alone = alone();
    let rounds = env::var("HEADSTART_MUTATIONS").map_or(MUTANTS, |n| n.parse().unwrap());
    let (sender, answers) = mpsc::channel();
    thread::spawn(move || {
        let originals = pictures();
        for seed in 0..rounds {
            let (name, original) = &originals[(seed % originals.len() as u64) as usize];
            let state = STATE + if name.contains("webp") { WEBP_PART } else { 0 };
            let answer = decoded(&mutant(original, seed), state);
            let answer = answer.map_err(|wrong| format!("{name}, seed {seed}: {wrong}"));
            if sender.send(answer).is_err() {
                return;
            }
        }
    });
    let (mut pictures, mut errors, mut wrong) = (0, 0, Vec::new());
    for seed in 0..rounds {
        match answers.recv_timeout(HANG) {
            Ok(Ok(true)) => pictures += 1,
            Ok(Ok(false)) => errors += 1,
            Ok(Err(what)) => wrong.push(what),
            Err(RecvTimeoutError::Timeout) => panic!("seed {seed}: no answer after {HANG:?}"),
            Err(RecvTimeoutError::Disconnected) => panic!("seed {seed}: a panic"),
        }
    }
    assert!(wrong.is_empty(), "{} went wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(pictures + errors, rounds);
    assert!(pictures.min(errors) > rounds / 10, "{pictures} pictures and {errors} errors");
}

/// Whether decoding succeeded, or an error if its memory exceeded the announced size.
fn decoded(bytes: &[u8], state: u64) -> Result<bool, String> {
    let mut whole = false;
    for at_least in [MinSize { width: 4, height: 4 }, MinSize::FULL] {
        let (announced, estimating) = peak(|| estimated_bytes_at_least(bytes, &LIMITS, at_least));
        let (picture, decoding) = peak(|| decode_at_least(bytes, &LIMITS, at_least));
        if estimating > STATE || decoding > announced + state {
            return Err(format!(
                "announced {announced} bytes in {estimating}, and took {decoding}"
            ));
        }
        whole = picture.is_ok();
    }
    Ok(whole)
}

/// A copy of a picture's file with up to eight changes.
fn mutant(original: &[u8], seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut bytes = original.to_vec();
    for _ in 0..1 + random.below(8) {
        let at = random.below(bytes.len());
        let length = (1 + random.below(64)).min(bytes.len() - at);
        match random.below(9) {
            0 => bytes[at] = random.below(256) as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes[at] = [0x00, 0xFF, 0x7F, 0x80][random.below(4)],
            3 => bytes.insert(at, random.below(256) as u8),
            4 if bytes.len() > length => drop(bytes.drain(at..at + length)),
            5 => {
                let piece = bytes[at..at + length].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            6 => {
                let other = random.below(bytes.len());
                let length = length.min(bytes.len() - other);
                (0..length).for_each(|i| bytes.swap(at + i, other + i));
            }
            7 => enlarge(&mut bytes, &mut random),
            _ if random.below(4) == 0 => bytes.truncate(at.max(1)),
            _ => {}
        }
    }
    // Half of them with correct checksums; otherwise the code behind the checks would never be reached.
    if random.below(2) == 0 { bytes } else { with_checksums(bytes) }
}

/// Replaces a two-byte number that is as small as these pictures' sides by any other.
fn enlarge(bytes: &mut [u8], random: &mut Random) {
    let small = |pair: &[u8]| (pair[0] == 0) != (pair[1] == 0) && pair[0].max(pair[1]) < 64;
    let places: Vec<usize> = (0..bytes.len() - 1).filter(|&at| small(&bytes[at..at + 2])).collect();
    if !places.is_empty() {
        let at = places[random.below(places.len())];
        bytes[at] = random.below(256) as u8;
        bytes[at + 1] = random.below(256) as u8;
    }
}

struct Random(TestRng);

impl Random {
    fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &key))
    }

    fn below(&mut self, n: usize) -> usize {
        self.0.next_u32() as usize % n
    }
}
