//! Augmentation: a different view of each picture in every epoch, so that a network learns the subject rather than the
//! pixels.
//!
//! Pictures are 8-bit RGB of shape (height, width, 3), already resized to the model's input: as in Keras, augmentation
//! follows resizing. An [`Augmenter`] draws the augmentation of a picture (a [`Draw`]) and applies it; both depend only
//! on the seed, the epoch and the picture's index, not on threads or their order.
//!
//! [`Augmenter::mix`] returns the other picture to mix in, if any. Augment the partner separately first, with the same
//! epoch and its own index:
//!
//! ```
//! use headstart_data::augment::{Augment, Augmenter, Scratch};
//!
//! let pictures = vec![vec![0; 4 * 4 * 3], vec![255; 4 * 4 * 3]];
//! let augmenter = Augmenter::new(Augment::Strong, 7, 4, 4);
//! let mut scratch = Scratch::default();
//! let (mut own, mut partner) = (vec![0; 4 * 4 * 3], vec![0; 4 * 4 * 3]);
//! for epoch in 0..3 {
//!     for picture in 0..pictures.len() {
//!         augmenter.apply(epoch, picture, &pictures[picture], &mut scratch, &mut own);
//!         if let Some(mix) = augmenter.mix(epoch, picture, pictures.len()) {
//!             let with = mix.partner();
//!             augmenter.apply(epoch, with, &pictures[with], &mut scratch, &mut partner);
//!             mix.blend(&mut own, &partner);
//!             // The target: `mix.share()` of the own label, the rest of the partner's.
//!         }
//!     }
//! }
//! ```

mod colour;
mod draw;
mod mix;
mod recipe;
mod warp;

use std::fmt;
use std::str::FromStr;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use colour::Adjustment;
pub use draw::Draw;
pub use mix::{How, Mix};
use recipe::Recipe;

/// The strength of augmentation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Augment {
    /// None.
    #[default]
    None,
    /// As in TensorFlow's tutorial on transfer learning: `RandomFlip("horizontal")`, then
    /// `RandomRotation(0.2)` (up to 72° either way) with Keras's defaults, which are
    /// bilinear sampling of the picture continued by reflection.
    Tutorial,
    /// Flip; torchvision's `RandomResizedCrop` with 0.35 to 1 of the area and ratio 3/4 to 4/3; torchvision's
    /// `ColorJitter` with brightness, contrast and saturation 0.2.
    Standard,
    /// [`Augment::Standard`] with crops down to 0.2 of the area, rotation by up to 15° either way and jitter 0.4. Half
    /// of the pictures are [mixed](Augmenter::mix).
    Strong,
}

impl Augment {
    /// All strengths, from none to strongest.
    pub const ALL: [Augment; 4] =
        [Augment::None, Augment::Tutorial, Augment::Standard, Augment::Strong];

    fn name(self) -> &'static str {
        match self {
            Augment::None => "none",
            Augment::Tutorial => "tutorial",
            Augment::Standard => "standard",
            Augment::Strong => "strong",
        }
    }
}

impl fmt::Display for Augment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// No [`Augment`] has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{name}\" is not an augmentation; use none, tutorial, standard or strong")]
pub struct UnknownAugment {
    /// The name requested.
    pub name: String,
}

impl FromStr for Augment {
    type Err = UnknownAugment;

    /// The inverse of `Display`.
    fn from_str(name: &str) -> Result<Self, UnknownAugment> {
        let found = Augment::ALL.into_iter().find(|augment| augment.name() == name);
        found.ok_or_else(|| UnknownAugment { name: name.to_owned() })
    }
}

/// A rectangle of whole pixels within a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The first column.
    pub left: usize,
    /// The first row.
    pub top: usize,
    /// The number of columns.
    pub width: usize,
    /// The number of rows.
    pub height: usize,
}

impl Region {
    /// All of a picture.
    pub fn whole(height: usize, width: usize) -> Self {
        Self { left: 0, top: 0, width, height }
    }

    /// How many pixels it has.
    pub fn area(&self) -> usize {
        self.width * self.height
    }
}

/// Working memory, reused for all pictures; keep one per thread.
#[derive(Debug, Default)]
pub struct Scratch {
    /// A picture's pixels, one per word; see [`warp`].
    packed: Vec<u64>,
}

/// Augments the pictures of one training run. Cheap to copy, with the same results on every thread.
#[derive(Clone, Copy, Debug)]
pub struct Augmenter {
    augment: Augment,
    seed: u64,
    height: usize,
    width: usize,
}

/// The purpose of random numbers; draws for one do not affect another.
#[derive(Clone, Copy)]
enum Purpose {
    View,
    Mix,
}

impl Augmenter {
    /// Creates an augmenter of `height` x `width` pictures. Different seeds give different views.
    ///
    /// # Panics
    /// When a side is zero.
    pub fn new(augment: Augment, seed: u64, height: usize, width: usize) -> Self {
        assert!(height > 0 && width > 0, "pictures without pixels");
        Self { augment, seed, height, width }
    }

    /// Whether pictures stay unchanged.
    pub fn is_none(&self) -> bool {
        self.augment == Augment::None
    }

    /// The augmentation of a picture in an epoch.
    pub fn draw(&self, epoch: usize, picture: usize) -> Draw {
        let recipe = Recipe::of(self.augment);
        recipe.draw(&mut self.random(epoch, picture, Purpose::View), self.height, self.width)
    }

    /// Writes the picture's view of this epoch to `out`: [`Augmenter::draw`], applied. Both slices have shape (height,
    /// width, 3).
    ///
    /// # Panics
    /// When a slice has another length.
    pub fn apply(
        &self,
        epoch: usize,
        picture: usize,
        pixels: &[u8],
        scratch: &mut Scratch,
        out: &mut [u8],
    ) {
        let draw = self.draw(epoch, picture);
        draw.apply(self.height, self.width, pixels, scratch, out);
    }

    /// The mix of this picture with one of `count`. `None` if it is not mixed: always except for [`Augment::Strong`],
    /// and there in half of the cases. The other half is, with equal probability, mixup with a share from Beta(0.2,
    /// 0.2) or CutMix with a share from Beta(1, 1).
    ///
    /// The partner is any of `0..count`, including this picture.
    pub fn mix(&self, epoch: usize, picture: usize, count: usize) -> Option<Mix> {
        if count == 0 || !Recipe::of(self.augment).mixes {
            return None;
        }
        let mut random = self.random(epoch, picture, Purpose::Mix);
        Mix::draw(&mut random, count, self.height, self.width)
    }

    /// A separate stream for each picture, epoch and purpose: together with the seed they form the whole key of the
    /// cipher, so no two streams are the same.
    fn random(&self, epoch: usize, picture: usize, purpose: Purpose) -> ChaCha8Rng {
        let words = [self.seed, epoch as u64, picture as u64, purpose as u64];
        let mut key = [0; 32];
        for (bytes, word) in key.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        ChaCha8Rng::from_seed(key)
    }
}
