//! Truncated, damaged and inconsistent archives.

use std::fs;

use headstart_data::Limits;
use proptest::prelude::*;

use crate::{archive, file, list, skipped};

#[test]
fn a_truncated_archive_lists_what_is_whole_and_says_so() {
    let whole = fs::read(archive("gnu.tar")).unwrap();
    let all = list(&archive("gnu.tar")).pictures.len();
    // Within the first member, at its end, within the second header.
    for (len, listed, says) in [
        (700, 0, Some("cat/one.jpg: truncated: the archive ends before it does")),
        (
            512 + 1024,
            1,
            Some("damaged or truncated (it has no end): only what lies before is listed"),
        ),
        (
            512 + 1024 + 100,
            1,
            Some(
                "damaged or truncated (failed to read entire block): only what lies before is listed",
            ),
        ),
        (whole.len(), all, None),
    ] {
        let (_folder, path) = file("x.tar", &whole[..len]);
        let listing = list(&path);
        assert_eq!(listing.pictures.len(), listed, "{len}");
        assert_eq!(skipped(&path, &listing), says.into_iter().collect::<Vec<_>>());
        for picture in &listing.pictures {
            picture.at.read(&Limits::default()).unwrap();
        }
    }
    let whole = fs::read(archive("stored.zip")).unwrap();
    let (_folder, path) = file("x.zip", &whole[..whole.len() - 30]);
    assert_eq!(
        skipped(&path, &list(&path)),
        ["a ZIP archive without its end: the download may be incomplete"]
    );
}

#[test]
fn a_count_of_members_without_zip64_is_one_modulo_65536() {
    let whole = fs::read(archive("stored.zip")).unwrap();
    let at = whole.len() - 22;
    assert!(whole[at..].starts_with(b"PK\x05\x06"));
    let count = u16::from_le_bytes([whole[at + 10], whole[at + 11]]);
    let listing = list(&archive("stored.zip"));
    assert!(listing.skipped.is_empty());
    let mut other = whole.clone();
    other[at + 10..at + 12].copy_from_slice(&(count + 1).to_le_bytes());
    let (_folder, path) = file("x.zip", &other);
    let says = format!("its directory is damaged ({count} members, {} declared)", count + 1);
    assert_eq!(skipped(&path, &list(&path)), [says]);
}

/// Changes the bytes at `offset` after each `mark`.
fn patched(name: &str, mark: &[u8], offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut archive = fs::read(self::archive(name)).unwrap();
    let places: Vec<usize> =
        (0..archive.len()).filter(|&at| archive[at..].starts_with(mark)).collect();
    assert!(!places.is_empty());
    for at in places {
        archive[at + offset..][..bytes.len()].copy_from_slice(bytes);
    }
    archive
}

#[test]
fn a_zip_archive_that_contradicts_itself_gives_a_line_for_each_member() {
    const CENTRAL: &[u8] = b"PK\x01\x02";
    let beyond = "lies beyond the end of the archive, which is damaged";
    let cases = [
        (
            "encrypted",
            patched("stored.zip", CENTRAL, 8, &[1, 0]),
            0,
            "encrypted: unpack the archive",
        ),
        ("far offset", patched("stored.zip", CENTRAL, 42, &[0, 0, 0, 0x70]), 0, beyond),
        ("large size", patched("stored.zip", CENTRAL, 20, &[0, 0, 0, 0x70]), 0, beyond),
        ("far in ZIP64", patched("stored.zip", CENTRAL, 42, &[0xFF; 4]), 0, beyond),
        (
            "one place for all",
            patched("stored.zip", CENTRAL, 42, &[0; 4]),
            1,
            "overlaps another member: the archive is damaged",
        ),
    ];
    for (what, bytes, listed, reason) in cases {
        let (_folder, path) = file("x.zip", &bytes);
        let listing = list(&path);
        assert_eq!(listing.pictures.len(), listed, "{what}: {listing:?}");
        assert_eq!(listing.skipped.len(), 4 - listed, "{what}");
        assert!(
            listing.skipped.iter().all(|s| s.reason.to_string() == reason),
            "{what}: {listing:?}"
        );
    }
    let directory = patched("stored.zip", b"PK\x05\x06", 16, &[0xFF, 0xFF, 0xFF, 0x7F]);
    let fewer = patched("stored.zip", b"PK\x05\x06", 10, &[9, 0]);
    for (bytes, listed, says) in [
        (directory, 0, "a ZIP archive whose directory is damaged"),
        (fewer, 4, "its directory is damaged (4 members, 9 declared)"),
    ] {
        let (_folder, path) = file("x.zip", &bytes);
        let listing = list(&path);
        assert_eq!(listing.pictures.len(), listed);
        assert_eq!(skipped(&path, &listing), [says]);
    }
}

#[test]
fn a_member_that_is_damaged_or_too_large_is_an_error_of_its_own() {
    let mut local = patched("stored.zip", b"PK\x03\x04", 0, b"XX");
    // The first bytes determine the type of the file.
    local[..2].copy_from_slice(b"PK");
    let content = patched("stored.zip", b"\xFF\xD8\xFF", 40, &[0, 1, 2]);
    let deflated = patched("deflated.zip", b"PK\x03\x04", 60, &[0xFF; 9]);
    let declared = patched("deflated.zip", b"PK\x03\x04", 22, &100_u32.to_le_bytes());
    let small = Limits { max_file_bytes: 100, ..Limits::default() };
    let default = Limits::default();
    for (bytes, index, limits, part) in [
        (local, 0, default, "there is no such member"),
        (content, 1, default, "damaged in the archive"),
        (deflated, 1, default, "cannot be read ("),
        (declared, 1, default, "it holds more than it declares"),
        (fs::read(archive("deflated.zip")).unwrap(), 1, small, "the limit"),
    ] {
        let (_folder, path) = file("x.zip", &bytes);
        let error = list(&path).pictures[index].at.read(&limits).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn a_million_empty_members_are_a_million_lines_and_little_memory() {
    let mut archive = Vec::with_capacity(512 * 20_000);
    for index in 0..20_000 {
        let mut header = tar::Header::new_ustar();
        header.set_path(format!("cat/{index}.jpg")).unwrap();
        header.set_size(0);
        header.set_cksum();
        archive.extend(header.as_bytes());
    }
    let (_folder, path) = file("x.tar", &archive);
    let listing = list(&path);
    assert_eq!(listing.pictures.len(), 20_000);
    assert!(listing.pictures.is_sorted_by_key(|p| p.at.path().into_owned()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_archives_never_panic(
        which in 0..6usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let names =
            ["stored.zip", "deflated.zip", "zip64.zip", "pax.tar", "sparse_gnu.tar", "webdataset.tar"];
        let mut bytes = fs::read(archive(names[which])).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let (_folder, path) = file("x", &bytes);
        for picture in list(&path).pictures {
            let _ = picture.at.read(&Limits::default());
        }
    }

    #[test]
    fn arbitrary_bytes_behind_a_mark_never_panic(
        zip in any::<bool>(),
        mut bytes in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        if zip {
            bytes.splice(0..0, *b"PK\x03\x04");
            let end = bytes.len().saturating_sub(22);
            bytes.splice(end..end, *b"PK\x05\x06");
        } else {
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            header.set_cksum();
            bytes.splice(0..0, *header.as_bytes());
        }
        let (_folder, path) = file("x", &bytes);
        for picture in list(&path).pictures {
            let _ = picture.at.read(&Limits::default());
        }
    }
}
