//! Access control, folders that are refused, and failures.

use std::fs;

use serde_json::json;

use crate::support::{Project, Running, fill, picture, until};

#[test]
fn pictures_are_shown_as_pictures_and_nothing_else_is() {
    let project = Project::of_two();
    fs::write(project.path("Bag/page.png"), "<html><script>alert(1)</script>").unwrap();
    let studio = project.open();
    for (path, media_type) in [
        ("/api/thumbnail?path=Bag/0.png&v=1", "image/jpeg"),
        ("/api/picture?path=Bag/0.png&v=1", "image/png"),
    ] {
        let shown = studio.get(path);
        assert_eq!((shown.status, &*shown.headers["content-type"]), (200, media_type));
        assert_eq!(shown.headers["cache-control"], "private, max-age=31536000, immutable");
        assert_eq!(shown.headers["content-security-policy"], "default-src 'none'; sandbox");
        assert_eq!(shown.headers["x-content-type-options"], "nosniff");
        // The second answer comes from the cache.
        assert_eq!(studio.get(path).body, shown.body);
    }
    assert_eq!(studio.get("/api/picture?path=Bag/0.png").body, picture("Bag", 0));
    for what in ["thumbnail", "picture"] {
        let of = |path: &str| studio.get(&format!("/api/{what}?path={path}"));
        of("Bag/page.png").assert_failed(422, &["not a picture"]);
        for path in [
            "..%2Fcache",
            "/etc/passwd",
            ".headstart/journal.jsonl",
            "Bag",
            "Bag/../Bag/0.png",
            "Bag%2F9.png",
        ] {
            of(path).assert_failed(404, &["no such picture"]);
        }
        studio.get(&format!("/api/{what}")).assert_failed(400, &["path"]);
    }
}

#[test]
fn nobody_but_its_own_page_is_answered() {
    let project = Project::of_two();
    let studio = project.open();
    let action = json!({ "do": "deleteClass", "name": "Bag" }).to_string();
    let post = || studio.request("POST", "/api/actions", action.clone());
    studio.send(&post().without("Cookie")).assert_failed(401, &["the terminal shows"]);
    studio.send(&post().without("Origin")).assert_failed(403, &["another origin"]);
    studio.send(&post().with("Origin", "https://evil.example")).assert_failed(403, &[]);
    studio.send(&post().with("Origin", "http://127.0.0.1:1")).assert_failed(403, &[]);
    studio.send(&post().with("Host", "evil.example")).assert_failed(421, &[]);
    let delete = studio.request("DELETE", "/api/jobs/1", "").without("Origin");
    studio.send(&delete).assert_failed(403, &[]);
    for path in ["/", "/api/project", "/api/events", "/api/picture?path=Bag/0.png"] {
        let request = studio.request("GET", path, "").without("Cookie");
        assert_eq!(studio.send(&request).status, 401, "{path}");
    }
    assert_eq!(studio.classes(), json!({ "Bag": 5, "Sneaker": 5 }));
    let page = studio.get("/");
    assert_eq!(page.status, 200);
    let policy = &page.headers["content-security-policy"];
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    assert!(!policy.contains("http"), "no outside host: {policy}");
    let opened =
        studio.request("GET", &format!("/?token={}", studio.token()), "").without("Cookie");
    let opened = studio.send(&opened);
    assert_eq!((opened.status, &*opened.headers["location"]), (303, "/"));
}

#[test]
fn a_second_studio_is_told_where_the_first_is() {
    let project = Project::of_two();
    let first = project.open();
    let Err(error) = Running::new(&project.config()) else { panic!("it is open already") };
    let error = error.to_string();
    assert!(error.contains(&format!("http://{}", first.address)), "{error}");
    assert!(!error.contains(first.token()));
    drop(first);
    project.open();
}

#[test]
fn two_browsers_see_what_either_does() {
    let project = Project::of_two();
    let studio = project.open();
    let mut events = [studio.events(), studio.events()];
    events.iter_mut().for_each(|events| drop(events.next("project")));
    let done = studio.act(json!({ "do": "addClass", "name": "Coat" }));
    for events in &mut events {
        assert_eq!(events.next("project"), done["project"]);
    }
}

