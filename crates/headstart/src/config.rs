//! What configurations have in common.

use headstart_data::Augment;
use serde::{Deserialize, Serialize};

use crate::ExtractConfig;
use crate::training_set::{Augmentation, DEFAULT_VIEWS};

/// Methods that give a configuration another value, for a chain of them. One of an option takes the value
/// itself, too.
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

/// How pictures become what is trained on; both phases of training have it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct InputConfig {
    /// How the frozen layers are computed.
    pub extract: ExtractConfig,
    /// How pictures are varied.
    pub augment: Augment,
    /// Views of each picture that are drawn once, where pictures are varied: epochs cycle through
    /// them. With 0, every epoch draws afresh, as Keras does.
    pub views: usize,
    /// Decides how pictures are varied, and how they are dealt into folds.
    pub seed: u64,
}

impl Default for InputConfig {
    /// Pictures as they are.
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
    /// How the frozen layers are computed.
    with_extract => extract: ExtractConfig,
    /// How pictures are varied.
    with_augment => augment: Augment,
    /// How many views of each picture are drawn; 0 draws afresh each epoch.
    with_views => views: usize,
    /// What decides how pictures are varied.
    with_seed => seed: u64,
});
