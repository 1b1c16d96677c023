//! Weight files: Keras `.h5` and `.keras`, PyTorch `.pth`, and `.safetensors`.
//!
//! A file is told by its content, never by its ending, and nothing in it is ever run.
//! [`read`] gives the tensors under the names that the file has; [`assign`] puts them to the
//! weights of a network, whichever of the known [`Naming`]s they follow.

mod assign;
mod detect;
mod hdf5;
mod keras_model;
mod keras_zip;
mod naming;
mod pytorch;
pub mod safetensors;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use headstart_files::FileError;

use crate::guard::guarded;
use crate::safetensors::MAX_HEADER;
use crate::{ModelError, Network, Tensor, Weights};

pub use assign::assign;
pub use detect::{Detected, detect, looks_like};
pub use keras_model::{
    Before, Head, HeadActivation, HiddenLayer, ImportedModel, Resizing, before_base, import,
    import_checkpoint, scaling_of,
};
pub use naming::Naming;

/// Largest file that is read, in bytes.
pub const MAX_FILE_SIZE: u64 = 4 << 30;

/// A format of weight files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// HDF5: Keras's `.h5` and `.weights.h5`.
    Hdf5,
    /// A zip archive with a configuration and an HDF5 file: Keras's `.keras`.
    KerasZip,
    /// What `torch.save` writes.
    PyTorch,
    /// safetensors.
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

/// What a weight file holds.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The file, as errors name it.
    pub file: String,
    /// Its format.
    pub format: Format,
    /// Tensors of floating-point numbers under the file's own names, as f32.
    /// The states of optimizers are left out.
    pub tensors: BTreeMap<String, Tensor>,
    /// Names and shapes of everything else, such as counters.
    pub others: BTreeMap<String, Vec<usize>>,
    /// A whole Keras model's description, with how it was compiled under `compile_config`, if it was.
    pub model_config: Option<serde_json::Value>,
    /// The free-form entries of a safetensors header.
    pub metadata: BTreeMap<String, String>,
    /// For a Keras file that lists its layers: for each layer that has weights, in order, the
    /// names of its tensors, in order. Keras itself goes by this order alone.
    pub keras_order: Vec<Vec<String>>,
    /// Where weights are looked for; see [`Checkpoint::look_below`].
    below: Option<String>,
}

impl Checkpoint {
    fn new(file: &str, format: Format) -> Self {
        Self {
            file: file.to_owned(),
            format,
            tensors: BTreeMap::new(),
            others: BTreeMap::new(),
            model_config: None,
            metadata: BTreeMap::new(),
            keras_order: Vec::new(),
            below: None,
        }
    }

    /// Takes weights only from below this prefix of their names: `state_dict_ema`, or nothing for
    /// the outermost. For a file that has several sets of them.
    ///
    /// # Errors
    /// [`ModelError::NoSuchPrefix`] when there is no tensor there.
    pub fn look_below(&mut self, prefix: &str) -> Result<(), ModelError> {
        let asked = prefix.trim_end_matches(naming::SEPARATORS);
        let is_below = |name: &String| {
            let rest = name.strip_prefix(asked);
            rest.is_some_and(|rest| asked.is_empty() || rest.starts_with(naming::SEPARATORS))
        };
        if !self.tensors.keys().any(is_below) {
            let first = |name: &String| name.split(naming::SEPARATORS).next().map(str::to_owned);
            let mut known: Vec<String> = self.tensors.keys().filter_map(first).collect();
            known.dedup();
            let (file, prefix) = (self.file.clone(), prefix.to_owned());
            return Err(ModelError::NoSuchPrefix { file, prefix, known });
        }
        self.keras_order.retain(|layer| layer.iter().all(is_below));
        self.below = Some(asked.to_owned());
        Ok(())
    }
}

