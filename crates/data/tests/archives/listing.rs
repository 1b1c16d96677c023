//! Listing and labelling of archives.

use std::fs;

use headstart_data::Limits;
use headstart_data::sources::Listing;

use crate::{archive, crc, file, list, picture, pictures, skipped, support, tar, within};

#[test]
fn every_form_is_listed_and_read_as_python_does() {
    let table: Vec<[String; 3]> = support::table("archives.tsv");
    let pictured = |name: &str| [".jpg", ".png", ".gif"].iter().any(|e| name.ends_with(e));
    let name = |hex: &str| {
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        String::from_utf8((0..hex.len()).step_by(2).map(byte).collect()).unwrap()
    };
    let mut archives: Vec<&str> = table.iter().map(|[archive, ..]| archive.as_str()).collect();
    archives.dedup();
    assert_eq!(archives.len(), 13);
    // Left out here, each with its reason; other tests cover them.
    let left_out = ["0002.seg.png"];
    for archive in archives.into_iter().filter(|archive| *archive != "bzip2.zip") {
        let path = self::archive(archive);
        let listing = list(&path);
        let mut found: Vec<(String, u32)> = listing
            .pictures
            .iter()
            .map(|p| {
                let bytes = p.at.read(&Limits::default()).unwrap();
                (within(&path, &p.at.path()), crc(&bytes))
            })
            .collect();
        found.sort();
        let rows = table.iter().filter(|row| row[0] == archive);
        let mut expected: Vec<(String, u32)> =
            rows.map(|row| (name(&row[1]), row[2].parse().unwrap())).collect();
        expected.retain(|(name, _)| pictured(name) && !left_out.contains(&name.as_str()));
        expected.sort();
        assert_eq!(found, expected, "{archive}");
    }
}

#[test]
fn an_archive_is_labelled_as_the_folder_that_was_packed() {
    let trees: [&[&str]; 11] = [
        &["dog/b.jpg", "dog/a.jpg", "cat/x/y/c.jpg", "cat-like/d.jpg", "cat/z.jpg"],
        &["train/cat/a.jpg", "train/dog/b.jpg", "val/cat/c.jpg", "test/dog/d.jpg"],
        &["Train/cat/a.jpg", "Train/dog/b.jpg", "Testing/cat/c.jpg"],
        &["train/cat/a.jpg", "test/cat/b.jpg", "other/cat/c.jpg"],
        &["train/a.jpg", "val/b.jpg", "plane/c.jpg"],
        &["train/cat/a.jpg", "train/dog/b.jpg", "test/1.jpg", "test/2.jpg"],
        &["training_set/cat/a.jpg", "training_set/dog/b.jpg", "test_set/cat/c.jpg"],
        &["seg_pred/1.jpg", "seg_test/sea/a.jpg", "seg_train/sea/b.jpg", "seg_train/ice/c.jpg"],
        &["set/train/cat/a.jpg", "set/train/dog/b.jpg", "set/val/cat/c.jpg"],
        &["outer/inner/cat/a.jpg", "outer/inner/dog/b.jpg"],
        &["cat/.hidden.jpg", "__MACOSX/cat/._a.jpg", "cat/a.jpg", "loose.jpg", "cat/notes.md"],
    ];
    for tree in trees {
        let folder = tempfile::tempdir().unwrap();
        let mut members: Vec<(&[u8], Vec<u8>)> = Vec::new();
        for name in tree {
            let path = folder.path().join(name);
            let content = if name.ends_with(".jpg") { picture() } else { b"text".to_vec() };
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &content).unwrap();
            members.push((name.as_bytes(), content));
        }
        let members: Vec<_> = members.iter().map(|(name, content)| (*name, &content[..])).collect();
        let (_place, packed) = file("packed.tar", &tar(&members));
        let (whole, archive) = (list(folder.path()), list(&packed));
        assert_eq!(pictures(&packed, &archive), pictures(folder.path(), &whole));
        assert_eq!(skipped(&packed, &archive), skipped(folder.path(), &whole));
    }
}

