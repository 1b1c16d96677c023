//! `headstart audit`: the table, JSON, the page, the list of fixes.

use std::fs;

use serde_json::json;

use crate::support::{CLASSES, Place, keys};

const SMALL: &str = "--input-size 96";

/// Pictures without any problem.
fn clean() -> Place {
    let place = Place::new();
    place.pictures("pictures", &CLASSES, 1..13);
    place
}

/// Pictures with one duplicate and one unreadable picture, whose names contain special characters, and a
/// text file that is not reported as a picture.
fn untidy() -> Place {
    let place = clean();
    let copied = fs::read(place.path(&place.picture())).unwrap();
    place.write("pictures/Bag/<b>&\"it's\",.png", copied);
    place.write("pictures/Bag/<i>.jpg", "no picture");
    place.write("pictures/Bag/readme.txt", "no picture");
    place
}

#[test]
fn a_clean_folder_makes_no_noise() {
    let place = clean();
    let run = place.run(&format!("audit pictures {SMALL}")).succeeded();
    assert!(run.stdout.contains("Findings    none"), "{}", run.stdout);
    let last = place.run(&format!("audit pictures --json {SMALL}")).succeeded().json_line();
    assert_eq!(last["event"], "summary");
    assert_eq!((&last["pictures"], &last["from_cache"]), (&json!(36), &json!(36)));
    assert_eq!(keys(&last["classes"]), CLASSES);
    assert_eq!(last["findings"], json!({}));
}

#[test]
fn findings_are_told_to_people_and_to_programs() {
    let place = untidy();
    let run = place.run(&format!("audit pictures {SMALL}")).succeeded();
    for part in ["Duplicates", "the same pixels", "Files that are no pictures", "<i>.jpg", "->"] {
        assert!(run.stdout.contains(part), "{part} is not in {}", run.stdout);
    }
    let events = place.run(&format!("audit pictures --json {SMALL}")).succeeded().json();
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
    assert_eq!(kinds, ["not-a-picture", "duplicate"]);
    let fields = [
        "event", "kind", "severity", "value", "detail", "keep", "files", "escaped", "class",
        "action", "advice",
    ];
    assert_eq!(keys(&events[0]), fields);
    assert_eq!((&events[0]["keep"], &events[0]["escaped"]), (&json!(null), &json!(false)));
    assert_eq!(events[1]["keep"], events[1]["files"][0]);
    assert_eq!(events[1]["value"], 1.0);
    assert_eq!(events[1]["files"].as_array().unwrap().len(), 2);
    assert_eq!(events[2]["findings"], json!({"not-a-picture": 1, "duplicate": 1}));
}

#[test]
fn the_page_stands_alone_and_escapes_names() {
    let place = untidy();
    place.run(&format!("audit pictures --html page.html {SMALL}")).succeeded();
    let page = fs::read_to_string(place.path("page.html")).unwrap();
    assert_eq!(page.matches("data:image/jpeg;base64,").count(), 2);
    assert!(page.contains("&#60;b&#62;&#38;&#34;it&#39;s&#34;,.png"));
    assert!(page.contains("&#60;i&#62;.jpg"));
    for outside in ["<b>&", "<i>.jpg", "http:", "https:", "<script", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.len() < 40_000, "{}", page.len());
}

#[test]
fn the_list_of_fixes_is_a_table_with_quoted_fields_and_nothing_is_deleted() {
    let place = untidy();
    place.run(&format!("audit pictures --fix fixes.csv {SMALL}")).succeeded();
    let table = fs::read_to_string(place.path("fixes.csv")).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "path,finding,action,keep,class,value,detail");
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[1], "pictures/Bag/<i>.jpg,not-a-picture,remove,,,,not a picture (text)");
    let odd = "\"pictures/Bag/<b>&\"\"it's\"\",.png\"";
    let (kept, other) = (lines[2], lines[3]);
    assert!(kept.contains(",duplicate,keep,,,1.0000,the same pixels"), "{kept}");
    assert!(other.contains(",duplicate,deduplicate,"), "{other}");
    assert!(table.contains(odd), "{table}");
    assert!(place.path("pictures/Bag/<i>.jpg").exists());
    assert!(place.path("pictures/Bag/<b>&\"it's\",.png").exists());
}

#[test]
fn all_that_training_leaves_out_is_told_with_what_to_do() {
    let place = clean();
    place.write("pictures/Bag/phone.jpg", b"\0\0\0\x18ftypheic\0\0\0\0");
    place.write("pictures/Bag/phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0");
    fs::copy(place.path(&place.picture()), place.path("pictures/loose.png")).unwrap();
    fs::create_dir(place.path("pictures/Empty")).unwrap();
    let events = place.run(&format!("audit pictures --json {SMALL}")).succeeded().json();
    let found: Vec<_> = events[..events.len() - 1]
        .iter()
        .map(|event| (event["kind"].as_str().unwrap(), event["files"][0].as_str().unwrap()))
        .collect();
    let expected = [
        ("unreadable", "pictures/Bag/phone.heic"),
        ("unreadable", "pictures/Bag/phone.jpg"),
        ("left-out", "pictures/loose.png"),
        ("few-pictures", "pictures/Empty"),
    ];
    assert_eq!(found, expected);
    let run = place.run(&format!("audit pictures {SMALL}")).succeeded();
    for line in [
        "     Bag/phone.heic: HEIC pictures are not supported; convert a folder: magick mogrify",
        "     loose.png: lies in no class's folder\n",
        "     Empty has no pictures\n",
    ] {
        assert!(run.stdout.contains(line), "{line:?} is not in {}", run.stdout);
    }
}

