//! Tables that list pictures, and labels from paths.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use headstart_data::sources::{Listing, PatternUse, list_pictures, manifest};
use headstart_data::{DataError, Dataset, PathPattern, Source, Subset};

fn written(name: &str, content: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (folder, path)
}

/// A picture of a listing: path relative to a folder, label, side, group and weight.
type Row = (String, String, Option<Subset>, String, f32);

fn rows(listing: &Listing, folder: &Path) -> Vec<Row> {
    let row = |p: &headstart_data::sources::Listed| {
        let path = p.at.path().strip_prefix(folder).unwrap().display().to_string();
        let text = |text: Option<&str>| text.unwrap_or("-").to_owned();
        (path, text(p.label.as_deref()), p.subset, text(p.group.as_deref()), p.weight)
    };
    listing.pictures.iter().map(row).collect()
}

fn row(path: &str, label: &str, subset: Option<Subset>, group: &str, weight: f32) -> Row {
    (path.to_owned(), label.to_owned(), subset, group.to_owned(), weight)
}

#[test]
fn columns_may_come_in_any_order_with_any_separator_and_quotes() {
    let plain = vec![row("a.jpg", "cat", None, "-", 1.0), row("sub/b.jpg", "dog", None, "-", 1.0)];
    for content in [
        "path,label\na.jpg,cat\nsub/b.jpg,dog\n",
        "label,path\r\ncat,a.jpg\r\ndog,sub/b.jpg",
        "Label ; PATH; note\ncat;a.jpg;\"semi; colon\"\n dog ;sub/b.jpg;\n",
        "\u{feff}path\tlabel\n\"a.jpg\"\tcat\n\nsub/b.jpg\tdog\n",
        "\u{feff}\"path\",\"label\",\"x\"\n\"a.jpg\",\"cat\",\"two\nlines \"\"quoted\"\"\"\n\"sub/b.jpg\",dog,\n",
    ] {
        let (folder, path) = written("list.csv", content);
        let listing = manifest::read(&path).unwrap();
        assert_eq!(rows(&listing, folder.path()), plain, "{content}");
        assert!(listing.skipped.is_empty());
    }
    let (folder, path) = written("list.csv", "path,label\n\"a, b.jpg\",\"say \"\"cat\"\"\"\n");
    let found = rows(&manifest::read(&path).unwrap(), folder.path());
    assert_eq!(found, [row("a, b.jpg", "say \"cat\"", None, "-", 1.0)]);
}

#[test]
fn sides_groups_and_weights_are_read_and_may_be_missing() {
    let content = "path,split,group,weight,label\n\
        a,train,g1,0.5,x\nb,Training,,,x\nc,val,g2,0,\nd,VALID,,1e3,x\ne,validation,,,x\nf,test,,,x\ng,,,,x\n";
    let (folder, path) = written("list.tsv", content);
    let [train, validation, test] =
        [Subset::Train, Subset::Validation, Subset::Test].map(Option::Some);
    assert_eq!(
        rows(&manifest::read(&path).unwrap(), folder.path()),
        [
            row("a", "x", train, "g1", 0.5),
            row("b", "x", train, "-", 1.0),
            row("c", "-", validation, "g2", 0.0),
            row("d", "x", validation, "-", 1e3),
            row("e", "x", validation, "-", 1.0),
            row("f", "x", test, "-", 1.0),
            row("g", "x", None, "-", 1.0),
        ]
    );
}

#[test]
fn a_row_that_names_no_picture_is_skipped_with_its_line() {
    let (_folder, path) =
        written("list.csv", "path,label\na,x\n,x\n\"q\nq\",x\nb,x,y\nc\nd,\"a\tb\"\n");
    let listing = manifest::read(&path).unwrap();
    let reasons: Vec<_> = listing.skipped.iter().map(|s| s.reason.to_string()).collect();
    assert_eq!(reasons[0], "line 3 has no path");
    assert!(reasons[1].starts_with("line 6 has 3 fields where the header has 2"), "{reasons:?}");
    assert!(reasons[2].starts_with("line 7 has 1 fields where"), "{reasons:?}");
    assert!(reasons[3].starts_with("line 8 has a label with control characters"), "{reasons:?}");
    assert_eq!((listing.pictures.len(), reasons.len()), (2, 4));
    assert!(listing.skipped.iter().all(|s| s.path == path));
}

#[test]
fn a_line_is_that_of_an_editor_whatever_ends_lines() {
    for (content, line) in [
        ("path,label\na,x\n,x\n", 3),
        ("path,label\r\na,x\r\n,x\r\n", 3),
        ("\u{feff}path,label\r\na,x\r\n\r\n\r\n,x\r\n", 5),
        ("path,label\n\n\na,x\n\n,x", 6),
        ("path,label\r\n\"a\r\nb\",x\r\n,x\r\n", 4),
    ] {
        let (_folder, path) = written("list.csv", content);
        let listing = manifest::read(&path).unwrap();
        let reasons: Vec<_> = listing.skipped.iter().map(|s| s.reason.to_string()).collect();
        assert_eq!(reasons, [format!("line {line} has no path")], "{content:?}");
    }
}

