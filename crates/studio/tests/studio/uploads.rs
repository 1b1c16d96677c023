//! Uploads of files.

use std::fs;
use std::io::Write;

use serde_json::json;

use crate::support::{Project, form, picture};

#[test]
fn files_go_to_a_class_to_the_inbox_or_where_their_names_say() {
    let project = Project::new();
    let studio = project.open();
    let (bag, coat, dress) = (picture("Bag", 0), picture("Coat", 0), picture("Dress", 0));
    let to_class = studio.upload("?class=Bag", &[("a.png", &bag), ("../../b.png", &coat)]).json();
    assert_eq!(to_class["message"], "2 pictures added to Bag");
    assert_eq!(to_class["project"]["undo"], "Add 2 pictures to Bag");
    studio.upload("", &[("a.png", &bag)]);
    let files = [
        ("flowers/Coat/a.png", &*coat),
        ("flowers/Coat/more/b.png", &bag),
        ("Dress/a.png", &dress),
        ("flowers/.hidden/a.png", &dress),
        ("flowers/Thumbs.db", b"leftovers"),
        ("notes.txt", b"of nothing, in some words"),
        ("empty.png", b""),
    ];
    let by_name = studio.upload("", &files).json();
    assert_eq!(by_name["added"], 3);
    let skipped = by_name["skipped"].as_array().unwrap();
    let names: Vec<_> = skipped.iter().map(|skipped| skipped["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["flowers/.hidden/a.png", "notes.txt", "empty.png"]);
    let all = [
        "Bag/",
        "Bag/a.png",
        "Bag/b.png",
        "Coat/",
        "Coat/a.png",
        "Coat/b.png",
        "Dress/",
        "Dress/a.png",
        "a.png",
    ];
    assert_eq!(project.names(), all);
    assert_eq!(fs::read(project.path("Dress/a.png")).unwrap(), dress);
    // The same name again gets a number; then everything is undone.
    studio.upload("?class=Bag", &[("a.png", &dress)]);
    assert_eq!(fs::read(project.path("Bag/a (2).png")).unwrap(), dress);
    for _ in 0..4 {
        assert_eq!(studio.post("/api/undo", "").status, 200);
    }
    assert!(project.names().is_empty(), "{:?}", project.names());
    for _ in 0..4 {
        assert_eq!(studio.post("/api/redo", "").status, 200);
    }
    assert_eq!(project.names().len(), all.len() + 1);
}

#[test]
fn what_comes_in_parts_is_undone_as_a_whole() {
    let project = Project::new();
    let studio = project.open();
    for (query, number) in [("?class=Bag", 0), ("?class=Bag&batch=7", 1), ("?class=Bag&batch=7", 2)]
    {
        studio.upload(query, &[("a.png", &picture("Bag", number))]);
    }
    assert_eq!(studio.json("/api/project")["undo"], "Add 2 pictures to Bag");
    let undone = studio.post("/api/undo", "").json();
    assert_eq!(undone["message"], "Undone: Add 2 pictures to Bag");
    assert_eq!(project.names(), ["Bag/", "Bag/a.png"]);
    assert_eq!(undone["project"]["redo"], "Add 2 pictures to Bag");
    studio.post("/api/redo", "");
    assert_eq!(studio.classes(), json!({ "Bag": 3 }));
}

#[test]
fn an_archive_is_unpacked_into_classes_and_leads_nowhere_else() {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, file) in [
        ("set/Bag/a.png", picture("Bag", 0)),
        ("set/Bag/b.png", picture("Bag", 1)),
        ("set/Coat/a.png", picture("Coat", 0)),
        ("../../escaped.png", picture("Coat", 1)),
        ("set/notes.txt", b"of nothing".to_vec()),
    ] {
        archive.start_file(name, options).unwrap();
        archive.write_all(&file).unwrap();
    }
    let archive = archive.finish().unwrap().into_inner();
    let project = Project::new();
    let studio = project.open();
    let done = studio.upload("", &[("set.zip", &archive)]).json();
    assert_eq!(done["added"], 3, "{done}");
    assert!(done["skipped"].to_string().contains("escaped.png"), "{done}");
    assert_eq!(project.names(), ["Bag/", "Bag/a.png", "Bag/b.png", "Coat/", "Coat/a.png"]);
    let done = studio.upload("?class=All", &[("set.zip", &archive)]).json();
    assert_eq!(
        done["message"].as_str().unwrap().split(';').next(),
        Some("3 pictures added to All")
    );
    let broken = studio.upload("", &[("set.zip", &archive[..archive.len() / 2])]).json();
    assert_eq!((&broken["added"], &broken["skipped"][0]["name"]), (&json!(0), &json!("set.zip")));
}

#[test]
fn an_upload_that_ends_early_leaves_nothing() {
    let project = Project::of_two();
    let studio = project.open();
    let before = project.files();
    let (media_type, body) = form(&[("a.png", &picture("Bag", 0)), ("b.png", &picture("Bag", 1))]);
    let half = body[..body.len() / 2].to_vec();
    let request = studio.request("POST", "/api/upload?class=Bag", half);
    let ended = studio.send(&request.with("Content-Type", &media_type));
    ended.assert_failed(400, &["ended early"]);
    studio.upload("?class=..", &[("a.png", &picture("Bag", 0))]).assert_failed(400, &[".."]);
    assert_eq!(project.files(), before);
    let trash = fs::read_dir(project.path(".headstart/trash")).unwrap().count();
    assert_eq!(trash, 0);
}

#[test]
fn what_was_added_and_undone_comes_back_after_a_restart_and_what_was_half_received_goes() {
    let project = Project::new();
    let studio = project.open();
    studio.upload("?class=Bag", &[("a.png", &picture("Bag", 0)), ("b.png", &picture("Bag", 1))]);
    let before = project.files();
    studio.post("/api/undo", "");
    drop(studio);
    // A partial upload, as a kill would leave it.
    let half = project.path(".headstart/trash/received-half");
    fs::create_dir(&half).unwrap();
    fs::write(half.join("0"), &picture("Bag", 2)[..50]).unwrap();
    let studio = project.open();
    assert!(!half.exists());
    assert_eq!(studio.json("/api/project")["redo"], "Add 2 pictures to Bag");
    studio.post("/api/redo", "");
    assert_eq!(project.files(), before);
}

#[test]
fn what_a_journal_has_named_is_never_removed() {
    let project = Project::new();
    let studio = project.open();
    studio.upload("?class=Bag", &[("a.png", &picture("Bag", 0))]);
    studio.post("/api/undo", "");
    studio.act(json!({ "do": "addClass", "name": "Coat" }));
    drop(studio);
    let received = || {
        let entries = fs::read_dir(project.path(".headstart/trash")).unwrap();
        let folder = entries.map(|entry| entry.unwrap().path()).next().expect("a folder");
        fs::read_dir(folder).unwrap().count()
    };
    drop(project.open());
    assert_eq!(received(), 1);
    // A new journal does not know what the previous one has named.
    fs::remove_file(project.path(".headstart/journal.jsonl")).unwrap();
    drop(project.open());
    assert_eq!(received(), 1);
}

#[test]
fn what_cannot_be_added_leaves_nothing() {
    let project = Project::of_two();
    fs::write(project.path("notes.txt"), "of nothing").unwrap();
    let studio = project.open();
    let before = project.files();
    let files: [(&str, &[u8]); 1] = [("a.png", &picture("Bag", 0))];
    let taken = studio.upload("?class=notes.txt", &files);
    taken.assert_failed(409, &["there is a class \"notes.txt\" already"]);
    #[cfg(target_os = "linux")]
    {
        // Nothing can be moved to this folder.
        std::os::unix::fs::symlink("/proc/self", project.path("Elsewhere")).unwrap();
        let refused = studio.upload("?class=Elsewhere", &files);
        assert!(refused.text().contains("cannot add Elsewhere/a.png"), "{}", refused.text());
        fs::remove_file(project.path("Elsewhere")).unwrap();
    }
    assert_eq!(project.files(), before);
    let trash = fs::read_dir(project.path(".headstart/trash")).unwrap().count();
    assert_eq!(trash, 0);
}

#[test]
fn what_cannot_be_undone_is_called_by_what_was_done() {
    let project = Project::of_two();
    let studio = project.open();
    studio.upload("?class=Coat", &[("a.png", &picture("Coat", 0))]);
    let entries = fs::read_dir(project.path(".headstart/trash")).unwrap();
    let received = entries.map(|entry| entry.unwrap().path()).next().expect("a folder");
    fs::remove_dir(&received).unwrap();
    fs::write(&received, "in the way").unwrap();
    let refused = studio.post("/api/undo", "");
    assert!(refused.text().contains("cannot take back Coat/a.png"), "{}", refused.text());
    assert!(refused.text().contains("nothing was changed"), "{}", refused.text());
    assert_eq!(studio.classes()["Coat"], 1);
    fs::remove_file(&received).unwrap();
    studio.act(json!({ "do": "delete", "paths": ["Bag/0.png"] }));
    fs::remove_dir_all(project.path("Bag")).unwrap();
    fs::write(project.path("Bag"), "in the way").unwrap();
    let refused = studio.post("/api/undo", "");
    assert!(refused.text().contains("cannot restore Bag/0.png"), "{}", refused.text());
}
