//! Facts about a picture besides its features: properties of its file, and of its appearance to the network.

use crate::decode::{Format, Header};

/// Facts about a picture besides its features.
///
/// `width` to `orientation` are properties of the file; the others are measured on the pixels that the network sees, so
/// that they cost little and are comparable between large and small pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Facts {
    /// The format of the file's content.
    pub format: Format,
    /// The EXIF orientation, 1 to 8; 1 is upright.
    pub orientation: u8,
    /// Width of the upright picture before resizing, in pixels.
    pub width: u32,
    /// Height of the upright picture before resizing, in pixels.
    pub height: u32,
    /// Mean luma (ITU-R BT.601), 0 to 255.
    pub luma: f32,
    /// Standard deviation of luma, 0 to 127.5.
    pub contrast: f32,
    /// Fraction of pixels whose luma is at most [`BLACK`].
    pub black: f32,
    /// Fraction of pixels whose luma is at least [`WHITE`].
    pub white: f32,
    /// Blur, from 0 (sharp) to 1: the fraction of the differences between neighbouring pixels that remains after a box
    /// filter of nine (Crete, Dolmiere, Ladret & Nicolas, "The blur effect", 2007), in the worse of the two directions.
    /// 1 if there are no differences.
    pub blur: f32,
    /// Colourfulness M3 (Hasler & Süsstrunk, "Measuring colourfulness in natural images", 2003): 0 is grey, 15
    /// slightly, 59 quite and 109 extremely colourful.
    pub colourfulness: f32,
    /// Mean luma of each cell of a grid over the picture, row by row from the top left.
    pub thumbnail: Thumbnail,
}

/// The maximum luma of a black pixel.
pub const BLACK: u8 = 8;
/// The minimum luma of a white pixel.
pub const WHITE: u8 = 247;
/// Cells of a [`Thumbnail`] along each side.
pub const THUMBNAIL: usize = 16;
/// A picture in 16 x 16 cells of luma.
pub type Thumbnail = [u8; THUMBNAIL * THUMBNAIL];

/// Pixels on either side that the box filter includes.
const REACH: usize = 4;
/// Length of the box filter, in pixels.
const BOX: i16 = 2 * REACH as i16 + 1;

impl Facts {
    /// Length of [`Facts::to_bytes`].
    pub const BYTES: usize = 1 + 1 + 2 * 4 + 6 * 4 + THUMBNAIL * THUMBNAIL;

    /// Computes the facts of a picture from its file's header and its pixels at the network's size: u8 RGB,
    /// `[height][width][3]`.
    ///
    /// # Panics
    /// Unless `pixels` consists of one or more whole rows.
    pub fn new(header: &Header, pixels: &[u8], width: usize) -> Self {
        let row = width * 3;
        assert!(row > 0 && !pixels.is_empty() && pixels.len().is_multiple_of(row), "whole rows");
        let planes = Planes::of(pixels);
        let luma = planes.luma();
        let light = Light::of(&luma);
        Self {
            format: header.format,
            orientation: header.orientation,
            width: header.width,
            height: header.height,
            luma: light.mean as f32,
            contrast: light.deviation as f32,
            black: light.black as f32,
            white: light.white as f32,
            blur: blur(&luma, width) as f32,
            colourfulness: planes.colourfulness() as f32,
            thumbnail: thumbnail(&luma, width),
        }
    }

