//! Unpacks the data of a chunk to rows of samples, as the directory describes them.

use std::io::{self, Read};

use flate2::read::ZlibDecoder;
use headstart_jpeg::{Jpeg, Reduction};
use ruzstd::decoding::StreamingDecoder;

use super::layout::{Colour, Compression, Layout, Predictor};
use super::{damaged, fax, truncated, unsupported};
use crate::{DecodeError, Limits};

/// The window in bytes that a zstd decoder should support (RFC 8878, 3.1.1.1.2).
pub(super) const WINDOW: usize = 8 << 20;

/// The unpacked data of a chunk.
pub(super) enum Chunk {
    /// Rows of samples, each of [`Layout::row_bytes`].
    Samples(Vec<u8>),
    /// Rows of 8-bit red, green and blue, with the number of bytes per row.
    Rgb(Vec<u8>, usize),
    /// Rows of samples, separately for each plane.
    Planes(Vec<Vec<u8>>),
}

/// Reads `rows` rows of a chunk, given by its index within a plane.
pub(super) fn read(
    bytes: &[u8],
    layout: &Layout<'_>,
    index: usize,
    rows: usize,
    limits: &Limits,
) -> Result<Chunk, DecodeError> {
    if layout.planar {
        let (across, down) = layout.chunks();
        let planes = (0..layout.samples).map(|plane| {
            samples(layout.packed(bytes, plane * across * down + index)?, layout, rows)
        });
        return Ok(Chunk::Planes(planes.collect::<Result<_, _>>()?));
    }
    let packed = layout.packed(bytes, index)?;
    match layout.compression {
        Compression::Jpeg => jpeg(packed, layout, rows, limits),
        _ if layout.colour == Colour::YCbCr => ycbcr(packed, layout, rows),
        _ => Ok(Chunk::Samples(samples(packed, layout, rows)?)),
    }
}

fn samples(packed: &[u8], layout: &Layout<'_>, rows: usize) -> Result<Vec<u8>, DecodeError> {
    let mut data = unpacked(packed, layout, rows, rows * layout.row_bytes())?;
    if data.len() < rows * layout.row_bytes() {
        return Err(truncated());
    }
    for row in data.chunks_exact_mut(layout.row_bytes()) {
        predicted(row, layout);
    }
    Ok(data)
}

/// The first `length` bytes of the unpacked data, or fewer if it is shorter.
fn unpacked(
    packed: &[u8],
    layout: &Layout<'_>,
    rows: usize,
    length: usize,
) -> Result<Vec<u8>, DecodeError> {
    let turned: Vec<u8>;
    let keeps_order = matches!(layout.compression, Compression::Deflate | Compression::Zstd);
    let packed = if layout.reversed && !keeps_order {
        turned = packed.iter().map(|byte| byte.reverse_bits()).collect();
        &turned
    } else {
        packed
    };
    match layout.compression {
        Compression::Lzw => {
            let configuration =
                weezl::decode::Configuration::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
            let mut decoder = configuration.with_yield_on_full_buffer(true).build();
            let mut data = vec![0; length];
            let (mut from, mut to) = (0, 0);
            while to < length {
                let step = decoder.decode_bytes(&packed[from..], &mut data[to..]);
                (from, to) = (from + step.consumed_in, to + step.consumed_out);
                match step.status.map_err(|_| damaged("its LZW data makes no sense"))? {
                    weezl::LzwStatus::Done => break,
                    weezl::LzwStatus::NoProgress => break,
                    weezl::LzwStatus::Ok => {}
                }
            }
            data.truncate(to);
            Ok(data)
        }
        Compression::Deflate => first_of(ZlibDecoder::new(packed), length),
        Compression::Zstd => {
            let window = length.max(WINDOW) as u64;
            let decoder = StreamingDecoder::new_with_max_window_size(packed, window);
            first_of(decoder.map_err(|_| damaged("its zstd data makes no sense"))?, length)
        }
        Compression::PackBits => Ok(pack_bits(packed, length)),
        Compression::Rle | Compression::Group3 { .. } | Compression::Group4 => {
            fax::unpacked(packed, layout.compression, layout.chunk.0, rows)
                .ok_or_else(|| damaged("its fax data makes no sense"))
        }
        _ => Ok(packed[..packed.len().min(length)].to_vec()),
    }
}

/// Reads up to `length` bytes from a decoder.
fn first_of(decoder: impl Read, length: usize) -> Result<Vec<u8>, DecodeError> {
    let mut data = Vec::with_capacity(length);
    match decoder.take(length as u64).read_to_end(&mut data) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Err(truncated()),
        Err(e) => Err(damaged(&e.to_string())),
        Ok(_) => Ok(data),
    }
}

/// Unpacks PackBits (TIFF 6.0, section 9).
fn pack_bits(mut packed: &[u8], length: usize) -> Vec<u8> {
    let mut data = Vec::with_capacity(length);
    while let Some((&head, rest)) = packed.split_first() {
        if data.len() >= length {
            break;
        }
        packed = match head {
            128 => rest,
            0..=127 => {
                let (literal, rest) = rest.split_at(rest.len().min(usize::from(head) + 1));
                data.extend_from_slice(literal);
                rest
            }
            _ => {
                let Some((&byte, rest)) = rest.split_first() else { break };
                data.resize(data.len() + 257 - usize::from(head), byte);
                rest
            }
        };
    }
    data.truncate(length);
    data
}

