//! WebDataset shards, in the standard form and with other common member names.

mod support;

use std::fs;
use std::path::PathBuf;

use headstart_data::Source;
use headstart_data::sources::{ColumnNames, Listing, Note};

/// A tar archive of these members.
fn tar(members: &[(&str, &[u8])]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tar");
    let mut archive = tar::Builder::new(fs::File::create(&path).unwrap());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, *content).unwrap();
    }
    archive.finish().unwrap();
    (folder, path)
}

fn list(members: &[(&str, &[u8])], columns: &ColumnNames) -> Listing {
    let (_folder, path) = tar(members);
    Source { columns: columns.clone(), ..Source::new(path) }.list().unwrap()
}

/// `NAME:LABEL` of each picture.
fn labels(listing: &Listing) -> Vec<String> {
    let picture = |p: &headstart_data::sources::Listed| {
        let path = p.at.path();
        let name = path.file_name().unwrap().to_string_lossy();
        format!("{name}:{}", p.label.as_deref().unwrap_or("-"))
    };
    listing.pictures.iter().map(picture).collect()
}

#[test]
fn a_picture_is_labelled_by_the_file_of_its_whole_name_before_that_of_its_key() {
    let picture = &support::bytes("decode/jpeg_rgb.jpg")[..];
    let listing = list(
        &[
            ("22.05.a.jpg", picture),
            ("22.05.a.cls", b"cat"),
            ("22.05.b.jpg", picture),
            ("22.05.b.cls", b"dog"),
            ("22.05.c.jpg", picture),
            ("22.05.txt", b"a note"),
        ],
        &ColumnNames::default(),
    );
    assert_eq!(labels(&listing), ["22.05.a.jpg:cat", "22.05.b.jpg:dog", "22.05.c.jpg:-"]);
    assert!(listing.skipped.is_empty(), "{:?}", listing.skipped);
    let [note] = &listing.notes[..] else { panic!("{:?}", listing.notes) };
    let note = note.to_string();
    assert!(note.starts_with("names have dots, such as 22.05.a: labels are from"), "{note}");

    // By WebDataset's rule, regardless of other members with the key; also beside names that contain dots.
    let listing = list(
        &[
            ("7.jpg", picture),
            ("7.seg.jpg", picture),
            ("7.cls", b"cat"),
            ("7.b.jpg", picture),
            ("7.b.CLS", b"dog"),
            ("8.jpg", picture),
            ("8.cls", b"dog"),
        ],
        &ColumnNames::default(),
    );
    assert_eq!(labels(&listing), ["7.b.jpg:dog", "7.jpg:cat", "8.jpg:dog"]);
    let plain = list(&[("7.jpg", picture), ("7.cls", b"cat")], &ColumnNames::default());
    assert!(plain.notes.is_empty(), "{:?}", plain.notes);
}

#[test]
fn labels_in_json_are_taken_where_nothing_else_says_any() {
    let picture = &support::bytes("decode/jpeg_rgb.jpg")[..];
    let object = &br#"{"label": "dog", "kind": ["pet"], "width": 3}"#[..];
    let members: [(&str, &[u8]); 7] = [
        ("s/a.jpg", picture),
        ("s/a.json", br#"{"label": 3, "class": "x"}"#),
        ("s/b.c.jpg", picture),
        ("s/b.c.json", object),
        ("s/d.jpg", picture),
        ("s/d.json", b"[no object"),
        ("s/e.jpg", picture),
    ];
    let listing = list(&members, &ColumnNames::default());
    assert_eq!(labels(&listing), ["a.jpg:3", "b.c.jpg:dog", "d.jpg:-", "e.jpg:-"]);
    let note = "labels from \"label\" in .json files".to_owned();
    assert_eq!(listing.notes, [Note::Text(note)]);
    let named = ColumnNames { labels: vec!["kind".to_owned()], ..ColumnNames::default() };
    assert_eq!(labels(&list(&members, &named)), ["a.jpg:-", "b.c.jpg:pet", "d.jpg:-", "e.jpg:-"]);

    let folders = [("cat/a.jpg", picture), ("cat/a.json", object), ("fox/b.jpg", picture)];
    assert_eq!(labels(&list(&folders, &ColumnNames::default())), ["a.jpg:cat", "b.jpg:fox"]);
    let classes =
        [("a.jpg", picture), ("a.cls", &b"cat"[..]), ("a.json", object), ("b.jpg", picture)];
    assert_eq!(labels(&list(&classes, &ColumnNames::default())), ["a.jpg:cat", "b.jpg:-"]);
}
