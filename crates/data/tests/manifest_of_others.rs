//! Manifests written by other programs.

mod support;

use std::fs;
use std::path::Path;

use headstart_data::sources::{ColumnNames, Listing, Note, list_pictures, manifest};
use headstart_data::{DataError, Dataset, Item, Source, Subset};
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

/// A folder with these pictures.
fn folder(pictures: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let picture = support::fixture("decode/jpeg_rgb.jpg");
    for name in pictures {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(&picture, path).unwrap();
    }
    folder
}

/// `PATH:LABEL` of each picture.
fn pictures(listing: &Listing, folder: &Path) -> Vec<String> {
    let picture = |p: &headstart_data::sources::Listed| {
        let path = p.at.path().strip_prefix(folder).unwrap().display().to_string();
        format!("{path}:{}", p.label.as_deref().unwrap_or("-"))
    };
    listing.pictures.iter().map(picture).collect()
}

fn read_as(folder: &Path, name: &str, content: &[u8], columns: &ColumnNames) -> Listing {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    manifest::read_as(&path, columns).unwrap_or_else(|error| panic!("{error}"))
}

fn read(folder: &Path, name: &str, content: &[u8]) -> Listing {
    read_as(folder, name, content, &ColumnNames::default())
}

fn refused(folder: &Path, name: &str, content: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    let error = manifest::read(&path).unwrap_err().to_string();
    assert!(!error.contains('\n'), "{error}");
    error.strip_prefix(&format!("{}: ", path.display())).unwrap().to_owned()
}

const BOTH: [&str; 2] = ["img/a.jpg:cat", "img/b.jpg:dog"];

#[test]
fn the_same_table_in_every_dress_is_the_same_listing() {
    let folder = folder(&["img/a.jpg", "img/b.jpg"]);
    let cases: [(&str, &[u8]); 16] = [
        ("plain.csv", b"path,label\nimg/a.jpg,cat\nimg/b.jpg,dog\n"),
        ("sep.csv", b"sep=;\r\npath;label\r\nimg/a.jpg;cat\r\nimg/b.jpg;dog\r\n"),
        ("mark.csv", b"\xef\xbb\xbfsep=\t\npath\tlabel\nimg/a.jpg\tcat\nimg/b.jpg\tdog\n"),
        ("quoted.csv", b"\"sep=|\"\r\npath|label\r\nimg/a.jpg|cat\r\nimg/b.jpg|dog\r\n"),
        ("space.csv", b"label, path\ncat, img/a.jpg\ndog, img/b.jpg\n"),
        ("quotes.csv", b"label, \"path\"\ncat, \"img/a.jpg\"\n\"dog\", \"img/b.jpg\"\n"),
        ("one.csv", b"path,label\nimg/a.jpg ,cat\n img/b.jpg,dog\n"),
        ("windows.csv", b"path,label\nimg\\a.jpg,cat\nimg\\b.jpg,dog\n"),
        ("mac.csv", b"path,label\rimg/a.jpg,cat\rimg/b.jpg,dog\r"),
        ("stem.csv", b"path,label\nimg/a,cat\nimg/b,dog\n"),
        ("kaggle.csv", b"id,breed\na,cat\nb,dog\n"),
        ("hub.csv", b"file_name,text,label\nimg/a.jpg,\"x, y\",cat\nimg/b.jpg,,dog\n"),
        ("one_hot.csv", b",path,cat,dog\n0,img/a.jpg,1.0,0.0\n1,img/b.jpg,0.0,1.0\n"),
        (
            "lines.jsonl",
            b"{\"file_name\": \"img/a.jpg\", \"label\": \"cat\"}\n\n{\"label\": [\"dog\"], \"file_name\": \"img/b.jpg\", \"box\": {\"x\": 1}}",
        ),
        (
            "windows.ndjson",
            b"\xef\xbb\xbf{\"image\": \"img\\\\a.jpg\", \"label\": \"cat\"}\r\n{\"image\": \"img\\\\b\", \"label\": \"dog\"}\r\n",
        ),
        (
            "one_hot.jsonl",
            b"{\"path\": \"img/a.jpg\", \"cat\": 1, \"dog\": false}\n{\"path\": \"img/b.jpg\", \"dog\": true, \"cat\": 0.0}\n",
        ),
    ];
    for (name, content) in cases {
        let listing = read(folder.path(), name, content);
        assert_eq!(pictures(&listing, folder.path()), BOTH, "{name}");
        assert!(listing.skipped.is_empty(), "{name}: {:?}", listing.skipped);
        let dataset = Dataset::open(folder.path().join(name)).unwrap();
        assert_eq!(dataset.classes, ["cat", "dog"], "{name}");
        assert_eq!(dataset.notes, listing.notes, "{name}");
    }
}

