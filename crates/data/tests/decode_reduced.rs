//! Compares decoding at reduced sizes with libjpeg's pixels, from Pillow's `draft`.

mod support;

use headstart_data::decode::{MinSize, decode_at_least, estimated_bytes, estimated_bytes_at_least};
use headstart_data::{DecodeError, Limits, Rgb, decode};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use support::{bytes, difference, mutated, rgb, table};

const DIVISORS: [usize; 3] = [2, 4, 8];

/// File, divisor, expected pixels, largest and mean difference.
fn cases() -> Vec<[String; 5]> {
    table("reduced.tsv")
}

/// Each file once.
fn files() -> Vec<String> {
    let mut files: Vec<String> = cases().into_iter().map(|[file, ..]| file).collect();
    files.dedup();
    files
}

fn read(file: &str) -> Vec<u8> {
    bytes(&format!("reduced/{file}"))
}

/// The minimum size for which this picture is divided by `divisor` and no more.
fn divided(file: &[u8], divisor: usize) -> MinSize {
    let full = decode(file, &Limits::default()).unwrap();
    MinSize { width: full.width().div_ceil(divisor), height: full.height().div_ceil(divisor) }
}

fn reduced(file: &[u8], divisor: usize) -> Result<Rgb, DecodeError> {
    decode_at_least(file, &Limits::default(), divided(file, divisor))
}