#[test]
fn a_folder_that_is_divided_is_refused_with_the_way_out() {
    let project = Project::new();
    for side in ["train", "validation"] {
        fill(&project.folder(), &format!("{side}/Bag"), "Bag", 0..2);
        fill(&project.folder(), &format!("{side}/Coat"), "Coat", 0..2);
    }
    let Err(error) = Running::new(&project.config()) else { panic!("its folders are no classes") };
    let error = error.to_string();
    assert!(error.contains("train/ to learn from") && error.contains("Open one of"), "{error}");
    assert!(!project.path(".headstart").exists());
}

#[test]
fn a_folder_that_vanishes_is_told_of_and_may_come_back() {
    let project = Project::of_two();
    let studio = project.open();
    let elsewhere = project.temp.path().join("elsewhere");
    fs::rename(project.folder(), &elsewhere).unwrap();
    studio.refuse(
        json!({ "do": "addClass", "name": "Coat" }),
        409,
        &["nothing can be changed", "project"],
    );
    let why = studio.json("/api/project")["readOnly"].to_string();
    assert!(why.contains("no such"), "{why}");
    studio.get("/api/picture?path=Bag/0.png").assert_failed(404, &[]);
    studio.upload("?class=Bag", &[("a.png", &picture("Bag", 0))]).assert_failed(409, &[]);
    fs::rename(&elsewhere, project.folder()).unwrap();
    studio.act(json!({ "do": "addClass", "name": "Coat" }));
    assert!(studio.json("/api/project")["readOnly"].is_null());
    assert!(project.path("Coat").is_dir());
}

#[test]
fn a_folder_that_nothing_can_be_written_to_is_looked_at_and_not_changed() {
    let project = Project::of_two();
    // A file in place of the folder, so that not even a user who may write everywhere can write here.
    fs::write(project.path(".headstart"), "no folder").unwrap();
    let studio = project.open();
    let why = studio.json("/api/project")["readOnly"].as_str().unwrap().to_owned();
    assert!(why.contains("nothing can be written to"), "{why}");
    let parts = ["nothing can be changed"];
    studio.refuse(json!({ "do": "addClass", "name": "Coat" }), 409, &parts);
    studio.refuse(json!({ "do": "delete", "paths": ["Bag/0.png"] }), 409, &parts);
    studio.upload("?class=Bag", &[("a.png", &picture("Bag", 0))]).assert_failed(409, &parts);
    studio.post("/api/undo", "").assert_failed(409, &parts);
    let job = json!({ "kind": "train", "base": "mobilenetv2" }).to_string();
    studio.post("/api/jobs", job).assert_failed(409, &parts);
    // It still learns and answers.
    until("ten pictures are learned from", || studio.json("/api/learned")["pictures"] == 10);
    assert_eq!(studio.post("/api/live", picture("Bag", 50)).status, 200);
    assert_eq!(studio.get("/api/models/live/file").status, 200);
    assert_eq!(studio.classes(), json!({ "Bag": 5, "Sneaker": 5 }));
}

#[test]
fn a_folder_that_is_made_anew_has_a_journal_of_its_own() {
    let project = Project::of_two();
    let studio = project.open();
    studio.act(json!({ "do": "addClass", "name": "Coat" }));
    fs::remove_dir_all(project.folder()).unwrap();
    fill(&project.folder(), "Dress", "Dress", 0..3);
    let done = studio.act(json!({ "do": "delete", "paths": ["Dress/0.png"] }));
    assert_eq!(done["project"]["undo"], "Delete 1 picture");
    drop(studio);
    let studio = project.open();
    assert_eq!(studio.post("/api/undo", "").json()["message"], "Undone: Delete 1 picture");
    assert_eq!(studio.classes(), json!({ "Dress": 3 }));
    studio.post("/api/undo", "").assert_failed(409, &["nothing to undo"]);
}

