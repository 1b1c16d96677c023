//! The formats of weight files, detected by content.

use std::fmt;

use headstart_model::safetensors::MAX_HEADER;

use crate::zip_names;

/// A format of weight files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// HDF5: Keras's `.h5` and `.weights.h5`.
    Hdf5,
    /// A zip archive with a configuration and an HDF5 file: Keras's `.keras`.
    KerasZip,
    /// The format that `torch.save` writes.
    PyTorch,
    /// The safetensors format.
    Safetensors,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Hdf5 => "Keras .h5",
            Format::KerasZip => "Keras .keras",
            Format::PyTorch => "PyTorch",
            Format::Safetensors => "safetensors",
        })
    }
}

impl Format {
    /// Detects the format of a whole file, or returns what is wrong with the file.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, String> {
        Ok(match Container::of(bytes)? {
            Container::Hdf5 => Self::Hdf5,
            Container::Pickle if is_of_numpy(bytes) => {
                return Err(
                    "is a Python pickle of NumPy arrays, which may run code when it is read: \
                            save the arrays as .safetensors"
                        .to_owned(),
                );
            }
            Container::Pickle => Self::PyTorch,
            Container::Safetensors => Self::Safetensors,
            Container::Zip => Self::of_zip(bytes)?,
        })
    }

    /// Detects the format of a zip archive by its central directory, which is at the end.
    fn of_zip(bytes: &[u8]) -> Result<Self, String> {
        let names = zip_names::list(bytes)
            .ok_or_else(|| "is a zip archive that is cut short or damaged".to_owned())?;
        if [KERAS_CONFIG, KERAS_WEIGHTS].iter().all(|name| names.contains(&name.as_bytes())) {
            Ok(Self::KerasZip)
        } else if names.iter().any(|name| *name == b"data.pkl" || name.ends_with(b"/data.pkl")) {
            Ok(Self::PyTorch)
        } else {
            Err("is a zip archive, but neither Keras's nor PyTorch's".to_owned())
        }
    }
}

/// The entry of a `.keras` file with the model's configuration.
pub(crate) const KERAS_CONFIG: &str = "config.json";
/// The entry of a `.keras` file with the weights.
pub(crate) const KERAS_WEIGHTS: &str = "model.weights.h5";

/// Whether a pickle begins with NumPy arrays, and so was not written by `torch.save`.
fn is_of_numpy(bytes: &[u8]) -> bool {
    let begin = &bytes[..bytes.len().min(SNIFFED)];
    let has = |name: &[u8]| begin.windows(name.len()).any(|window| window == name);
    has(b"numpy") && has(b"_reconstruct")
}

/// How many bytes are inspected to detect a file's format.
pub(crate) const SNIFFED: usize = 512;

/// The kind of file that the first bytes show.
pub(crate) enum Container {
    Hdf5,
    Zip,
    Pickle,
    Safetensors,
}

impl Container {
    /// Detects the kind of a file by its first bytes, or returns what is wrong with the file.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, String> {
        const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";
        let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
            let few = if bytes.is_empty() { "is empty" } else { "is only a few bytes long" };
            return Err(few.to_owned());
        };
        let text = bytes.trim_ascii_start().to_ascii_lowercase();
        if bytes.starts_with(HDF5) {
            Ok(Self::Hdf5)
        } else if bytes.starts_with(b"PK") {
            Ok(Self::Zip)
        } else if u64::from_le_bytes(*length) <= MAX_HEADER && rest.starts_with(b"{") {
            // Checked before pickles, because the length of a safetensors header may begin with the
            // same bytes.
            Ok(Self::Safetensors)
        } else if bytes[0] == 0x80 && bytes[1] <= 5 {
            Ok(Self::Pickle)
        } else if bytes.starts_with(b"version https://git-lfs") {
            Err("is a Git LFS pointer, not the file itself".to_owned())
        } else if text.starts_with(b"<!doctype html") || text.starts_with(b"<html") {
            Err("is a web page, perhaps of a download that failed".to_owned())
        } else {
            Err("is not a weight file".to_owned())
        }
    }
}
