//! Listing of tar archives, with ustar, GNU and PAX long names.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use headstart_files::{Section, io_reason, read_exact_at};
use tar::{Archive, EntryType};

use super::super::SkipReason;
use super::index::{Builder, Content, Packing};

/// Maximum bytes read to identify a member: its headers, including its name.
const HEADERS: u64 = 1 << 20;

/// Bytes of a header; all offsets are multiples of it.
const BLOCK: u64 = 512;

/// Lists the members of a file of `len` bytes, which may be several concatenated archives. Members after a damaged
/// header cannot be found: that is noted, and those before it are listed.
pub(super) fn scan(file: &File, len: u64, found: &mut Builder<'_>) {
    let mut start = Some(0);
    while let Some(at) = start {
        start = match scan_one(file, (at, len), found) {
            Ok(end) => next_archive(file, end),
            Err(error) => {
                let reason = io_reason(&error);
                let what = "damaged or truncated";
                return found.note(format!("{what} ({reason}): only what lies before is listed"));
            }
        };
    }
}

/// Lists the archive that starts at `start`, and returns its end.
fn scan_one(file: &File, (start, len): (u64, u64), found: &mut Builder<'_>) -> io::Result<u64> {
    let left = Cell::new(HEADERS);
    let mut archive =
        Archive::new(Metered { section: Section::new(file, start, len), left: &left });
    let entries = archive.entries_with_seek()?;
    for entry in entries {
        left.set(HEADERS);
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        let mut name = entry.path_bytes().into_owned();
        let sparse = kind == EntryType::GNUSparse || is_sparse(&mut entry, &mut name);
        let content = Content {
            at: start.saturating_add(entry.raw_file_position()),
            stored: entry.size(),
            packing: Packing::Plain,
        };
        match kind {
            EntryType::Directory | EntryType::XGlobalHeader => {}
            _ if sparse => found.skip(&name, SkipReason::Sparse),
            EntryType::Regular | EntryType::Continuous => {
                if content.at.checked_add(content.stored).is_none_or(|end| end > len) {
                    found.skip(&name, SkipReason::CutOff);
                    return Ok(len);
                } else if !name.ends_with(b"/") {
                    found.add(&name, content);
                }
            }
            EntryType::Symlink | EntryType::Link => {
                found.skip(&name, SkipReason::Link { tar: true });
            }
            _ => found.skip(&name, SkipReason::irregular()),
        }
    }
    // It ends with a block of zeros, which has been read.
    let end = start + archive.into_inner().stream_position()?.saturating_sub(BLOCK);
    if !block(file, end).is_some_and(|block| is_zero(&block)) {
        return Err(io::Error::other("it has no end"));
    }
    Ok(end)
}

/// The start of another archive after the zeros at `end`, within the range that is searched.
fn next_archive(file: &File, end: u64) -> Option<u64> {
    let mut blocks = (0..HEADERS / BLOCK).map(|i| end + i * BLOCK);
    let start = blocks.find(|&at| !block(file, at).is_some_and(|block| is_zero(&block)))?;
    block(file, start).filter(|block| block[257..].starts_with(b"ustar")).map(|_| start)
}

fn block(file: &File, at: u64) -> Option<[u8; BLOCK as usize]> {
    let mut block = [0; BLOCK as usize];
    read_exact_at(file, &mut block, at).ok().map(|()| block)
}

fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|&byte| byte == 0)
}

/// PAX marks sparse files by GNU extensions, which also specify the file's real name.
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

/// A reader limited to a number of bytes, which is reset for each member.
struct Metered<'a> {
    section: Section<'a>,
    left: &'a Cell<u64>,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.section.read(buffer)?;
        let left = self.left.get().checked_sub(read as u64);
        self.left.set(left.ok_or_else(|| io::Error::other("a name without end"))?);
        Ok(read)
    }
}

impl Seek for Metered<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.section.seek(to)
    }
}
