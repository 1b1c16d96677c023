//! Models as files.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use headstart_files::AtomicFile;
use headstart_formats::{self as formats, Checkpoint, Format};
use headstart_model::{Network, Weights};
use headstart_predict::{Model, ModelBase, ModelFileError};
use serde_json::value::to_raw_value;

use super::Classifier;
use crate::{Base, Error, OpenError};

impl Classifier {
    /// Writes the model to `path`, under a temporary name first.
    ///
    /// # Errors
    /// When there is no space or no permission; `path` is then unchanged.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let mut file = AtomicFile::create(path.as_ref())?;
        let mut out = BufWriter::new(&mut file);
        let written = self.to_model().write(&mut out).and_then(|()| out.flush());
        drop(out);
        written.map_err(|error| file.error(error))?;
        Ok(file.commit()?)
    }

    /// Reads a model written by [`Classifier::save`].
    ///
    /// # Errors
    /// When the file is damaged, not a headstart model, or written by a newer version.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::from_checkpoint(path, formats::read(path)?)
    }

    /// Reads a model from the bytes of its file. Errors refer to it as `name`.
    ///
    /// # Errors
    /// As for [`Classifier::load`].
    pub fn from_bytes(file: &[u8], name: &str) -> Result<Self, Error> {
        Self::from_checkpoint(Path::new(name), formats::read_bytes(file, name)?)
    }

    /// The classifier in the form of its file.
    pub fn to_model(&self) -> Model {
        let frozen = |(network, weights): (&Network, &Arc<Weights>)| {
            let (mut network, weights) = (network.clone(), weights.clone());
            network.set_trainable(false);
            ModelBase { network, weights }
        };
        let mut bases = self.base.networks().map(frozen);
        let ModelBase { network, weights } = bases.next().expect("there is a base");
        let further = bases.collect();
        let training = self.training.as_ref();
        let training = training.map(|record| to_raw_value(record).expect("plain data serialises"));
        let (mirrored, head) = (self.base.is_mirrored(), self.head.clone());
        Model { network, weights, further, mirrored, head, training }
    }

    /// [`Classifier::load`] for a file that has already been read.
    pub(super) fn from_checkpoint(path: &Path, checkpoint: Checkpoint) -> Result<Self, Error> {
        let not_a_model =
            |reason: String| Error::from(OpenError::NotAModel { file: path.to_owned(), reason });
        if !is_model(&checkpoint) {
            return Err(what_instead(path, &checkpoint).into());
        }
        let model = Model::from_contents(checkpoint.tensors, checkpoint.metadata);
        let Model { network, weights, further, mirrored, head, training } =
            model.map_err(|error| match error {
                ModelFileError::NotAModel(reason) => not_a_model(reason),
                ModelFileError::Newer { found, known } => {
                    OpenError::Newer { file: path.to_owned(), found, known }.into()
                }
                ModelFileError::Model(error) => error.in_file(&path.display().to_string()).into(),
                error => not_a_model(error.to_string()),
            })?;
        let training = training.map(|record| serde_json::from_str(record.get())).transpose();
        let training =
            training.map_err(|error| not_a_model(format!("its description: {error}")))?;
        let further = further.into_iter().map(|base| Base::new(base.network, base.weights));
        let bases = [Base::new(network, weights)].into_iter().chain(further);
        let mut base = Base::join(bases).map_err(|error| not_a_model(error.to_string()))?;
        base.set_mirrored(mirrored);
        Ok(Self::from_parts(base, head, training))
    }
}

/// Whether a checkpoint is a headstart model.
pub(super) fn is_model(checkpoint: &Checkpoint) -> bool {
    checkpoint.metadata.contains_key(Model::METADATA_ENTRY)
}

/// The error for a file that is not a headstart model, with what it is instead.
fn what_instead(file: &Path, checkpoint: &Checkpoint) -> OpenError {
    let file = file.to_owned();
    match checkpoint.format {
        Format::Hdf5 | Format::KerasZip if checkpoint.model_config.is_some() => {
            OpenError::KerasModel { file }
        }
        format => {
            OpenError::WeightFile { file, format, looks_like: formats::looks_like(checkpoint) }
        }
    }
}
