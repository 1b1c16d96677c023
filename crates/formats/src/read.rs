//! Reads a file of any format.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use headstart_files::FileError;
use headstart_guard::guarded;
use headstart_model::safetensors::ReadError;
use headstart_model::{Network, Weights};

use crate::assign::assign;
use crate::checkpoint::Checkpoint;
use crate::error::FormatError;
use crate::format::{Container, Format, SNIFFED};
#[cfg(feature = "pytorch")]
use crate::pytorch;
use crate::safetensors;
#[cfg(feature = "keras")]
use crate::{hdf5, keras_zip};

/// Size limit of a file, in bytes.
pub const MAX_FILE_SIZE: u64 = 4 << 30;

/// Bytes of a safetensors file that are read at a time. They are decoded while in the cache.
const READ: usize = 128 << 10;

/// Reads a weight file of any known format.
///
/// # Errors
/// If the file cannot be read, has no known format, or is truncated or damaged.
pub fn read(path: impl AsRef<Path>) -> Result<Checkpoint, FormatError> {
    let path = path.as_ref();
    let file = path.display().to_string();
    let io = |cause| FileError { action: "read", path: path.to_owned(), cause };
    let unfit = |reason: String| Err(FormatError::NotAWeightFile { file: file.clone(), reason });
    let mut handle = File::open(path).map_err(io)?;
    let about = handle.metadata().map_err(io)?;
    if about.is_dir() {
        return unfit("is a folder".to_owned());
    }
    let mut bytes = Vec::new();
    handle.by_ref().take(SNIFFED as u64).read_to_end(&mut bytes).map_err(io)?;
    let container = match Container::of(&bytes) {
        Ok(container) => container,
        Err(reason) => return unfit(reason),
    };
    if about.len() > MAX_FILE_SIZE {
        return unfit(format!("is larger than {} GiB", MAX_FILE_SIZE >> 30));
    }
    if matches!(container, Container::Safetensors) && about.is_file() {
        let mut source = bytes.chain(BufReader::with_capacity(READ, handle));
        let checkpoint = Checkpoint::new(&file, Format::Safetensors);
        return match guarded(|| safetensors::read(&mut source, about.len(), checkpoint)) {
            Ok(Ok(checkpoint)) => Ok(checkpoint),
            Ok(Err(ReadError::Io(cause))) => Err(io(cause).into()),
            Ok(Err(error)) => Err(bad_file(&file, Format::Safetensors, &error.to_string())),
            Err(said) => Err(bad_file(&file, Format::Safetensors, &gave_up(&said))),
        };
    }
    bytes.reserve_exact((about.len() as usize).saturating_sub(bytes.len()));
    handle.take(MAX_FILE_SIZE).read_to_end(&mut bytes).map_err(io)?;
    parse(Cow::Owned(bytes), &file)
}

/// Reads a weight file in memory. Errors refer to it as `name`.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(bytes: &[u8], name: &str) -> Result<Checkpoint, FormatError> {
    parse(Cow::Borrowed(bytes), name)
}

/// Reads the weights of `network` from a file: [`read`], then [`assign`].
///
/// # Errors
/// As [`read`] and [`assign`].
pub fn load(path: impl AsRef<Path>, network: &Network) -> Result<Weights, FormatError> {
    assign(read(path)?, network)
}

fn parse(bytes: Cow<'_, [u8]>, file: &str) -> Result<Checkpoint, FormatError> {
    let unfit = |reason| FormatError::NotAWeightFile { file: file.to_owned(), reason };
    let format = Format::of(&bytes).map_err(unfit)?;
    let read: Reader = match format {
        Format::Safetensors => |bytes, checkpoint| {
            let read = safetensors::read(&mut &*bytes, bytes.len() as u64, checkpoint);
            read.map_err(|error| error.to_string())
        },
        #[cfg(feature = "keras")]
        Format::Hdf5 => |bytes, checkpoint| hdf5::read(bytes.into_owned(), checkpoint),
        #[cfg(feature = "keras")]
        Format::KerasZip => |bytes, checkpoint| keras_zip::read(&bytes, checkpoint),
        #[cfg(feature = "pytorch")]
        Format::PyTorch => |bytes, checkpoint| pytorch::read(bytes.into_owned(), checkpoint),
        #[cfg(not(feature = "keras"))]
        Format::Hdf5 | Format::KerasZip => return Err(left_out(file, format, "keras")),
        #[cfg(not(feature = "pytorch"))]
        Format::PyTorch => return Err(left_out(file, format, "pytorch")),
    };
    let checkpoint = Checkpoint::new(file, format);
    // The readers are third-party code and may panic on a damaged file.
    guarded(|| read(bytes, checkpoint))
        .unwrap_or_else(|said| Err(gave_up(&said)))
        .map_err(|reason| bad_file(file, format, &reason))
}

/// The reason for a file whose reader panicked with this message.
fn gave_up(said: &str) -> String {
    format!("its reader gave up ({said})")
}

fn bad_file(file: &str, format: Format, reason: &str) -> FormatError {
    let reason = reason.replace(['\n', '\r'], " ");
    FormatError::BadFile { file: file.to_owned(), format, reason }
}

/// Parses the bytes of a file into a checkpoint of the known name and format.
type Reader = fn(Cow<'_, [u8]>, Checkpoint) -> Result<Checkpoint, String>;

#[cfg(not(all(feature = "keras", feature = "pytorch")))]
fn left_out(file: &str, format: Format, feature: &'static str) -> FormatError {
    FormatError::NotBuiltIn { file: file.to_owned(), format, feature }
}
