//! Which base, as a part of a job.

use std::path::PathBuf;

use headstart_model::{Fit, Interpolation};
use serde::{Deserialize, Serialize};

use crate::config::setters;
use crate::{Base, BaseConfig, BaseStore, Error};

/// The default bundled base.
pub const DEFAULT_BASE: &str = "mobilenetv2";

/// A base, and how pictures are resized for it. The default is the bundled [`DEFAULT_BASE`]. Without a file,
/// weights in the folder of bases take precedence over bundled ones, and the architecture may be several names joined
/// by [`JOINS_BASES`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct BaseSource {
    /// The file with its weights; if `None`, fetched, added or bundled weights.
    pub weights: Option<PathBuf>,
    /// The folder of bases to look in before bundled ones, if any.
    pub store: Option<PathBuf>,
    /// Which architecture, in which size.
    pub config: BaseConfig,
    /// How pictures are resampled; the base's default if `None`.
    pub interpolation: Option<Interpolation>,
    /// How pictures of another aspect ratio are made to fit; the base's default if `None`.
    pub fit: Option<Fit>,
    /// Whether features are the mean of those of a picture and of its mirror image.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mirrored: bool,
}

setters!(BaseSource {
    /// The file with the base's weights.
    with_weights => weights: impl Into<Option<PathBuf>>,
    /// The folder of bases to look in before bundled ones.
    with_store => store: impl Into<Option<PathBuf>>,
    /// Which architecture, in which size.
    with_config => config: BaseConfig,
    /// How pictures are resampled.
    with_interpolation => interpolation: impl Into<Option<Interpolation>>,
    /// How pictures of another aspect ratio are made to fit.
    with_fit => fit: impl Into<Option<Fit>>,
    /// Whether features are the mean of those of a picture and of its mirror image.
    with_mirrored => mirrored: bool,
});

/// Separator of the names of joined bases: `mobilenetv2+resnet18`.
pub const JOINS_BASES: char = '+';

impl BaseSource {
    /// Loads the base, frozen.
    ///
    /// # Errors
    /// As [`Base::from_file`], or [`Base::bundled_at`] where there is no file.
    pub fn load(&self) -> Result<Base, Error> {
        let name = self.config.architecture.as_deref().unwrap_or(DEFAULT_BASE);
        let mut base = match &self.weights {
            Some(_) if name.contains(JOINS_BASES) => {
                let problem = format!("a file of weights is of one base, and {name} are several");
                return Err(Error::Options(problem));
            }
            Some(file) => Base::from_file(file, &self.config)?,
            None => {
                let bases = name.split(JOINS_BASES).map(|name| self.at_hand(name.trim()));
                Base::join(bases.collect::<Result<Vec<_>, _>>()?)?
            }
        };
        if let Some(interpolation) = self.interpolation {
            base.set_interpolation(interpolation);
        }
        if let Some(fit) = self.fit {
            base.set_fit(fit);
        }
        if self.mirrored {
            base.set_mirrored(true);
        }
        base.set_trainable(false);
        Ok(base)
    }

    /// A base from the folder of bases, or else a bundled one.
    fn at_hand(&self, name: &str) -> Result<Base, Error> {
        let stored = match &self.store {
            Some(folder) => BaseStore::new(folder).find(name)?,
            None => None,
        };
        match stored {
            Some(stored) => stored.load(self.config.input_size),
            None => Base::bundled_at(name, self.config.input_size),
        }
    }
}
