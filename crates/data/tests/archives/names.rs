//! Names of members.

use headstart_data::Limits;

use crate::{file, list, picture, pictures, skipped, tar};

#[test]
fn names_that_lead_elsewhere_are_refused_and_others_made_plain() {
    let jpeg = &picture()[..];
    let nested = tar(&[(b"cat/a.jpg", jpeg)]);
    let bytes = tar(&[
        (b"../../etc/evil.jpg", jpeg),
        (b"cat/../../evil.jpg", jpeg),
        (b"/absolute/cat/a.jpg", jpeg),
        (b"./absolute/dog/b.jpg", jpeg),
        (b"absolute/dog/b.jpg", &[jpeg, b"later"].concat()),
        (b"absolute/nested.tar", &nested),
        (b"absolute/dog/empty.jpg", b""),
        (b"", jpeg),
    ]);
    let (_folder, path) = file("x", &bytes);
    let listing = list(&path);
    assert_eq!(
        pictures(&path, &listing),
        ["absolute/cat/a.jpg:cat", "absolute/dog/b.jpg:dog", "absolute/dog/empty.jpg:dog"]
    );
    let read = |index: usize| listing.pictures[index].at.read(&Limits::default());
    assert!(read(1).unwrap().ends_with(b"later"), "the last one of a name counts");
    assert_eq!(read(2).unwrap_err().to_string(), "not a picture (empty file)");
    let reasons: Vec<_> = listing.skipped.iter().map(|s| s.reason.to_string()).collect();
    assert_eq!(
        reasons,
        [
            "its name leads out of the archive",
            "its name leads out of the archive",
            "it has no name",
            "replaced by a later member of the same name",
            "not a picture (unknown content)",
        ]
    );
    for skipped in &listing.skipped {
        assert!(skipped.path.starts_with(&path), "{skipped:?}");
    }
}

#[test]
fn names_beyond_reason_are_refused() {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    for length in [5000, 65_535] {
        let name = "long/".repeat(length / 5 - 1) + "a.jpg";
        archive.append_data(&mut header, &name, &b""[..]).unwrap();
    }
    let (_folder, path) = file("x.tar", &archive.into_inner().unwrap());
    let listing = list(&path);
    assert!(listing.pictures.is_empty());
    assert_eq!(listing.skipped.len(), 2);
    for skipped in listing.skipped {
        assert_eq!(skipped.reason.to_string(), "its name is longer than the limit for paths");
        assert!(skipped.path.as_os_str().len() < 5000);
    }
    // An endless name is not read to its end.
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    let name = vec![b'a'; 3 << 20];
    header.set_size(name.len() as u64);
    header.set_cksum();
    archive.append(&header, &name[..]).unwrap();
    let (_folder, path) = file("x.tar", &archive.into_inner().unwrap());
    let listing = list(&path);
    assert_eq!(
        skipped(&path, &listing),
        ["damaged or truncated (a name without end): only what lies before is listed"]
    );
}
