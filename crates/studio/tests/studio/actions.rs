//! Actions on classes and pictures, and undo.

use std::fs;

use serde_json::json;

use crate::support::{Project, fill, move_to, picture, until};

#[test]
fn a_project_is_a_folder_with_a_folder_per_class() {
    let project = Project::of_two();
    fill(&project.folder(), "", "Coat", 7..9);
    fs::create_dir(project.path("Empty")).unwrap();
    fs::write(project.path("notes.txt"), "of nothing").unwrap();
    let studio = project.open();
    assert_eq!(studio.classes(), json!({ "Bag": 5, "Empty": 0, "Sneaker": 5 }));
    let view = studio.json("/api/project");
    assert_eq!((&view["name"], &view["inbox"]), (&json!("project"), &json!(2)));
    for none in ["readOnly", "undo", "redo"] {
        assert!(view[none].is_null(), "{none}");
    }
    let paths = |class: &str| {
        let pictures = studio.json(&format!("/api/pictures{class}"));
        let pictures = pictures.as_array().unwrap();
        pictures.iter().map(|picture| picture["path"].as_str().unwrap().to_owned()).collect()
    };
    let inbox: Vec<String> = paths("");
    assert_eq!(inbox, ["7.png", "8.png"]);
    let bags: Vec<String> = paths("?class=Bag");
    assert_eq!(bags, ["Bag/0.png", "Bag/1.png", "Bag/2.png", "Bag/3.png", "Bag/4.png"]);
    studio.get("/api/pictures?class=Coat").assert_failed(404, &["no class \"Coat\""]);
}

#[test]
fn every_action_is_undone_to_what_was_before_and_done_again() {
    let project = Project::of_two();
    fs::create_dir_all(project.path("Bag/more/deep")).unwrap();
    fs::write(project.path("Bag/more/deep/0.png"), picture("Bag", 9)).unwrap();
    fs::write(project.path("Bag/notes.txt"), "lie here, too").unwrap();
    fill(&project.folder(), "", "Coat", 0..2);
    let studio = project.open();
    let mut states = vec![project.files()];
    let mut titles = Vec::new();
    for (action, title, message) in [
        (json!({ "do": "addClass", "name": "Coat" }), "Add the class Coat", "Coat added"),
        (
            move_to(&["0.png", "1.png"], Some("Coat")),
            "Move 2 pictures to Coat",
            "2 pictures moved to Coat",
        ),
        (
            move_to(&["Coat/1.png"], None),
            "Move 1 picture to the inbox",
            "1 picture moved to the inbox",
        ),
        (
            json!({ "do": "renameClass", "from": "Coat", "to": "<script>" }),
            "Rename Coat to <script>",
            "Coat is called <script> now",
        ),
        (
            json!({ "do": "delete", "paths": ["Bag/1.png", "Sneaker/2.png", "Bag/1.png"] }),
            "Delete 2 pictures",
            "2 pictures deleted",
        ),
        (
            json!({ "do": "mergeClass", "from": "Bag", "into": "Sneaker" }),
            "Merge Bag into Sneaker",
            "5 pictures of Bag moved to Sneaker",
        ),
        (
            json!({ "do": "deleteClass", "name": "Sneaker" }),
            "Delete the class Sneaker",
            "Sneaker deleted, with 9 pictures",
        ),
    ] {
        let done = studio.act(action);
        assert_eq!(done["message"], message);
        assert_eq!(done["project"]["undo"], title);
        assert!(done["project"]["redo"].is_null());
        states.push(project.files());
        titles.push(title);
    }
    assert_eq!(project.names(), ["1.png", "<script>/", "<script>/0.png"]);
    for (state, title) in states.iter().zip(&titles).rev() {
        let done = studio.post("/api/undo", "");
        assert_eq!(done.json()["message"], format!("Undone: {title}"));
        assert_eq!(done.json()["project"]["redo"], *title);
        assert_eq!(project.files(), *state, "{title}");
    }
    studio.post("/api/undo", "").assert_failed(409, &["nothing to undo"]);
    for (state, title) in states[1..].iter().zip(&titles) {
        let done = studio.post("/api/redo", "");
        assert_eq!(done.json()["message"], format!("Done again: {title}"));
        assert_eq!(project.files(), *state, "{title}");
    }
    studio.post("/api/redo", "").assert_failed(409, &["nothing to do again"]);
    // After a new action, nothing can be redone.
    studio.post("/api/undo", "");
    studio.act(json!({ "do": "addClass", "name": "Dress" }));
    studio.post("/api/redo", "").assert_failed(409, &["nothing to do again"]);
}

#[test]
fn what_was_done_can_be_undone_after_a_restart() {
    let project = Project::of_two();
    let before = project.files();
    let studio = project.open();
    studio.act(json!({ "do": "deleteClass", "name": "Bag" }));
    studio.act(json!({ "do": "delete", "paths": ["Sneaker/0.png"] }));
    studio.post("/api/undo", "");
    drop(studio);
    let studio = project.open();
    let view = studio.json("/api/project");
    assert_eq!(
        (&view["undo"], &view["redo"]),
        (&json!("Delete the class Bag"), &json!("Delete 1 picture"))
    );
    studio.post("/api/undo", "");
    assert_eq!(project.files(), before);
}

