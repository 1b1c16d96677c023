//! Bases from files: weights in any format, or models.

use std::path::Path;

use headstart_formats::{self as formats, Checkpoint, Detected, EXPORTED, Naming};
use headstart_model::architectures::{Architecture, NetworkConfig};
use headstart_model::{Preprocessing, Scaling};
use serde::{Deserialize, Serialize};

use super::Classifier;
use super::model_file::is_model;
use crate::config::setters;
use crate::{Assumption, Base, BaseError, Error, WeightsRecord};

/// Which weights of a file to load, and for which input size.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct BaseConfig {
    /// The architecture; if `None`, the one that the file fits.
    pub architecture: Option<String>,
    /// Height and width of the input in pixels; if `None`, those of the file or of the architecture.
    pub input_size: Option<(usize, usize)>,
    /// For files with several sets of weights: the prefix of the names to load, such as `state_dict_ema`. If
    /// `None`, moving averages are preferred, as in timm.
    pub prefix: Option<String>,
}

setters!(BaseConfig {
    /// Sets the architecture.
    with_architecture => architecture: impl Into<Option<String>>,
    /// Sets height and width of the input in pixels.
    with_input_size => input_size: impl Into<Option<(usize, usize)>>,
    /// Sets the prefix of the names of the weights to load.
    with_prefix => prefix: impl Into<Option<String>>,
});

impl Base {
    /// Loads the base from a weight file in any format that [`formats`] reads.
    ///
    /// # Errors
    /// When the file cannot be read, or does not contain exactly the weights of the requested architecture, or
    /// of any.
    pub fn from_file(path: impl AsRef<Path>, config: &BaseConfig) -> Result<Self, Error> {
        let path = path.as_ref();
        let mut checkpoint = formats::read(path)?;
        if is_model(&checkpoint) {
            if config.prefix.is_some() {
                let reason = "a headstart model has one set of weights, and no prefix".to_owned();
                return Err(BaseError::Other { file: path.to_owned(), reason }.into());
            }
            let base = Classifier::from_checkpoint(path, checkpoint)?.base;
            if base.parts().count() > 1 && *config != BaseConfig::default() {
                let reason = format!("it is of {}, which stay as they are", base.name());
                return Err(BaseError::Other { file: path.to_owned(), reason }.into());
            }
            let mut base = base.take_over(path, config)?;
            base.record = Some(record_of(path));
            return Ok(base);
        }
        if let Some(prefix) = &config.prefix {
            checkpoint.look_below(prefix)?;
        }
        let detected = formats::detect(&checkpoint);
        let before = formats::before_base(&checkpoint)?;
        let exported = exported(&checkpoint);
        let said = exported.as_ref().map(|said| (said.height, said.width));
        let inside = before.size[0].zip(before.size[1]).or(said);
        let (id, width, size) = match (&config.architecture, &detected) {
            (Some(id), Some(detected)) => (id.as_str(), Some(detected.width), inside),
            (Some(id), None) => (id.as_str(), None, None),
            (None, Some(detected)) => (detected.architecture, Some(detected.width), inside),
            (None, None) => {
                return Err(BaseError::UnknownWeights {
                    file: path.to_owned(),
                    looks_like: formats::looks_like(&checkpoint),
                }
                .into());
            }
        };
        let architecture = Architecture::find(id)?;
        // The width of another architecture would hide the better error message about the weights.
        let width = width.filter(|w| architecture.widths.contains(w));
        let input_size = config.input_size.or(size);
        let mut network = architecture.build(&NetworkConfig { input_size, width, top: None })?;
        let naming = detected.as_ref().map(|detected| detected.naming);
        let of_naming = naming.and_then(|naming| naming.scaling(architecture));
        let said = exported.as_ref().map(|said| said.scaling);
        if let Some(scaling) = before.scaling.or(said).or(of_naming) {
            network.set_scaling(scaling);
        }
        let weights = formats::assign(checkpoint, &network)?;
        let mut base = Self::new(network, weights);
        base.record = Some(record_of(path));
        let own = before.resizing.map(|resizing| (resizing.interpolation, resizing.fit));
        if let Some((interpolation, fit)) =
            own.or(exported.map(|said| (said.interpolation, said.fit)))
        {
            base.set_interpolation(interpolation);
            base.set_fit(fit);
        }
        if let Some(detected) = detected {
            base.assumptions = assumed(path, &detected, config);
        }
        Ok(base)
    }

    /// Adapts the base of a headstart model to the requested input size. Fails if another architecture is
    /// requested.
    fn take_over(mut self, path: &Path, config: &BaseConfig) -> Result<Self, Error> {
        let own = self.network.architecture();
        if let Some(wanted) = config.architecture.as_ref().filter(|wanted| *wanted != own) {
            let reason = format!("its base is {own}, not {wanted}");
            return Err(BaseError::Other { file: path.to_owned(), reason }.into());
        }
        let own = self.network.preprocessing().clone();
        let Some((height, width)) =
            config.input_size.filter(|size| *size != (own.height, own.width))
        else {
            return Ok(self);
        };
        let architecture = Architecture::find(self.network.architecture())?;
        let width_multiplier = Some(self.network.width());
        let input_size = Some((height, width));
        let mut network = architecture.build(&NetworkConfig {
            input_size,
            width: width_multiplier,
            top: None,
        })?;
        network.set_preprocessing(Preprocessing { height, width, ..own });
        self.network = network;
        Ok(self)
    }
}

/// The record of weights from a file that the user specified.
fn record_of(path: &Path) -> WeightsRecord {
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned());
    WeightsRecord { file, origin: "a file".to_owned(), sha256: None }
}

/// The preprocessing of the model, if headstart exported the file.
fn exported(checkpoint: &Checkpoint) -> Option<Preprocessing> {
    let description = checkpoint.metadata.get(EXPORTED)?;
    let mut description: serde_json::Value = serde_json::from_str(description).ok()?;
    let said: Preprocessing = serde_json::from_value(description["preprocessing"].take()).ok()?;
    let Scaling { scale, offset } = said.scaling;
    scale.iter().chain(&offset).all(|x| x.is_finite()).then_some(said)
}

/// The alternatives that a file left open.
fn assumed(file: &Path, detected: &Detected, config: &BaseConfig) -> Vec<Assumption> {
    let mut assumed = Vec::new();
    if !detected.other_prefixes.is_empty() {
        assumed.push(Assumption::OtherPrefixes {
            file: file.to_owned(),
            taken: detected.prefix.clone(),
            others: detected.other_prefixes.clone(),
        });
    }
    if !detected.also_fits.is_empty() && config.architecture.is_none() {
        assumed.push(Assumption::AlsoFits {
            file: file.to_owned(),
            taken: detected.architecture,
            others: detected.also_fits.clone(),
            timm: detected.naming == Naming::Timm,
        });
    }
    assumed
}
