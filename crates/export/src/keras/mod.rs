//! Keras: `.keras`, the archive of version 3, and `.weights.h5`, the weights in it by themselves.
//!
//! The model is as `keras.applications` and its guide to transfer learning have it: a base of its own, with
//! its layers' original names and BatchNormalization of its own, called in inference mode; pooling, dropout and
//! dense layers around it.

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

/// The entry of the archive that has the description of the model, for `import`.
const DESCRIPTION: &str = "headstart/description.json";
/// The entry that has the proof.
const PROOF: &str = "headstart/proof.npz";
/// Of the version whose format this is.
const KERAS_VERSION: &str = "3.15.1";
/// Archives have a date; the same model gives the same bytes.
const SAVED: &str = "1980-01-01@00:00:00";

pub(crate) fn write(subject: &Subject<'_>, proof: &Proof) -> Result<Vec<u8>, ExportError> {
    check_layers("keras", &subject.model.network)?;
    let metadata = json!({"keras_version": KERAS_VERSION, "date_saved": SAVED});
    // As Keras does: weights hardly shrink, and packing takes longer than all else.
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