#[test]
fn a_row_that_is_not_utf_8_is_skipped_unless_nothing_is_read_of_it() {
    let (_folder, path) = written("list.csv", b"path,label,note\na,x,\nb,caf\xe9,\nc,y,caf\xe9\n");
    let listing = manifest::read(&path).unwrap();
    let reasons: Vec<_> = listing.skipped.iter().map(|s| s.reason.to_string()).collect();
    assert_eq!(reasons, ["line 3 is not UTF-8; save the file as UTF-8"]);
    assert_eq!(listing.pictures.len(), 2);
}

#[test]
fn what_cannot_be_meant_is_an_error_with_file_line_and_column() {
    let cases: [(&[u8], &str); 11] = [
        (b"", "has no header; name the columns in its first line: path,label"),
        (b"\"two\nlines\",label\na,x\n", r"there are: two\nlines, label; name the column"),
        (b"url,label\na,x\n", "there are: url, label; name the column of paths"),
        (b"a.jpg,x\nb.jpg,y\n", "has no header, but a.jpg, x in its first line; put a line before"),
        (b"path,label,Label\na,x,y\n", "has 2 columns \"label\"; leave one"),
        (
            b"path,split\na,train\nb,nowhere\n",
            "line 3, column \"split\": \"nowhere\" is no side; give train",
        ),
        (
            b"path,weight\na,1\nb,-1\n",
            "line 3, column \"weight\": \"-1\" is no weight; give a number",
        ),
        (b"path,weight\na,nan\n", "line 2, column \"weight\": \"nan\""),
        (b"path,weight\na,1e39\n", "line 2, column \"weight\": \"1e39\""),
        (b"path,caf\xe9\na,x\n", "line 1 is not UTF-8; save the file as UTF-8"),
        (b"\xff\xfep\0a\0", "is UTF-16; save it as UTF-8"),
    ];
    for (content, message) in cases {
        let (_folder, path) = written("list.csv", content);
        let error = manifest::read(&path).unwrap_err().to_string();
        assert!(error.starts_with(&path.display().to_string()), "{error}");
        assert!(error.contains(message) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn the_same_table_in_parquet_is_the_same_listing() {
    let folder = support::fixture("manifest");
    let of_csv = manifest::read(&folder.join("manifest.csv")).unwrap();
    assert_eq!(of_csv.pictures.len(), 5);
    for name in ["plain.parquet", "dictionary_groups.parquet", "other_types.parquet"] {
        let path = folder.join(name);
        assert!(manifest::is_manifest(&path), "{name}");
        assert_eq!(manifest::read(&path).unwrap().pictures, of_csv.pictures, "{name}");
    }
    assert!(!manifest::is_manifest(&folder.join("pictures.parquet")));
    let error = manifest::read(&folder.join("lists.parquet")).unwrap_err().to_string();
    assert!(error.contains("column \"group\" holds several values a row"), "{error}");
    let whole = fs::read(folder.join("plain.parquet")).unwrap();
    for length in [0, 4, 12, whole.len() / 2, whole.len() - 1] {
        let (_folder, path) = written("cut.parquet", &whole[..length]);
        assert!(!manifest::is_manifest(&path));
        assert!(matches!(manifest::read(&path), Err(DataError::Manifest { .. })), "{length}");
    }
}

#[test]
fn a_manifest_is_learned_from_and_listed_for_prediction() {
    let (folder, path) = written("list.csv", "path,label\nb,y\na,x\nc,\n");
    let dataset = Dataset::open(&path).unwrap();
    assert_eq!(
        (dataset.classes.as_slice(), dataset.items.len()),
        (&["x".into(), "y".into()][..], 2)
    );
    assert_eq!(dataset.items[0].at.path(), folder.path().join("b"));
    assert_eq!(dataset.skipped[0].reason.to_string(), "has no label");
    assert_eq!(list_pictures([&path]).pictures.len(), 3);
    fs::write(&path, "path,weight\na,x\n").unwrap();
    let listing = list_pictures([&path]);
    assert!(listing.pictures.is_empty());
    assert!(listing.skipped[0].reason.to_string().starts_with("line 2, column \"weight\""));
}

fn pictures(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(support::fixture("decode/jpeg_rgb.jpg"), &path).unwrap();
    }
    folder
}

#[test]
fn a_pattern_finds_its_named_group_its_first_group_or_all_it_matches() {
    for (pattern, path, found) in [
        (r"([A-Z])\d+", "sub/B12.jpg", Some("B")),
        (r"[A-Z]\d+", "sub/B12.jpg", Some("B12")),
        (r"(\w+)/(?P<label>[A-Z])", "sub/B12.jpg", Some("B")),
        (r"(\w+)/(?P<group>[A-Z])", "sub/B12.jpg", Some("B")),
        (r"^([^/]+)/", "sub/B12.jpg", Some("sub")),
        (r"([a-z])?\d+$", "sub/12", None),
        (r"(x*)", "sub/12", None),
        (r"C\d", "sub/B12.jpg", None),
    ] {
        let own: PathPattern = pattern.parse().unwrap();
        assert_eq!(own.label_in(path), found, "{pattern}");
        assert_eq!(own.group_in(path), found, "{pattern}");
        assert_eq!(own.to_string(), pattern);
    }
    let both: PathPattern = "(?<group>[A-Z])(?<label>[0-9]+)".parse().unwrap();
    assert_eq!((both.label_in("B12.jpg"), both.group_in("B12.jpg")), (Some("12"), Some("B")));
    let error = "([A-Z".parse::<PathPattern>().unwrap_err().to_string();
    assert!(
        error.starts_with("([A-Z is not a regular expression: ") && !error.contains('\n'),
        "{error}"
    );
}

#[test]
fn labels_and_groups_come_from_paths_below_the_root() {
    let folder =
        pictures(&["A1_anna.jpg", "B2_anna.jpg", "deep/A3_bob.jpg", "none.jpg", "other.jpg"]);
    let source = Source {
        label_from: Some(r"([A-Z])\d".parse().unwrap()),
        group_from: Some(r"_(\w+)\.".parse().unwrap()),
        ..Source::new(folder.path())
    };
    let dataset = source.dataset().unwrap();
    assert_eq!(dataset.classes, ["A", "B"]);
    let found: Vec<_> = dataset
        .items
        .iter()
        .map(|item| (dataset.name_of(item), item.label, item.group.as_deref().unwrap()))
        .collect();
    let expected = [
        ("A1_anna.jpg".to_owned(), 0, "anna"),
        ("B2_anna.jpg".to_owned(), 1, "anna"),
        ("deep/A3_bob.jpg".to_owned(), 0, "bob"),
    ];
    assert_eq!(found, expected);
    let reasons: Vec<_> = dataset.skipped.iter().map(|s| s.reason.to_string()).collect();
    assert_eq!(reasons, [r"2 paths do not match ([A-Z])\d, such as none.jpg"]);

    for (pattern, of_labels) in [("nothing", true), ("nothing", false)] {
        let pattern: Option<PathPattern> = Some(pattern.parse().unwrap());
        let source = match of_labels {
            true => Source { label_from: pattern, ..Source::new(folder.path()) },
            false => Source { group_from: pattern, ..Source::new(folder.path()) },
        };
        let error = source.list().unwrap_err();
        let says = "nothing: matches none of the paths, such as A1_anna.jpg";
        assert_eq!(error.to_string(), says);
        let of = if of_labels { PatternUse::Labels } else { PatternUse::Groups };
        assert!(matches!(error, DataError::MatchesNothing { finds, .. } if finds == of));
    }
}

#[test]
fn a_folder_to_validate_on_is_labelled_in_the_same_way() {
    let (train, validation) = (pictures(&["A1.jpg", "B1.jpg"]), pictures(&["A2.jpg", "C2.jpg"]));
    let label_from = Some("[A-Z]".parse().unwrap());
    let source = Source { label_from, ..Source::new(train.path()) };
    let dataset = source.dataset_with(validation.path()).unwrap();
    let sides: Vec<_> = dataset.items.iter().map(|item| (item.label, item.subset)).collect();
    let [train, validation] = [Subset::Train, Subset::Validation].map(Option::Some);
    assert_eq!(sides, [(0, train), (1, train), (0, validation)]);
    assert_eq!(dataset.skipped[0].reason.to_string(), "its class has no pictures to train on");
}

#[test]
fn what_is_kept_for_testing_is_not_learned_from_whatever_it_is_measured_on() {
    let content = "path,label,split\na,x,train\nb,y,\nc,x,test\nd,y,validation\n";
    let (_folder, train) = written("list.csv", content);
    let (_folder, measured) = written("other.csv", "path,label,split\ne,x,train\nf,y,test\ng,y,\n");
    let dataset = Source::new(&train).dataset_with(&measured).unwrap();
    let sides: Vec<_> = dataset
        .items
        .iter()
        .map(|item| {
            let path = item.at.path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), item.subset.unwrap())
        })
        .collect();
    let expected = [
        ("a", Subset::Train),
        ("b", Subset::Train),
        ("d", Subset::Validation),
        ("e", Subset::Validation),
        ("g", Subset::Validation),
    ];
    assert_eq!(sides, expected.map(|(name, side)| (name.to_owned(), side)));
    assert_eq!((dataset.tests.len(), dataset.skipped.len()), (2, 0));
}
