//! Multi-label pictures from every kind of source.

mod support;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use headstart_data::sources::{ColumnNames, Labels, Listing, Note, manifest};
use headstart_data::{Dataset, Source, SplitConfig, split};
use proptest::prelude::*;

/// The labels of each picture, in the form of a table's cell.
fn cells(listing: &Listing) -> Vec<String> {
    listing.pictures.iter().map(|picture| picture.label.to_cell()).collect()
}

/// A folder with three pictures, and a file beside them.
fn beside(name: &str, content: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for (name, picture) in
        [("a.jpg", "jpeg_rgb.jpg"), ("b.jpg", "jpeg_grey.jpg"), ("c.png", "png_rgb.png")]
    {
        let picture = format!("decode/{picture}");
        fs::write(folder.path().join(name), support::bytes(&picture)).unwrap();
    }
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (folder, path)
}

fn list(source: &Source) -> Listing {
    let listing = source.list().unwrap();
    assert!(listing.skipped.is_empty(), "{:?}", listing.skipped);
    listing
}

#[test]
fn tables_say_several_labels_in_many_ways() {
    let sets = ["cat|dog", "|", "bird|"];
    for (name, content) in [
        ("bars.csv", "path,labels\na.jpg,dog|cat\nb.jpg,|\nc.png,bird|\n"),
        ("nih.csv", "Image Index,Finding Labels\na.jpg,cat|dog\nb.jpg,[]\nc.png,bird|\n"),
        ("python.csv", "path,tags\na.jpg,\"['dog', 'cat']\"\nb.jpg,[]\nc.png,['bird']\n"),
        ("json.tsv", "path\ttags\na.jpg\t[\"dog\", \"cat\"]\nb.jpg\t[]\nc.png\t[bird]\n"),
        ("one_hot.csv", "path,cat,bird,dog\na.jpg,1,0,1\nb.jpg,0,0,0\nc.png,0,1,0\n"),
        ("celeba.csv", "image_id,cat,bird,dog\na.jpg,1,-1,1\nb.jpg,-1,-1,-1\nc.png,-1,1,-1\n"),
        (
            "lists.jsonl",
            "{\"path\": \"a.jpg\", \"label\": [\"dog\", \"cat\"]}\n{\"path\": \"b.jpg\", \"label\": []}\n\
             {\"path\": \"c.png\", \"label\": \"bird\"}",
        ),
    ] {
        let (_folder, path) = beside(name, content);
        let source = Source::new(&path);
        let mut found = cells(&list(&source));
        if name == "lists.jsonl" {
            // A single label that is not a list shows how to specify a list.
            assert_eq!(found.pop().unwrap(), "bird");
            found.push("bird|".to_owned());
        }
        assert_eq!(found, sets, "{name}");
        let dataset = source.dataset().unwrap();
        assert_eq!(dataset.classes, ["bird", "cat", "dog"], "{name}");
        let classes: Vec<&[usize]> =
            dataset.items.iter().map(|item| dataset.classes_of(item)).collect();
        assert_eq!(classes, [&[1, 2][..], &[], &[0]], "{name}");
    }
}

#[test]
fn what_stands_between_labels_can_be_said_and_is_guessed_at() {
    let table = "path,label\na.jpg,dog cat\nb.jpg,dog\nc.png,cat\n";
    let (_folder, path) = beside("planet.csv", table);
    let plain = list(&Source::new(&path));
    assert_eq!(cells(&plain), ["dog cat", "dog", "cat"]);
    assert_eq!(plain.notes, [Note::SeveralLabels { label: "dog cat".to_owned(), separator: ' ' }]);
    let separator = Some(" ".to_owned());
    let columns = ColumnNames { separator, ..ColumnNames::default() };
    let parted = list(&Source { columns, ..Source::new(&path) });
    assert_eq!(cells(&parted), ["cat|dog", "dog|", "cat|"]);
    assert!(parted.notes.is_empty(), "{:?}", parted.notes);
}

#[test]
fn labels_of_one_each_are_single_ones_however_they_are_written() {
    for (name, content) in [
        ("one_hot.csv", "path,cat,dog\na.jpg,1,0\nb.jpg,0,1\nc.png,1,0\n"),
        (
            "lists.jsonl",
            "{\"path\": \"a.jpg\", \"labels\": [\"cat\"]}\n{\"path\": \"b.jpg\", \"labels\": [\"dog\"]}\n\
             {\"path\": \"c.png\", \"labels\": [\"cat\"]}",
        ),
    ] {
        let (_folder, path) = beside(name, content);
        assert_eq!(cells(&list(&Source::new(&path))), ["cat", "dog", "cat"], "{name}");
        assert!(Dataset::open(&path).unwrap().label_sets.is_none(), "{name}");
    }
}

