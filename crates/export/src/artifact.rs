//! An exported model: its file or folder, and its proof.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use headstart_files::{AtomicFile, FileError};

use crate::{Format, Proof};

/// The contents of an exported model.
#[derive(Clone, Debug)]
pub enum Content {
    /// A single file.
    File(Vec<u8>),
    /// The files of a folder, by name.
    Folder(Vec<(&'static str, Vec<u8>)>),
}

impl Content {
    /// The total size in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::File(file) => file.len(),
            Self::Folder(files) => files.iter().map(|(_, file)| file.len()).sum(),
        }
    }
}

/// An exported model.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The file or the folder.
    pub content: Content,
    /// The pictures and answers that the file can be checked with.
    pub proof: Proof,
    /// For int8: the number of pictures on which it was measured, and the number of unchanged answers.
    pub int8_agreement: Option<(usize, usize)>,
    /// The [bytes](Proof::to_npz) of the proof, if the file does not contain it.
    pub beside: Option<Vec<u8>>,
}

impl Artifact {
    /// Writes the file or the folder, and the proof beside it if the file does not contain it. Each file is written
    /// atomically. Returns the path of the separate proof.
    ///
    /// # Errors
    /// [`FileError`] if a file or the folder cannot be written.
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

    /// The bytes of the file.
    ///
    /// # Panics
    /// If the artifact is a folder.
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
