//! Which base, as a part of a job.

use std::path::PathBuf;

use headstart_model::{Fit, Interpolation};
use serde::{Deserialize, Serialize};

use crate::config::setters;
use crate::{Base, BaseConfig, Error};

/// The bundled base that is taken when nothing is said of it.
pub const DEFAULT_BASE: &str = "mobilenetv2";

/// A base, and how pictures are resized for it. The default is the bundled [`DEFAULT_BASE`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct BaseSource {
    /// The file with its weights; a bundled base when `None`.
    pub weights: Option<PathBuf>,
    /// Which architecture, in which size.
    pub config: BaseConfig,
    /// How pictures are resampled; the base's own way when `None`.
    pub interpolation: Option<Interpolation>,
    /// How pictures of another aspect ratio are made to fit; the base's own way when `None`.
    pub fit: Option<Fit>,
}

setters!(BaseSource {
    /// The file with the base's weights.
    with_weights => weights: impl Into<Option<PathBuf>>,
    /// Which architecture, in which size.
    with_config => config: BaseConfig,
    /// How pictures are resampled.
    with_interpolation => interpolation: impl Into<Option<Interpolation>>,
    /// How pictures of another aspect ratio are made to fit.
    with_fit => fit: impl Into<Option<Fit>>,
});

impl BaseSource {
    /// Loads the base, frozen.
    ///
    /// # Errors
    /// As [`Base::from_file`], or [`Base::bundled_at`] where no file is given.
    pub fn load(&self) -> Result<Base, Error> {
        let BaseConfig { architecture, input_size, .. } = &self.config;
        let mut base = match &self.weights {
            Some(file) => Base::from_file(file, &self.config)?,
            None => Base::bundled_at(architecture.as_deref().unwrap_or(DEFAULT_BASE), *input_size)?,
        };
        if let Some(interpolation) = self.interpolation {
            base.set_interpolation(interpolation);
        }
        if let Some(fit) = self.fit {
            base.set_fit(fit);
        }
        base.set_trainable(false);
        Ok(base)
    }
}
