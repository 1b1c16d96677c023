//! Keras: `.keras`, the archive of Keras 3, and `.weights.h5`, which is only the weights in it.
//!
//! The model is built as by `keras.applications` and Keras's guide to transfer learning: the base is a nested model,
//! with the original names of its layers and its own BatchNormalization layers, called in inference mode; pooling,
//! dropout and dense layers follow it.

mod config;
#[cfg(test)]
mod tests;
mod weights;

use serde_json::json;
use zip::CompressionMethod;

use crate::operations::check_layers;
use crate::proof::zipped;
use crate::subject::Subject;
use crate::{ExportError, Proof};

/// The archive entry with the description of the model, which `import` reads.
const DESCRIPTION: &str = "headstart/description.json";
/// The archive entry with the proof.
const PROOF: &str = "headstart/proof.npz";
/// The version of Keras whose format this is.
const KERAS_VERSION: &str = "3.15.1";
/// A constant date, so that the same model gives the same bytes.
const SAVED: &str = "1980-01-01@00:00:00";

pub(crate) fn write(subject: &Subject<'_>, proof: &Proof) -> Result<Vec<u8>, ExportError> {
    check_layers("keras", &subject.model.network)?;
    let metadata = json!({"keras_version": KERAS_VERSION, "date_saved": SAVED});
    // Stored, as Keras does: weights hardly compress, and compressing takes longer than everything else.
    Ok(zipped(
        CompressionMethod::Stored,
        &[
            ("metadata.json", metadata.to_string().as_bytes()),
            ("config.json", config::model(subject).to_string().as_bytes()),
            ("model.weights.h5", &weights::write(subject)?),
            (DESCRIPTION, proof.description.as_bytes()),
            (PROOF, &proof.to_npz()),
        ],
    ))
}

pub(crate) fn write_weights(subject: &Subject<'_>, _: &Proof) -> Result<Vec<u8>, ExportError> {
    check_layers("keras-weights", &subject.model.network)?;
    weights::write(subject)
}
