//! Segments: the data that a process wrote to a namespace.

mod reader;
mod writer;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::files::size;
use super::format::{HEADER, KEY_RECORD, VERSION, data_record, parse_header};
use super::lock::Mark;
use super::{Fingerprint, Key};
use crate::decode::ContentHash;
pub(super) use reader::{Reader, Unread};
pub(super) use writer::{Whole, Writer};

/// Reads the header of a file.
fn read_header(path: &Path) -> Option<(u32, Fingerprint, usize)> {
    let mut head = Vec::new();
    File::open(path).and_then(|f| f.take(HEADER as u64).read_to_end(&mut head)).ok()?;
    parse_header(&head)
}

/// The sound keys of a segment of any namespace.
pub(super) fn keys(path: &Path) -> Vec<Key> {
    let segment =
        read_header(path).and_then(|(_, fingerprint, dim)| Reader::open(path, &fingerprint, dim));
    segment.map_or_else(Vec::new, |(_, keys)| keys.into_iter().map(|(_, key, _)| key).collect())
}

/// The number of complete records of a `.keys` file.
pub(super) fn lines(keys: &Path) -> u64 {
    size(keys).saturating_sub(HEADER as u64) / KEY_RECORD as u64
}

/// The number of complete records of a `.data` file.
fn records(data: &Path, dim: usize) -> u64 {
    size(data).saturating_sub(HEADER as u64) / data_record(dim) as u64
}

/// The result of examining a segment.
pub(super) enum Examined {
    /// It belongs to another version of this program, or another namespace.
    Foreign,
    /// It is so damaged that none of about `records` records is readable.
    Unreadable { records: u64 },
    Segment {
        reader: Reader,
        dim: usize,
        /// The sound keys, each with the index of its record.
        keys: Vec<(u32, Key, ContentHash)>,
        /// Records without a sound key, and keys without a record.
        lost: u64,
    },
}

/// Examines a segment of the namespace `fingerprint`, without its features. `None` if another process is deleting it,
/// or was killed while doing so.
pub(super) fn examine(path: &Path, fingerprint: &Fingerprint) -> Option<Examined> {
    let data = path.with_extension("data");
    // Checked before the files' lengths: a writing process appends the features before the keys.
    let writing = Mark::is_on(path);
    let lines = lines(path);
    let examined = match read_header(path) {
        Some((VERSION, of, dim)) if of == *fingerprint => {
            let (reader, keys) = Reader::open(path, fingerprint, dim)?;
            // A killed process may leave one record whose key it had not written.
            let keyless = if writing { 0 } else { records(&data, dim).saturating_sub(lines + 1) };
            let lost = lines.saturating_sub(keys.len() as u64) + keyless;
            Examined::Segment { reader, dim, keys, lost }
        }
        Some(_) => Examined::Foreign,
        // Both files start with a header, before any record.
        None if writing => Examined::Unreadable { records: 0 },
        None => match read_header(&data) {
            Some((VERSION, _, dim)) => {
                Examined::Unreadable { records: lines.max(records(&data, dim)) }
            }
            Some(_) => Examined::Foreign,
            None => Examined::Unreadable { records: lines },
        },
    };
    (path.exists() && data.exists()).then_some(examined)
}
