//! Tests that every way to specify a class gives the same name, or an error with the reason.

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;

use headstart_data::sources::{
    BadClassName, ColumnNames, Listing, NameProblem, class_name, list_pictures, manifest,
};
use headstart_data::{DataError, Dataset, Source};
use proptest::prelude::*;
use support::parquet_file::{Column, Page, table};

const OTHER: &str = "other";

/// Any text, with an increased frequency of troublesome characters.
fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[a-c]{1,3}",
        Just("cafe\u{301}".to_owned()),
        "[ \t\r\n\u{a0}\u{3000}]",
        "[\u{1}-\u{1f}\u{7f}-\u{9f}]",
        "[,;=|\"'\\\\#&]",
        "[é🐈\u{1100}\u{1161}\u{11a8}]",
        Just("x".repeat(200)),
        "\\PC",
    ];
    prop::collection::vec(part, 0..5).prop_map(|parts| parts.concat())
}

/// Whether a folder can have this name, and is not hidden.
fn may_be_folder(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains('/') && name.len() < 256
}

/// Members of an archive, or files in a folder.
type Files<'a> = [(String, &'a str)];

fn write_folder(root: &Path, files: &Files) {
    for (name, content) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn write_tar(path: &Path, files: &Files) {
    let mut archive = tar::Builder::new(fs::File::create(path).unwrap());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
}

fn write_zip(path: &Path, files: &Files) {
    let mut archive = zip::ZipWriter::new(fs::File::create(path).unwrap());
    for (name, content) in files {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(name, options).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
}

/// Checks the listing of a source with two pictures, one of a class with this name and one of another.
fn check(door: &str, name: &str, listing: &Listing) {
    let labels: Vec<&str> = listing.pictures.iter().filter_map(|p| p.label.as_deref()).collect();
    assert!(labels.contains(&OTHER), "{door}: {listing:?}");
    match class_name(name) {
        Ok(own) => {
            assert_eq!(labels.len(), 2, "{door}: {name:?} {listing:?}");
            assert!(labels.contains(&&*own), "{door}: {name:?} {labels:?}");
        }
        Err(BadClassName { problem, .. }) => {
            assert_eq!(labels, [OTHER], "{door}: {name:?}");
            // An empty label is not an error.
            let told = problem == NameProblem::Nothing && !["folder", "zip", "tar"].contains(&door);
            let reasons = listing.skipped.iter().map(|skipped| skipped.reason.to_string());
            let named = reasons.into_iter().any(|reason| reason.contains(&problem.to_string()));
            assert!(told || named, "{door}: {name:?} {:?}", listing.skipped);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_class_is_called_the_same_whatever_way_it_is_said(name in text()) {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);

        if may_be_folder(&name) {
            let files = [(format!("{name}/1.jpg"), ""), (format!("{OTHER}/2.jpg"), "")];
            write_folder(&at("folder"), &files);
            write_tar(&at("x.tar"), &files);
            write_zip(&at("x.zip"), &files);
            for (door, path) in [("folder", "folder"), ("tar", "x.tar"), ("zip", "x.zip")] {
                check(door, &name, &list_pictures([at(path)]));
            }
            match (Dataset::open(at("folder")), class_name(&name)) {
                (Ok(dataset), Ok(own)) => prop_assert!(dataset.classes.contains(&own.into_owned())),
                (Err(error @ DataError::OneClass { .. }), Err(bad)) => {
                    prop_assert!(error.to_string().contains(&bad.problem.to_string()), "{}", error);
                }
                (found, own) => prop_assert!(own.is_ok_and(|own| own == OTHER), "{:?}", found),
            }
            let source = Source {
                label_from: Some("^([^/]*)/".parse().unwrap()),
                ..Source::new(at("folder"))
            };
            check("--label-from", &name, &source.list().unwrap());
        }

        let json = format!("{{\"label\": {}}}", serde_json::to_string(&name).unwrap());
        let beside = |ending: &str, name: &str, other: &str| {
            let files = [("1.jpg", ""), ("2.jpg", ""), ("1", name), ("2", other)];
            let named = |(file, content): (&str, _)| match content {
                "" if file.contains('.') => (file.to_owned(), ""),
                content => (format!("{file}.{ending}"), content),
            };
            write_tar(&at("beside.tar"), &files.map(named));
            list_pictures([at("beside.tar")])
        };
        check("cls", &name, &beside("cls", &name, OTHER));
        check("json", &name, &beside("json", &json, "{\"label\": \"other\"}"));

        for (ending, separator) in [("csv", b','), ("csv", b';'), ("tsv", b'\t')] {
            let path = at("list").with_extension(ending);
            let mut table = csv::WriterBuilder::new().delimiter(separator).from_path(&path).unwrap();
            for row in [["path", "label"], ["1.jpg", &name], ["2.jpg", OTHER]] {
                table.write_record(row).unwrap();
            }
            table.flush().unwrap();
            check(ending, &name, &manifest::read(&path).unwrap());
        }
        let lines = [(1, &*name), (2, OTHER)].map(|(picture, label)| {
            serde_json::json!({"path": format!("{picture}.jpg"), "label": label}).to_string()
        });
        fs::write(at("list.jsonl"), lines.join("\n")).unwrap();
        check("jsonl", &name, &manifest::read(&at("list.jsonl")).unwrap());

        let labels = Column::new("label", vec![Page::plain(&[&*name, OTHER])]);
        for (door, column) in [("manifest", "path"), ("pictures", "image")] {
            let column = Column::new(column, vec![Page::plain(&["1.jpg", "2.jpg"])]);
            let path = at(door).with_extension("parquet");
            fs::write(&path, table(&[column, labels.clone()])).unwrap();
            check(door, &name, &Source::new(path).list().unwrap());
        }
    }
}

#[test]
fn folders_that_are_one_class_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["cafe\u{301}/1.jpg", "caf\u{e9}/2.jpg", "tea/3.jpg", "tea /4.jpg"];
    write_folder(folder.path(), &files.map(|name| (name.to_owned(), "")));
    let dataset = Dataset::open(folder.path()).unwrap();
    assert_eq!(dataset.classes, ["caf\u{e9}", "tea"]);
    assert_eq!(dataset.items.len(), 4);
    let [accents, spaces] = &dataset.notes[..] else { panic!("{:?}", dataset.notes) };
    let (accent, composed) = ("cafe\u{301}", "caf\u{e9}");
    assert!(
        accents
            .to_string()
            .starts_with(&format!("the folders {accent:?} and {composed:?} are one class"))
    );
    assert!(
        spaces.to_string().starts_with("the folders \"tea\" and \"tea \" are one class, tea: "),
        "{spaces}"
    );

    let archive = folder.path().join("x.tar");
    write_tar(&archive, &["cat/1.jpg", "tea/3.jpg", "tea /4.jpg"].map(|n| (n.to_owned(), "")));
    let listing = list_pictures([&archive]);
    assert_eq!(listing.notes, std::slice::from_ref(spaces));
}

#[test]
fn members_of_an_archive_that_differ_in_normalisation_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("x.tar");
    let picture = "";
    let files = [
        ("cafe\u{301}.jpg", picture),
        ("caf\u{e9}.cls", "a"),
        ("th\u{e9}.jpg", picture),
        ("the\u{301}.json", "{\"label\": \"b\"}"),
    ];
    for (files, label) in [(&files[..2], "a"), (&files[2..], "b")] {
        let files: Vec<_> = files.iter().map(|&(name, text)| (name.to_owned(), text)).collect();
        write_tar(&archive, &files);
        let listing = list_pictures([&archive]);
        assert_eq!(listing.pictures[0].label.as_deref(), Some(label));
    }
}

#[test]
fn paths_of_tables_are_found_in_whatever_normalisation() {
    let (composed, apart) = ("caf\u{e9}", "cafe\u{301}");
    for (own, written) in [(composed, apart), (apart, composed)] {
        let folder = tempfile::tempdir().unwrap();
        let files = [format!("{own}/{own}.jpg"), format!("{own}/{own}2.jpg")];
        write_folder(folder.path(), &files.clone().map(|name| (name, "")));
        let table = folder.path().join("t.csv");
        // A path without extension, too; and one of a missing file stays unchanged.
        let rows =
            format!("{written}/{written}.jpg,a\n{written}/{written}2,b\n{written}/x.jpg,a\n");
        fs::write(&table, format!("path,label\n{rows}")).unwrap();
        let listing = manifest::read(&table).unwrap();
        let paths: Vec<_> = listing.pictures.iter().map(|p| p.at.path().into_owned()).collect();
        assert_eq!(paths[..2], files.map(|file| folder.path().join(file)));
        assert!(paths[2].ends_with(format!("{written}/x.jpg")));

        let source = Source {
            label_from: Some(format!("^({written})/").parse().unwrap()),
            ..Source::new(folder.path())
        };
        let labels = source.list().unwrap().pictures;
        assert!(labels.iter().all(|p| p.label.as_deref() == Some(composed)), "{labels:?}");

        let columns = ColumnNames { labels: vec![written.to_owned()], ..ColumnNames::default() };
        fs::write(&table, format!("path,{own}\nx.jpg,a\n")).unwrap();
        let listing = manifest::read_as(&table, &columns).unwrap();
        assert_eq!(listing.pictures[0].label.as_deref(), Some("a"));
    }
}

#[test]
fn a_label_beside_a_picture_is_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("x.tar");
    for (len, is_told) in [(600, false), (4096, false), (4097, true), (20_000, true)] {
        let label = "a".repeat(len);
        write_tar(&archive, &[("1.jpg".to_owned(), ""), ("1.cls".to_owned(), &label)]);
        let listing = list_pictures([&archive]);
        let expected = (!is_told).then_some(&*label);
        assert_eq!(listing.pictures[0].label.as_deref(), expected, "{len}");
        assert_eq!(listing.skipped.len(), usize::from(is_told), "{len}");
    }
}
