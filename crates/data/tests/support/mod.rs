//! What several test files need. The fixtures come from `tools/reference/pictures.py`.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};

use headstart_data::Rgb;
use proptest::prelude::Rng;
use proptest::test_runner::TestRng;

pub(crate) mod parquet_file;

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

/// Every picture of the fixtures and of the fuzzing corpus, by name.
pub(crate) fn pictures() -> Vec<(String, Vec<u8>)> {
    let mut pictures = corpus("decode");
    pictures.extend(fixtures("decode"));
    pictures
}

/// The fixtures in a folder, by name.
pub(crate) fn fixtures(folder: &str) -> Vec<(String, Vec<u8>)> {
    files(&fixture(folder))
}

/// The files that fuzzing a target begins with, by name; see `fuzz/README.md`.
pub(crate) fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    files(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target))
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
}

/// A PNG whose chunks have right checksums, as far as its chunks can be followed; any other file
/// as it is.
pub(crate) fn with_checksums(mut file: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while file.starts_with(b"\x89PNG") && at + 12 <= file.len() {
        let length = u32::from_be_bytes(*file[at..].first_chunk().unwrap()) as usize;
        let Some(end) = at.checked_add(8 + length).filter(|end| end + 4 <= file.len()) else {
            break;
        };
        let sum = crc32(&file[at + 4..end]);
        file[end..end + 4].copy_from_slice(&sum.to_be_bytes());
        at = end + 4;
    }
    file
}

/// A PNG of RGB pixels, of 8 bits, with these chunks.
pub(crate) fn png(width: u32, height: u32, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let header =
        [&width.to_be_bytes(), &height.to_be_bytes(), [8, 2, 0, 0].as_slice(), &[0]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, body) in [(b"IHDR", &*header)].iter().chain(chunks).chain(&[(b"IEND", &[][..])]) {
        file.extend((body.len() as u32).to_be_bytes());
        file.extend([kind.as_slice(), body, &[0; 4]].concat());
    }
    with_checksums(file)
}

/// A zlib stream (RFC 1950 and 1951) of `258 * n + 1` zeros, at least `count`: a literal and then
/// copies of it, in the fixed code.
pub(crate) fn zlib_zeros(count: usize) -> Vec<u8> {
    let copies = count.div_ceil(258);
    // Each code's bits in the order that they are written.
    let literal = [0, 0, 1, 1, 0, 0, 0, 0];
    let copy = [1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0];
    let bits = [1, 1, 0].into_iter().chain(literal);
    let bits = bits.chain(std::iter::repeat_n(copy, copies).flatten()).chain([0; 7]);
    let mut stream = vec![0x78, 0x9C];
    let bits: Vec<u8> = bits.collect();
    stream.extend(bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |all, bit| all << 1 | bit)));
    let sum = (((258 * copies + 1) % 65_521) as u32) << 16 | 1;
    stream.extend(sum.to_be_bytes());
    stream
}

/// The CRC-32 of the PNG specification, annex D.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
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