#[test]
fn a_column_of_ones_zeros_and_minus_ones_is_no_class() {
    // CheXpert's -1 means neither yes nor no.
    let table = "path,unsure,cat,dog\na.jpg,1,1,0\nb.jpg,-1,0,1\nc.png,0,1,1\n";
    let (_folder, path) = beside("x.csv", table);
    let listing = list(&Source::new(&path));
    assert_eq!(cells(&listing), ["cat|", "dog|", "cat|dog"]);
    let note = "labels from where there is a 1: cat, dog".to_owned();
    assert_eq!(listing.notes, [Note::Text(note)]);
}

#[test]
fn lists_of_a_place_for_each_class_are_refused() {
    for (name, content) in [
        (
            "x.jsonl",
            "{\"path\": \"a.jpg\", \"label\": [1, 0, 1]}\n{\"path\": \"b.jpg\", \"label\": [0, 1, 0]}\n",
        ),
        ("x.csv", "path,labels\na.jpg,\"[1, 0, 0]\"\nb.jpg,\"[0, 1, 1]\"\n"),
    ] {
        let (_folder, path) = beside(name, content);
        let error = Source::new(&path).list().unwrap_err().to_string();
        assert!(error.contains("lists of 0 and 1 for labels"), "{name}: {error}");
    }
    // Lists of class numbers are not.
    let lines = "{\"path\": \"a.jpg\", \"label\": [1, 0]}\n{\"path\": \"b.jpg\", \"label\": [1]}\n";
    let (_folder, path) = beside("y.jsonl", lines);
    assert_eq!(cells(&list(&Source::new(&path))), ["0|1", "1|"]);
}

#[test]
fn pictures_without_a_label_that_are_the_same_stay_so() {
    let (_folder, path) = beside("x.csv", "path,labels\na.jpg,cat|\nb.jpg,\nb.jpg,\nc.png,|\n");
    let source = Source { multi_label: true, ..Source::new(&path) };
    assert_eq!(cells(&source.list().unwrap()), ["cat|", "", "|"]);
}

#[test]
fn lists_in_parquet_are_those_that_pyarrow_wrote() {
    let sets = ["cat|dog", "|", "", "bird|", "cat|", "dog|"];
    for name in ["label_lists.parquet", "hugging_face_lists.parquet"] {
        let listing = list(&Source::new(support::fixture("tables").join(name)));
        assert_eq!(cells(&listing), sets, "{name}");
    }
    let listing = list(&Source::new(support::fixture("tables").join("lists_of_one.parquet")));
    assert_eq!(cells(&listing), ["3", "1", "2", "1", "0", "0"]);
    let listing = list(&Source::new(support::fixture("manifest").join("label_lists.parquet")));
    assert_eq!(cells(&listing), sets[..5]);
}

#[test]
fn a_damaged_list_of_labels_is_told() {
    let whole = fs::read(support::fixture("tables").join("label_lists.parquet")).unwrap();
    for at in (4..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        fs::write(&path, bytes).unwrap();
        // For any content, nothing panics, and no label is made up.
        if let Ok(listing) = Source::new(&path).list() {
            assert!(listing.pictures.len() <= 6);
        }
    }
}

#[test]
fn json_beside_pictures_of_an_archive_may_have_lists() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shard.tar");
    let mut tar = tar::Builder::new(File::create(&path).unwrap());
    let picture = support::bytes("decode/jpeg_rgb.jpg");
    for (name, content) in [
        ("a.jpg", &picture[..]),
        ("a.json", br#"{"tags": ["dog", "cat"]}"#),
        ("b.jpg", &picture),
        ("b.json", br#"{"tags": []}"#),
        ("c.jpg", &picture),
        ("c.json", br#"{"tags": [7]}"#),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, name, content).unwrap();
    }
    tar.into_inner().unwrap().flush().unwrap();
    assert_eq!(cells(&list(&Source::new(&path))), ["cat|dog", "|", "7|"]);
}

#[test]
fn a_file_in_several_folders_has_all_their_labels_when_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, picture: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, support::bytes(&format!("decode/{picture}"))).unwrap();
    };
    write("cat/a.jpg", "jpeg_rgb.jpg");
    write("cat/b.jpg", "jpeg_grey.jpg");
    write("dog/again.jpg", "jpeg_rgb.jpg");
    write("dog/c.png", "png_rgb.png");
    let source = Source { multi_label: true, ..Source::new(folder.path()) };
    let listing = list(&source);
    assert_eq!(cells(&listing), ["cat|dog", "cat|", "dog|"]);
    assert!(listing.pictures[0].at.path().ends_with("cat/a.jpg"));
    assert_eq!(cells(&list(&Source::new(folder.path()))), ["cat", "cat", "dog", "dog"]);
}

