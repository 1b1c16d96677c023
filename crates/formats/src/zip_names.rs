//! The names in a zip archive, which are enough to detect its kind.

const END: &[u8] = b"PK\x05\x06";
const END_LEN: usize = 22;
const LOCATOR_64: &[u8] = b"PK\x06\x07";
const LOCATOR_64_LEN: usize = 20;
const END_64: &[u8] = b"PK\x06\x06";
const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_LEN: usize = 46;
/// Maximum length of the comment after the end of the directory.
const MAX_COMMENT: usize = u16::MAX as usize;

/// The names of all entries, from the directory at the archive's end; `None` if the directory is missing or
/// incomplete.
pub(crate) fn list(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let end = end(bytes)?;
    let (count, start) = directory(bytes, end)?;
    // The count is not trusted; an entry is at least as long as its fixed part.
    let mut names = Vec::with_capacity(count.min(bytes.len() / ENTRY_LEN));
    let mut rest = bytes.get(start..end)?;
    for _ in 0..count {
        let entry = rest.get(..ENTRY_LEN).filter(|entry| entry.starts_with(ENTRY))?;
        let [name, extra, comment] = [28, 30, 32].map(|at| number::<2>(entry, at));
        let name = name? as usize;
        names.push(rest.get(ENTRY_LEN..ENTRY_LEN + name)?);
        rest = rest.get(ENTRY_LEN + name + extra? as usize + comment? as usize..)?;
    }
    Some(names)
}

/// The offset of the end-of-directory record: the last one whose comment fits in the file.
fn end(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(END_LEN)?;
    (last.saturating_sub(MAX_COMMENT)..=last).rev().find(|&at| {
        let comment = number::<2>(bytes, at + 20);
        bytes[at..].starts_with(END)
            && comment.is_some_and(|comment| at + END_LEN + comment as usize <= bytes.len())
    })
}

/// The number of entries in the directory, and its offset.
fn directory(bytes: &[u8], end: usize) -> Option<(usize, usize)> {
    let (count, start) = (number::<2>(bytes, end + 10)?, number::<4>(bytes, end + 16)?);
    if count < u16::MAX.into() && start < u32::MAX.into() {
        return Some((usize::try_from(count).ok()?, usize::try_from(start).ok()?));
    }
    // Values too large for these fields are in a second record, which a third record right before `end` locates.
    let locator = bytes.get(end.checked_sub(LOCATOR_64_LEN)?..end)?;
    let at = number::<8>(locator, 8).filter(|_| locator.starts_with(LOCATOR_64))?;
    let record = bytes.get(usize::try_from(at).ok()?..)?;
    let count = number::<8>(record, 32).filter(|_| record.starts_with(END_64))?;
    Some((usize::try_from(count).ok()?, usize::try_from(number::<8>(record, 48)?).ok()?))
}

/// Reads a little-endian number of `N` bytes.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let mut number = [0; 8];
    number[..N].copy_from_slice(bytes.get(at..)?.get(..N)?);
    Some(u64::from_le_bytes(number))
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;

    fn archive(entries: usize, comment: &str) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for i in 0..entries {
            archive.start_file(format!("folder/{i}"), options).unwrap();
            archive.write_all(b"PK\x05\x06, as an end begins").unwrap();
        }
        archive.set_comment(comment).unwrap();
        archive.finish().unwrap().into_inner()
    }

    #[test]
    fn all_names_are_listed_in_order() {
        // 70,000 entries exceed the counter of the directory's first record.
        for (entries, comment) in [(0, ""), (1, ""), (3, "a comment"), (70_000, "")] {
            let bytes = archive(entries, comment);
            let names: Vec<_> = (0..entries).map(|i| format!("folder/{i}")).collect();
            let expected: Vec<_> = names.iter().map(String::as_bytes).collect();
            assert!(list(&bytes) == Some(expected), "{entries} entries");
        }
    }

    #[test]
    fn what_is_cut_short_or_damaged_has_no_names_and_does_not_panic() {
        let bytes = archive(3, "");
        for kept in 0..bytes.len() {
            assert_eq!(list(&bytes[..kept]), None, "{kept} bytes");
        }
        let directory = bytes.len() - END_LEN - 3 * (ENTRY_LEN + "folder/0".len());
        for at in directory..bytes.len() {
            for value in [0, 0x7f, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                let _ = list(&bytes);
            }
        }
    }
}