#[test]
fn nothing_is_ever_written_over() {
    let project = Project::of_two();
    let studio = project.open();
    studio.act(move_to(&["Bag/0.png", "Bag/1.png"], Some("Sneaker")));
    assert_eq!(fs::read(project.path("Sneaker/0 (2).png")).unwrap(), picture("Bag", 0));
    assert_eq!(fs::read(project.path("Sneaker/0.png")).unwrap(), picture("Sneaker", 0));
    // Meanwhile another file has the old path of the first picture.
    fs::write(project.path("Bag/0.png"), picture("Coat", 0)).unwrap();
    studio.post("/api/undo", "");
    assert_eq!(fs::read(project.path("Bag/0.png")).unwrap(), picture("Coat", 0));
    assert_eq!(fs::read(project.path("Bag/0 (2).png")).unwrap(), picture("Bag", 0));
    assert_eq!(fs::read(project.path("Bag/1.png")).unwrap(), picture("Bag", 1));
    let after = project.files();
    studio.post("/api/redo", "");
    studio.post("/api/undo", "");
    assert_eq!(project.files(), after);
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let project = Project::of_two();
    let studio = project.open();
    let before = project.files();
    for name in ["..", ".", "", " ", "a/b", "..\\a", ".headstart", "a\nb"] {
        let parts = ["is not a valid class name"];
        studio.refuse(json!({ "do": "addClass", "name": name }), 400, &parts);
        studio.refuse(json!({ "do": "renameClass", "from": "Bag", "to": name }), 400, &parts);
    }
    for (action, status, part) in [
        (json!({ "do": "addClass", "name": "Bag" }), 409, "there is a class"),
        (json!({ "do": "renameClass", "from": "Bag", "to": "Sneaker" }), 409, "there is a class"),
        (json!({ "do": "renameClass", "from": "Coat", "to": "Dress" }), 404, "no class \"Coat\""),
        (json!({ "do": "mergeClass", "from": "Bag", "into": "Bag" }), 400, "itself"),
        (json!({ "do": "deleteClass", "name": ".." }), 404, "no class"),
        (move_to(&["Bag/0.png"], Some("..")), 404, "no class"),
        (move_to(&["../project/Bag/0.png"], Some("Sneaker")), 404, "no such picture"),
        (move_to(&[".headstart/journal.jsonl"], Some("Bag")), 404, "no such picture"),
        (json!({ "do": "delete", "paths": ["/etc/passwd"] }), 404, "no such picture"),
        (json!({ "do": "burn" }), 400, "cannot be read"),
        (json!([]), 400, "cannot be read"),
    ] {
        studio.refuse(action, status, &[part]);
    }
    assert_eq!(project.files(), before);
    assert!(studio.json("/api/project")["undo"].is_null());
}

#[test]
fn what_others_do_to_the_folder_is_seen() {
    let project = Project::of_two();
    let studio = project.open();
    let mut events = studio.events();
    assert_eq!(events.next("project")["classes"].as_array().unwrap().len(), 2);
    fill(&project.folder(), "Coat", "Coat", 0..2);
    until("the class that somebody made", || {
        events.next("project")["classes"].as_array().unwrap().len() == 3
    });
    fs::remove_file(project.path("Bag/0.png")).unwrap();
    // The studio has not noticed that yet.
    let done = studio.act(move_to(&["Bag/1.png"], Some("Coat")));
    assert_eq!(done["message"], "1 picture moved to Coat");
    assert_eq!(studio.classes(), json!({ "Bag": 3, "Coat": 3, "Sneaker": 5 }));
    studio.refuse(move_to(&["Bag/0.png"], Some("Coat")), 404, &["no such picture"]);
    fs::remove_file(project.path("Coat/1 (2).png")).unwrap();
    let done = studio.post("/api/undo", "").json();
    assert_eq!(done["message"], "Undone: Move 1 picture to Coat (1 had already been removed)");
}

#[test]
fn a_folder_that_something_has_come_to_stays_and_what_was_before_can_be_undone() {
    let project = Project::of_two();
    let before = project.files();
    let studio = project.open();
    studio.act(json!({ "do": "delete", "paths": ["Bag/0.png"] }));
    studio.act(json!({ "do": "addClass", "name": "Coat" }));
    fs::write(project.path("Coat/.DS_Store"), "of the system").unwrap();
    assert_eq!(studio.post("/api/undo", "").json()["message"], "Undone: Add the class Coat");
    assert!(project.path("Coat/.DS_Store").exists());
    drop(studio);
    let studio = project.open();
    assert_eq!(studio.post("/api/undo", "").json()["message"], "Undone: Delete 1 picture");
    fs::remove_dir_all(project.path("Coat")).unwrap();
    assert_eq!(project.files(), before);
}

#[test]
fn what_is_undone_is_what_was_told_of() {
    let project = Project::of_two();
    let studio = project.open();
    let first = studio.act(json!({ "do": "addClass", "name": "Coat" }));
    let expected = json!({ "expected": first["project"]["undo"] }).to_string();
    let last = studio.act(json!({ "do": "addClass", "name": "Dress" }));
    let refused = studio.post("/api/undo", expected.clone());
    refused.assert_failed(409, &["something else was done since: Add the class Dress"]);
    assert!(project.path("Coat").is_dir() && project.path("Dress").is_dir());
    let of_last = json!({ "expected": last["project"]["undo"] }).to_string();
    assert_eq!(studio.post("/api/undo", of_last).status, 200);
    assert_eq!(studio.post("/api/undo", expected).status, 200);
    assert!(!project.path("Coat").exists());
    studio.post("/api/undo", "{").assert_failed(400, &["JSON"]);
}
