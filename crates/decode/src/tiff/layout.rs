//! The storage of a TIFF's pixels, from the entries of its directory (TIFF 6.0).

use super::{damaged, truncated, unsupported};
use crate::directory::{Directory, Values};
use crate::{DecodeError, Limits};

mod tag {
    pub(super) const WIDTH: u64 = 256;
    pub(super) const HEIGHT: u64 = 257;
    pub(super) const BITS: u64 = 258;
    pub(super) const COMPRESSION: u64 = 259;
    pub(super) const PHOTOMETRIC: u64 = 262;
    pub(super) const FILL_ORDER: u64 = 266;
    pub(super) const STRIP_OFFSETS: u64 = 273;
    pub(super) const SAMPLES: u64 = 277;
    pub(super) const ROWS_PER_STRIP: u64 = 278;
    pub(super) const STRIP_LENGTHS: u64 = 279;
    pub(super) const PLANES: u64 = 284;
    pub(super) const GROUP_3_OPTIONS: u64 = 292;
    pub(super) const PREDICTOR: u64 = 317;
    pub(super) const PALETTE: u64 = 320;
    pub(super) const TILE_WIDTH: u64 = 322;
    pub(super) const TILE_HEIGHT: u64 = 323;
    pub(super) const TILE_OFFSETS: u64 = 324;
    pub(super) const TILE_LENGTHS: u64 = 325;
    pub(super) const EXTRA_SAMPLES: u64 = 338;
    pub(super) const SAMPLE_FORMAT: u64 = 339;
    pub(super) const JPEG_TABLES: u64 = 347;
    pub(super) const SUBSAMPLING: u64 = 530;
}

/// The compression of chunks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    /// Modified Huffman: independent rows, each padded to whole bytes.
    Rle,
    /// One-dimensional rows, or also rows that refer to the one before.
    Group3 {
        two_dimensional: bool,
    },
    Group4,
    Lzw,
    Jpeg,
    Deflate,
    PackBits,
    Zstd,
}

/// The colour model of the samples.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Grey { inverted: bool },
    Rgb,
    Palette,
    Cmyk,
    YCbCr,
}

/// The number format of a sample.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Unsigned,
    Signed,
    Float,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Alpha {
    /// Colours are stored unchanged.
    Straight,
    /// Colours are multiplied by alpha.
    Multiplied,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Predictor {
    None,
    Horizontal,
    Float,
}

pub(super) struct Layout<'a> {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) big_endian: bool,
    pub(super) compression: Compression,
    pub(super) colour: Colour,
    /// Bits per sample: 1, 2, 4, 8, 16 or 32.
    pub(super) bits: usize,
    pub(super) number: Number,
    /// Samples per pixel, including those without a meaning.
    pub(super) samples: usize,
    /// The meaning of the first sample after the colours, if it is alpha.
    pub(super) alpha: Option<Alpha>,
    /// Whether each sample is stored in separate chunks.
    pub(super) planar: bool,
    pub(super) predictor: Predictor,
    /// Whether the first pixel is in the lowest bit of a byte.
    pub(super) reversed: bool,
    /// Columns and rows per chunk.
    pub(super) chunk: (usize, usize),
    /// How many pixels share Cb and Cr, horizontally and vertically. `None` if not declared; the data then decides.
    pub(super) subsampling: Option<(usize, usize)>,
    /// Red, green and blue of each palette index.
    pub(super) palette: Vec<[u8; 3]>,
    pub(super) jpeg_tables: Option<&'a [u8]>,
    offsets: Values<'a>,
    lengths: Option<Values<'a>>,
}

