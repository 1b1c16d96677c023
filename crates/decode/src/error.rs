use std::io;

use headstart_error::{ErrorKind, system_reason};

use crate::Format;
use crate::limits::MOST_SIDE;

/// Why a file gives no picture. The message is one line, to be shown after the file's path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The content is not a picture.
    #[error("not a picture ({what})")]
    NotAPicture {
        /// What the content looks like: "text", "PDF", "empty file" …
        what: &'static str,
    },
    /// A picture in a format that is not supported.
    #[error(
        "{what} pictures are not supported; convert a folder: magick mogrify -format jpg *.{ending}"
    )]
    Unsupported {
        /// The format's name.
        what: &'static str,
        /// The usual extension of its files.
        ending: &'static str,
    },
    /// A supported format in an unsupported variant.
    #[error(
        "this kind of {format} is not supported ({detail}); convert it: magick mogrify -format png *.{}",
        format.endings()[0]
    )]
    UnsupportedKind {
        /// The format of the file.
        format: Format,
        /// The decoder's message.
        detail: String,
    },
    /// The data ends before the picture does.
    #[error("truncated {format}")]
    Truncated {
        /// The format of the file.
        format: Format,
    },
    /// The data contradicts itself, or uses a feature that the decoder does not know.
    #[error("damaged {format}: {detail}")]
    Damaged {
        /// The format of the file.
        format: Format,
        /// The decoder's message.
        detail: String,
    },
    /// The header declares more pixels than [`Limits::max_pixels`](crate::Limits::max_pixels).
    #[error("{width} x {height} pixels exceed the limit of {} megapixels", limit / 1_000_000)]
    TooManyPixels {
        /// Declared width, in pixels.
        width: u64,
        /// Declared height, in pixels.
        height: u64,
        /// The limit, in pixels.
        limit: u64,
    },
    /// A side is longer than [`MOST_SIDE`].
    #[error("{width} x {height} pixels: a side exceeds {MOST_SIDE}")]
    TooLongASide {
        /// Declared width, in pixels.
        width: u64,
        /// Declared height, in pixels.
        height: u64,
    },
    /// Decoding would allocate more than [`Limits::max_bytes`](crate::Limits::max_bytes), or far more than a picture
    /// of this size should need, as for a tile larger than the picture or an endless profile.
    #[error(
        "needs more memory to decode than its size explains, or than the limit of {}",
        megabytes(*limit)
    )]
    TooMuchMemory {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The file is larger than [`Limits::max_file_bytes`](crate::Limits::max_file_bytes).
    #[error(
        "a file of {} exceeds the limit of {}",
        megabytes(*bytes),
        megabytes(*limit)
    )]
    FileTooLarge {
        /// The file's size, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The file could not be read. The operating system's reason is a part of the message and not the source of this
    /// error, because printing the error chain would repeat it.
    #[error("cannot be read ({reason})")]
    Io {
        /// The kind of failure.
        kind: io::ErrorKind,
        /// The operating system's message.
        reason: String,
    },
}

/// Formats a size in megabytes: `512 MB`, with one decimal if small: `0.3 MB`. Even smaller sizes are in bytes.
fn megabytes(bytes: u64) -> String {
    if bytes < 50_000 {
        return format!("{bytes} bytes");
    }
    let megabytes = bytes as f64 / 1e6;
    let digits = if megabytes < 9.95 { 1 } else { 0 };
    format!("{megabytes:.digits$} MB")
}

impl DecodeError {
    /// What a caller can do about the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotAPicture { .. } | Self::Truncated { .. } | Self::Damaged { .. } => {
                ErrorKind::UnreadablePicture
            }
            Self::Unsupported { .. } | Self::UnsupportedKind { .. } => ErrorKind::Unsupported,
            Self::TooManyPixels { .. }
            | Self::TooLongASide { .. }
            | Self::TooMuchMemory { .. }
            | Self::FileTooLarge { .. } => ErrorKind::LimitExceeded,
            Self::Io { kind, .. } => (*kind).into(),
        }
    }

    /// The error for a format that is not compiled into this build.
    pub(crate) fn not_in_this_build(format: Format) -> Self {
        Self::Unsupported { what: format.name(), ending: format.endings()[0] }
    }

    /// The error for a file that the operating system cannot read.
    pub fn unreadable(error: &io::Error) -> Self {
        Self::Io { kind: error.kind(), reason: system_reason(error) }
    }
}

impl From<io::Error> for DecodeError {
    fn from(error: io::Error) -> Self {
        Self::unreadable(&error)
    }
}

/// A decoder's message without line breaks, quotes and final full stop.
pub(crate) fn one_line(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    words.join(" ").trim_matches(['"', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_size_is_shown_as_nothing() {
        for (bytes, expected) in [
            (8, "8 bytes"),
            (49_999, "49999 bytes"),
            (50_000, "0.1 MB"),
            (9_949_999, "9.9 MB"),
            (9_950_000, "10 MB"),
            (512_000_000, "512 MB"),
        ] {
            assert_eq!(megabytes(bytes), expected);
        }
    }

    #[test]
    fn every_error_has_its_kind() {
        let text = || "what the decoder said".to_owned();
        headstart_error::assert_kinds! { DecodeError:
            DecodeError::NotAPicture { .. } => DecodeError::NotAPicture { what: "text" }, UnreadablePicture;
            DecodeError::Unsupported { .. } => DecodeError::Unsupported { what: "HEIC", ending: "heic" }, Unsupported;
            DecodeError::UnsupportedKind { .. } => DecodeError::UnsupportedKind { format: Format::Jpeg, detail: text() }, Unsupported;
            DecodeError::Truncated { .. } => DecodeError::Truncated { format: Format::Jpeg }, UnreadablePicture;
            DecodeError::Damaged { .. } => DecodeError::Damaged { format: Format::Jpeg, detail: text() }, UnreadablePicture;
            DecodeError::TooManyPixels { .. } => DecodeError::TooManyPixels { width: 3, height: 3, limit: 8 }, LimitExceeded;
            DecodeError::TooLongASide { .. } => DecodeError::TooLongASide { width: 1 << 20, height: 3 }, LimitExceeded;
            DecodeError::TooMuchMemory { .. } => DecodeError::TooMuchMemory { limit: 8 }, LimitExceeded;
            DecodeError::FileTooLarge { .. } => DecodeError::FileTooLarge { bytes: 9, limit: 8 }, LimitExceeded;
            DecodeError::Io { .. } => io::Error::from(io::ErrorKind::NotFound).into(), NotFound;
            DecodeError::Io { .. } => io::Error::from(io::ErrorKind::PermissionDenied).into(), PermissionDenied;
        }
    }
}