    /// Serialises to little-endian bytes.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let (head, thumbnail) = bytes.split_at_mut(Self::BYTES - THUMBNAIL * THUMBNAIL);
        head[0] = self.format.number();
        head[1] = self.orientation;
        let sides = [self.width, self.height].map(u32::to_le_bytes);
        let measures = self.measures().map(f32::to_le_bytes);
        for (to, from) in head[2..].as_chunks_mut().0.iter_mut().zip(sides.iter().chain(&measures))
        {
            *to = *from;
        }
        thumbnail.copy_from_slice(&self.thumbnail);
        bytes
    }

    /// Parses the result of [`Facts::to_bytes`]; `None` for bytes that it cannot have written.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let (head, thumbnail) = bytes.split_last_chunk::<{ THUMBNAIL * THUMBNAIL }>()?;
        let [width, height] = *head[2..].as_chunks().0.first_chunk()?;
        let measures: &[[u8; 4]; 6] = head[10..].as_chunks().0.first_chunk()?;
        let [luma, contrast, black, white, blur, colourfulness] = measures.map(f32::from_le_bytes);
        Some(Self {
            format: Format::from_number(head[0])?,
            orientation: head[1],
            width: u32::from_le_bytes(width),
            height: u32::from_le_bytes(height),
            luma,
            contrast,
            black,
            white,
            blur,
            colourfulness,
            thumbnail: *thumbnail,
        })
    }

    fn measures(&self) -> [f32; 6] {
        [self.luma, self.contrast, self.black, self.white, self.blur, self.colourfulness]
    }
}

/// Number of values whose sums of squares and of products fit in 32 bits.
const FIT: usize = 1 << 12;

/// Red, green and blue in separate planes, for vectorisation.
struct Planes([Vec<u8>; 3]);

impl Planes {
    fn of(pixels: &[u8]) -> Self {
        let pixels = pixels.as_chunks::<3>().0;
        Self([0, 1, 2].map(|channel| pixels.iter().map(|pixel| pixel[channel]).collect()))
    }

    fn pixels(&self) -> impl Iterator<Item = [&[u8]; 3]> {
        let [r, g, b] = self.0.each_ref().map(|plane| plane.chunks(FIT));
        r.zip(g).zip(b).map(|((r, g), b)| [r, g, b])
    }

    /// ITU-R BT.601 luma, computed with a 16-bit fraction and rounded to nearest.
    fn luma(&self) -> Vec<u8> {
        let [r, g, b] = &self.0;
        let luma = |((&r, &g), &b): ((&u8, &u8), &u8)| {
            let sum = 19595 * u32::from(r) + 38470 * u32::from(g) + 7471 * u32::from(b);
            ((sum + (1 << 15)) >> 16) as u8
        };
        r.iter().zip(g).zip(b).map(luma).collect()
    }

    /// [`Facts::colourfulness`].
    fn colourfulness(&self) -> f64 {
        // Red minus green, and yellow minus blue, the latter doubled to stay an integer.
        let (mut rg, mut yb) = ([0i64; 2], [0i64; 2]);
        for [r, g, b] in self.pixels() {
            let (mut part_rg, mut part_yb) = ([0i32; 2], [0i32; 2]);
            for ((&r, &g), &b) in r.iter().zip(g).zip(b) {
                let [r, g, b] = [r, g, b].map(i32::from);
                let (d, e) = (r - g, r + g - 2 * b);
                part_rg = [part_rg[0] + d, part_rg[1] + d * d];
                part_yb = [part_yb[0] + e, part_yb[1] + e * e];
            }
            for (sum, part) in rg.iter_mut().zip(part_rg).chain(yb.iter_mut().zip(part_yb)) {
                *sum += i64::from(part);
            }
        }
        let n = self.0[0].len() as f64;
        let moments = |[sum, squares]: [i64; 2], unit: f64| {
            let mean = sum as f64 / n;
            (mean * unit, (squares as f64 / n - mean * mean) * unit * unit)
        };
        let ((rg, rg_variance), (yb, yb_variance)) = (moments(rg, 1.0), moments(yb, 0.5));
        (rg_variance + yb_variance).max(0.0).sqrt() + 0.3 * (rg * rg + yb * yb).sqrt()
    }
}

/// The distribution of luma.
struct Light {
    mean: f64,
    deviation: f64,
    black: f64,
    white: f64,
}