impl<'a> Layout<'a> {
    /// Reads the layout from a directory.
    ///
    /// # Errors
    /// If entries are missing, beyond the end of the file or contradictory, or if they declare something unsupported
    /// or over the limits.
    pub(super) fn of(directory: &Directory<'a>, limits: &Limits) -> Result<Self, DecodeError> {
        // If an entry exists but its value does not, the file is truncated.
        let integer = |tag: u64| match directory.values(tag) {
            Some(values) => values.integer(0).map(Some).ok_or_else(truncated),
            None => Ok(None),
        };
        let or = |tag: u64, default: u64| Ok::<_, DecodeError>(integer(tag)?.unwrap_or(default));
        let side = |tag| integer(tag)?.ok_or_else(truncated);
        let (width, height) = (side(tag::WIDTH)?, side(tag::HEIGHT)?);
        limits.check(width, height)?;
        if width == 0 || height == 0 {
            return Err(damaged("it is empty"));
        }
        let (width, height) = (width as usize, height as usize);

        let samples = or(tag::SAMPLES, 1)?;
        if !(1..=32).contains(&samples) {
            return Err(unsupported(format!("{samples} samples a pixel")));
        }
        let compression = compression(or(tag::COMPRESSION, 1)?, or(tag::GROUP_3_OPTIONS, 0)?)?;
        let photometric = or(tag::PHOTOMETRIC, 0)?;
        let (mut colour, mut colours) = match photometric {
            0 | 1 => (Colour::Grey { inverted: photometric == 0 }, 1),
            2 => (Colour::Rgb, 3),
            3 => (Colour::Palette, 1),
            5 => (Colour::Cmyk, 4),
            6 => (Colour::YCbCr, 3),
            8..=10 => return Err(unsupported("Lab colours")),
            other => return Err(unsupported(format!("photometric interpretation {other}"))),
        };
        if colour == Colour::YCbCr && samples == 1 {
            (colour, colours) = (Colour::Grey { inverted: false }, 1);
        }
        if samples < colours {
            return Err(damaged("it has fewer samples a pixel than its colours need"));
        }
        let alpha = match (samples > colours).then(|| or(tag::EXTRA_SAMPLES, u64::MAX)) {
            None => None,
            Some(kind) => match kind? {
                1 => Some(Alpha::Multiplied),
                2 | 999 => Some(Alpha::Straight),
                u64::MAX if colour == Colour::Rgb => Some(Alpha::Straight),
                _ => None,
            },
        };

        let same = |tag: u64, default: u64| {
            let Some(values) = directory.values(tag) else { return Ok(default) };
            let first = values.integer(0).ok_or_else(truncated)?;
            for index in 1..values.count.min(samples) {
                if values.integer(index).ok_or_else(truncated)? != first {
                    return Err(unsupported("samples of several kinds"));
                }
            }
            Ok(first)
        };
        let bits = same(tag::BITS, 1)?;
        let number = match same(tag::SAMPLE_FORMAT, 1)? {
            1 | 4 => Number::Unsigned,
            2 => Number::Signed,
            3 => Number::Float,
            _ => return Err(unsupported("complex samples")),
        };
        let grey = matches!(colour, Colour::Grey { .. });
        let is_read = match (number, bits) {
            (Number::Unsigned, 1 | 2 | 4) => samples == 1 && (grey || colour == Colour::Palette),
            (Number::Unsigned, 8) => true,
            (Number::Unsigned, 16) => grey || matches!(colour, Colour::Rgb | Colour::Cmyk),
            (Number::Signed, 8) => grey,
            (Number::Unsigned | Number::Signed, 16 | 32) => grey && alpha.is_none(),
            (Number::Float, 32) => grey && alpha.is_none() || colour == Colour::Rgb,
            _ => false,
        };
        if !is_read {
            return Err(unsupported(format!("samples of {bits} bits of this kind")));
        }

        let planar = samples > 1 && or(tag::PLANES, 1)? == 2;
        let predictor = match (compression, or(tag::PREDICTOR, 1)?) {
            (Compression::Lzw | Compression::Deflate | Compression::Zstd, 2) => {
                Predictor::Horizontal
            }
            (Compression::Lzw | Compression::Deflate | Compression::Zstd, 3) => Predictor::Float,
            _ => Predictor::None,
        };
        match predictor {
            Predictor::Horizontal if bits < 8 => return Err(unsupported("predicted bits")),
            Predictor::Float if number != Number::Float => {
                return Err(damaged("floats are predicted that are none"));
            }
            _ => {}
        }
        let bilevel = matches!(
            compression,
            Compression::Rle | Compression::Group3 { .. } | Compression::Group4
        );
        if bilevel && (bits, samples) != (1, 1) {
            return Err(damaged("it is packed as a fax, and no bilevel picture"));
        }
        let as_jpeg = bits == 8 && !planar && matches!(samples, 1 | 3) && colour != Colour::Palette;
        if compression == Compression::Jpeg && !as_jpeg {
            return Err(unsupported("JPEG of samples of this kind"));
        }

        let (offsets, lengths, chunk) = match directory.values(tag::TILE_OFFSETS) {
            Some(offsets) => {
                let tile = (side(tag::TILE_WIDTH)?, side(tag::TILE_HEIGHT)?);
                (offsets, directory.values(tag::TILE_LENGTHS), tile)
            }
            None => {
                let offsets = directory.values(tag::STRIP_OFFSETS).ok_or_else(truncated)?;
                let rows = or(tag::ROWS_PER_STRIP, height as u64)?.min(height as u64);
                (offsets, directory.values(tag::STRIP_LENGTHS), (width as u64, rows))
            }
        };
        let sides = 1..=u64::from(u32::MAX);
        if !sides.contains(&chunk.0) || !sides.contains(&chunk.1) {
            return Err(damaged("its strips or tiles have no size"));
        }
        let subsampling = match directory.values(tag::SUBSAMPLING) {
            Some(values) if colour == Colour::YCbCr => {
                let factor = |index| match values.integer(index) {
                    Some(factor @ (1 | 2 | 4)) => Ok(factor as usize),
                    Some(_) => Err(damaged("its chroma is subsampled by no power of two")),
                    None => Err(truncated()),
                };
                Some((factor(0)?, factor(1)?))
            }
            _ => None,
        };
        if colour == Colour::YCbCr && planar && subsampling.is_some_and(|by| by != (1, 1)) {
            return Err(unsupported("planes of different sizes"));
        }
        let layout = Self {
            width,
            height,
            big_endian: directory.is_big_endian(),
            compression,
            colour,
            bits: bits as usize,
            number,
            samples: samples as usize,
            alpha,
            planar,
            predictor,
            reversed: or(tag::FILL_ORDER, 1)? == 2,
            chunk: (chunk.0 as usize, chunk.1 as usize),
            subsampling,
            palette: if colour == Colour::Palette { palette(directory, bits)? } else { Vec::new() },
            jpeg_tables: directory.values(tag::JPEG_TABLES).and_then(|tables| tables.bytes()),
            offsets,
            lengths,
        };
        let (across, down) = layout.chunks();
        let planes = if planar { samples } else { 1 };
        if (layout.offsets.count as u128) < across as u128 * down as u128 * u128::from(planes) {
            return Err(damaged("it has fewer strips or tiles than it needs"));
        }
        Ok(layout)
    }

