//! Another view of a picture in every epoch, so that a network learns the subject and not
//! the pixels.
//!
//! Pictures are 8-bit RGB of shape (height, width, 3), already of the size that the model
//! asks for: Keras augments after resizing, and so does this. An [`Augmenter`] draws what
//! happens to a picture (a [`Draw`]) and carries it out; both follow from the seed, the
//! epoch and the picture's index alone, so threads and their order change nothing.
//!
//! [`Augmenter::mix`] says which other picture is mixed in, if any. The partner is to be
//! augmented for itself first, with the same epoch and its own index:
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

/// How much pictures are varied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Augment {
    /// Not at all.
    #[default]
    None,
    /// As in TensorFlow's tutorial on transfer learning: `RandomFlip("horizontal")`, then
    /// `RandomRotation(0.2)` (up to 72° either way) with Keras's defaults, which are
    /// bilinear sampling of the picture continued by reflection.
    Tutorial,
    /// Flip; torchvision's `RandomResizedCrop` to 0.35 to 1 of the area, ratio 3/4 to 4/3;
    /// torchvision's `ColorJitter` with brightness, contrast and saturation 0.2.
    Standard,
    /// As [`Augment::Standard`] with crops down to 0.2 of the area, rotation by up to 15°
    /// either way and jitter 0.4. Half of the pictures are [mixed](Augmenter::mix).
    Strong,
}

impl Augment {
    /// All of them, from none to most.
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
#[error("\"{name}\" is no augmentation: it is none, tutorial, standard or strong")]
pub struct UnknownAugment {
    /// What was asked for.
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

/// Working memory, reused from picture to picture; keep one per thread.
#[derive(Debug, Default)]
pub struct Scratch {
    /// A picture's pixels, each in one word; see [`warp`].
    packed: Vec<u64>,
}

/// Varies the pictures of one training run. Cheap to copy, and the same on every thread.
#[derive(Clone, Copy, Debug)]
pub struct Augmenter {
    augment: Augment,
    seed: u64,
    height: usize,
    width: usize,
}

/// What random numbers are drawn for; what is drawn for one never moves the other.
#[derive(Clone, Copy)]
enum Purpose {
    View,
    Mix,
}

impl Augmenter {
    /// An augmenter of `height` x `width` pictures. Another seed gives other views.
    ///
    /// # Panics
    /// When a side is zero.
    pub fn new(augment: Augment, seed: u64, height: usize, width: usize) -> Self {
        assert!(height > 0 && width > 0, "pictures without pixels");
        Self { augment, seed, height, width }
    }

    /// Whether pictures stay as they are.
    pub fn is_none(&self) -> bool {
        self.augment == Augment::None
    }

    /// What happens to a picture in an epoch.
    pub fn draw(&self, epoch: usize, picture: usize) -> Draw {
        let recipe = Recipe::of(self.augment);
        recipe.draw(&mut self.random(epoch, picture, Purpose::View), self.height, self.width)
    }

    /// Writes the picture's view of this epoch to `out`: [`Augmenter::draw`], carried out.
    /// Both slices are of shape (height, width, 3).
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

    /// Which of `count` pictures is mixed into this one, and how. `None` where it stays by
    /// itself: always but for [`Augment::Strong`], and there in half of the cases. The other
    /// half is mixup with a share drawn from Beta(0.2, 0.2) or CutMix with one from
    /// Beta(1, 1), as often as each other.
    ///
    /// The partner is any of `0..count`, this picture among them.
    pub fn mix(&self, epoch: usize, picture: usize, count: usize) -> Option<Mix> {
        if count == 0 || !Recipe::of(self.augment).mixes {
            return None;
        }
        let mut random = self.random(epoch, picture, Purpose::Mix);
        Mix::draw(&mut random, count, self.height, self.width)
    }

    /// A stream of its own for each picture, epoch and purpose: together with the seed they
    /// are the cipher's whole key, so no two share one.
    fn random(&self, epoch: usize, picture: usize, purpose: Purpose) -> ChaCha8Rng {
        let words = [self.seed, epoch as u64, picture as u64, purpose as u64];
        let mut key = [0; 32];
        for (bytes, word) in key.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        ChaCha8Rng::from_seed(key)
    }
}
