//! A model that was exported, as files.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use headstart_files::{AtomicFile, FileError};

use crate::{Format, Proof};

/// What a model was exported as.
#[derive(Clone, Debug)]
pub enum Content {
    /// A file.
    File(Vec<u8>),
    /// Files of a folder, by name.
    Folder(Vec<(&'static str, Vec<u8>)>),
}

impl Content {
    /// How many bytes all of it has.
    pub fn bytes(&self) -> usize {
        match self {
            Self::File(file) => file.len(),
            Self::Folder(files) => files.iter().map(|(_, file)| file.len()).sum(),
        }
    }
}

/// A model that was exported.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The file, or the folder.
    pub content: Content,
    /// What proves it.
    pub proof: Proof,
    /// In whole numbers of 8 bits, on how many pictures it was measured, and of how many the answers stayed.
    pub int8_agreement: Option<(usize, usize)>,
    /// The [bytes](Proof::to_npz) of the proof where they are not within the file.
    pub beside: Option<Vec<u8>>,
}

impl Artifact {
    /// Writes the file, or the folder, whose files are each written whole or not at all; and the proof beside
    /// it where that is not within, whose path is returned.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn write(&self, path: &Path) -> Result<Option<PathBuf>, FileError> {
        match &self.content {
            Content::File(file) => write(path, file)?,
            Content::Folder(files) => {
                let failed = |cause| FileError { action: "make", path: path.to_owned(), cause };
                fs::create_dir_all(path).map_err(failed)?;
                for (name, file) in files {
                    write(&path.join(name), file)?;
                }
            }
        }
        let proof = self.beside.as_ref().map(|proof| (Format::proof_beside(path), proof));
        proof.map(|(file, proof)| write(&file, proof).map(|()| file)).transpose()
    }

    /// The file's bytes.
    ///
    /// # Panics
    /// When it is a folder.
    pub fn file(&self) -> &[u8] {
        match &self.content {
            Content::File(file) => file,
            Content::Folder(_) => panic!("it is a folder"),
        }
    }
}

fn write(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(content).map_err(|cause| file.error(cause))?;
    file.commit()
}
