//! Detection of file types by content.

use std::fs::File;
use std::path::Path;

use headstart_files::read_exact_at;

use super::archive;

/// The type of a file given instead of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    Archive(archive::ArchiveFormat),
    /// A Parquet file.
    Table,
    /// A compressed file of this type.
    Packed(&'static str),
    /// A part of an archive, unusable by itself.
    Part,
    /// A picture, or anything else.
    Other,
}

/// Bytes of a tar header.
const BLOCK: usize = 512;

impl FileKind {
    /// Detects the type of a file; [`FileKind::Other`] if it cannot be read.
    pub(super) fn of(path: &Path) -> Self {
        match joining(path) {
            Some(_) => Self::Part,
            None => Self::of_content(path),
        }
    }

    fn of_content(path: &Path) -> Self {
        let mut head = [0; BLOCK];
        let Ok(file) = File::open(path) else { return Self::Other };
        // A zip archive may be shorter; the rest of the buffer stays zero.
        let len = file.metadata().map_or(0, |m| m.len()).min(BLOCK as u64) as usize;
        match read_exact_at(&file, &mut head[..len], 0) {
            Ok(()) => Self::of_head(&head),
            Err(_) => Self::Other,
        }
    }

    fn of_head(head: &[u8; BLOCK]) -> Self {
        const MAGIC: [(&[u8], FileKind); 8] = [
            (b"PK\x03\x04", FileKind::Archive(archive::ArchiveFormat::Zip)),
            // An empty archive.
            (b"PK\x05\x06", FileKind::Archive(archive::ArchiveFormat::Zip)),
            (b"PAR1", FileKind::Table),
            (b"\x1F\x8B", FileKind::Packed("gzip")),
            (b"BZh", FileKind::Packed("bzip2")),
            (b"\xFD7zXZ\0", FileKind::Packed("xz")),
            (b"\x28\xB5\x2F\xFD", FileKind::Packed("zstd")),
            (b"7z\xBC\xAF\x27\x1C", FileKind::Packed("7z")),
        ];
        let known = MAGIC.iter().find(|(magic, _)| head.starts_with(magic));
        match known {
            Some((_, kind)) => *kind,
            None if is_tar_header(head) => Self::Archive(archive::ArchiveFormat::Tar),
            None => Self::Other,
        }
    }
}

/// The message for a Parquet file in a build without Parquet support.
#[cfg(not(feature = "parquet"))]
pub(super) fn not_in_this_build() -> String {
    "a Parquet file, which this build of headstart does not read: it lacks the feature parquet"
        .to_owned()
}

/// How to join a part of an archive; `None` for any other file.
pub(super) fn joining(path: &Path) -> Option<String> {
    archive::joining(path, &|path| matches!(FileKind::of_content(path), FileKind::Archive(_)))
}

/// Whether the checksum is right, computed with its own eight bytes as spaces: true for headers of all tar variants,
/// including those older than the magic bytes. A block of zeros has no valid checksum.
fn is_tar_header(head: &[u8; BLOCK]) -> bool {
    let sum = |bytes: &[u8]| bytes.iter().map(|&b| u32::from(b)).sum::<u32>();
    let expected = sum(&head[..148]) + 8 * u32::from(b' ') + sum(&head[156..]);
    let mut fields = head[148..156].split(|b| matches!(b, 0 | b' ')).filter(|f| !f.is_empty());
    let digits = fields.next().and_then(|digits| std::str::from_utf8(digits).ok());
    let stated = digits.and_then(|digits| u32::from_str_radix(digits, 8).ok());
    stated == Some(expected) && expected > 8 * u32::from(b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_tells_what_a_file_is() {
        let head = |bytes: &[u8]| {
            let mut head = [0; BLOCK];
            head[..bytes.len()].copy_from_slice(bytes);
            FileKind::of_head(&head)
        };
        for other in [&b""[..], b"\xFF\xD8\xFF\xE0", b"some text", b"GIF89a"] {
            assert_eq!(head(other), FileKind::Other);
        }
        assert_eq!(head(b"PK\x03\x04"), FileKind::Archive(archive::ArchiveFormat::Zip));
        assert_eq!(head(b"\x1F\x8B\x08"), FileKind::Packed("gzip"));
        let mut header = tar::Header::new_old();
        header.set_size(0);
        header.set_cksum();
        assert_eq!(head(header.as_bytes()), FileKind::Archive(archive::ArchiveFormat::Tar));
        header.as_mut_bytes()[0] = b'x';
        assert_eq!(head(header.as_bytes()), FileKind::Other);
    }
}