#[test]
fn what_does_not_go_without_saying_is_said() {
    let folder = folder(&["img/a.jpg", "img/b.jpg"]);
    let notes = |name: &str, content: &str| read(folder.path(), name, content.as_bytes()).notes;
    let text = |text: &str| Note::Text(text.to_owned());
    assert_eq!(notes("x.csv", "path,label,split\nimg/a.jpg,cat,train\n"), []);
    let img = folder.path().join("img");
    assert_eq!(
        notes("x.csv", "id,breed\na,cat\nb,dog\n"),
        [
            text("paths from \"id\"; labels from \"breed\""),
            text(&format!(
                "paths count from {}; have no endings, such as .jpg, which were added",
                img.display()
            )),
        ]
    );
    assert_eq!(
        notes("x.csv", "path,cat,dog\nimg\\a.jpg,1,0\nimg\\b.jpg,0,1\n"),
        [
            text("labels from where there is a 1: cat, dog"),
            text("paths have backslashes, taken for slashes")
        ]
    );
    assert_eq!(
        notes("x.jsonl", r#"{"path": "img/a.jpg", "fine_label": 3, "coarse_label": 1}"#),
        [Note::OneOfLabelColumns("labels from \"fine_label\", not \"coarse_label\"".to_owned())]
    );
}

#[test]
fn columns_are_named_where_their_names_say_nothing() {
    let folder = folder(&["a.jpg", "b.jpg"]);
    let named = |path: Option<&str>, labels: &[&str]| ColumnNames {
        path: path.map(str::to_owned),
        labels: labels.iter().map(|&name| name.to_owned()).collect(),
        separator: None,
    };
    let table = b"what;where;cat;dog;odd\nx;a.jpg;1;0;1\ny;b.jpg;0;1;1\n";
    for (columns, labels) in [
        (named(Some("where"), &["what"]), ["a.jpg:x", "b.jpg:y"]),
        (named(Some("where"), &["dog", "cat"]), ["a.jpg:cat", "b.jpg:dog"]),
    ] {
        let listing = read_as(folder.path(), "x.csv", table, &columns);
        assert_eq!(pictures(&listing, folder.path()), labels);
        let source = Source { columns, ..Source::new(folder.path().join("x.csv")) };
        assert_eq!(source.dataset().unwrap().items.len(), 2);
    }
    let error = refused(folder.path(), "x.csv", table);
    assert!(error.contains("there are: what, where, cat, dog, odd; name the column"), "{error}");
    let source = Source { columns: named(None, &["x"]), ..Source::new(folder.path()) };
    assert!(matches!(source.list(), Err(DataError::NoColumns { .. })));
}

#[test]
fn a_table_without_labels_says_which_columns_it_has() {
    let folder = folder(&["a.jpg", "b.jpg"]);
    let path = folder.path().join("x.csv");
    fs::write(&path, "path,age,has_cactus\na.jpg,3,1\nb.jpg,4,0\n").unwrap();
    assert_eq!(list_pictures([&path]).pictures.len(), 2);
    let error = Dataset::open(&path).unwrap_err().to_string();
    assert!(error.ends_with("no labels: its columns are path, age, has_cactus"), "{error}");
    assert!(!error.contains('\n'));
}

#[test]
fn what_may_be_several_pictures_is_skipped_and_what_is_none_is_told_when_it_is_read() {
    let folder = folder(&["a.jpg", "a.png", "b.jpg", "22.05.c.jpg", "d d.jpg"]);
    let listing = read(folder.path(), "x.csv", b"path,label\na,x\nb,x\n22.05.c,y\nd d,y\nnone,z\n");
    let found = ["b.jpg:x", "22.05.c.jpg:y", "d d.jpg:y", "none:z"];
    assert_eq!(pictures(&listing, folder.path()), found);
    let reasons: Vec<_> = listing.skipped.iter().map(|s| s.reason.to_string()).collect();
    let [reason] = &reasons[..] else { panic!("{reasons:?}") };
    assert!(reason.starts_with("line 2 has the path \"a\", which could be a."), "{reason}");
    assert!(reason.ends_with("; add the extension"), "{reason}");
}

#[test]
fn several_values_where_one_is_needed_are_refused() {
    let folder = folder(&["a.jpg", "b.jpg"]);
    let lines = b"{\"path\": \"a.jpg\", \"group\": \"x\"}\n{\"path\": \"b.jpg\", \"group\": [\"x\", \"y\"]}";
    let error = refused(folder.path(), "x.jsonl", lines);
    assert_eq!(error, "line 2, column \"group\" holds several values; one is needed");
}

#[test]
fn lines_that_are_no_objects_are_skipped_and_a_file_of_none_is_refused() {
    let folder = folder(&["a.jpg"]);
    let long = format!("{{\"path\": \"{}\"}}\n", "a".repeat(2 << 20));
    let content = [
        "{\"path\": \"a.jpg\", \"label\": 7}\n[1]\n{\"path\": \n",
        &long,
        "{\"label\": 1}\n{\"path\": \"a.jpg\", \"label\": \"\\u0007\"}\n",
    ]
    .concat();
    let listing = read(folder.path(), "x.jsonl", &[content.as_bytes(), b"\xff{}\n"].concat());
    assert_eq!(pictures(&listing, folder.path()), ["a.jpg:7"]);
    let reasons: Vec<_> = listing.skipped.iter().map(|s| s.reason.to_string()).collect();
    let begin = [
        "line 2 is not a JSON object",
        "line 3 is not a JSON object",
        "line 4 is longer than the limit for a line",
        "line 5 has no path",
        "line 6 has a label with control characters",
        "line 7 is not UTF-8",
    ];
    assert_eq!(reasons.len(), begin.len(), "{reasons:?}");
    for (reason, begin) in reasons.iter().zip(begin) {
        assert!(reason.starts_with(begin), "{reason}");
    }
    for content in [&b""[..], b"[]\n", b"path,label\na.jpg,x\n"] {
        assert!(refused(folder.path(), "x.jsonl", content).starts_with("has no line that is"));
    }
    let nameless = refused(folder.path(), "x.jsonl", b"{\"url\": 1}");
    assert!(nameless.ends_with("name the column of paths"), "{nameless}");
    assert!(refused(folder.path(), "x.jsonl", b"\xff\xfe{\0}\0").starts_with("is UTF-16"));
    let weight = b"{\"path\": \"a.jpg\", \"weight\": -1}";
    assert!(refused(folder.path(), "x.jsonl", weight).starts_with("line 1, column \"weight\""));
}

#[test]
fn a_line_is_that_of_an_editor_behind_the_line_that_states_the_separator() {
    let folder = folder(&["a.jpg"]);
    let listing = read(folder.path(), "x.csv", b"sep=;\r\npath;label\r\na.jpg;x\r\n\r\n;x\r\n");
    assert_eq!(listing.skipped[0].reason.to_string(), "line 5 has no path");
}

/// A valid name of a file or folder that is not hidden.
fn name() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        "[ \t\u{a0}\u{3000}]?[a-c,;\"'=|#\\\\ ]{1,8}[ \u{a0}]?",
        "\\PC{1,12}",
        "[äöé🐈]{1,4}|x{200}",
        "[a-c]\u{301}[a-c\n\r\t]{0,2}",
    ];
    name.prop_filter("no name of a folder of a class", |name: &String| {
        let is_path = name.contains(['/', '\0']) || name.starts_with('.');
        !is_path && name.len() < 250 && !name.trim().is_empty()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_split_that_is_written_is_read_back_whatever_things_are_called(
        classes in prop::collection::btree_set(name(), 2..4),
        picture in name(),
        group in name(),
    ) {
        let names: Vec<String> = classes
            .iter()
            .flat_map(|class| {
                [format!("{class}/{picture}.jpg"), format!("{class}/2{picture}.jpg")]
            })
            .collect();
        let folder = folder(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let mut dataset = match Dataset::open(folder.path()) {
            Ok(dataset) => dataset,
            // Some names are equivalent, and some are invalid.
            Err(DataError::OneClass { .. } | DataError::NoPictures { .. }) => return Ok(()),
            Err(error) => panic!("{error}"),
        };
        for item in &mut dataset.items {
            item.group = Some(group.trim().nfc().collect::<String>().into());
            item.weight = 0.1;
        }
        let first = dataset.items[0].at.clone();
        let path = folder.path().join("split.csv");
        let file = fs::File::create(&path).unwrap();
        let held_back = |item: &Item| item.at == first;
        let left_out = manifest::write(file, folder.path(), &dataset, &held_back).unwrap();
        prop_assert!(left_out.is_empty());
        let again = Dataset::open(&path).unwrap();
        prop_assert_eq!(&again.classes, &dataset.classes);
        prop_assert!(again.notes.is_empty() && again.skipped.is_empty(), "{:?}", again);
        for item in &mut dataset.items {
            let is_held_back = item.at == first;
            item.subset = Some(if is_held_back { Subset::Validation } else { Subset::Train });
        }
        prop_assert_eq!(again.items, dataset.items);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn bytes_in_lines_never_panic(
        lines in prop::collection::vec(
            prop_oneof![
                "\\{\"(path|label|cat|dog)\": (\"[a-z\\\\\\\\/]{0,3}\"|[01]|null|\\[\"x\"\\]|\\{\\})(, \"(label|cat|dog)\": (\"x\"|[01]))?\\}",
                "\\PC{0,20}",
            ],
            0..8,
        ),
    ) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["x.jsonl", "x.csv"] {
            let path = folder.path().join(name);
            fs::write(&path, lines.join("\n")).unwrap();
            if let Err(error) = manifest::read(&path) {
                prop_assert!(!error.to_string().contains('\n'), "{}", error);
            }
        }
    }
}