#[test]
fn what_systems_leave_behind_is_passed_over_in_folders_and_archives() {
    let folders = [
        "@eaDir",
        "#recycle",
        "#snapshot",
        "~snapshot",
        "@Recycle",
        "@Recently-Snapshot",
        "$RECYCLE.BIN",
        "$Recycle.Bin",
        ".Trashes",
        "System Volume Information",
        "Network Trash Folder",
        "lost+found",
        ".thumbnails",
        "__MACOSX",
    ];
    let files = ["Thumbs.db", "ehthumbs.db", "desktop.ini", "Desktop.ini", ".picasa.ini"];
    // Names that only resemble them are ordinary classes and files.
    let mut tree = vec!["cat/a.jpg".to_owned(), "dog/b.jpg".into(), "recycle/c.jpg".into()];
    tree.push("recycle/desktop.txt".into());
    tree.extend(folders.iter().map(|name| format!("{name}/d.jpg")));
    tree.extend(folders.iter().map(|name| format!("cat/{name}/x/e.jpg")));
    tree.extend(files.iter().flat_map(|name| [(*name).to_owned(), format!("dog/{name}")]));
    let folder = tempfile::tempdir().unwrap();
    let mut members: Vec<(&[u8], Vec<u8>)> = Vec::new();
    for name in &tree {
        let path = folder.path().join(name);
        let content = if name.ends_with(".jpg") { picture() } else { b"text".to_vec() };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &content).unwrap();
        members.push((name.as_bytes(), content));
    }
    let members: Vec<_> = members.iter().map(|(name, content)| (*name, &content[..])).collect();
    let (_place, packed) = file("packed.tar", &tar(&members));
    for place in [folder.path(), &packed] {
        let listing = list(place);
        assert_eq!(
            pictures(place, &listing),
            ["cat/a.jpg:cat", "dog/b.jpg:dog", "recycle/c.jpg:recycle"]
        );
        assert_eq!(skipped(place, &listing), ["recycle/desktop.txt: not a picture (text)"]);
    }
}

#[test]
fn the_class_of_webdataset_is_the_label() {
    let path = archive("webdataset.tar");
    let listing = list(&path);
    assert_eq!(
        pictures(&path, &listing),
        ["0001.jpg:7", "0002.png:tabby cat", "sub/0003.gif:-"],
        "a mask is no picture of its own"
    );
    assert!(listing.skipped.is_empty(), "{:?}", listing.skipped);
}

#[test]
fn a_folder_of_archives_is_one_source() {
    let folder = tempfile::tempdir().unwrap();
    for (shard, name) in [("b-1.tar", &b"dog/b.jpg"[..]), ("b-0.tar", b"cat/a.jpg")] {
        fs::write(folder.path().join(shard), tar(&[(name, &picture())])).unwrap();
    }
    fs::write(folder.path().join("readme.txt"), "text").unwrap();
    let listing = list(folder.path());
    assert_eq!(
        pictures(folder.path(), &listing),
        ["b-0.tar/cat/a.jpg:cat", "b-1.tar/dog/b.jpg:dog"]
    );
    assert_eq!(skipped(folder.path(), &listing), ["readme.txt: not a picture (text)"]);
    // Beside pictures, an archive is just a file that is not a picture.
    fs::write(folder.path().join("one.jpg"), picture()).unwrap();
    assert_eq!(pictures(folder.path(), &list(folder.path())), ["one.jpg:-"]);
}

#[test]
fn more_archives_than_may_be_open_are_read_from_many_threads() {
    let folder = tempfile::tempdir().unwrap();
    for shard in 0..70 {
        let name = format!("{}/{shard}.jpg", shard % 2);
        let content = [picture(), vec![shard]].concat();
        let path = folder.path().join(format!("{shard:02}.tar"));
        fs::write(path, tar(&[(name.as_bytes(), &content)])).unwrap();
    }
    let pictures = list(folder.path()).pictures;
    assert_eq!(pictures.len(), 70);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let pictures = &pictures;
            scope.spawn(move || {
                for round in 0..3 {
                    for index in 0..70 {
                        let index = (index * (2 * thread + 1) + round) % 70;
                        let bytes = pictures[index].at.read(&Limits::default()).unwrap();
                        assert_eq!(usize::from(*bytes.last().unwrap()), index);
                    }
                }
            });
        }
    });
    fs::write(folder.path().join("00.tar"), "something else").unwrap();
    let reread = list(folder.path()).pictures;
    assert_eq!(reread.len(), 69);
}

