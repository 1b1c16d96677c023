//! Brightness, contrast and saturation.

/// Number of pixels adjusted at a time, channel by channel: at least a vector register.
const BLOCK: usize = 32;

/// The weights of red, green and blue in grey: ITU-R 601, as in Pillow and torchvision.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// A change of a picture's colours by a non-negative factor; 1 changes nothing.
///
/// All are `factor * level + (1 - factor) * other`, limited to 0 to 255: Pillow's `ImageEnhance` and torchvision's
/// `adjust_brightness`, `adjust_contrast` and `adjust_saturation`. Those truncate the result; here it is rounded, so
/// that adjustments do not lower the mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Adjustment {
    /// `other` is black.
    Brightness(f32),
    /// `other` is the picture's mean grey.
    Contrast(f32),
    /// `other` is the pixel's own grey.
    Saturation(f32),
}

impl Adjustment {
    /// Adjusts any number of RGB pixels in place. Contrast requires all pixels of a picture at once.
    pub fn apply(self, pixels: &mut [u8]) {
        match self {
            Self::Brightness(1.0) | Self::Contrast(1.0) | Self::Saturation(1.0) => {}
            Self::Brightness(factor) => line(pixels, factor, 0.0),
            Self::Contrast(factor) => {
                let grey = mean_grey(pixels);
                line(pixels, factor, (1.0 - factor) * grey);
            }
            Self::Saturation(factor) => saturate(pixels, factor),
        }
    }
}

/// Rounds to the nearest level.
#[inline(always)]
fn level(value: f32) -> u8 {
    let value = if value < 0.0 { 0.0 } else { value };
    let value = if value > 255.0 { 255.0 } else { value };
    (value + 8_388_608.0).to_bits() as u8
}

/// Replaces every level by `factor * level + offset`.
fn line(pixels: &mut [u8], factor: f32, offset: f32) {
    for v in pixels {
        *v = level(factor * f32::from(*v) + offset);
    }
}

/// The grey of the mean colour, which is the mean of the greys; 0 without pixels.
fn mean_grey(pixels: &[u8]) -> f32 {
    let pixels = pixels.as_chunks::<3>().0;
    let mut sums = [0_u64; 3];
    for pixel in pixels {
        for (sum, v) in sums.iter_mut().zip(pixel) {
            *sum += u64::from(*v);
        }
    }
    let count = pixels.len().max(1) as f32;
    sums.iter().zip(LUMA).map(|(sum, share)| *sum as f32 / count * share).sum()
}

fn saturate(pixels: &mut [u8], factor: f32) {
    let (blocks, rest) = pixels.as_chunks_mut::<3>().0.as_chunks_mut::<BLOCK>();
    for block in blocks {
        saturate_block(block, factor);
    }
    let mut last = [[0; 3]; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    saturate_block(&mut last, factor);
    rest.copy_from_slice(&last[..rest.len()]);
}

#[inline(always)]
fn saturate_block(block: &mut [[u8; 3]; BLOCK], factor: f32) {
    let mut planes = [[0_u8; BLOCK]; 3];
    for (i, pixel) in block.iter().enumerate() {
        for (plane, v) in planes.iter_mut().zip(pixel) {
            plane[i] = *v;
        }
    }
    let [red, green, blue] = &mut planes;
    for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
        let colour = [*r, *g, *b].map(f32::from);
        let grey = LUMA[0] * colour[0] + LUMA[1] * colour[1] + LUMA[2] * colour[2];
        let towards = (1.0 - factor) * grey;
        [*r, *g, *b] = colour.map(|v| level(factor * v + towards));
    }
    for (i, pixel) in block.iter_mut().enumerate() {
        *pixel = [planes[0][i], planes[1][i], planes[2][i]];
    }
}
