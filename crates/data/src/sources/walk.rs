use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::leftovers::hidden;
use super::{SkipReason, Skipped};
use crate::decode::{DecodeError, Format, SNIFF_BYTES, sniff};

/// The visible entries of one folder, sorted by name.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) folders: Vec<PathBuf>,
    /// Each with whether its name is a symbolic link.
    pub(super) files: Vec<(PathBuf, bool)>,
    pub(super) skipped: Vec<Skipped>,
}

/// Lists a folder; entries that cannot be examined are skipped.
pub(super) fn entries(folder: &Path) -> io::Result<Entries> {
    let mut found = Entries::default();
    for entry in fs::read_dir(folder)? {
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) => {
                found.skipped.push(Skipped::new(folder, SkipReason::listed_in_part(&e)));
                break;
            }
        };
        let path = entry.path();
        if hidden(entry.file_name().as_encoded_bytes()) {
            continue;
        }
        // The type of a link does not reveal that of its target.
        let kind = entry.file_type().and_then(|kind| match kind.is_symlink() {
            true => fs::metadata(&path).map(|m| (m.file_type(), true)),
            false => Ok((kind, false)),
        });
        match kind {
            Ok((kind, _)) if kind.is_dir() => found.folders.push(path),
            Ok((kind, link)) if kind.is_file() => found.files.push((path, link)),
            Ok(_) => found.skipped.push(Skipped::new(path, SkipReason::irregular())),
            Err(e) => found.skipped.push(Skipped::unreadable(path, &e)),
        }
    }
    found.folders.sort_unstable();
    found.files.sort_unstable();
    Ok(found)
}

/// Formats like [`DecodeError::Io`].
pub(super) fn cannot_be_read(error: &io::Error) -> String {
    DecodeError::unreadable(error).to_string()
}

/// Collects the pictures in folders. Use one walker per class: it remembers the folders entered.
#[derive(Default)]
pub(super) struct Walker {
    /// The real path of every folder entered, in order.
    entered: Vec<PathBuf>,
    seen: HashSet<PathBuf>,
    found: Vec<Found>,
    pub(super) skipped: Vec<Skipped>,
}

struct Found {
    path: PathBuf,
    /// Index into `entered` of its folder.
    folder: usize,
    /// Whether its name is a symbolic link.
    link: bool,
}

impl Walker {
    /// Collects everything in `folder` at any depth; an unreadable folder is skipped.
    pub(super) fn enter(&mut self, folder: &Path) {
        // A link to a folder above would lead to pictures of other classes.
        if let Ok(real) = fs::canonicalize(folder) {
            self.seen.extend(real.ancestors().skip(1).map(Path::to_owned));
        }
        // An explicit stack, which deep folders cannot overflow.
        let mut waiting = vec![folder.to_owned()];
        while let Some(folder) = waiting.pop() {
            let listed = fs::canonicalize(&folder).and_then(|real| {
                if !self.seen.insert(real.clone()) {
                    return Ok(None);
                }
                self.entered.push(real);
                entries(&folder).map(Some)
            });
            match listed {
                Ok(None) => {}
                Ok(Some(entries)) => {
                    let index = self.entered.len() - 1;
                    self.skipped.extend(entries.skipped);
                    for (path, link) in entries.files {
                        match look(&path) {
                            Ok(()) => self.found.push(Found { path, folder: index, link }),
                            Err(error) => self.skipped.push(Skipped::new(path, error)),
                        }
                    }
                    waiting.extend(entries.folders.into_iter().rev());
                }
                Err(e) => self.skipped.push(Skipped::unreadable(folder, &e)),
            }
        }
    }

    /// The pictures found, sorted by path, each real file once.
    pub(super) fn finish(self) -> (Vec<PathBuf>, Vec<Skipped>) {
        let Walker { entered, mut found, skipped, .. } = self;
        found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        // Every folder was entered once, so only links can lead to a file twice.
        if found.iter().any(|f| f.link) {
            let in_place = |f: &Found| f.path.file_name().map(|name| entered[f.folder].join(name));
            let mut seen: HashSet<PathBuf> =
                found.iter().filter(|f| !f.link).filter_map(in_place).collect();
            found.retain(|f| {
                !f.link || fs::canonicalize(&f.path).map_or(true, |real| seen.insert(real))
            });
        }
        (found.into_iter().map(|f| f.path).collect(), skipped)
    }
}

/// Whether a file has the extension of a picture and so need not be examined here; decoding will check it.
pub(super) fn named_like_a_picture(name: &[u8]) -> bool {
    let ending = name.iter().rposition(|&b| b == b'.').map(|dot| &name[dot + 1..]);
    ending.is_some_and(|ending| Format::of_ending(ending).is_some())
}

/// Fails if a file is not a picture, as far as that is checked here.
pub(super) fn look(path: &Path) -> Result<(), DecodeError> {
    if named_like_a_picture(path.as_os_str().as_encoded_bytes()) {
        return Ok(());
    }
    let mut head = Vec::with_capacity(SNIFF_BYTES);
    File::open(path).and_then(|file| file.take(SNIFF_BYTES as u64).read_to_end(&mut head))?;
    sniff(&head).map(drop)
}