#[test]
fn a_jpeg_has_libjpegs_pixels_in_full_and_reduced() {
    let mut wrong = Vec::new();
    for [file, divisor, expected, largest, mean] in cases() {
        let expected = rgb(&format!("reduced/{expected}"));
        let found = match reduced(&read(&file), divisor.parse().unwrap()) {
            Ok(found) => found,
            Err(e) => {
                wrong.push(format!("{file} / {divisor}: {e}"));
                continue;
            }
        };
        if (found.width(), found.height()) != (expected.width(), expected.height()) {
            wrong.push(format!("{file} / {divisor}: {found:?}, not {expected:?}"));
            continue;
        }
        let (by, on_average) = difference(found.pixels(), expected.pixels());
        if by > largest.parse().unwrap() || on_average > mean.parse().unwrap() {
            wrong.push(format!("{file} / {divisor}: by {by} at most, {on_average} on average"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn what_is_asked_for_is_the_least_and_full_pixels_come_where_nothing_smaller_is_enough() {
    let limits = Limits::default();
    let size = |file: &str, width: usize, height: usize| {
        let picture = decode_at_least(&read(file), &limits, MinSize { width, height }).unwrap();
        (picture.width(), picture.height())
    };
    // 75 x 53.
    for (least, expected) in [
        ((1, 1), (10, 7)),
        ((10, 7), (10, 7)),
        ((11, 7), (19, 14)),
        ((10, 8), (19, 14)),
        ((20, 1), (38, 27)),
        ((38, 27), (38, 27)),
        ((39, 1), (75, 53)),
        ((1000, 1), (75, 53)),
    ] {
        assert_eq!(size("420.jpg", least.0, least.1), expected, "{least:?}");
        // The picture is rotated.
        let turned = size("orientation_6.jpg", least.1, least.0);
        assert_eq!((turned.1, turned.0), expected, "{least:?}");
    }
    for file in files().iter().map(|file| read(file)) {
        assert_eq!(
            decode_at_least(&file, &limits, MinSize::FULL).unwrap(),
            decode(&file, &limits).unwrap()
        );
    }
    for [file, ..] in table::<4>("decode.tsv") {
        let file = bytes(&format!("decode/{file}"));
        let all = decode(&file, &limits).unwrap();
        let least = decode_at_least(&file, &limits, MinSize { width: 1, height: 1 }).unwrap();
        let is_jpeg = file.starts_with(b"\xFF\xD8");
        assert_eq!(least != all, is_jpeg, "only a JPEG is reduced");
    }
}

#[test]
fn an_eighth_of_a_picture_that_is_even_in_each_block_is_exact() {
    let blocks = rgb("reduced/blocks.rgb");
    for divisor in DIVISORS {
        let picture = reduced(&read("blocks.jpg"), divisor).unwrap();
        let in_block = 8 / divisor;
        for (i, pixel) in picture.pixels().chunks_exact(3).enumerate() {
            let (y, x) = (i / picture.width() / in_block, i % picture.width() / in_block);
            assert_eq!(pixel, &blocks.pixels()[(y * blocks.width() + x) * 3..][..3], "{x}, {y}");
        }
    }
}

#[test]
fn a_jpeg_cut_anywhere_is_truncated_at_every_size() {
    for file in ["420.jpg", "progressive.jpg", "restarts.jpg", "several_scans.jpg"] {
        let whole = read(file);
        for least in DIVISORS.map(|divisor| divided(&whole, divisor)) {
            for length in 3..whole.len() {
                let error = decode_at_least(&whole[..length], &Limits::default(), least);
                assert_eq!(error.unwrap_err().to_string(), "truncated JPEG", "{file}: {length}");
            }
        }
    }
}

#[test]
fn what_contradicts_itself_is_damaged_and_says_how() {
    let plain = read("restarts.jpg");
    let with = |from: &[u8], to: &[u8]| {
        let at = plain.windows(from.len()).position(|w| w == from).unwrap();
        [&plain[..at], to, &plain[at + from.len()..]].concat()
    };
    // All except the first `kept`.
    let markers_lost = |kept: usize| {
        let scan = plain.windows(2).position(|w| w == b"\xFF\xDA").unwrap();
        let is_marker = |i: usize| plain[i] == 0xFF && matches!(plain[i + 1], 0xD0..=0xD7);
        let markers = (scan..plain.len() - 1).filter(|&i| is_marker(i)).skip(kept);
        let mut lost = plain.clone();
        markers.for_each(|i| lost[i] = 0);
        lost
    };
    let least = MinSize { width: 10, height: 7 };
    // 12 of 20 MCUs remain, with 3 between markers.
    assert!(decode_at_least(&markers_lost(3), &Limits::default(), least).is_ok());
    for (file, says) in [
        (markers_lost(1), "damaged JPEG: most of a scan is lost with its restart markers"),
        (
            with(b"\xFF\xDD\x00\x04", b"\xFF\xFE\x00\x04"),
            "damaged JPEG: the data of a scan ends early",
        ),
        (with(b"\xFF\xDB", b"\xFF\xFE"), "damaged JPEG: a quantisation table is missing"),
        (with(b"\xFF\xC4", b"\xFF\xFE"), "damaged JPEG: a Huffman table is missing"),
        (
            with(b"\xFF\xC0", b"\xFF\xC9"),
            "this kind of JPEG is not supported (arithmetic coding); \
             convert it: magick mogrify -format png *.jpg",
        ),
    ] {
        let error = decode_at_least(&file, &Limits::default(), least).unwrap_err();
        assert_eq!(error.to_string(), says);
    }
}

#[test]
fn a_reduced_picture_needs_memory_for_itself_and_little_more() {
    let limits = Limits::default();
    for file in files() {
        let file = read(&file);
        let full = estimated_bytes(&file, &limits);
        for divisor in DIVISORS {
            let least = divided(&file, divisor);
            let pixels = reduced(&file, divisor).unwrap().pixels().len() as u64;
            let needed = estimated_bytes_at_least(&file, &limits, least);
            assert!(needed >= file.len() as u64 + pixels);
            let tight = Limits { max_bytes: pixels, ..limits };
            let refused = decode_at_least(&file, &tight, least).unwrap_err();
            assert!(matches!(refused, DecodeError::TooMuchMemory { .. }));
        }
        assert_eq!(full, estimated_bytes_at_least(&file, &limits, MinSize::FULL));
    }
    // 8000 x 6000 pixels: a scan of 4:2:0 that is read row by row, and one of several.
    for (file, expected) in
        [("420.jpg", 2_250_000..2_500_000), ("progressive.jpg", 50_000_000..57_000_000)]
    {
        let mut file = read(file);
        let frame = file.windows(2).position(|w| matches!(w, b"\xFF\xC0" | b"\xFF\xC2")).unwrap();
        file[frame + 5..frame + 9].copy_from_slice(&[0x17, 0x70, 0x1F, 0x40]);
        let eighth = MinSize { width: 1000, height: 750 };
        let needed = estimated_bytes_at_least(&file, &limits, eighth);
        assert!(expected.contains(&needed), "{needed}");
    }
}

#[test]
fn mutated_jpegs_give_a_picture_or_an_error_and_no_panic() {
    let limits = Limits { max_pixels: 1 << 16, max_bytes: 1 << 22, ..Limits::default() };
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[6; 32]);
    let rounds = std::env::var("HEADSTART_MUTATIONS").map_or(1000, |n| n.parse().unwrap());
    let (mut pictures, mut panics) = (0, Vec::new());
    for file in files() {
        let whole = read(&file);
        for round in 0..rounds {
            let mutant = mutated(&whole, round, &mut rng);
            let side = [1, 12, 24][rng.next_u32() as usize % 3];
            let least = MinSize { width: side, height: side };
            let needed = estimated_bytes_at_least(&mutant, &limits, least);
            assert!(needed <= mutant.len() as u64 + 2 * limits.max_bytes);
            match decode_at_least(&mutant, &limits, least) {
                Ok(picture) => {
                    pictures += 1;
                    assert!(needed >= picture.pixels().len() as u64);
                }
                Err(e) if e.to_string().contains("gave up") => panics.push(format!("{file}: {e}")),
                Err(_) => {}
            }
        }
    }
    assert!(panics.is_empty(), "\n{}", panics.join("\n"));
    assert!(pictures > rounds, "mutants that are pictures: {pictures}");
}