/// Reads a weight file of any known format.
///
/// # Errors
/// When the file cannot be read, is of no known format, or is cut short or damaged.
pub fn read(path: impl AsRef<Path>) -> Result<Checkpoint, ModelError> {
    let path = path.as_ref();
    let file = path.display().to_string();
    let io = |cause| FileError { action: "read", path: path.to_owned(), cause };
    let unfit = |reason: String| Err(ModelError::NotAWeightFile { file: file.clone(), reason });
    let mut handle = File::open(path).map_err(io)?;
    let about = handle.metadata().map_err(io)?;
    if about.is_dir() {
        return unfit("is a folder".to_owned());
    }
    let mut bytes = Vec::new();
    handle.by_ref().take(SNIFFED as u64).read_to_end(&mut bytes).map_err(io)?;
    if let Err(reason) = Container::of(&bytes) {
        return unfit(reason);
    }
    if about.len() > MAX_FILE_SIZE {
        return unfit(format!("is larger than {} GiB", MAX_FILE_SIZE >> 30));
    }
    bytes.reserve_exact((about.len() as usize).saturating_sub(bytes.len()));
    handle.take(MAX_FILE_SIZE).read_to_end(&mut bytes).map_err(io)?;
    parse(Cow::Owned(bytes), &file)
}

/// Reads a weight file that is in memory; errors call it `name`.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(bytes: &[u8], name: &str) -> Result<Checkpoint, ModelError> {
    parse(Cow::Borrowed(bytes), name)
}

/// Reads the weights of `network` from a file: [`read`], then [`assign`].
///
/// # Errors
/// As [`read`] and [`assign`].
pub fn load(path: impl AsRef<Path>, network: &Network) -> Result<Weights, ModelError> {
    assign(read(path)?, network)
}

fn parse(bytes: Cow<'_, [u8]>, file: &str) -> Result<Checkpoint, ModelError> {
    let unfit = |reason| ModelError::NotAWeightFile { file: file.to_owned(), reason };
    let format = match Container::of(&bytes).map_err(unfit)? {
        Container::Hdf5 => Format::Hdf5,
        Container::Pickle => Format::PyTorch,
        Container::Safetensors => Format::Safetensors,
        Container::Zip => guarded(|| keras_zip::format_of(&bytes))
            .unwrap_or_else(|said| Err(format!("is a zip archive that cannot be listed ({said})")))
            .map_err(unfit)?,
    };
    let checkpoint = Checkpoint::new(file, format);
    // The readers are other people's code, and a damaged file may be what they did not expect.
    let read = guarded(|| match format {
        Format::Hdf5 => hdf5::read(bytes.into_owned(), checkpoint),
        Format::KerasZip => keras_zip::read(&bytes, checkpoint),
        Format::PyTorch => pytorch::read(bytes.into_owned(), checkpoint),
        Format::Safetensors => safetensors::read(&bytes, checkpoint),
    });
    read.unwrap_or_else(|said| Err(format!("its reader gave up ({said})"))).map_err(|reason| {
        ModelError::BadFile {
            file: file.to_owned(),
            format,
            reason: reason.replace(['\n', '\r'], " "),
        }
    })
}

/// How many bytes tell what a file is.
const SNIFFED: usize = 512;

/// What the first bytes of a file show.
enum Container {
    Hdf5,
    Zip,
    Pickle,
    Safetensors,
}

impl Container {
    /// Tells a file by its first bytes, or says what is wrong with it.
    fn of(bytes: &[u8]) -> Result<Self, String> {
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
            // Before pickles: a length may begin as they do.
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

/// How many bytes of tensors a file may unfold to: a file that is damaged, or made to harm, can
/// claim any size in a few bytes.
struct Budget(u64);

impl Budget {
    /// For a file of this many bytes. Real weights do not compress to a sixteenth.
    fn of(file_size: usize) -> Self {
        Self((64 << 20) + 16 * file_size as u64)
    }

    /// Allows for a tensor of `shape` with elements of `size` bytes, and gives its axes.
    fn tensor(
        &mut self,
        name: &str,
        shape: impl IntoIterator<Item = u64>,
        size: u64,
    ) -> Result<Vec<usize>, String> {
        let mut axes = Vec::new();
        let mut bytes = size.max(4);
        let claims = || format!("its tensor '{name}' claims more values than the file can hold");
        for axis in shape {
            bytes = bytes.checked_mul(axis).ok_or_else(claims)?;
            axes.push(usize::try_from(axis).map_err(|_| claims())?);
        }
        self.0 = self.0.checked_sub(bytes).ok_or_else(claims)?;
        Ok(axes)
    }
}
