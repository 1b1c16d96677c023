//! Names of what lies within a file.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::leftovers::hidden;

/// Why a name within a file cannot be a path in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
#[non_exhaustive]
pub enum BadName {
    #[error("its name is longer than any path may be")]
    TooLong,
    #[error("its name holds a NUL")]
    Nul,
    #[error("its name leads out of the archive")]
    LeadsOut,
    #[error("it has no name")]
    Empty,
}

/// The longest name that is taken, in bytes: as long as a path of the system may be.
pub(super) const LONGEST: usize = 4096;

pub(super) fn is_slash(byte: &u8) -> bool {
    *byte == b'/'
}

/// A member's name as a path within its archive, with nothing in it but names; `None` when it is
/// hidden. A leading `/` is taken off, as tar itself does.
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
    if name.is_empty() { Err(BadName::Empty) } else { Ok(Some(name)) }
}

/// The path of a member of what lies at `path`, as people know it.
pub(super) fn joined(path: &Path, name: &[u8]) -> PathBuf {
    let mut joined = OsString::from(path);
    joined.push("/");
    #[cfg(unix)]
    joined.push(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name));
    #[cfg(not(unix))]
    joined.push(&*String::from_utf8_lossy(name));
    joined.into()
}

/// A name as text: what is not UTF-8 in it is written as `\xE9`, so that other names stay others.
pub(super) fn text_of(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02X}")));
    }
    text
}

/// A text as the name of a class or a group: white space around it, as Unicode has it, does not count, or
/// a table could not say it. One of nothing else stays as it is.
pub(super) fn trimmed(name: &str) -> &str {
    match name.trim() {
        "" => name,
        trimmed => trimmed,
    }
}

/// Names that many pictures share.
#[derive(Default)]
pub(super) struct Names(HashMap<Vec<u8>, Arc<str>>);

impl Names {
    pub(super) fn shared(&mut self, name: &[u8]) -> Arc<str> {
        if let Some(shared) = self.0.get(name) {
            return shared.clone();
        }
        let shared: Arc<str> = trimmed(&text_of(name)).into();
        self.0.insert(name.to_vec(), shared.clone());
        shared
    }
}

/// What the text of a label says, the spaces around which do not count.
pub(super) enum Label {
    Is(Arc<str>),
    None,
    /// It holds control characters, which no manifest may, either.
    Refused(Arc<str>),
}

impl Label {
    pub(super) fn of(label: Option<&[u8]>, known: &mut Names) -> Self {
        let label = label.unwrap_or_default().trim_ascii();
        if label.is_empty() {
            return Self::None;
        }
        let label = known.shared(label);
        if label.trim().is_empty() {
            return Self::None;
        }
        if label.contains(char::is_control) { Self::Refused(label) } else { Self::Is(label) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_path_within_the_archive_or_none() {
        let taken: [(&[u8], &[u8]); 4] = [
            (b"cat/a.jpg", b"cat/a.jpg"),
            (b"./cat//./a.jpg", b"cat/a.jpg"),
            (b"/home/cat/a.jpg", b"home/cat/a.jpg"),
            (b"caf\xE9/\xFF.jpg", b"caf\xE9/\xFF.jpg"),
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
