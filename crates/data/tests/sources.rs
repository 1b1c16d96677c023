//! Realistic folders.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use headstart_data::sources::list_pictures;
use headstart_data::{DataError, Dataset, Source, Subset};

/// Creates a folder from paths; files ending in `.jpg` are pictures, others text.
fn tree(files: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        add(root.path(), file);
    }
    root
}

fn add(root: &Path, file: &str) -> PathBuf {
    let path = root.join(file);
    if file.ends_with('/') {
        fs::create_dir_all(&path).unwrap();
        return path;
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    if file.contains(".jpg") || file.contains("picture") {
        fs::copy(support::fixture("decode/jpeg_rgb.jpg"), &path).unwrap();
    } else {
        fs::write(&path, "some text").unwrap();
    }
    path
}

/// Each picture as `path:class`, with a character for its side.
fn items(folder: &Dataset) -> Vec<String> {
    let item = |i: &headstart_data::Item| {
        let side = match i.subset {
            Some(Subset::Train) => " train",
            Some(Subset::Validation) => " validation",
            Some(Subset::Test) => " test",
            None => "",
        };
        format!("{}:{}{side}", relative(&folder.root, &i.at.path()), folder.classes[i.label])
    };
    folder.items.iter().map(item).collect()
}

fn skipped(folder: &Dataset) -> Vec<String> {
    folder
        .skipped
        .iter()
        .map(|s| format!("{}: {}", relative(&folder.root, &s.path), s.reason))
        .collect()
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/")
}

#[test]
fn the_first_folder_names_the_class() {
    let root = tree(&["dog/b.jpg", "dog/a.jpg", "cat/x/y/c.jpg", "cat/d.JPG.jpg"]);
    let folder = Dataset::open(root.path()).unwrap();
    assert_eq!(folder.classes, ["cat", "dog"]);
    assert_eq!(
        items(&folder),
        ["cat/d.JPG.jpg:cat", "cat/x/y/c.jpg:cat", "dog/a.jpg:dog", "dog/b.jpg:dog"]
    );
    assert!(folder.skipped.is_empty() && !folder.is_split());
}

#[test]
fn a_given_split_is_kept_under_all_its_names() {
    for (train, validation) in [("train", "validation"), ("Training", "VAL"), ("train", "valid")] {
        let root = tree(&[
            &format!("{train}/cat/a.jpg"),
            &format!("{train}/dog/b.jpg"),
            &format!("{validation}/cat/c.jpg"),
            &format!("{validation}/bird/d.jpg"),
            "test/cat/e.jpg",
            "readme.md",
        ]);
        let folder = Dataset::open(root.path()).unwrap();
        assert_eq!(folder.classes, ["cat", "dog"]);
        assert_eq!(
            items(&folder),
            [
                format!("{train}/cat/a.jpg:cat train"),
                format!("{train}/dog/b.jpg:dog train"),
                format!("{validation}/cat/c.jpg:cat validation"),
            ]
        );
        let mut found = skipped(&folder);
        found.sort();
        let mut expected = [
            format!("{validation}/bird/d.jpg: its class has no pictures to train on"),
            "readme.md: not a picture (text)".to_owned(),
        ];
        expected.sort();
        assert_eq!(found, expected);
        let [test] = &folder.tests[..] else { panic!("{:?}", folder.tests) };
        assert_eq!((test.label, test.subset), (0, Some(Subset::Test)));
        assert!(folder.is_split());
    }
}

#[test]
fn train_and_test_alone_give_no_side() {
    let root = tree(&["train/cat/a.jpg", "train/dog/b.jpg", "test/cat/c.jpg"]);
    let folder = Dataset::open(root.path()).unwrap();
    assert_eq!(items(&folder), ["train/cat/a.jpg:cat", "train/dog/b.jpg:dog"]);
    assert_eq!((folder.tests.len(), skipped(&folder)), (1, vec![]));
    assert!(!folder.is_split());
}

#[test]
fn classes_may_be_called_train_and_val() {
    let root = tree(&["train/a.jpg", "val/b.jpg", "plane/c.jpg"]);
    let folder = Dataset::open(root.path()).unwrap();
    assert_eq!(folder.classes, ["plane", "train", "val"]);
}

#[test]
fn two_folders_make_a_split() {
    let root = tree(&["a/cat/1.jpg", "a/dog/2.jpg", "b/dog/3.jpg"]);
    let folder = Dataset::open_split(root.path().join("a"), root.path().join("b")).unwrap();
    let sides: Vec<_> = folder.items.iter().map(|i| (i.label, i.subset.unwrap())).collect();
    assert_eq!(sides, [(0, Subset::Train), (1, Subset::Train), (1, Subset::Validation)]);
}

#[test]
fn what_is_no_picture_is_skipped_with_its_reason() {
    let root = tree(&[
        "cat/a.jpg",
        "cat/labels.csv",
        "cat/thumbs.txt",
        "cat/picture_without_ending",
        "dog/b.jpg",
        "bird/",
        "fish/notes.txt",
        "loose.jpg",
        ".hidden/c.jpg",
        "cat/.d.jpg",
        "__MACOSX/cat/a.jpg",
    ]);
    let folder = Dataset::open(root.path()).unwrap();
    assert_eq!(
        items(&folder),
        ["cat/a.jpg:cat", "cat/picture_without_ending:cat", "dog/b.jpg:dog"]
    );
    assert_eq!(
        skipped(&folder),
        [
            "bird: a class folder without pictures",
            "cat/labels.csv: not a picture (text)",
            "cat/thumbs.txt: not a picture (text)",
            "fish: a class folder without pictures",
            "fish/notes.txt: not a picture (text)",
            "loose.jpg: lies in no class's folder",
        ]
    );
}

#[test]
fn a_folder_to_learn_nothing_from_is_an_error_that_says_what_to_do() {
    let cases: [(&[&str], &str); 6] = [
        (&[], "contains no pictures; put them into one folder per class"),
        (&["cat/", "dog/"], "contains no pictures; put them into one folder per class"),
        (&["cat/a.txt", "b.csv"], "contains no pictures; put them into one folder per class"),
        (
            &["a.jpg", "b.jpg"],
            "its 2 pictures lie in no class; move them into one folder per class, as in ",
        ),
        (&["cat/a.jpg", "dog/"], "has only the class \"cat\"; a classifier needs at least two"),
        (
            &["train/cat/a.jpg", "val/cat/b.jpg"],
            "has only the class \"cat\"; a classifier needs at least two",
        ),
    ];
    for (files, message) in cases {
        let root = tree(files);
        let error = Dataset::open(root.path()).unwrap_err().to_string();
        assert!(error.starts_with(&root.path().display().to_string()), "{error}");
        assert!(error.contains(message) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn a_missing_path_and_a_file_are_told_apart() {
    let root = tree(&["a.jpg"]);
    let missing = Dataset::open(root.path().join("nowhere")).unwrap_err();
    assert!(matches!(missing, DataError::Missing { .. }), "{missing}");
    let file = Dataset::open(root.path().join("a.jpg")).unwrap_err();
    assert!(matches!(file, DataError::NotAFolder { .. }), "{file}");
}

#[test]
fn files_and_folders_are_listed_for_prediction_with_labels_where_there_are_any() {
    let root = tree(&["one.jpg", "note.txt", "set/cat/a.jpg", "set/loose.jpg", "set/readme.md"]);
    let path = |file: &str| root.path().join(file);
    let listing =
        list_pictures([path("note.txt"), path("set"), path("nowhere.jpg"), path("one.jpg")]);
    let found: Vec<_> = listing
        .pictures
        .iter()
        .map(|p| (relative(root.path(), &p.at.path()), p.label.as_deref()))
        .collect();
    let expected = [
        // Given by name, so its problem must be reported.
        ("note.txt".to_owned(), None),
        ("set/cat/a.jpg".to_owned(), Some("cat")),
        ("set/loose.jpg".to_owned(), None),
        ("one.jpg".to_owned(), None),
    ];
    assert_eq!(found, expected);
    let skipped: Vec<_> = listing.skipped.iter().map(|s| relative(root.path(), &s.path)).collect();
    assert_eq!(skipped, ["set/readme.md", "nowhere.jpg"]);
    assert!(listing.skipped[1].reason.to_string().starts_with("cannot be read ("));
}

#[test]
fn the_sides_of_a_split_folder_are_no_labels() {
    let root = tree(&["train/cat/a.jpg", "train/dog/b.jpg", "val/cat/c.jpg", "test/dog/d.jpg"]);
    let listing = list_pictures([root.path()]);
    let found: Vec<_> =
        listing.pictures.iter().map(|p| (p.label.as_deref().unwrap(), p.subset)).collect();
    let [train, validation, test] =
        [Subset::Train, Subset::Validation, Subset::Test].map(Option::Some);
    assert_eq!(found, [("dog", test), ("cat", train), ("dog", train), ("cat", validation)]);

    // Files beside the sides are listed, too.
    add(root.path(), "loose.jpg");
    add(root.path(), "note.txt");
    let listing = list_pictures([root.path()]);
    assert_eq!(listing.pictures.len(), 5);
    let loose = listing.pictures.last().unwrap();
    assert_eq!((loose.label.as_deref(), loose.subset), (None, None));
    assert!(loose.at.path().ends_with("loose.jpg"));
    let reasons: Vec<_> = listing.skipped.iter().map(|s| s.reason.to_string()).collect();
    assert_eq!(reasons, ["not a picture (text)"]);

    let root = tree(&["Train/cat/a.jpg", "Train/dog/b.jpg", "Testing/cat/c.jpg"]);
    let listing = list_pictures([root.path()]);
    let found: Vec<_> = listing.pictures.iter().map(|p| p.subset).collect();
    assert_eq!(found, [test, train, train]);
    // For training there is no given split, and the test folder is not used.
    let folder = Dataset::open(root.path()).unwrap();
    assert_eq!(items(&folder), ["Train/cat/a.jpg:cat", "Train/dog/b.jpg:dog"]);
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_once_and_loops_end() {
        let root = tree(&["cat/a.jpg", "cat/deep/b.jpg", "dog/c.jpg"]);
        let pool = tree(&["far.jpg"]);
        let path = |file: &str| root.path().join(file);
        symlink(root.path(), path("cat/loop")).unwrap();
        symlink(path("cat/deep"), path("cat/again")).unwrap();
        symlink(path("cat/a.jpg"), path("cat/A_link.jpg")).unwrap();
        symlink(pool.path().join("far.jpg"), path("dog/far1.jpg")).unwrap();
        symlink(pool.path().join("far.jpg"), path("dog/far2.jpg")).unwrap();
        symlink(pool.path().join("gone.jpg"), path("dog/broken.jpg")).unwrap();
        let folder = Dataset::open(root.path()).unwrap();
        let found: Vec<String> =
            items(&folder).into_iter().filter(|i| !i.contains("loop")).collect();
        assert_eq!(
            found,
            ["cat/a.jpg:cat", "cat/again/b.jpg:cat", "dog/c.jpg:dog", "dog/far1.jpg:dog"]
        );
        assert_eq!(
            skipped(&folder),
            ["dog/broken.jpg: cannot be read (No such file or directory)"]
        );
    }

    #[test]
    fn a_file_linked_into_two_classes_stays_in_both() {
        let root = tree(&["cat/a.jpg", "dog/b.jpg"]);
        symlink(root.path().join("cat/a.jpg"), root.path().join("dog/a.jpg")).unwrap();
        let folder = Dataset::open(root.path()).unwrap();
        assert_eq!(items(&folder), ["cat/a.jpg:cat", "dog/a.jpg:dog", "dog/b.jpg:dog"]);
    }

    #[test]
    fn names_need_not_be_utf8() {
        let root = tree(&["dog/b.jpg"]);
        let class = root.path().join(OsStr::from_bytes(b"caf\xE9"));
        if fs::create_dir(&class).is_err() {
            return eprintln!("skipped: this file system wants UTF-8");
        }
        fs::copy(root.path().join("dog/b.jpg"), class.join(OsStr::from_bytes(b"\xFF.jpg")))
            .unwrap();
        let folder = Dataset::open(root.path()).unwrap();
        assert_eq!(folder.classes, ["caf\\xE9", "dog"]);
        assert!(folder.items[0].at.path().starts_with(&class));
        // Two such names are two classes.
        let other = root.path().join(OsStr::from_bytes(b"caf\xEA"));
        fs::create_dir(&other).unwrap();
        fs::copy(root.path().join("dog/b.jpg"), other.join("c.jpg")).unwrap();
        let folder = Dataset::open(root.path()).unwrap();
        assert_eq!(folder.classes, ["caf\\xE9", "caf\\xEA", "dog"]);
        let listing = list_pictures([root.path()]);
        let labels: Vec<_> = listing.pictures.iter().map(|p| p.label.as_deref().unwrap()).collect();
        assert_eq!(labels, ["caf\\xE9", "caf\\xEA", "dog"]);
    }

    #[test]
    fn what_cannot_be_read_is_named_where_it_leaves_one_class_or_none() {
        let root = tree(&["cat/a.jpg"]);
        symlink("../unplugged/dog", root.path().join("dog")).unwrap();
        let error = Dataset::open(root.path()).unwrap_err();
        let text = error.to_string();
        let dog = root.path().join("dog").display().to_string();
        assert!(text.contains("has only the class \"cat\""), "{text}");
        let says = format!("; {dog} cannot be read (No such file or directory)");
        assert!(text.ends_with(&says), "{text}");
        assert!(std::error::Error::source(&error).is_none());
        fs::remove_dir_all(root.path().join("cat")).unwrap();
        let text = Dataset::open(root.path()).unwrap_err().to_string();
        assert!(text.contains("contains no pictures") && text.ends_with(&says), "{text}");
    }

    #[test]
    fn a_class_without_permission_is_named_where_it_leaves_one_class() {
        use std::os::unix::fs::PermissionsExt;
        let root = tree(&["cat/a.jpg", "dog/c.jpg"]);
        let locked = root.path().join("dog");
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
        let may_read_all = fs::read_dir(&locked).is_ok();
        let folder = Dataset::open(root.path());
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
        if may_read_all {
            return eprintln!("skipped: permissions do not bind this user");
        }
        let text = folder.unwrap_err().to_string();
        let says = format!("; {} cannot be read (Permission denied)", locked.display());
        assert!(text.ends_with(&says), "{text}");
    }

    #[test]
    fn an_unreadable_folder_is_skipped_and_stops_nothing() {
        use std::os::unix::fs::PermissionsExt;
        let root = tree(&["cat/a.jpg", "cat/locked/b.jpg", "dog/c.jpg"]);
        let locked = root.path().join("cat/locked");
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
        let may_read_all = fs::read_dir(&locked).is_ok();
        let folder = Dataset::open(root.path());
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
        if may_read_all {
            return eprintln!("skipped: permissions do not bind this user");
        }
        let folder = folder.unwrap();
        assert_eq!(items(&folder), ["cat/a.jpg:cat", "dog/c.jpg:dog"]);
        assert!(
            folder.skipped[0].reason.to_string().starts_with("cannot be read (Permission denied")
        );
    }
}

#[test]
fn a_side_is_never_a_class_whatever_it_is_called() {
    let cases: [(&[&str], &[&str], usize, usize); 6] = [
        // Kaggle: test pictures without labels.
        (&["train/cat/1.jpg", "train/dog/2.jpg", "test/3.jpg"], &["cat", "dog"], 2, 0),
        (&["train/a/1.jpg", "train/b/2.jpg", "test/a/3.jpg", "more/4.jpg"], &["a", "b"], 2, 1),
        (&["training_set/a/1.jpg", "training_set/b/2.jpg", "test_set/a/3.jpg"], &["a", "b"], 2, 1),
        (&["seg_train/a/1.jpg", "seg_train/b/2.jpg", "seg_test/b/3.jpg"], &["a", "b"], 2, 1),
        (&["train/a/1.jpg", "train/b/2.jpg", "dev/a/3.jpg"], &["a", "b"], 3, 0),
        (&["x/archive/train/a/1.jpg", "x/archive/train/b/2.jpg"], &["a", "b"], 2, 0),
    ];
    for (names, classes, items, tests) in cases {
        let folder = tree(names);
        let dataset = Dataset::open(folder.path()).unwrap();
        assert_eq!(dataset.classes, classes, "{names:?}");
        assert_eq!((dataset.items.len(), dataset.tests.len()), (items, tests), "{names:?}");
        assert_eq!(items + tests + dataset.skipped.len(), names.len(), "{:?}", dataset.skipped);
    }
}

#[test]
fn folders_that_may_be_sides_or_classes_are_refused_with_the_way_out() {
    let names = ["first/a/1.jpg", "first/b/2.jpg", "second/a/3.jpg", "second/b/4.jpg"];
    let folder = tree(&names);
    let error = Dataset::open(folder.path()).unwrap_err().to_string();
    for part in ["first, second all hold a, b", "'^([^/]+)/'", "'([^/]+)/[^/]*$'"] {
        assert!(error.contains(part), "{error}");
    }
    for (pattern, classes) in [("^([^/]+)/", ["first", "second"]), ("([^/]+)/[^/]*$", ["a", "b"])] {
        let source =
            Source { label_from: Some(pattern.parse().unwrap()), ..Source::new(folder.path()) };
        assert_eq!(source.dataset().unwrap().classes, classes);
    }
}

/// `CLASS SIDE` of each picture of a folder, and of the same as an archive.
fn both_ways(files: &[&str]) -> [Vec<String>; 2] {
    let root = tree(files);
    let mut archive = tar::Builder::new(fs::File::create(root.path().join("x.tar")).unwrap());
    for file in files {
        let picture = fs::read(root.path().join(file)).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(picture.len() as u64);
        archive.append_data(&mut header, file, &picture[..]).unwrap();
    }
    archive.into_inner().unwrap();
    let archive = tempfile::tempdir().unwrap();
    fs::rename(root.path().join("x.tar"), archive.path().join("x.tar")).unwrap();
    [root.path().to_owned(), archive.path().join("x.tar")].map(|path| {
        let mut found: Vec<String> = list_pictures([path])
            .pictures
            .iter()
            .map(|p| format!("{} {:?}", p.label.as_deref().unwrap_or("-"), p.subset))
            .collect();
        found.sort();
        found
    })
}

#[test]
fn a_side_is_looked_through_only_where_it_holds_itself() {
    let train = ["train/cat/1.jpg", "train/dog/2.jpg"];
    for (side, expected) in [
        // One class, regardless of its subfolders.
        (&["val/cat/x/3.jpg", "val/cat/y/4.jpg"][..], &["cat", "cat"][..]),
        (&["val/val/cat/3.jpg", "val/val/dog/4.jpg"], &["cat", "dog"]),
        (&["val/Val/val/cat/3.jpg"], &["cat"]),
        (&["val/val/3.jpg"], &["-"]),
        (&["val/val/cat/3.jpg", "val/dog/4.jpg"], &["dog", "val"]),
    ] {
        let [folder, archive] = both_ways(&[&train, side].concat());
        let expected = expected.iter().map(|label| format!("{label} Some(Validation)"));
        let of_side =
            |all: &[String]| all.iter().filter(|p| p.ends_with("(Validation)")).cloned().collect();
        let (own, other): (Vec<String>, Vec<String>) = (of_side(&folder), of_side(&archive));
        assert_eq!(own, expected.collect::<Vec<_>>(), "{side:?}");
        assert_eq!(other, own, "{side:?}");
    }
    let [folder, archive] =
        both_ways(&["train/train/cat/1.jpg", "train/train/dog/2.jpg", "test/3.jpg"]);
    assert_eq!(folder, ["- Some(Test)", "cat Some(Train)", "dog Some(Train)"]);
    assert_eq!(archive, folder);
}

#[test]
fn a_table_in_a_folder_labels_its_pictures_unless_folders_do() {
    let table = "file_name,label\n1.jpg,cat\n2.jpg,dog\n";
    let lines = "{\"file_name\": \"1.jpg\", \"label\": \"cat\"}\n\
                 {\"file_name\": \"2.jpg\", \"label\": \"dog\"}\n";
    for (name, content) in [("metadata.csv", table), ("metadata.jsonl", lines)] {
        let root = tree(&["1.jpg", "2.jpg"]);
        fs::write(root.path().join(name), content).unwrap();
        let dataset = Dataset::open(root.path()).unwrap();
        assert_eq!(dataset.classes, ["cat", "dog"]);
        let note = dataset.notes[0].to_string();
        assert!(note.starts_with("labels from") && note.ends_with(name), "{note}");

        let root = tree(&["a/1.jpg", "b/2.jpg"]);
        fs::write(root.path().join(name), content).unwrap();
        let dataset = Dataset::open(root.path()).unwrap();
        assert_eq!(dataset.classes, ["a", "b"]);
        let note = dataset.notes[0].to_string();
        assert!(note.starts_with("classes are the folders"), "{note}");
    }
}

#[test]
fn folders_of_classes_are_listed_by_the_rules_of_data_sets_before_there_is_anything_to_learn() {
    use headstart_data::sources::ClassFolders;
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path();
    for folder in ["a/deep", "b", ".hidden", "@eaDir", "c "] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for file in
        ["a/2.png", "a/deep/1.jpg", "b/.hidden.png", "c /1.png", ".hidden/1.png", "loose.png"]
    {
        fs::write(root.join(file), b"").unwrap();
    }
    fs::write(root.join("b/notes"), b"in some words").unwrap();
    let found = ClassFolders::list(root).unwrap();
    let listed: Vec<_> =
        found.classes.iter().map(|class| (&*class.name, &*class.pictures)).collect();
    let at = |path: &str| root.join(path);
    let (of_a, of_c) = ([at("a/2.png"), at("a/deep/1.jpg")], [at("c /1.png")]);
    assert_eq!(listed, [("a", &of_a[..]), ("b", &[]), ("c", &of_c)]);
    assert_eq!(found.classes[2].folders, [at("c ")]);
    assert_eq!(found.loose, [at("loose.png")]);
    let skipped: Vec<_> = found.skipped.iter().map(|skipped| &skipped.path).collect();
    assert_eq!(skipped, [&at("b/notes")]);
    assert_eq!(ClassFolders::why_none(root).unwrap(), None);
    assert!(ClassFolders::list(root.join("d")).is_err());
}

#[test]
fn folders_that_are_no_classes_are_told_why() {
    use headstart_data::sources::ClassFolders;
    for (folders, part) in [
        (&["train/a", "train/b", "validation/a"][..], "train/ to learn from"),
        (&["x/a", "x/b", "y/a", "y/b"], "the same folders"),
    ] {
        let temp = tempfile::tempdir().unwrap();
        for folder in folders {
            fs::create_dir_all(temp.path().join(folder)).unwrap();
            fs::write(temp.path().join(folder).join("1.png"), b"").unwrap();
        }
        let why = ClassFolders::why_none(temp.path()).unwrap().expect("they are none");
        assert!(why.contains(part), "{why}");
    }
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("metadata.csv"), "file_name,label\n1.png,a\n").unwrap();
    assert!(ClassFolders::why_none(temp.path()).unwrap().is_some_and(|why| why.contains("table")));
}
