//! Small files that expand to huge sizes: each gives a result in little memory, for any declared size and actual
//! output.

use std::time::{Duration, Instant};

use headstart_data::decode::estimated_bytes;
use headstart_data::{Limits, Resizer, Rgb, decode};
use headstart_model::{Fit, Interpolation, Preprocessing, Scaling};

use crate::support::{bytes, corpus, png, zlib_zeros};
use crate::{alone, peak};

/// The actual or declared size of each bomb.
const MUCH: usize = 256 << 20;
/// Memory for decoding besides the file and copies of it.
const LITTLE: u64 = 24 << 20;

#[test]
fn what_unfolds_to_hundreds_of_megabytes_is_answered_in_a_few() {
    let _alone = alone();
    let mut wrong = Vec::new();
    for (name, file) in [pngs(), gifs(), webps(), tiffs(), bmps(), jpegs()].into_iter().flatten() {
        assert!(file.len() < 2 << 20, "{name} is small");
        let limits = Limits::default();
        let (announced, estimating) = peak(|| estimated_bytes(&file, &limits));
        let (answer, decoding) = peak(|| decode(&file, &limits));
        let few = LITTLE + 4 * file.len() as u64;
        if estimating.max(decoding) > few {
            wrong.push(format!(
                "{name}: announced {announced} bytes in {estimating}, took {decoding}, {answer:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Each scan processes the whole picture, which may have a hundred million pixels.
#[test]
fn scans_do_not_go_on_for_ever() {
    let _alone = alone();
    let (_, scans) = jpegs().into_iter().find(|(name, _)| *name == "scans").unwrap();
    let error = decode(&scans, &Limits::default()).unwrap_err().to_string();
    assert_eq!(error, "damaged JPEG: it has more than 100 scans");
}

/// Each scan may cover all blocks in a few bytes: then it must do no more work than that, for any content of the
/// blocks. This picture is a thirteenth of the largest.
#[test]
fn scans_that_say_nothing_take_no_longer_where_blocks_hold_something() {
    let _alone = alone();
    let time = |file: Vec<u8>| {
        let once = || {
            let start = Instant::now();
            decode(&file, &Limits::default()).unwrap();
            start.elapsed()
        };
        (0..3).map(|_| once()).min().unwrap()
    };
    let (held, empty) = (time(refined(98, true)), time(refined(98, false)));
    assert!(held < empty * 3 + Duration::from_millis(20), "{held:?} instead of {empty:?}");
}

/// A progressive JPEG of 162 thousand blocks, whose last coefficient is initially `held`, and scans that could refine
/// all earlier ones, but contain no changes.
fn refined(scans: usize, held: bool) -> Vec<u8> {
    let (width, height) = (632_u16, 16_384_u16);
    let blocks = usize::from(width / 8) * usize::from(height / 8);
    let segment = |marker: u8, payload: &[u8]| {
        let length = (payload.len() as u16 + 2).to_be_bytes();
        [&[0xFF, marker], &length[..], payload].concat()
    };
    let [h1, h0] = height.to_be_bytes();
    let [w1, w0] = width.to_be_bytes();
    // The code 0 is a value of one bit, 10 the end of 2^14 blocks plus the number in the next 14 bits.
    let codes = [&[0x10, 1, 1][..], &[0; 14], &[0x01, 0xE0]].concat();
    let nothing = [0x80, 0].repeat(blocks.div_ceil(1 << 14));
    let first = if held { vec![0x55; blocks / 4] } else { nothing.clone() };
    let mut file = vec![0xFF, 0xD8];
    file.extend(segment(0xDB, &[&[0], &[1; 64][..]].concat()));
    file.extend(segment(0xC2, &[8, h1, h0, w1, w0, 1, 1, 0x11, 0]));
    file.extend(segment(0xC4, &codes));
    file.extend([segment(0xDA, &[1, 1, 0, 63, 63, 0x01]), first].concat());
    let more = [segment(0xDA, &[1, 1, 0, 1, 62, 0x10]), nothing].concat();
    file.extend(more.repeat(scans));
    file.extend([0xFF, 0xD9]);
    file
}

#[test]
fn frames_within_frames_are_not_followed() {
    let _alone = alone();
    let frame = [b"ANMF\xF0\xFF\xFF\xFF", &[0; 16][..]].concat().repeat(80_000);
    let canvas = [b"VP8X\x0A\0\0\0\x0A\0\0\0", &[99, 0, 0, 99, 0, 0][..]].concat();
    let size = (4 + canvas.len() + frame.len()) as u32;
    let file = [b"RIFF", &size.to_le_bytes()[..], b"WEBP", &canvas, &frame].concat();
    let error = decode(&file, &Limits::default()).unwrap_err().to_string();
    assert!(error.starts_with("damaged WebP: a frame"), "{error}");
}

#[test]
fn a_line_of_pixels_is_resized_in_a_few_megabytes() {
    let _alone = alone();
    let long = 65_535;
    for (width, height) in [(1, long), (long, 1)] {
        let line = Rgb::new(width, height, vec![200; long * 3]).unwrap();
        for interpolation in [
            Interpolation::Bilinear,
            Interpolation::Bicubic,
            Interpolation::Area,
            Interpolation::Tensorflow,
        ] {
            let scaling = Scaling::minus_one_to_one();
            let to = Preprocessing {
                height: 160,
                width: 160,
                interpolation,
                fit: Fit::Stretch,
                scaling,
            };
            let mut resizer = Resizer::new();
            let (pixels, bytes) = peak(|| resizer.resize(&line, &to));
            assert!(pixels.iter().all(|&level| level == 200), "{interpolation}");
            assert!(bytes < 6 << 20, "{width} x {height} {interpolation}: {bytes} bytes");
        }
    }
}

type Bomb = (&'static str, Vec<u8>);

/// Endless data, profile or text of a 4 x 4 picture.
fn pngs() -> Vec<Bomb> {
    let zeros = zlib_zeros(MUCH);
    let rows = zlib_zeros(4 * (1 + 4 * 3));
    let named = |method: &[u8]| [b"name\0", method, &zeros].concat();
    vec![
        ("data", png(4, 4, &[(b"IDAT", &zeros)])),
        ("profile", png(4, 4, &[(b"iCCP", &named(b"\0")), (b"IDAT", &rows)])),
        ("text", png(4, 4, &[(b"zTXt", &named(b"\0")), (b"IDAT", &rows)])),
        ("international text", png(4, 4, &[(b"iTXt", &named(b"\x01\0\0\0")), (b"IDAT", &rows)])),
    ]
}

/// A frame far larger than the picture, and one with more data than pixels.
fn gifs() -> Vec<Bomb> {
    let whole = bytes("decode/gif_one.gif");
    let frame = whole.windows(10).position(|w| w[0] == 0x2C && w[1..5] == [0; 4]).unwrap();
    let mut large = whole.clone();
    large[frame + 5..frame + 9].copy_from_slice(&[0x10, 0x27, 0x10, 0x27]);
    let data = frame + 10;
    let long: Vec<u8> = (0..400_000 / 255)
        .flat_map(|_| std::iter::once(255).chain((0..255).map(|i| [0, 3, 5, 7][i % 4])))
        .collect();
    // The size of a code, blocks without an end code, and the trailer.
    let long = [&whole[..=data], &long, &[0, 0x3B]].concat();
    vec![("large frame", large), ("long data", long)]
}

/// A picture's bitstream that is far larger than the picture that contains it.
fn webps() -> Vec<Bomb> {
    let mut lossless = bytes("decode/webp_lossless.webp");
    let start = lossless.windows(4).position(|w| w == b"VP8L").unwrap() + 9;
    // 14 bits each, minus one.
    let sides = 11_585_u32 - 1;
    let bits = u32::from_le_bytes(*lossless[start..].first_chunk().unwrap()) & !0xFFF_FFFF;
    lossless[start..start + 4].copy_from_slice(&(bits | sides | sides << 14).to_le_bytes());
    let mut chunk = b"VP8X\x0a\0\0\0\0\0\0\0".to_vec();
    chunk.extend([3, 0, 0, 3, 0, 0]);
    let mut held = lossless.clone();
    held.splice(12..12, chunk);
    let size = held.len() as u32 - 8;
    held[4..8].copy_from_slice(&size.to_le_bytes());
    vec![("held", held)]
}

/// A strip that expands to far more than its rows, a tile far larger than the picture, and counts of values beyond the
/// file.
fn tiffs() -> Vec<Bomb> {
    const DEFLATE: u32 = 8;
    let zeros = zlib_zeros(MUCH);
    let strip = [(273, 8), (278, 4), (279, zeros.len() as u32)];
    let tile = |side| [(322, side), (323, side), (324, 8), (325, zeros.len() as u32)];
    let lzw = bytes("decode/tiff_lzw.tif");
    let tall = with_entry(&lzw, 278, u32::MAX);
    let counted = with_count(&lzw, 273, 1 << 28);
    vec![
        ("strip", tiff(DEFLATE, &zeros, &strip)),
        ("tile", tiff(DEFLATE, &zeros, &tile(9984))),
        ("absurd tile", tiff(DEFLATE, &zeros, &tile(u32::MAX - 15))),
        ("rows in a strip", tall),
        ("strips", counted),
    ]
}

/// A little-endian TIFF of 4 x 4 RGB pixels with these additional entries, each of one LONG.
fn tiff(compression: u32, data: &[u8], entries: &[(u16, u32)]) -> Vec<u8> {
    let mut all = vec![(256, 4), (257, 4), (258, 8), (259, compression), (262, 2), (277, 3)];
    all.extend(entries);
    all.sort_unstable();
    let mut file = [b"II*\0", &(8 + data.len() as u32).to_le_bytes()[..], data].concat();
    file.extend((all.len() as u16).to_le_bytes());
    for (tag, value) in all {
        file.extend([tag.to_le_bytes(), 4_u16.to_le_bytes()].concat());
        file.extend([1_u32.to_le_bytes(), value.to_le_bytes()].concat());
    }
    file.extend([0; 4]);
    file
}

/// The offset of an entry in a little-endian TIFF's first directory.
fn entry(file: &[u8], tag: u16) -> usize {
    let start = u32::from_le_bytes(*file[4..].first_chunk().unwrap()) as usize + 2;
    (start..file.len()).step_by(12).find(|&at| file[at..at + 2] == tag.to_le_bytes()).unwrap()
}

fn with_entry(file: &[u8], tag: u16, value: u32) -> Vec<u8> {
    let mut file = file.to_vec();
    let at = entry(&file, tag);
    // A LONG.
    file[at + 2..at + 4].copy_from_slice(&[4, 0]);
    file[at + 8..at + 12].copy_from_slice(&value.to_le_bytes());
    file
}

fn with_count(file: &[u8], tag: u16, count: u32) -> Vec<u8> {
    let mut file = file.to_vec();
    let at = entry(&file, tag);
    file[at + 4..at + 8].copy_from_slice(&count.to_le_bytes());
    file
}

/// Runs that extend beyond the last pixel.
fn bmps() -> Vec<Bomb> {
    let (_, rle8) = corpus("decode").into_iter().find(|(name, _)| name == "rle8.bmp").unwrap();
    let runs = [&rle8[..14 + 40 + 64], &[255, 1].repeat(MUCH / 255 / 4), &[0, 1]].concat();
    vec![("runs", runs)]
}

/// Scan after scan over all coefficients, and rows that never come.
fn jpegs() -> Vec<Bomb> {
    let progressive = bytes("decode/jpeg_progressive.jpg");
    // The first scan may be repeated any number of times.
    let scan = progressive.windows(2).position(|w| w == b"\xFF\xDA").unwrap();
    let mut after = progressive[scan + 2..].windows(2);
    let end = after.position(|w| w == b"\xFF\xC4" || w == b"\xFF\xDA").unwrap() + scan + 2;
    let again = progressive[scan..end].repeat(10_000);
    let scans = [&progressive[..scan], &again, &progressive[end..]].concat();
    let mut thin = bytes("decode/jpeg_420.jpg");
    let frame = thin.windows(2).position(|w| w == b"\xFF\xC0").unwrap();
    thin[frame + 5..frame + 9].copy_from_slice(&[0xFF, 0xFF, 0, 1]);
    vec![("scans", scans), ("thin", thin)]
}
