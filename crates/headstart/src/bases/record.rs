//! Records of weights, kept beside the weights and in the files of models trained on them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Base, BaseConfig, Error};

/// The weights that a base started from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightsRecord {
    /// The name of the file; `None` for bundled weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The origin, for people.
    pub origin: String,
    /// SHA-256 of the file, if it is in the folder of bases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// A base in a folder of bases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredBase {
    /// The name of the base.
    pub base: String,
    /// The name of the weight file.
    pub file: String,
    /// The length of the file in bytes.
    pub bytes: u64,
    /// SHA-256 of the file in lower-case hexadecimal digits.
    pub sha256: String,
    /// The publisher, such as `torchvision`; `None` for an added file that is not a known published one.
    pub publisher: Option<String>,
    /// The address or path that the file came from.
    pub from: String,
    /// The licence, if known.
    pub licence: Option<String>,
    /// Whether the content has the hash given by the publisher.
    pub is_checked: bool,
    /// The path of the file.
    #[serde(skip)]
    pub path: PathBuf,
}

impl StoredBase {
    /// Loads the base, for an input of this height and width if given.
    ///
    /// # Errors
    /// As for [`Base::from_file`].
    pub fn load(&self, input_size: Option<(usize, usize)>) -> Result<Base, Error> {
        let config = BaseConfig::default().with_architecture(self.base.clone());
        let mut base = Base::from_file(&self.path, &config.with_input_size(input_size))?;
        base.record = Some(self.record());
        // The file may be a model whose features are those of mirror images too. The effort decides that again.
        base.set_mirrored(false);
        // They were reported when the file was added.
        base.assumptions.clear();
        Ok(base)
    }

    /// The record of these weights for a model file.
    pub fn record(&self) -> WeightsRecord {
        WeightsRecord {
            file: Some(self.file.clone()),
            origin: self.origin(),
            sha256: Some(self.sha256.clone()),
        }
    }

    /// The publisher, for people. Model files are shared, so this is never a path.
    pub fn origin(&self) -> String {
        self.publisher.clone().unwrap_or_else(|| "added".to_owned())
    }
}
