//! Archives in parts: for any part, the error contains the command that joins them.

mod support;

use std::fs;
use std::path::Path;

use headstart_data::Dataset;
use headstart_data::sources::{is_source, list_pictures};

/// The reason why nothing in a file is listed.
fn refusal(path: &Path) -> String {
    let listing = list_pictures([path]);
    assert!(listing.pictures.is_empty(), "{}", path.display());
    let [skipped] = &listing.skipped[..] else { panic!("{:?}", listing.skipped) };
    assert_eq!(skipped.path, path);
    let reason = skipped.reason.to_string();
    let error = Dataset::open(path).unwrap_err().to_string();
    assert_eq!(error, format!("{}: {reason}", path.display()));
    assert!(is_source(path), "and no picture");
    reason
}

/// PKWARE's APPNOTE 8.5 on archives in parts: the first starts with a marker, and the record at the end of the last
/// contains its number.
#[test]
fn parts_that_zip_has_made_are_refused_with_the_command_that_joins_them() {
    let folder = tempfile::tempdir().unwrap();
    let whole = support::bytes("archives/stored.zip");
    let (first, last) = whole.split_at(whole.len() / 2);
    let mut last = last.to_vec();
    let end = last.len() - 22;
    assert!(last[end..].starts_with(b"PK\x05\x06"));
    last[end + 4] = 2;
    let at = |name: &str| folder.path().join(name);
    for stem in ["z", "my set"] {
        fs::write(at(&format!("{stem}.z01")), [b"PK\x07\x08", first].concat()).unwrap();
        fs::write(at(&format!("{stem}.z02")), "whatever is in the middle").unwrap();
        fs::write(at(&format!("{stem}.zip")), &last).unwrap();
    }
    let root = folder.path().display();
    let joined =
        format!("join the parts and give the whole: zip -s 0 {root}/z.zip --out {root}/whole.zip");
    for part in ["z.zip", "z.z01", "z.z02"] {
        assert!(refusal(&at(part)).ends_with(&joined), "{part}: {}", refusal(&at(part)));
    }
    let quoted = format!("zip -s 0 '{root}/my set.zip' --out {root}/whole.zip");
    assert!(refusal(&at("my set.z02")).ends_with(&quoted));
    fs::remove_file(at("z.zip")).unwrap();
    assert!(refusal(&at("z.z01")).ends_with(&joined), "known by its mark");
}

#[test]
fn pieces_of_any_archive_are_refused_with_the_command_that_joins_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (whole, fixture, endings) in [
        ("s.zip", "deflated.zip", ["001", "002", "003"]),
        ("t.tar", "ustar.tar", ["aa", "ab", "ac"]),
        ("u.tar.gz", "ustar.tar", ["00", "01", "02"]),
    ] {
        let bytes = support::bytes(&format!("archives/{fixture}"));
        let third = bytes.len().div_ceil(3);
        for (piece, ending) in bytes.chunks(third).zip(endings) {
            fs::write(at(&format!("{whole}.{ending}")), piece).unwrap();
        }
        for ending in endings {
            let path = at(&format!("{whole}.{ending}")).display().to_string();
            let whole = at(whole).display().to_string();
            let joined = format!("join the parts and give the whole: cat {whole}.* > {whole}");
            let reason = refusal(Path::new(&path));
            assert!(reason.ends_with(&joined), "{path}: {reason}");
        }
    }
}

#[test]
fn whole_archives_may_be_numbered() {
    let folder = tempfile::tempdir().unwrap();
    let whole = support::bytes("archives/ustar.tar");
    let expected = list_pictures([support::fixture("archives/ustar.tar")]).pictures.len();
    for name in ["backup.tar.01", "backup.tar.02", "one.tar.001", "shards-00.tar", "shards-01.tar"]
    {
        fs::write(folder.path().join(name), &whole).unwrap();
    }
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(list_pictures([&path]).pictures.len(), expected, "{}", path.display());
    }
}