#[test]
fn what_is_left_out_of_a_table_is_told() {
    let place = clean();
    let mut table = "path,label\n".to_owned();
    for class in CLASSES {
        for entry in fs::read_dir(place.path(&format!("pictures/{class}"))).unwrap() {
            let name = entry.unwrap().file_name();
            table += &format!("pictures/{class}/{},{class}\n", name.display());
        }
    }
    table += "pictures/Bag/missing.png,Bag\n,Bag\npictures/Bag/unlabelled.png,\n";
    place.write("list.csv", table);
    let run = place.run(&format!("audit list.csv {SMALL}")).succeeded();
    for part in [
        "Bag/missing.png: cannot be read",
        "     list.csv: line 39 has no path",
        "unlabelled.png: has no label",
    ] {
        assert!(run.stdout.contains(part), "{part:?} is not in {}", run.stdout);
    }
}

#[test]
fn a_class_of_few_pictures_is_told_by_its_folder() {
    let place = clean();
    for name in fs::read_dir(place.path("pictures/Bag")).unwrap().skip(2) {
        fs::remove_file(name.unwrap().path()).unwrap();
    }
    place.run(&format!("audit pictures --fix fixes.csv {SMALL}")).succeeded();
    let table = fs::read_to_string(place.path("fixes.csv")).unwrap();
    let row = "pictures/Bag,few-pictures,add,,Bag,2.0000,\"Bag has 2 different pictures,";
    assert!(table.contains(row), "{table}");
}

#[cfg(target_os = "linux")]
#[test]
fn names_of_any_bytes_are_told_so_that_the_file_can_be_found() {
    use std::os::unix::ffi::OsStrExt;
    let place = clean();
    let bag = place.path("pictures/Bag");
    let named = |name: &[u8]| bag.join(std::ffi::OsStr::from_bytes(name));
    fs::write(named(b"caf\xe9.jpg"), "no picture").unwrap();
    fs::write(named(b"red\x1b[31m.jpg"), "no picture").unwrap();
    let run = place.run(&format!("audit pictures --fix fixes.csv {SMALL}")).succeeded();
    assert!(run.stdout.contains(r"Bag/caf\xE9.jpg: not a picture"), "{}", run.stdout);
    assert!(run.stdout.contains(r"Bag/red\u{1b}[31m.jpg: not a picture"), "{}", run.stdout);
    let table = fs::read(place.path("fixes.csv")).unwrap();
    let row = b"\"pictures/Bag/caf\xe9.jpg\",not-a-picture,";
    assert!(table.windows(row.len()).any(|bytes| bytes == row));
    let events = place.run(&format!("audit pictures --json {SMALL}")).succeeded().json();
    assert_eq!(events[0]["files"], json!([r"pictures/Bag/caf\xE9.jpg"]));
    assert_eq!([&events[0]["escaped"], &events[1]["escaped"]], [true, false]);
}

#[test]
fn pictures_without_labels_are_audited_for_what_needs_none() {
    let place = Place::with_pictures(4);
    let files = place.below("pictures/Bag");
    for (to, from) in [("a.png", 0), ("b.png", 1), ("copy.png", 1), ("c.jpg", 2)] {
        let bytes = fs::read(place.path(&format!("pictures/Bag/{}", files[from]))).unwrap();
        place.write(&format!("flat/{to}"), bytes);
    }
    // Also a folder that is itself one class.
    for (root, copies) in [("flat", 1), ("pictures/Bag", 0)] {
        let run = place.run(&format!("audit {root} --json --html page.html")).succeeded();
        let summary = run.json().pop().unwrap();
        assert_eq!(summary["classes"], serde_json::json!({}));
        let kinds = |name: &str| run.json().iter().filter(|event| event["kind"] == name).count();
        assert_eq!((kinds("duplicate"), kinds("misnamed")), (copies, copies), "{root}");
        let page = fs::read_to_string(place.path("page.html")).unwrap();
        assert!(page.contains("4 pictures of one class or none"));
    }
    let text = place.run("audit flat").succeeded().stdout;
    assert!(text.contains("4 of one class or none") && !text.contains("Classes"), "{text}");
}

#[test]
fn what_cannot_be_audited_or_written_is_an_error_of_one_line() {
    let place = Place::with_pictures(2);
    place.run("audit nothing").failed(1, &["nothing", "no such file or folder"]);
    place.run("audit pictures --html missing/page.html").failed(1, &["missing"]);
    assert_eq!(place.run("audit pictures --val-split 1").code, 2);
}
