//! What is known of weights: beside them, and in the files of models that were trained on them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Base, BaseConfig, Error};

/// Which weights a base began with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightsRecord {
    /// The name of their file; of bundled ones none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Where they are from, for people.
    pub origin: String,
    /// SHA-256 of the file, where it is kept with the bases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// A base in a folder of bases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredBase {
    /// The base.
    pub base: String,
    /// The name of its file.
    pub file: String,
    /// Bytes of it.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
    /// Whose it is, such as `torchvision`; `None` of a file that was added and is none of the known ones.
    pub publisher: Option<String>,
    /// The address or the path that it is from.
    pub from: String,
    /// Its licence, where that is known.
    pub licence: Option<String>,
    /// Whether its content has the hash that its publisher gives.
    pub is_checked: bool,
    /// Where it lies.
    #[serde(skip)]
    pub path: PathBuf,
}

impl StoredBase {
    /// Loads the base, for an input of this height and width if not its own.
    ///
    /// # Errors
    /// As [`Base::from_file`].
    pub fn load(&self, input_size: Option<(usize, usize)>) -> Result<Base, Error> {
        let config = BaseConfig::default().with_architecture(self.base.clone());
        let mut base = Base::from_file(&self.path, &config.with_input_size(input_size))?;
        base.record = Some(self.record());
        // They were told of when it was added.
        base.assumptions.clear();
        Ok(base)
    }

    /// What a model's file is to say of it.
    pub fn record(&self) -> WeightsRecord {
        WeightsRecord {
            file: Some(self.file.clone()),
            origin: self.origin(),
            sha256: Some(self.sha256.clone()),
        }
    }

    /// Whose it is, for people; a model's file says it to everybody, and so no path.
    pub fn origin(&self) -> String {
        self.publisher.clone().unwrap_or_else(|| "added".to_owned())
    }
}
