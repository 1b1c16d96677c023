//! Keras 3's `.keras`: a zip archive of `config.json`, `metadata.json` and `model.weights.h5`. In files written by
//! headstart, another entry contains what Keras cannot represent.

use std::io::{Cursor, Read};

use headstart_model::safetensors::ARCHITECTURE;
use zip::ZipArchive;

use crate::budget::Budget;
use crate::checkpoint::{Checkpoint, EXPORTED};
use crate::format::{KERAS_CONFIG as CONFIG, KERAS_WEIGHTS as WEIGHTS};
use crate::hdf5;
use crate::zip_names;

/// The entry with headstart's description of a model that it exported.
const DESCRIPTION: &str = "headstart/description.json";

pub(super) fn read(bytes: &[u8], mut checkpoint: Checkpoint) -> Result<Checkpoint, String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let limit = Budget::of(bytes.len()).0;
    let mut entry = |name: &str| -> Result<Vec<u8>, String> {
        let of_entry = |error: String| format!("its {name}: {error}");
        let entry = archive.by_name(name).map_err(|error| of_entry(error.to_string()))?;
        let mut content = Vec::new();
        let read = entry.take(limit).read_to_end(&mut content);
        read.map_err(|error| of_entry(error.to_string()))?;
        if content.len() as u64 == limit {
            return Err(of_entry("it unfolds to more than such a file can hold".to_owned()));
        }
        Ok(content)
    };
    let config = serde_json::from_slice(&entry(CONFIG)?)
        .map_err(|error| format!("its {CONFIG} is not JSON: {error}"))?;
    let weights = entry(WEIGHTS)?;
    if zip_names::list(bytes).is_some_and(|names| names.contains(&DESCRIPTION.as_bytes())) {
        let description = entry(DESCRIPTION)?;
        let description: serde_json::Value = serde_json::from_slice(&description)
            .map_err(|error| format!("its {DESCRIPTION} is not JSON: {error}"))?;
        if let Some(id) = description["architecture"].as_str() {
            checkpoint.metadata.insert(ARCHITECTURE.to_owned(), id.to_owned());
        }
        checkpoint.metadata.insert(EXPORTED.to_owned(), description.to_string());
    }
    checkpoint.model_config = Some(config);
    hdf5::read(weights, checkpoint).map_err(|error| format!("its {WEIGHTS}: {error}"))
}
