//! `headstart audit`: the table, JSON, the page, the list of fixes.

use std::fs;

use serde_json::json;

use crate::support::{CLASSES, Place, keys};

const SMALL: &str = "--input-size 96";

/// Pictures that nothing is wrong with.
fn clean() -> Place {
    let place = Place::new();
    place.pictures("pictures", &CLASSES, 1..13);
    place
}

/// Pictures of which one is there twice, and a file that is none, all with names to be wary of.
fn untidy() -> Place {
    let place = clean();
    let copied = fs::read(place.path(&place.picture())).unwrap();
    place.write("pictures/Bag/<b>&\"it's\",.png", copied);
    place.write("pictures/Bag/<i>.txt", "no picture");
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
    for part in ["Duplicates", "the same pixels", "Files that are no pictures", "<i>.txt", "->"] {
        assert!(run.stdout.contains(part), "{part} is not in {}", run.stdout);
    }
    let events = place.run(&format!("audit pictures --json {SMALL}")).succeeded().json();
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
    assert_eq!(kinds, ["not-a-picture", "duplicate"]);
    let fields =
        ["event", "kind", "severity", "value", "detail", "files", "class", "action", "advice"];
    assert_eq!(keys(&events[0]), fields);
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
    assert!(page.contains("&lt;b&gt;&amp;&quot;it&#39;s&quot;,.png"));
    assert!(page.contains("&lt;i&gt;.txt"));
    for outside in ["<b>&", "<i>.txt", "http:", "https:", "<script", "url("] {
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
    assert_eq!(lines[1], "pictures/Bag/<i>.txt,not-a-picture,remove,,,,not a picture (text)");
    let odd = "\"pictures/Bag/<b>&\"\"it's\"\",.png\"";
    let (kept, other) = (lines[2], lines[3]);
    assert!(kept.contains(",duplicate,keep,,,1.0000,the same pixels"), "{kept}");
    assert!(other.contains(",duplicate,deduplicate,"), "{other}");
    assert!(table.contains(odd), "{table}");
    assert!(place.path("pictures/Bag/<i>.txt").exists());
    assert!(place.path("pictures/Bag/<b>&\"it's\",.png").exists());
}

#[test]
fn what_cannot_be_audited_or_written_is_an_error_of_one_line() {
    let place = Place::with_pictures(2);
    place.run("audit nothing").failed(1, &["nothing", "no such file or folder"]);
    place.run("audit pictures --html missing/page.html").failed(1, &["missing"]);
    assert_eq!(place.run("audit pictures --val-split 1").code, 2);
}
