//! Learning while pictures are added and removed.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Project, Running, fill, move_to, picture, until};

/// The live head's view, once it is based on this number of pictures.
fn learned(studio: &Running, pictures: usize) -> Value {
    let mut view = Value::Null;
    until(&format!("{pictures} pictures are learned from"), || {
        view = studio.json("/api/learned");
        view["pictures"] == pictures
    });
    view
}

/// The findings of this kind, once there are some.
fn findings(studio: &Running, kind: &str) -> Vec<Value> {
    let mut found = Vec::new();
    until(kind, || {
        let all = studio.json("/api/findings");
        found = all.as_array().unwrap().iter().filter(|one| one["kind"] == kind).cloned().collect();
        !found.is_empty()
    });
    found
}

fn of_three() -> Project {
    let project = Project::new();
    for class in ["Bag", "Sneaker", "Trouser"] {
        fill(&project.folder(), class, class, 0..20);
    }
    project
}

#[test]
fn what_is_dropped_is_learned_without_being_asked_for_and_answers() {
    let project = Project::new();
    let studio = project.open();
    studio
        .post("/api/live", picture("Bag", 50))
        .assert_failed(400, &["nothing has been learned yet"]);
    until("that nothing is learned", || studio.json("/api/learned")["why"].is_string());
    let mut events = studio.events();
    for class in ["Bag", "Sneaker", "Trouser"] {
        let files: Vec<(String, Vec<u8>)> =
            (0..20).map(|n| (format!("{n}.png"), picture(class, n))).collect();
        let files: Vec<(&str, &[u8])> = files.iter().map(|(n, f)| (&**n, &**f)).collect();
        studio.upload(&format!("?class={class}"), &files);
    }
    assert!(events.next("progress")["total"].as_u64().unwrap() > 0);
    events.next("learned");
    let view = learned(&studio, 60);
    let names: Vec<_> = view["classes"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    assert_eq!(names, ["Bag", "Sneaker", "Trouser"]);
    let accuracy = view["accuracy"].as_f64().unwrap();
    let interval: Vec<f64> = serde_json::from_value(view["interval"].clone()).unwrap();
    assert!(interval[0] < accuracy && accuracy <= interval[1], "{view}");
    let confusion: Vec<Vec<usize>> = serde_json::from_value(view["confusion"].clone()).unwrap();
    assert_eq!(confusion.iter().flatten().sum::<usize>(), 60);
    let right: usize = (0..3).map(|class| confusion[class][class]).sum();
    assert_eq!(accuracy, right as f64 / 60.0);

    for class in ["Bag", "Sneaker", "Trouser"] {
        let answer = studio.post("/api/live", picture(class, 50)).json();
        assert_eq!((&answer["label"], &answer["unknown"]), (&json!(class), &json!(false)));
        let scores = answer["scores"].as_array().unwrap();
        let sum: f64 = scores.iter().map(|score| score["score"].as_f64().unwrap()).sum();
        assert!(scores.len() == 3 && (sum - 1.0).abs() < 1e-5, "{answer}");
        assert!(answer["heatmap"].is_null() && answer["input"] == 160);
    }
    let explained = studio.post("/api/live?explain=1", picture("Bag", 50)).json();
    assert_eq!(explained["heatmapOf"], "Bag");
    assert!(explained["heatmap"].as_str().unwrap().starts_with("data:image/png;base64,"));
    let of_other = studio.post("/api/live?explain=1&class=Trouser", picture("Bag", 50)).json();
    assert_eq!((&of_other["label"], &of_other["heatmapOf"]), (&json!("Bag"), &json!("Trouser")));
    assert_ne!(of_other["heatmap"], explained["heatmap"]);
    for (query, body, status) in [
        ("", b"no picture".to_vec(), 422),
        ("", Vec::new(), 422),
        ("?explain=1&class=Coat", picture("Bag", 50), 404),
        ("?explain=x", picture("Bag", 50), 400),
    ] {
        studio.post(&format!("/api/live{query}"), body).assert_failed(status, &[]);
    }
}

#[test]
fn what_changes_is_learned_anew_and_what_is_gone_is_forgotten() {
    let project = of_three();
    let studio = project.open();
    learned(&studio, 60);
    let done = studio.act(json!({ "do": "renameClass", "from": "Bag", "to": "Sack" }));
    let revision = done["project"]["revision"].as_u64().unwrap();
    until("the new name", || studio.json("/api/learned")["revision"].as_u64().unwrap() >= revision);
    assert_eq!(studio.post("/api/live", picture("Bag", 50)).json()["label"], "Sack");
    studio.act(json!({ "do": "deleteClass", "name": "Sack" }));
    learned(&studio, 40);
    studio.act(json!({ "do": "deleteClass", "name": "Trouser" }));
    until("that nothing is left to tell apart", || studio.json("/api/learned")["why"].is_string());
    studio.post("/api/live", picture("Bag", 50)).assert_failed(400, &["two classes"]);
    studio.post("/api/undo", "");
    learned(&studio, 40);
    assert_eq!(studio.post("/api/live", picture("Trouser", 50)).json()["label"], "Trouser");
}

#[test]
fn the_inbox_has_guesses_and_those_first_that_would_teach_most() {
    let project = of_three();
    fill(&project.folder(), "", "Bag", 30..40);
    fs::write(project.path("broken.png"), &picture("Bag", 0)[..60]).unwrap();
    fs::write(project.path("grey.png"), picture("Coat", 3)).unwrap();
    let studio = project.open();
    let inbox = || -> Vec<Value> { studio.json("/api/inbox").as_array().unwrap().clone() };
    until("guesses", || inbox().iter().filter(|item| item["guess"].is_string()).count() == 11);
    let items = inbox();
    assert_eq!(items.len(), 12);
    let last = items.last().unwrap();
    assert_eq!(last["path"], "broken.png");
    assert!(last["problem"].is_string() && last["guess"].is_null());
    // A coat among bags: unknown, or at least uncertain.
    assert!(items[..6].iter().any(|item| item["path"] == "grey.png"), "{items:?}");
    let unknown = items.iter().position(|item| item["unknown"] == false).unwrap();
    assert!(items[unknown..].iter().all(|item| item["unknown"] == false), "{items:?}");
    assert!(items.iter().filter(|item| item["guess"] == "Bag").count() >= 10);
    assert!(items[0]["cluster"].is_number());
    studio.act(move_to(&["30.png"], Some("Bag")));
    assert!(inbox().iter().all(|item| item["path"] != "30.png"), "at once");
    learned(&studio, 61);
}

#[test]
fn what_is_wrong_is_found_and_mended_by_a_button_or_kept() {
    let project = of_three();
    fs::write(project.path("Bag/wrong.png"), picture("Sneaker", 30)).unwrap();
    fs::write(project.path("Trouser/wrong.png"), picture("Bag", 30)).unwrap();
    fs::write(project.path("Trouser/copy.png"), picture("Trouser", 5)).unwrap();
    fs::write(project.path("Trouser/broken.png"), &picture("Trouser", 0)[..60]).unwrap();
    let studio = project.open();
    let errors = findings(&studio, "label-error");
    let of = |path: &str| -> Value {
        let of = |finding: &&Value| finding["pictures"][0]["path"] == path;
        errors.iter().find(of).unwrap_or_else(|| panic!("{path}: {errors:?}")).clone()
    };
    let (first, second) = (of("Bag/wrong.png"), of("Trouser/wrong.png"));
    assert_eq!(first["fixes"][0], json!({ "id": "move:Sneaker", "label": "Move to Sneaker" }));
    let advice = studio.json("/api/learned")["advice"].clone();
    assert!(advice.to_string().contains("probably in the wrong class"), "{advice}");
    let fix =
        |finding: &Value, fix: &str| json!({ "do": "fix", "finding": finding["id"], "fix": fix });
    let done = studio.act(fix(&first, "move:Sneaker"));
    assert_eq!(done["message"], "1 picture moved to Sneaker");
    assert!(project.path("Sneaker/wrong.png").exists());
    studio.act(json!({ "do": "keep", "finding": second["id"] }));
    let is_told = |id: &Value| {
        studio.json("/api/findings").as_array().unwrap().iter().any(|told| told["id"] == *id)
    };
    assert!(!is_told(&second["id"]));
    until("the first is mended", || !is_told(&first["id"]));
    assert_eq!(studio.post("/api/undo", "").json()["message"], "Undone: Set a finding aside");
    assert!(is_told(&second["id"]));

    let copies = &findings(&studio, "duplicate")[0];
    assert_eq!(copies["pictures"].as_array().unwrap().len(), 2);
    studio.act(fix(copies, "remove"));
    let left = ["Trouser/5.png", "Trouser/copy.png"].map(|path| project.path(path).exists());
    assert_eq!(left.iter().filter(|is_there| **is_there).count(), 1);

    let broken = findings(&studio, "truncated");
    assert_eq!(broken[0]["pictures"][0]["path"], "Trouser/broken.png");
    let unreadable = &studio.json("/api/project")["unreadable"][0];
    assert_eq!(unreadable["path"], "Trouser/broken.png");
    assert!(unreadable["reason"].as_str().unwrap().contains("truncated"), "{unreadable}");
    let pictures = studio.json("/api/pictures?class=Trouser");
    let problem = |path: &str| {
        let of = |picture: &&Value| picture["path"] == path;
        pictures.as_array().unwrap().iter().find(of).unwrap()["problem"].clone()
    };
    assert!(problem("Trouser/broken.png").is_string() && problem("Trouser/0.png").is_null());
    studio.refuse(fix(&second, "move:Nowhere"), 404, &["no fix"]);
    studio.refuse(json!({ "do": "fix", "finding": "x", "fix": "remove" }), 404, &["no finding"]);
}

/// A fix for duplicates, once they have been found, and the paths that it keeps and removes.
fn copies_of(studio: &Running, kept: &str) -> (Value, String, String) {
    let found = findings(studio, "duplicate").remove(0);
    let pictures = found["pictures"].as_array().unwrap();
    let paths = pictures.iter().map(|picture| picture["path"].as_str().unwrap().to_owned());
    let (stays, goes): (Vec<_>, Vec<_>) =
        paths.zip(pictures).partition(|(_, picture)| picture["note"] == kept);
    (
        json!({ "do": "fix", "finding": found["id"], "fix": "remove" }),
        stays[0].0.clone(),
        goes[0].0.clone(),
    )
}

#[test]
fn the_last_copy_stays_and_so_does_what_came_under_an_old_name() {
    let project = of_three();
    fs::write(project.path("Trouser/copy.png"), picture("Trouser", 5)).unwrap();
    let studio = project.open();
    let (fix, stays, goes) = copies_of(&studio, "this one would stay");
    // Another picture overwrites the one to be removed.
    let other = picture("Coat", 7);
    fs::write(project.path(&goes), &other).unwrap();
    let refused = studio.post("/api/actions", fix.to_string());
    assert!(matches!(refused.status, 404 | 409), "{}", refused.text());
    assert_eq!(fs::read(project.path(&goes)).unwrap(), other);
    fs::write(project.path(&goes), picture("Trouser", 5)).unwrap();
    // Any fix makes the studio check the folder.
    studio.refuse(json!({ "do": "fix", "finding": "x", "fix": "remove" }), 404, &["no finding"]);

    let told = |studio: &Running| studio.json("/api/findings").to_string().contains(&stays);
    until("both are looked at again", || told(&studio));
    let (fix, stays, goes) = copies_of(&studio, "this one would stay");
    studio.act(json!({ "do": "delete", "paths": [stays] }));
    assert!(!told(&studio), "the card is gone at once");
    let refused = studio.post("/api/actions", fix.to_string());
    assert!(matches!(refused.status, 404 | 409), "{}", refused.text());
    assert!(project.path(&goes).exists());
}

#[test]
fn what_to_do_next_is_said_in_words() {
    let project = Project::new();
    let studio = project.open();
    let advice = |part: &str| {
        until(part, || studio.json("/api/learned")["advice"].to_string().contains(part));
    };
    advice("Make two classes or more");
    studio.act(json!({ "do": "addClass", "name": "Bag" }));
    advice("Add a second class to tell Bag apart from.");
    studio.upload("?class=Sneaker", &[("a.png", &picture("Sneaker", 0))]);
    advice("Bag has no pictures yet.");
    advice("Sneaker has 1 picture; 20 or more work better.");
    studio.upload("", &[("a.png", &picture("Bag", 0)), ("b.png", &picture("Bag", 1))]);
    advice("2 pictures wait in the inbox to be labelled.");
}
