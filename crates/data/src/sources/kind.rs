//! What a file is, told by its content.

use std::fs::File;
use std::path::Path;

use headstart_files::read_exact_at;

use super::archive;

/// What a file that is given in place of pictures is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    Archive(archive::ArchiveFormat),
    /// A Parquet file.
    Table,
    /// A packed file, by its kind.
    Packed(&'static str),
    /// A part of an archive, which is nothing by itself.
    Part,
    /// A picture, or whatever else.
    Other,
}

/// Bytes of a tar header.
const BLOCK: usize = 512;

impl FileKind {
    /// What the file is; [`FileKind::Other`] if it cannot be read.
    pub(super) fn of(path: &Path) -> Self {
        match joining(path) {
            Some(_) => Self::Part,
            None => Self::of_content(path),
        }
    }

    fn of_content(path: &Path) -> Self {
        let mut head = [0; BLOCK];
        let Ok(file) = File::open(path) else { return Self::Other };
        // A zip archive may be shorter; what lies behind its end stays zero.
        let len = file.metadata().map_or(0, |m| m.len()).min(BLOCK as u64) as usize;
        match read_exact_at(&file, &mut head[..len], 0) {
            Ok(()) => Self::of_head(&head),
            Err(_) => Self::Other,
        }
    }

    fn of_head(head: &[u8; BLOCK]) -> Self {
        const MAGIC: [(&[u8], FileKind); 8] = [
            (b"PK\x03\x04", FileKind::Archive(archive::ArchiveFormat::Zip)),
            // Without any member.
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

/// That a file is a Parquet file, which this build leaves out.
#[cfg(not(feature = "parquet"))]
pub(super) fn not_in_this_build() -> String {
    "a Parquet file, which this build of headstart does not read: it lacks the feature parquet"
        .to_owned()
}

/// What to do about a part of an archive; `None` of any other file.
pub(super) fn joining(path: &Path) -> Option<String> {
    archive::joining(path, &|path| matches!(FileKind::of_content(path), FileKind::Archive(_)))
}

/// Whether the checksum is right, in which its own eight bytes count as spaces: that of a header of
/// any kind of tar, also those older than their mark. One of zeros has none.
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
