//! How pictures are varied in training.

use headstart_data::Augment;
use serde::{Deserialize, Serialize};

/// Views of each picture, unless something else is asked for.
pub const DEFAULT_VIEWS: usize = 4;

/// How pictures are varied, and how often what the frozen layers make of them is computed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Augmentation {
    pub(crate) augment: Augment,
    /// Views of each picture, which epochs cycle through; 0 draws afresh each epoch.
    pub(crate) views: usize,
    pub(crate) seed: u64,
}

impl Augmentation {
    /// The epoch that has this one's view: epochs cycle through the views.
    pub(super) fn cycled(&self, epoch: usize) -> usize {
        match self.kept() {
            0 => epoch,
            views => (epoch - 1) % views + 1,
        }
    }

    /// Whether pictures are seen as they are.
    pub(crate) fn is_none(&self) -> bool {
        self.augment == Augment::None
    }

    /// Views that there are: one where nothing varies, 0 where each epoch draws afresh.
    pub(super) fn kept(&self) -> usize {
        if self.augment == Augment::None { 1 } else { self.views }
    }
}