impl Light {
    fn of(luma: &[u8]) -> Self {
        let (mut sum, mut squares, mut black, mut white) = (0u64, 0u64, 0u64, 0u64);
        for part in luma.chunks(FIT) {
            let total = |value: fn(u32) -> u32| -> u64 {
                part.iter().map(|&l| value(l.into())).sum::<u32>().into()
            };
            sum += total(|l| l);
            squares += total(|l| l * l);
            black += total(|l| u32::from(l <= BLACK.into()));
            white += total(|l| u32::from(l >= WHITE.into()));
        }
        let share = |sum: u64| sum as f64 / luma.len() as f64;
        let mean = share(sum);
        Self {
            mean,
            deviation: (share(squares) - mean * mean).max(0.0).sqrt(),
            black: share(black),
            white: share(white),
        }
    }
}

/// Computes [`Facts::blur`] from rows of luma.
///
/// The difference of two neighbours after the box filter is that of the pixels that enter and leave the box between
/// them, divided by its length.
fn blur(luma: &[u8], width: usize) -> f64 {
    let mut across = Variation::default();
    for row in luma.chunks_exact(width).filter(|row| row.len() > 2 * REACH + 1) {
        let inner = width - (2 * REACH + 1);
        across.add([REACH + 1, REACH, 2 * REACH + 1, 0].map(|start| &row[start..][..inner]));
    }
    let mut down = Variation::default();
    for rows in luma.chunks_exact(width).collect::<Vec<_>>().windows(2 * REACH + 2) {
        down.add([REACH + 1, REACH, 2 * REACH + 1, 0].map(|row| rows[row]));
    }
    [across, down].iter().filter_map(Variation::blur).reduce(f64::max).unwrap_or(1.0)
}

/// The total variation of neighbouring pixels.
#[derive(Default)]
struct Variation {
    /// The sum of the differences, times the box's length.
    all: u64,
    /// The part of it that the box filter removes.
    lost: u64,
}

impl Variation {
    /// Adds pixels, their predecessors, and the pixels that enter and leave the box between them.
    fn add(&mut self, [here, before, entering, leaving]: [&[u8]; 4]) {
        let (mut all, mut lost) = (0u32, 0u32);
        let difference = |a: u8, b: u8| (i16::from(a) - i16::from(b)).abs();
        let pairs = here.iter().zip(before);
        for ((&here, &before), (&entering, &leaving)) in pairs.zip(entering.iter().zip(leaving)) {
            let sharp = BOX * difference(here, before);
            all += sharp as u32;
            lost += (sharp - difference(entering, leaving)).max(0) as u32;
        }
        self.all += u64::from(all);
        self.lost += u64::from(lost);
    }

    fn blur(&self) -> Option<f64> {
        (self.all > 0).then(|| 1.0 - self.lost as f64 / self.all as f64)
    }
}

/// Computes [`Facts::thumbnail`] from rows of luma.
fn thumbnail(luma: &[u8], width: usize) -> Thumbnail {
    let height = luma.len() / width;
    // Never empty: a picture with fewer pixels than cells repeats some of them.
    let cell = |at: usize, side: usize| {
        let start = at * side / THUMBNAIL;
        start..((at + 1) * side / THUMBNAIL).max(start + 1)
    };
    let mut cells = [0; THUMBNAIL * THUMBNAIL];
    for (y, cells) in cells.chunks_exact_mut(THUMBNAIL).enumerate() {
        for (x, out) in cells.iter_mut().enumerate() {
            let (rows, columns) = (cell(y, height), cell(x, width));
            let count = rows.len() * columns.len();
            let sum_of = |row: usize| -> u64 {
                luma[row * width..][columns.clone()].iter().map(|&l| u64::from(l)).sum()
            };
            let sum: u64 = rows.map(sum_of).sum();
            *out = ((sum + count as u64 / 2) / count as u64) as u8;
        }
    }
    cells
}