    /// The number of chunks, horizontally and vertically.
    pub(super) fn chunks(&self) -> (usize, usize) {
        (self.width.div_ceil(self.chunk.0), self.height.div_ceil(self.chunk.1))
    }

    /// Samples per pixel in a chunk.
    pub(super) fn samples_in_chunk(&self) -> usize {
        if self.planar { 1 } else { self.samples }
    }

    /// Bytes per row of a chunk.
    pub(super) fn row_bytes(&self) -> usize {
        (self.chunk.0 * self.samples_in_chunk() * self.bits).div_ceil(8)
    }

    /// Bytes per chunk, including all its planes.
    pub(super) fn chunk_bytes(&self) -> u64 {
        // Rows of 2^32 pixels of 32 samples are below 2^42 bytes.
        let planes = if self.planar { self.samples } else { 1 };
        (self.row_bytes() as u64).saturating_mul((planes * self.chunk.1) as u64)
    }

    /// The packed data of a chunk, as far as the file contains it.
    pub(super) fn packed<'b>(
        &self,
        bytes: &'b [u8],
        chunk: usize,
    ) -> Result<&'b [u8], DecodeError> {
        let at = self.offsets.integer(chunk as u64).ok_or_else(truncated)?;
        let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).ok_or_else(truncated)?;
        // If the length is not declared, the data may extend to the end of the file.
        let length = match self.lengths {
            Some(lengths) => lengths.integer(chunk as u64).ok_or_else(truncated)?,
            None => u64::MAX,
        };
        Ok(&rest[..usize::try_from(length).unwrap_or(usize::MAX).min(rest.len())])
    }
}

fn compression(number: u64, group_3_options: u64) -> Result<Compression, DecodeError> {
    Ok(match number {
        1 => Compression::None,
        2 => Compression::Rle,
        3 => Compression::Group3 { two_dimensional: group_3_options & 1 != 0 },
        4 => Compression::Group4,
        5 => Compression::Lzw,
        6 => return Err(unsupported("JPEG in the manner of TIFF 6.0")),
        7 => Compression::Jpeg,
        8 | 32946 => Compression::Deflate,
        32773 => Compression::PackBits,
        34925 => return Err(unsupported("LZMA")),
        50000 => Compression::Zstd,
        50001 => return Err(unsupported("WebP")),
        other => return Err(unsupported(format!("compression {other}"))),
    })
}

/// Reads the palette: all reds, all greens, all blues, in 16 bits. The high byte of each is kept.
fn palette(directory: &Directory<'_>, bits: u64) -> Result<Vec<[u8; 3]>, DecodeError> {
    let values = directory.values(tag::PALETTE).ok_or_else(|| damaged("its palette is missing"))?;
    let colours = 1 << bits;
    if values.count < 3 * colours {
        return Err(damaged("its palette is too short"));
    }
    let colour = |index: u64| {
        let mut colour = [0; 3];
        for (place, of) in colour.iter_mut().zip(0..) {
            let value = values.integer(of * colours + index).ok_or_else(truncated)?;
            *place = (value >> 8) as u8;
        }
        Ok(colour)
    };
    (0..colours).map(colour).collect()
}