/// The pictures of a data set with the names of their classes.
fn named(dataset: &Dataset) -> Vec<(PathBuf, Vec<String>)> {
    let names =
        |item| dataset.classes_of(item).iter().map(|&c| dataset.classes[c].clone()).collect();
    let mut named: Vec<_> =
        dataset.items.iter().map(|item| (item.at.path().into_owned(), names(item))).collect();
    named.sort();
    named
}

fn written(dataset: &Dataset, folder: &Path) -> PathBuf {
    let (mut table, path) = (Vec::new(), folder.join("again.csv"));
    manifest::write(&mut table, folder, dataset, &|_| false).unwrap();
    fs::write(&path, table).unwrap();
    path
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_sets_are_read_back_as_written(
        sets in prop::collection::vec(
            prop::collection::vec(r#"[a-c|\\\[\]'",;=é😀 ]{1,6}"#, 0..4), 3..=3)
    ) {
        let object = |(path, set): (&str, &Vec<String>)| {
            serde_json::json!({ "path": path, "labels": set }).to_string()
        };
        let lines: Vec<String> = ["a.jpg", "b.jpg", "c.png"].into_iter().zip(&sets).map(object).collect();
        let (folder, path) = beside("x.jsonl", lines.join("\n"));
        let Ok(dataset) = Source::new(&path).dataset() else { return Ok(()) };
        prop_assume!(dataset.label_sets.is_some());
        let again = Dataset::open(written(&dataset, folder.path())).unwrap();
        prop_assert_eq!(named(&dataset), named(&again));
        prop_assert_eq!(dataset.classes, again.classes);
    }

    #[test]
    fn every_class_gets_its_share_of_the_pictures_held_back(seed in 0u64..1000, share in 0.1f64..0.5) {
        // 400 pictures; class k in about 1 of k + 2, independently of the others; some of no class.
        let has = |picture: usize, class: usize| {
            (picture * 7919 + class * 104_729 + (picture * picture) % 31).is_multiple_of(class + 2)
        };
        let sets: Vec<Vec<usize>> =
            (0..400).map(|p| (0..6).filter(|&c| has(p, c)).collect()).collect();
        let mut known = headstart_data::LabelSets::default();
        let labels: Vec<usize> = sets.iter().map(|set| known.number(set.clone())).collect();
        let content = |n: u128| headstart_data::ContentHash(n.to_le_bytes());
        let groups = headstart_data::Groups::of_contents((0..400).map(content).collect());
        let config = SplitConfig { validation: share, seed };
        let labels = headstart_data::PictureLabels::new(&labels, Some(known.as_slice()));
        let split = split::stratified(labels, &groups, &config).unwrap();
        for class in 0..6 {
            let all = sets.iter().filter(|set| set.contains(&class)).count() as f64;
            let held = split.validation.iter().filter(|&&p| sets[p].contains(&class)).count() as f64;
            prop_assert!((held - share * all).abs() <= 2.0, "class {class}: {held} of {all}");
        }
        let folds = split::folds(labels, &groups, 4, seed).unwrap();
        for (class, fold) in (0..6).flat_map(|class| (0..4).map(move |fold| (class, fold))) {
            let all = sets.iter().filter(|set| set.contains(&class)).count() as f64;
            let held = folds.split(fold).validation.iter().filter(|&&p| sets[p].contains(&class)).count() as f64;
            prop_assert!((held - all / 4.0).abs() <= 4.0, "class {class} in fold {fold}: {held} of {all}");
        }
        let none = sets.iter().filter(|set| set.is_empty()).count() as f64;
        let held = split.validation.iter().filter(|&&p| sets[p].is_empty()).count() as f64;
        prop_assert!((held - share * none).abs() <= 2.0, "of no class: {held} of {none}");
    }
}

#[test]
fn a_label_that_is_none_is_of_no_set() {
    let none = Labels::from_cell(" ", |name| (!name.is_empty()).then(|| name.into()));
    assert!(none.is_none() && none.names().is_empty());
}
