//! Compares decoded pixels with Pillow's, and tests errors for bad files.

mod support;

use headstart_data::decode::estimated_bytes;
use headstart_data::{DecodeError, Limits, decode};
use support::{bytes, difference, rgb, table, with_checksums};

fn cases() -> Vec<[String; 4]> {
    table("decode.tsv")
}

#[test]
fn every_format_and_mode_gives_pillows_pixels() {
    let mut wrong = Vec::new();
    for [file, expected, largest, mean] in cases() {
        let expected = rgb(&format!("expected/{expected}"));
        let picture = match decode(&bytes(&format!("decode/{file}")), &Limits::default()) {
            Ok(picture) => picture,
            Err(e) => {
                wrong.push(format!("{file}: {e}"));
                continue;
            }
        };
        if (picture.width(), picture.height()) != (expected.width(), expected.height()) {
            wrong.push(format!("{file}: {picture:?}, not {expected:?}"));
            continue;
        }
        let found = difference(picture.pixels(), expected.pixels());
        if found.0 > largest.parse().unwrap() || found.1 > mean.parse().unwrap() {
            wrong.push(format!("{file}: differs by up to {}, on average {}", found.0, found.1));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_file_cut_anywhere_is_no_picture() {
    let mut wrong = Vec::new();
    for [file, ..] in cases() {
        let whole = bytes(&format!("decode/{file}"));
        let full = decode(&whole, &Limits::default()).unwrap();
        // A number cut short at the end of a text may still be a number.
        let last = if file.starts_with("pnm_plain") { 4 } else { 0 };
        for length in 0..whole.len() - last {
            // The part cut off may not belong to the picture: later frames, padding, a checksum. Then nothing is
            // missing.
            if decode(&whole[..length], &Limits::default()).is_ok_and(|picture| picture != full) {
                wrong.push(format!("{file} cut to {length} of {} bytes", whole.len()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_jpeg_without_its_end_is_truncated() {
    for file in [
        "jpeg_rgb.jpg",
        "jpeg_420.jpg",
        "jpeg_progressive.jpg",
        "jpeg_restarts.jpg",
        "jpeg_ycck.jpg",
    ] {
        let whole = bytes(&format!("decode/{file}"));
        for length in 3..whole.len() {
            let error = decode(&whole[..length], &Limits::default()).unwrap_err();
            assert_eq!(error.to_string(), "truncated JPEG", "{file} cut to {length}");
        }
    }
}

#[test]
fn other_formats_cut_in_half_say_so() {
    for file in [
        "png_rgb.png",
        "bmp_rgb.bmp",
        "gif_one.gif",
        "tiff_rgb.tif",
        "webp_lossless.webp",
        "webp_lossy.webp",
    ] {
        let whole = bytes(&format!("decode/{file}"));
        let error = decode(&whole[..whole.len() / 2], &Limits::default()).unwrap_err().to_string();
        assert!(error.starts_with("truncated "), "{file}: {error}");
    }
}

#[test]
fn stray_bytes_between_segments_harm_nothing() {
    let plain = bytes("decode/jpeg_rgb.jpg");
    let stray = [&plain[..20], b"some stray bytes".as_slice(), &plain[20..]].concat();
    assert_eq!(&plain[20..22], b"\xFF\xDB", "the first segment ends at 20");
    let limits = Limits::default();
    assert_eq!(decode(&stray, &limits).unwrap(), decode(&plain, &limits).unwrap());
}

/// A PNG that declares `side` x `side` pixels but contains none.
fn png_header(side: u32) -> Vec<u8> {
    png_of(side, side)
}

fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut header = bytes("decode/png_rgb.png");
    header[16..20].copy_from_slice(&width.to_be_bytes());
    header[20..24].copy_from_slice(&height.to_be_bytes());
    with_checksums(header)
}

#[test]
fn a_line_of_pixels_is_refused() {
    let limits = Limits::default();
    for (width, height) in [(1, 65_536), (65_536, 1)] {
        let error = decode(&png_of(width, height), &limits).unwrap_err().to_string();
        assert_eq!(error, format!("{width} x {height} pixels: a side exceeds 65535"));
    }
    // As long as the longest JPEG.
    let error = decode(&png_of(1, 65_535), &limits).unwrap_err().to_string();
    assert!(error.starts_with("damaged PNG") || error.starts_with("truncated PNG"), "{error}");
}

#[test]
fn a_huffman_table_has_at_most_256_codes() {
    let mut file = bytes("decode/jpeg_rgb.jpg");
    let scan = file.windows(2).position(|w| w == b"\xFF\xDA").unwrap();
    let length = 2 + 17 + 400_u16;
    let counts = [&[0; 14][..], &[200; 2]].concat();
    let table = [b"\xFF\xC4", &length.to_be_bytes()[..], &[0], &counts, &[0; 400]].concat();
    file.splice(scan..scan, table);
    let error = decode(&file, &Limits::default()).unwrap_err().to_string();
    assert_eq!(error, "damaged JPEG: a Huffman table has too many codes");
}

#[test]
fn a_huge_declared_size_is_refused_before_anything_is_allocated() {
    let refusal = "50000 x 50000 pixels exceed the limit of 134 megapixels";
    let limits = Limits::default();
    assert_eq!(decode(&png_header(50_000), &limits).unwrap_err().to_string(), refusal);

    let mut jpeg = bytes("decode/jpeg_rgb.jpg");
    let frame = jpeg.windows(2).position(|w| w == b"\xFF\xC0").unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xC3, 0x50, 0xC3, 0x50]);
    assert_eq!(decode(&jpeg, &limits).unwrap_err().to_string(), refusal);

    let mut gif = bytes("decode/gif_one.gif");
    gif[6..10].copy_from_slice(&[0x50, 0xC3, 0x50, 0xC3]);
    assert_eq!(decode(&gif, &limits).unwrap_err().to_string(), refusal);

    let mut bmp = bytes("decode/bmp_rgb.bmp");
    bmp[18..26].copy_from_slice(&[0x50, 0xC3, 0, 0, 0x50, 0xC3, 0, 0]);
    assert_eq!(decode(&bmp, &limits).unwrap_err().to_string(), refusal);
}

#[test]
fn a_picture_within_the_pixel_limit_may_still_need_too_much_memory() {
    let limits = Limits { max_bytes: 13 * 9 * 3 - 1, ..Limits::default() };
    for file in [
        "jpeg_rgb.jpg",
        "png_rgb.png",
        "gif_one.gif",
        "webp_lossless.webp",
        "tiff_rgb.tif",
        "bmp_rgb.bmp",
    ] {
        let error = decode(&bytes(&format!("decode/{file}")), &limits).unwrap_err();
        assert!(matches!(error, DecodeError::TooMuchMemory { .. }), "{file}: {error}");
    }
    // A progressive JPEG needs memory for all coefficients, two bytes each.
    let limits = Limits { max_bytes: 13 * 9 * 9 - 1, ..Limits::default() };
    let progressive = bytes("decode/jpeg_progressive.jpg");
    assert!(matches!(decode(&progressive, &limits), Err(DecodeError::TooMuchMemory { .. })));
}

#[test]
fn the_memory_that_decoding_needs_is_known_from_the_header() {
    let limits = Limits::default();
    let estimate = |file: &[u8]| estimated_bytes(file, &limits) - file.len() as u64;
    let pixels = 13 * 9;
    for (file, expected) in [
        ("png_rgb.png", pixels * 3),
        // Converted to 8-bit RGB in place.
        ("png_16_rgba.png", pixels * 8),
        ("png_rgba.png", pixels * 4),
        // The result is larger, so both are in memory.
        ("png_grey.png", pixels * 4),
    ] {
        assert_eq!(estimate(&bytes(&format!("decode/{file}"))), expected, "{file}");
    }
    // 5000 x 4000: some rows besides the picture, or all coefficients, slightly more than two bytes each.
    for (file, most) in [("jpeg_rgb.jpg", 3.1), ("jpeg_progressive.jpg", 9.6)] {
        let mut file = bytes(&format!("decode/{file}"));
        let frame = file.windows(2).position(|w| matches!(w, b"\xFF\xC0" | b"\xFF\xC2")).unwrap();
        file[frame + 5..frame + 9].copy_from_slice(&[0x0F, 0xA0, 0x13, 0x88]);
        let a_pixel = estimate(&file) as f64 / 20e6;
        assert!((most - 0.2..most).contains(&a_pixel), "{a_pixel} bytes a pixel");
    }
    let mut peak = 0;
    for [file, ..] in cases() {
        let bytes = bytes(&format!("decode/{file}"));
        let needed = estimate(&bytes);
        assert!(needed >= decode(&bytes, &limits).unwrap().pixels().len() as u64);
        // The size of zstd's window does not depend on the picture.
        peak = peak.max(if file.ends_with("zstd.tif") { 0 } else { needed });
    }
    assert!(peak < 200_000, "of pictures this small");
    // Files rejected by their header, or that are not pictures, need no more memory.
    for file in [png_header(50_000), b"text".to_vec(), Vec::new()] {
        assert_eq!(estimate(&file), 0);
    }
    assert_eq!(estimate(&png_header(5_000)), 5_000 * 5_000 * 3);
}

#[test]
fn the_content_hash_is_of_pixels_and_size_and_not_of_the_file() {
    let limits = Limits::default();
    let hash =
        |file: &str| decode(&bytes(&format!("decode/{file}")), &limits).unwrap().content_hash();
    assert_eq!(hash("png_rgb.png"), hash("tiff_lzw.tif"));
    assert_eq!(hash("png_rgb.png"), hash("webp_lossless.webp"));
    assert_ne!(hash("png_rgb.png"), hash("png_grey.png"));
    let wide = headstart_data::Rgb::new(2, 1, vec![7; 6]).unwrap();
    let tall = headstart_data::Rgb::new(1, 2, vec![7; 6]).unwrap();
    assert_ne!(wide.content_hash(), tall.content_hash());
}
