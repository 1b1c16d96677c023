use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use headstart_model::io_reason;

use super::Skipped;
use crate::decode::{SNIFF_BYTES, sniff};

/// The visible entries of one folder, sorted by name.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) folders: Vec<PathBuf>,
    /// With each, whether its name is a symbolic link.
    pub(super) files: Vec<(PathBuf, bool)>,
    pub(super) skipped: Vec<Skipped>,
}

/// Lists a folder; single entries that cannot be looked at are skipped.
pub(super) fn entries(folder: &Path) -> io::Result<Entries> {
    let mut found = Entries::default();
    for entry in fs::read_dir(folder)? {
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) => {
                let reason = format!("cannot be listed in full ({})", io_reason(&e));
                found.skipped.push(skipped(folder.to_owned(), &reason));
                break;
            }
        };
        let path = entry.path();
        if hidden(entry.file_name().as_encoded_bytes()) {
            continue;
        }
        // A link's own type says nothing of what it leads to.
        let kind = entry.file_type().and_then(|kind| match kind.is_symlink() {
            true => fs::metadata(&path).map(|m| (m.file_type(), true)),
            false => Ok((kind, false)),
        });
        match kind {
            Ok((kind, _)) if kind.is_dir() => found.folders.push(path),
            Ok((kind, link)) if kind.is_file() => found.files.push((path, link)),
            Ok(_) => found.skipped.push(skipped(path, "not a picture (no regular file)")),
            Err(e) => found.skipped.push(unreadable(path, &e)),
        }
    }
    found.folders.sort_unstable();
    found.files.sort_unstable();
    Ok(found)
}

/// Whether files and folders of this name are passed over.
pub(super) fn hidden(name: &[u8]) -> bool {
    name.starts_with(b".") || name == b"__MACOSX"
}

/// What begins the reason of everything that could not be read, whatever it may hold.
const UNREADABLE: &str = "cannot be read (";

pub(super) fn unreadable(path: PathBuf, error: &io::Error) -> Skipped {
    Skipped { path, reason: cannot_be_read(error) }
}

pub(super) fn cannot_be_read(error: &io::Error) -> String {
    format!("{UNREADABLE}{})", io_reason(error))
}

/// Whether something was left out because it could not be read.
pub(super) fn is_unreadable(skipped: &Skipped) -> bool {
    skipped.reason.starts_with(UNREADABLE)
}

pub(super) fn skipped(path: PathBuf, reason: &str) -> Skipped {
    Skipped { path, reason: reason.to_owned() }
}

/// Collects the pictures below folders. One walker per class: it remembers where it was.
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
    /// Index into `entered` of the folder it lies in.
    folder: usize,
    /// Its name is a symbolic link.
    link: bool,
}

impl Walker {
    /// Everything below `folder`; an unreadable folder is skipped.
    pub(super) fn enter(&mut self, folder: &Path) {
        // A link to a folder above leads to other classes' pictures.
        if let Ok(real) = fs::canonicalize(folder) {
            self.seen.extend(real.ancestors().skip(1).map(Path::to_owned));
        }
        // A stack of our own: a folder's depth cannot overflow it.
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
                            Err(reason) => self.skipped.push(Skipped { path, reason }),
                        }
                    }
                    waiting.extend(entries.folders.into_iter().rev());
                }
                Err(e) => self.skipped.push(unreadable(folder, &e)),
            }
        }
    }

    /// The pictures found, sorted by path, each real file once.
    pub(super) fn finish(self) -> (Vec<PathBuf>, Vec<Skipped>) {
        let Walker { entered, mut found, skipped, .. } = self;
        found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        // Every folder was entered once: only links can lead to a file twice.
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

/// Endings that need no look here; decoding tells whether they speak the truth.
pub(super) fn named_like_a_picture(name: &[u8]) -> bool {
    const ENDINGS: [&str; 9] = ["jpg", "jpeg", "jpe", "png", "webp", "gif", "bmp", "tif", "tiff"];
    let ending = name.iter().rposition(|&b| b == b'.').map(|dot| &name[dot + 1..]);
    ending.is_some_and(|e| ENDINGS.iter().any(|known| e.eq_ignore_ascii_case(known.as_bytes())))
}

/// `Err` with the reason when a file is no picture, as far as that is looked at here.
pub(super) fn look(path: &Path) -> Result<(), String> {
    if named_like_a_picture(path.as_os_str().as_encoded_bytes()) {
        return Ok(());
    }
    let mut head = Vec::with_capacity(SNIFF_BYTES);
    File::open(path)
        .and_then(|file| file.take(SNIFF_BYTES as u64).read_to_end(&mut head))
        .map_err(|e| cannot_be_read(&e))?;
    sniff(&head).map(|_| ()).map_err(|e| e.to_string())
}
