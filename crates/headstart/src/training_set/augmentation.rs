//! Augmentation of pictures in training.

use headstart_data::Augment;
use serde::{Deserialize, Serialize};

/// The default number of views per picture.
pub const DEFAULT_VIEWS: usize = 4;

/// How pictures are augmented, and how often the output of the frozen layers is computed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Augmentation {
    pub(crate) augment: Augment,
    /// Number of views per picture, which epochs cycle through; with 0, every epoch draws new ones.
    pub(crate) views: usize,
    pub(crate) seed: u64,
}

impl Augmentation {
    /// The first epoch with the same view as this one: epochs cycle through the views.
    pub(super) fn cycled(&self, epoch: usize) -> usize {
        match self.kept() {
            0 => epoch,
            views => (epoch - 1) % views + 1,
        }
    }

    /// Whether pictures are not augmented.
    pub(crate) fn is_none(&self) -> bool {
        self.augment == Augment::None
    }

    /// The number of kept views: 1 without augmentation, 0 if every epoch draws new ones.
    pub(super) fn kept(&self) -> usize {
        if self.augment == Augment::None { 1 } else { self.views }
    }
}
