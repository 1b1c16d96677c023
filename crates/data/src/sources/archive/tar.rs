//! Lists tar archives: ustar, GNU's and PAX's long names.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use headstart_model::io_reason;
use tar::{Archive, EntryType};

use super::index::{Builder, Content, Packing};
use crate::positioned::Part;

/// The most that is read to know one member: its headers, with its name in them.
const HEADERS: u64 = 1 << 20;

/// Lists the members of a file of `len` bytes. What follows a damaged header cannot be found: it
/// is noted, and what lies before it is listed.
pub(super) fn scan(file: &File, len: u64, found: &mut Builder<'_>) {
    let left = Cell::new(HEADERS);
    let mut archive = Archive::new(Metered { part: Part::new(file, 0, len), left: &left });
    let entries = match archive.entries_with_seek() {
        Ok(entries) => entries,
        Err(error) => return found.note(ends_early(&error)),
    };
    for entry in entries {
        left.set(HEADERS);
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) => return found.note(ends_early(&error)),
        };
        let kind = entry.header().entry_type();
        let mut name = entry.path_bytes().into_owned();
        let sparse = kind == EntryType::GNUSparse || is_sparse(&mut entry, &mut name);
        let content = Content {
            at: entry.raw_file_position(),
            stored: entry.size(),
            packing: Packing::Plain,
        };
        match kind {
            EntryType::Directory | EntryType::XGlobalHeader => {}
            _ if sparse => found.skip(&name, "a sparse file: pack it without --sparse"),
            EntryType::Regular | EntryType::Continuous => {
                if content.at.checked_add(content.stored).is_none_or(|end| end > len) {
                    found.skip(&name, "truncated: the archive ends before it does");
                } else if !name.ends_with(b"/") {
                    found.add(&name, content);
                }
            }
            EntryType::Symlink | EntryType::Link => {
                found.skip(
                    &name,
                    "a link: pack the file that it leads to (tar --dereference --hard-dereference)",
                );
            }
            _ => found.skip(&name, "not a picture (no regular file)"),
        }
    }
}

fn ends_early(error: &io::Error) -> String {
    format!("damaged or truncated ({}): only what lies before is listed", io_reason(error))
}

/// PAX says so in extensions of GNU's, which then give the file's own name, too.
fn is_sparse<R: Read>(entry: &mut tar::Entry<'_, R>, name: &mut Vec<u8>) -> bool {
    let Ok(Some(extensions)) = entry.pax_extensions() else { return false };
    let mut sparse = false;
    for extension in extensions.flatten() {
        if let Some(key) = extension.key_bytes().strip_prefix(b"GNU.sparse.") {
            sparse = true;
            if key == b"name" {
                *name = extension.value_bytes().to_vec();
            }
        }
    }
    sparse
}

/// Gives no more than so many bytes, which are counted anew for each member.
struct Metered<'a> {
    part: Part<'a>,
    left: &'a Cell<u64>,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.part.read(buffer)?;
        let left = self.left.get().checked_sub(read as u64);
        self.left.set(left.ok_or_else(|| io::Error::other("a name without end"))?);
        Ok(read)
    }
}

impl Seek for Metered<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.part.seek(to)
    }
}
