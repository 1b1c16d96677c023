//! The distributions from which a picture's view is drawn.

use std::f64::consts::TAU;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Adjustment, Augment, Draw, Region};

/// The maximum ratio of a crop's width to its height, and of its height to its width.
const RATIO: f64 = 4.0 / 3.0;

/// The number of attempts to draw a crop that fits, as in torchvision.
const TRIES: usize = 10;

/// The parameters of an [`Augment`].
pub(super) struct Recipe {
    /// Whether half of the pictures are flipped.
    flips: bool,
    /// The largest angle in either direction, in radians.
    angle: f64,
    /// The smallest fraction of the area that a crop keeps; 1 for no cropping.
    area: f64,
    /// The maximum distance of the colour adjustments' factors from 1.
    jitter: f64,
    /// Whether half of the pictures are mixed.
    pub(super) mixes: bool,
}

impl Recipe {
    pub(super) fn of(augment: Augment) -> Self {
        let none = Self { flips: false, angle: 0.0, area: 1.0, jitter: 0.0, mixes: false };
        let flip = Self { flips: true, ..none };
        match augment {
            Augment::None => none,
            Augment::Tutorial => Self { angle: 0.2 * TAU, ..flip },
            Augment::Standard => Self { area: 0.35, jitter: 0.2, ..flip },
            Augment::Strong => {
                Self { angle: 15.0 / 360.0 * TAU, area: 0.2, jitter: 0.4, mixes: true, ..flip }
            }
        }
    }

    /// Draws an augmentation for a `height` x `width` picture.
    pub(super) fn draw(&self, random: &mut ChaCha8Rng, height: usize, width: usize) -> Draw {
        let mut draw = Draw::nothing(height, width);
        draw.flip = self.flips && random.random();
        if self.angle > 0.0 {
            draw.angle = random.random_range(-self.angle..=self.angle);
        }
        if self.area < 1.0 {
            draw.crop = crop(random, self.area, height, width);
        }
        if self.jitter > 0.0 {
            let mut factor = || random.random_range(1.0 - self.jitter..=1.0 + self.jitter) as f32;
            draw.colour = [
                Adjustment::Brightness(factor()),
                Adjustment::Contrast(factor()),
                Adjustment::Saturation(factor()),
            ];
            draw.colour.shuffle(random);
        }
        draw
    }
}

/// torchvision's `RandomResizedCrop.get_params`: an area uniform in `least..=1` of the picture's, a ratio whose
/// logarithm is uniform, a position uniform where the crop fits. If none of ten fits (the picture is far from square),
/// the largest centred crop of an allowed ratio.
fn crop(random: &mut ChaCha8Rng, least: f64, height: usize, width: usize) -> Region {
    let within = |side: f64, whole: usize| (1.0..=whole as f64).contains(&side);
    for _ in 0..TRIES {
        let area = random.random_range(least..=1.0) * (height * width) as f64;
        let ratio = random.random_range(-RATIO.ln()..=RATIO.ln()).exp();
        let across = (area * ratio).sqrt().round();
        let down = (area / ratio).sqrt().round();
        if within(across, width) && within(down, height) {
            let (across, down) = (across as usize, down as usize);
            let top = random.random_range(0..=height - down);
            let left = random.random_range(0..=width - across);
            return Region { left, top, width: across, height: down };
        }
    }
    let longest = |side: usize| (side as f64 * RATIO).round() as usize;
    let (across, down) = (width.min(longest(height)), height.min(longest(width)));
    Region { left: (width - across) / 2, top: (height - down) / 2, width: across, height: down }
}
