//! The base of a job.

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
    /// The file with its weights. If `None`, the weights are those stored in the folder of bases, or bundled
    /// ones.
    pub weights: Option<PathBuf>,
    /// The folder of bases that takes precedence over bundled ones, if any.
    pub store: Option<PathBuf>,
    /// The architecture and the input size.
    pub config: BaseConfig,
    /// How pictures are resampled; the base's default if `None`.
    pub interpolation: Option<Interpolation>,
    /// How pictures of another aspect ratio are fitted to the input; the base's default if `None`.
    pub fit: Option<Fit>,
    /// Whether features are the mean of those of a picture and its mirror image.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mirrored: bool,
}

setters!(BaseSource {
    /// Sets the file with the base's weights.
    with_weights => weights: impl Into<Option<PathBuf>>,
    /// Sets the folder of bases that takes precedence over bundled ones.
    with_store => store: impl Into<Option<PathBuf>>,
    /// Sets the architecture and the input size.
    with_config => config: BaseConfig,
    /// Sets how pictures are resampled.
    with_interpolation => interpolation: impl Into<Option<Interpolation>>,
    /// Sets how pictures of another aspect ratio are fitted to the input.
    with_fit => fit: impl Into<Option<Fit>>,
    /// Sets whether features are the mean of those of a picture and its mirror image.
    with_mirrored => mirrored: bool,
});

/// Separator of the names of joined bases: `mobilenetv2+resnet18`.
pub const JOINS_BASES: char = '+';

impl BaseSource {
    /// Loads the base, frozen.
    ///
    /// # Errors
    /// As for [`Base::from_file`], or for [`Base::bundled_at`] if there is no file.
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
        // A file may be of a model with mirrored features, of which only the weights are used here.
        base.set_mirrored(self.mirrored);
        base.set_trainable(false);
        Ok(base)
    }

    /// A base from the folder of bases, or otherwise a bundled one.
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