#[test]
fn what_is_no_picture_of_its_own_is_skipped_with_its_reason() {
    let link = "a link; pack the file that it points to";
    let sparse = "cat/sparse.jpg: a sparse file; pack it without --sparse";
    let cases: [(&str, &[&str]); 5] = [
        (
            "links.tar",
            &[
                &format!("dog/symbolic.jpg: {link} (tar --dereference --hard-dereference)"),
                &format!("dog/hard.jpg: {link} (tar --dereference --hard-dereference)"),
                "dog/fifo.jpg: not a picture (no regular file)",
            ],
        ),
        ("sparse_gnu.tar", &[sparse]),
        ("sparse_pax.tar", &[sparse]),
        (
            "bzip2.zip",
            &[
                "cat/one.jpg: compressed with method 12; only 0 (stored) and 8 (deflate) are supported; pack it again",
            ],
        ),
        ("stored.zip", &[]),
    ];
    for (name, reasons) in cases {
        let path = archive(name);
        assert_eq!(skipped(&path, &list(&path)), reasons, "{name}");
    }
}

#[test]
fn archives_behind_each_other_are_listed_as_one() {
    let picture = picture();
    let mut two = tar(&[(b"cat/a.jpg", &picture)]);
    // Padded as by tar.
    two.resize(two.len().next_multiple_of(10_240), 0);
    two.extend(tar(&[(b"dog/b.jpg", &picture), (b"dog/c.jpg", &picture)]));
    let (_folder, path) = file("x.tar", &two);
    let listing = list(&path);
    assert_eq!(pictures(&path, &listing), ["cat/a.jpg:cat", "dog/b.jpg:dog", "dog/c.jpg:dog"]);
    assert!(listing.skipped.is_empty(), "{:?}", listing.skipped);
    for listed in &listing.pictures {
        assert_eq!(listed.at.read(&Limits::default()).unwrap(), picture);
    }
    // Anything else after it does not count as lost.
    let mut more = tar(&[(b"cat/a.jpg", &picture)]);
    more.extend(b"a signature");
    let (_folder, path) = file("x.tar", &more);
    let listing = list(&path);
    assert_eq!((listing.pictures.len(), listing.skipped.len()), (1, 0));
}

#[test]
fn a_picture_beside_one_with_an_ending_is_listed_and_other_files_are_not() {
    let picture = picture();
    let (_folder, path) = file(
        "x.tar",
        &tar(&[
            (b"x/scan.001", &picture),
            (b"x/scan.jpg", &picture),
            (b"x/scan.json", b"{}"),
            (b"x/other.txt", b"text"),
        ]),
    );
    let listing = list(&path);
    assert_eq!(pictures(&path, &listing), ["x/scan.001:x", "x/scan.jpg:x"]);
    assert_eq!(skipped(&path, &listing), ["x/other.txt: not a picture (text)"]);
}

#[test]
fn an_empty_class_is_none_and_one_that_is_no_text_is_named() {
    let picture = picture();
    let (_folder, path) = file(
        "x.tar",
        &tar(&[
            (b"1.cls", b"cat\n"),
            (b"1.jpg", &picture),
            (b"2.cls", b" \n"),
            (b"2.jpg", &picture),
            (b"3.cls", b"a\tb"),
            (b"3.jpg", &picture),
            (b"4.cls", b"caf\xe9"),
            (b"4.jpg", &picture),
        ]),
    );
    let listing = list(&path);
    let labels = ["1.jpg:cat", "2.jpg:-", "3.jpg:-", r"4.jpg:caf\xE9"];
    assert_eq!(pictures(&path, &listing), labels);
    assert_eq!(
        skipped(&path, &listing),
        ["3.cls: is not a valid label: it contains control characters"]
    );
}

#[test]
fn an_archive_is_told_by_its_content_and_others_are_refused() {
    let (_folder, path) = file("named.jpg", &fs::read(archive("stored.zip")).unwrap());
    assert_eq!(list(&path).pictures.len(), 4);
    let (_folder, path) = file("empty.zip", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(list(&path), Listing::default());
    let (_folder, path) = file("x.tar.gz", b"\x1F\x8B\x08\0\0\0\0\0\0\x03");
    assert_eq!(
        skipped(&path, &list(&path)),
        ["packed by gzip, which is not read: unpack it, a .tar or .zip is enough"]
    );
}
