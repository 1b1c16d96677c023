//! Reads a file of any format.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use headstart_files::FileError;
use headstart_guard::guarded;
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
        Format::Safetensors => |bytes, checkpoint| safetensors::read(&bytes, checkpoint),
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
        .unwrap_or_else(|said| Err(format!("its reader gave up ({said})")))
        .map_err(|reason| FormatError::BadFile {
            file: file.to_owned(),
            format,
            reason: reason.replace(['\n', '\r'], " "),
        })
}

/// Parses the bytes of a file into a checkpoint of the known name and format.
type Reader = fn(Cow<'_, [u8]>, Checkpoint) -> Result<Checkpoint, String>;

#[cfg(not(all(feature = "keras", feature = "pytorch")))]
fn left_out(file: &str, format: Format, feature: &'static str) -> FormatError {
    FormatError::NotBuiltIn { file: file.to_owned(), format, feature }
}
