//! Mixing two pictures and their labels.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::Region;

/// The probability that a picture is mixed, and that a mix is mixup.
const HALF: f64 = 0.5;
/// Both parameters of the Beta distribution of a mixup's share.
const MIXUP: f64 = 0.2;
/// The denominator of the shares of a mixup.
const WHOLE: u16 = 256;

/// A mix of a picture with another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    partner: usize,
    height: usize,
    width: usize,
    how: How,
}

/// The way two pictures are mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// A weighted mean of all pixels (Zhang et al. 2018, "mixup").
    MixUp {
        /// The weight of the original picture, in 256ths.
        share: u16,
    },
    /// A rectangle is replaced by the partner's (Yun et al. 2019, "CutMix").
    CutMix {
        /// The rectangle, which may be empty.
        region: Region,
    },
}

impl Mix {
    /// Draws a mix for a `height` x `width` picture with any of `count` partners.
    pub(super) fn draw(
        random: &mut ChaCha8Rng,
        count: usize,
        height: usize,
        width: usize,
    ) -> Option<Self> {
        if !random.random_bool(HALF) {
            return None;
        }
        let partner = random.random_range(0..count);
        let how = if random.random_bool(HALF) {
            let share = symmetric_beta(random, MIXUP);
            How::MixUp { share: (share * f64::from(WHOLE)).round() as u16 }
        } else {
            How::CutMix { region: rectangle(random, height, width) }
        };
        Some(Self { partner, height, width, how })
    }

    /// The index of the other picture.
    pub fn partner(&self) -> usize {
        self.partner
    }

    /// The way they are mixed.
    pub fn how(&self) -> How {
        self.how
    }

    /// The share of the original label, in `0..=1`; the rest is the partner's. It is exactly the fraction of the
    /// original picture after [`Mix::blend`].
    pub fn share(&self) -> f32 {
        match self.how {
            How::MixUp { share } => f32::from(share) / f32::from(WHOLE),
            How::CutMix { region } => {
                let all = self.height * self.width;
                (all - region.area()) as f32 / all as f32
            }
        }
    }

    /// Mixes the partner into `pixels`; both have shape (height, width, 3).
    ///
    /// # Panics
    /// When a slice has another length.
    pub fn blend(&self, pixels: &mut [u8], partner: &[u8]) {
        assert_eq!(pixels.len(), self.height * self.width * 3, "the picture has another size");
        assert_eq!(partner.len(), pixels.len(), "the partner has another size");
        match self.how {
            How::MixUp { share } => {
                for (own, other) in pixels.iter_mut().zip(partner) {
                    let sum = u16::from(*own) * share + u16::from(*other) * (WHOLE - share);
                    *own = ((sum + WHOLE / 2) / WHOLE) as u8;
                }
            }
            How::CutMix { region } => {
                for row in region.top..region.top + region.height {
                    let start = (row * self.width + region.left) * 3;
                    let part = start..start + region.width * 3;
                    pixels[part.clone()].copy_from_slice(&partner[part]);
                }
            }
        }
    }
}

/// The rectangle of torchvision's `CutMix`: the original picture's share uniform in 0 to 1, the sides the square root
/// of the rest, the centre anywhere; it is clipped to the picture.
fn rectangle(random: &mut ChaCha8Rng, height: usize, width: usize) -> Region {
    let own: f64 = random.random();
    let reach = 0.5 * (1.0 - own).sqrt();
    let mut extent = |side: usize| {
        let middle = random.random_range(0..side);
        let reach = (reach * side as f64) as usize;
        (middle.saturating_sub(reach), (middle + reach).min(side))
    };
    let (left, right) = extent(width);
    let (top, bottom) = extent(height);
    Region { left, top, width: right - left, height: bottom - top }
}

/// Draws from Beta(a, a) for an `a` below 1, by Jöhnk's method (1964): with U and V uniform, X = U^(1/a) and Y =
/// V^(1/a), X / (X + Y) if X + Y is at most 1.
fn symmetric_beta(random: &mut ChaCha8Rng, a: f64) -> f64 {
    loop {
        let x = random.random::<f64>().powf(1.0 / a);
        let y = random.random::<f64>().powf(1.0 / a);
        let sum = x + y;
        if sum > 0.0 && sum <= 1.0 {
            return x / sum;
        }
    }
}
