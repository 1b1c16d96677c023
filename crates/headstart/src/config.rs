//! Parts that configurations share.

use headstart_data::Augment;
use serde::{Deserialize, Serialize};

use crate::ExtractConfig;
use crate::training_set::{Augmentation, DEFAULT_VIEWS};

/// Defines chainable methods that each set one field of a configuration. Methods for options also accept the
/// plain value.
macro_rules! setters {
    ($config:ident { $($(#[$doc:meta])* $setter:ident => $($field:ident).+: $value:ty),* $(,)? }) => {
        impl $config {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $setter(mut self, value: $value) -> Self {
                    self.$($field).+ = value.into();
                    self
                }
            )*
        }
    };
}
pub(crate) use setters;

/// How pictures become training data, in both phases of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct InputConfig {
    /// How the frozen layers are computed.
    pub extract: ExtractConfig,
    /// How pictures are augmented.
    pub augment: Augment,
    /// Number of augmented views per picture that are computed once; epochs cycle through them. With 0, every
    /// epoch draws new views, as Keras does.
    pub views: usize,
    /// Seed of the augmentation and of the assignment of pictures to folds.
    pub seed: u64,
}

impl Default for InputConfig {
    /// No augmentation, and seed 0.
    fn default() -> Self {
        Self {
            extract: ExtractConfig::default(),
            augment: Augment::None,
            views: DEFAULT_VIEWS,
            seed: 0,
        }
    }
}

impl InputConfig {
    pub(crate) fn augmentation(&self) -> Augmentation {
        Augmentation { augment: self.augment, views: self.views, seed: self.seed }
    }
}

setters!(InputConfig {
    /// Sets how the frozen layers are computed.
    with_extract => extract: ExtractConfig,
    /// Sets how pictures are augmented.
    with_augment => augment: Augment,
    /// Sets the number of views per picture; with 0, every epoch draws new ones.
    with_views => views: usize,
    /// Sets the seed of the augmentation and of the assignment of pictures to folds.
    with_seed => seed: u64,
});
