//! Names within a file.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::leftovers::hidden;
use headstart_model::class_name::composed;

/// The reason why a name within a file is not a valid path in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
#[non_exhaustive]
pub enum BadName {
    #[error("its name is longer than the limit for paths")]
    TooLong,
    #[error("its name contains a NUL")]
    Nul,
    #[error("its name leads out of the archive")]
    LeadsOut,
    #[error("it has no name")]
    Empty,
}

/// Maximum length of a name in bytes, the same as of system paths.
pub(super) const LONGEST: usize = 4096;

pub(super) fn is_slash(byte: &u8) -> bool {
    *byte == b'/'
}

/// Converts a member's name to a path within its archive without special components; `None` if it is hidden. A leading
/// `/` is removed, as tar itself does. Valid UTF-8 is converted to normalisation form C, so that equivalent names are
/// equal.
pub(super) fn within(name: &[u8]) -> Result<Option<Vec<u8>>, BadName> {
    if name.len() > LONGEST {
        return Err(BadName::TooLong);
    }
    if name.contains(&0) {
        return Err(BadName::Nul);
    }
    let parts = name.split(is_slash).filter(|part| !part.is_empty() && *part != b".");
    if parts.clone().any(|part| part == b"..") {
        return Err(BadName::LeadsOut);
    }
    if parts.clone().any(hidden) {
        return Ok(None);
    }
    let name = parts.collect::<Vec<_>>().join(&b'/');
    if name.is_empty() {
        return Err(BadName::Empty);
    }
    Ok(Some(match std::str::from_utf8(&name).map(composed) {
        Ok(Cow::Owned(composed)) => composed.into_bytes(),
        Ok(Cow::Borrowed(_)) | Err(_) => name,
    }))
}

/// The path, for display, of a member of the file at `path`.
pub(super) fn joined(path: &Path, name: &[u8]) -> PathBuf {
    let mut joined = OsString::from(path);
    joined.push("/");
    #[cfg(unix)]
    joined.push(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name));
    #[cfg(not(unix))]
    joined.push(&*String::from_utf8_lossy(name));
    joined.into()
}

/// A name as text: invalid UTF-8 is written as `\xE9`, so that distinct names stay distinct.
pub(super) fn text_of(name: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(name) {
        return text.into();
    }
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02X}")));
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_path_within_the_archive_or_none() {
        let taken: [(&[u8], &[u8]); 5] = [
            (b"cat/a.jpg", b"cat/a.jpg"),
            (b"./cat//./a.jpg", b"cat/a.jpg"),
            (b"/home/cat/a.jpg", b"home/cat/a.jpg"),
            (b"caf\xE9/\xFF.jpg", b"caf\xE9/\xFF.jpg"),
            ("cafe\u{301}/a.jpg".as_bytes(), "caf\u{e9}/a.jpg".as_bytes()),
        ];
        for (name, path) in taken {
            assert_eq!(within(name).unwrap().as_deref(), Some(path));
        }
        for hidden in [".a.jpg", "cat/._a.jpg", "__MACOSX/cat/a.jpg", ".git/a.jpg"] {
            assert_eq!(within(hidden.as_bytes()), Ok(None), "{hidden}");
        }
        let long = vec![b'a'; LONGEST + 1];
        for refused in [b"../a.jpg", &b"cat/../../a.jpg"[..], b"a\0.jpg", b"", b"/", b"./", &long] {
            assert!(within(refused).is_err(), "{}", String::from_utf8_lossy(refused));
        }
    }
}
