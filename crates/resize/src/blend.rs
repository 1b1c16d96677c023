//! The bilinear mean of four pixels, in integers.
//!
//! A pixel's three levels are packed into fields of `FIELD` bits of a word; one multiplication by a weight of
//! [`WEIGHT`] bits then serves all channels, and the four weighted words of a sample add up without carrying from field
//! to field. The mean is within a tenth of a level before it is rounded.

/// Bits of a channel's field: those of a level and of a weight.
const FIELD: u32 = 8 + WEIGHT;
/// Fractional bits of a weight. The four weights of a sample sum to `1 << WEIGHT`.
pub const WEIGHT: u32 = 13;
/// Half a level in each of the fields.
const HALF: u64 = (1 << (WEIGHT - 1)) * (1 | 1 << FIELD | 1 << (2 * FIELD));

/// Packs a pixel into a word, for [`blend`].
#[inline(always)]
pub fn pack(pixel: &[u8; 3]) -> u64 {
    let [r, g, b] = pixel.map(u64::from);
    r | g << FIELD | b << (2 * FIELD)
}

/// The bilinear mean of the packed pixels top left, top right, bottom left and bottom right, by the fractional position
/// to the right and below: `0..=1 << WEIGHT` each.
#[inline(always)]
pub fn blend(pixels: [u64; 4], right: u64, below: u64) -> [u8; 3] {
    let both = (right * below + (1 << (WEIGHT - 1))) >> WEIGHT;
    let sum = pixels[0] * ((1 << WEIGHT) + both - right - below)
        + pixels[1] * (right - both)
        + pixels[2] * (below - both)
        + pixels[3] * both
        + HALF;
    [0, 1, 2].map(|channel| (sum >> (WEIGHT + channel * FIELD)) as u8)
}