/// Undoes the predictor in a row.
fn predicted(row: &mut [u8], layout: &Layout<'_>) {
    let samples = layout.samples_in_chunk();
    match (layout.predictor, layout.bits / 8) {
        (Predictor::None, _) | (_, 0) => {}
        (Predictor::Horizontal, bytes) => {
            for at in (samples * bytes..row.len()).step_by(bytes) {
                let before = number(&row[at - samples * bytes..][..bytes], layout.big_endian);
                let sum = before.wrapping_add(number(&row[at..][..bytes], layout.big_endian));
                let sum = sum.to_le_bytes();
                for (i, &byte) in sum[..bytes].iter().enumerate() {
                    row[at + if layout.big_endian { bytes - 1 - i } else { i }] = byte;
                }
            }
        }
        // Bytes of equal significance are stored together, the most significant first.
        (Predictor::Float, bytes) => {
            for at in samples..row.len() {
                row[at] = row[at].wrapping_add(row[at - samples]);
            }
            let together = row.to_vec();
            let floats = row.len() / bytes;
            for (i, float) in row.chunks_exact_mut(bytes).enumerate() {
                for weight in 0..bytes {
                    let byte = together[weight * floats + i];
                    float[if layout.big_endian { weight } else { bytes - 1 - weight }] = byte;
                }
            }
        }
    }
}

/// An unsigned number of up to 4 bytes.
pub(super) fn number(bytes: &[u8], big_endian: bool) -> u32 {
    let push = |number, &byte: &u8| number << 8 | u32::from(byte);
    match big_endian {
        true => bytes.iter().fold(0, push),
        false => bytes.iter().rev().fold(0, push),
    }
}

/// Expands subsampled YCbCr: stores Cb and Cr with each of the pixels that share them. In the file,
/// all samples of a group of pixels are adjacent (TIFF 6.0, section 21).
fn ycbcr(packed: &[u8], layout: &Layout<'_>, rows: usize) -> Result<Chunk, DecodeError> {
    let width = layout.chunk.0;
    let whole = rows * width * 3;
    if layout.samples != 3 {
        return Err(unsupported("YCbCr with more samples"));
    }
    let units = |(h, v): (usize, usize)| (width.div_ceil(h), rows.div_ceil(v));
    let (by, data) = match layout.subsampling {
        Some(by) => {
            let length = units(by).0 * units(by).1 * (by.0 * by.1 + 2);
            (by, unpacked(packed, layout, rows, length)?)
        }
        // The standard's default is 2 by 2, but Pillow writes full-size samples without declaring
        // it.
        None => {
            let data = unpacked(packed, layout, rows, whole)?;
            (if data.len() < whole { (2, 2) } else { (1, 1) }, data)
        }
    };
    let mut data = data;
    if by == (1, 1) {
        if data.len() < whole {
            return Err(truncated());
        }
        data.chunks_exact_mut(width * 3).for_each(|row| predicted(row, layout));
        return Ok(Chunk::Samples(data));
    }
    if layout.predictor != Predictor::None {
        return Err(unsupported("predicted subsampled chroma"));
    }
    let (across, down) = units(by);
    let unit = by.0 * by.1 + 2;
    if data.len() < across * down * unit {
        return Err(truncated());
    }
    let mut samples = vec![0; whole];
    for (i, pixel) in samples.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (x, y) = (i % width, i / width);
        let unit = &data[(y / by.1 * across + x / by.0) * unit..][..unit];
        let luma = unit[y % by.1 * by.0 + x % by.0];
        *pixel = [luma, unit[unit.len() - 2], unit[unit.len() - 1]];
    }
    Ok(Chunk::Samples(samples))
}

/// Decodes a JPEG chunk. Prepends the tables that chunks share, and an Adobe segment with the
/// colour transform that the TIFF declares.
fn jpeg(
    packed: &[u8],
    layout: &Layout<'_>,
    rows: usize,
    limits: &Limits,
) -> Result<Chunk, DecodeError> {
    let transform = u8::from(layout.colour == Colour::YCbCr);
    let mut file = b"\xFF\xD8\xFF\xEE\x00\x0EAdobe\x00\x64\x00\x00\x00\x00".to_vec();
    file.push(transform);
    if let Some(tables) = layout.jpeg_tables {
        let tables = tables.strip_prefix(b"\xFF\xD8").unwrap_or(tables);
        file.extend_from_slice(tables.strip_suffix(b"\xFF\xD9").unwrap_or(tables));
    }
    file.extend_from_slice(packed.strip_prefix(b"\xFF\xD8").unwrap_or(packed));
    let in_tiff = |error: DecodeError| match error {
        DecodeError::Truncated { .. } => truncated(),
        other => damaged(&other.to_string()),
    };
    let jpeg = Jpeg::new(&file).map_err(|e| in_tiff(e.into()))?;
    if jpeg.width() != layout.chunk.0 || jpeg.height() < rows || jpeg.height() > layout.chunk.1 {
        return Err(damaged("a JPEG within is of another size"));
    }
    if jpeg.memory(Reduction::None) > limits.max_bytes {
        return Err(DecodeError::TooMuchMemory { limit: limits.max_bytes });
    }
    let mut rgb = jpeg.decode(Reduction::None).map_err(|e| in_tiff(e.into()))?.rgb;
    if layout.colour == (Colour::Grey { inverted: true }) {
        rgb.iter_mut().for_each(|sample| *sample = 255 - *sample);
    }
    Ok(Chunk::Rgb(rgb, layout.chunk.0 * 3))
}