#[test]
fn a_journal_that_is_taken_away_or_replaced_is_begun_anew() {
    let project = Project::of_two();
    let studio = project.open();
    studio.act(json!({ "do": "addClass", "name": "Coat" }));
    let received = project.path(".headstart/trash/received-now");
    fs::create_dir(&received).unwrap();
    let journal = project.path(".headstart/journal.jsonl");
    for replaced in [false, true] {
        fs::rename(&journal, project.path(".headstart/old.jsonl")).unwrap();
        if replaced {
            fs::copy(project.path(".headstart/old.jsonl"), &journal).unwrap();
        }
        let done = studio
            .act(json!({ "do": "delete", "paths": [format!("Bag/{}.png", u8::from(replaced))] }));
        assert_eq!(done["project"]["undo"], "Delete 1 picture");
        // It may be an upload in progress.
        assert!(received.exists());
    }
    // The lock is still held, and has the address.
    let Err(error) = Running::new(&project.config()) else { panic!("it is open already") };
    assert!(error.to_string().contains(&studio.address.to_string()), "{error}");
    fs::remove_dir_all(project.path(".headstart")).unwrap();
    studio.act(json!({ "do": "addClass", "name": "Dress" }));
    let Err(error) = Running::new(&project.config()) else { panic!("it is open already") };
    assert!(error.to_string().contains(&studio.address.to_string()), "{error}");
}

#[test]
#[cfg(unix)]
fn nothing_is_written_where_a_link_leads() {
    for own in ["", "/trash", "/lock", "/journal.jsonl"] {
        let project = Project::of_two();
        let elsewhere = project.temp.path().join("elsewhere");
        let own = format!(".headstart{own}");
        if own.contains("lock") || own.contains("journal") {
            fs::write(&elsewhere, "of somebody").unwrap();
        } else {
            fs::create_dir(&elsewhere).unwrap();
        }
        let own = project.path(&own);
        fs::create_dir_all(own.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &own).unwrap();
        let Err(error) = Running::new(&project.config()) else {
            panic!("{} is a link", own.display())
        };
        assert!(error.to_string().contains("is a link"), "{error}");
        match elsewhere.is_dir() {
            true => assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0),
            false => assert_eq!(fs::read(&elsewhere).unwrap(), b"of somebody"),
        }
    }
}

#[test]
fn a_journal_that_was_crafted_reaches_nothing_outside() {
    let project = Project::of_two();
    let outside = project.temp.path().join("outside.png");
    fs::write(&outside, "of somebody").unwrap();
    fs::create_dir_all(project.path(".headstart")).unwrap();
    for from in ["../outside.png", outside.to_str().unwrap()] {
        let step = json!({ "move": { "from": from, "to": "Bag/stolen.png" } });
        let deed = json!({ "title": "Delete 1 picture", "steps": [step] });
        let line = json!({ "begin": { "id": 1, "what": "do", "deed": deed } });
        fs::write(project.path(".headstart/journal.jsonl"), format!("{line}\n")).unwrap();
        let Err(error) = Running::new(&project.config()) else { panic!("{from}") };
        let error = error.to_string();
        assert!(error.contains("line 1") && error.contains("no path within"), "{error}");
        assert!(outside.exists() && !project.path("Bag/stolen.png").exists());
    }
}

#[test]
#[cfg(unix)]
fn a_project_that_has_become_read_only_is_looked_at_with_what_was_done() {
    use std::os::unix::fs::PermissionsExt;

    let project = Project::of_two();
    let studio = project.open();
    studio.act(json!({ "do": "addClass", "name": "Coat" }));
    drop(studio);
    let (lock, journal) =
        (project.path(".headstart/lock"), project.path(".headstart/journal.jsonl"));
    for file in [&lock, &journal] {
        fs::set_permissions(file, fs::Permissions::from_mode(0o444)).unwrap();
        // A user who may write everywhere can write here, too.
        if fs::OpenOptions::new().append(true).open(file).is_ok() {
            return;
        }
        let studio = project.open();
        let view = studio.json("/api/project");
        assert!(view["readOnly"].to_string().contains("nothing can be written to"), "{view}");
        assert_eq!(view["undo"], "Add the class Coat");
        studio.post("/api/undo", "").assert_failed(409, &["nothing can be changed"]);
        drop(studio);
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    }
    assert_eq!(project.open().post("/api/undo", "").status, 200);
}

#[test]
fn a_model_that_cannot_be_read_is_told_of_without_a_change() {
    let project = Project::of_two();
    fs::create_dir_all(project.path(".headstart/models/Old.safetensors")).unwrap();
    let studio = project.open();
    let failed = studio.get("/api/models/Old/file").text().to_owned();
    assert!(failed.contains("cannot read Old (") && !failed.contains("changed"), "{failed}");
}
