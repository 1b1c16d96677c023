//! Models that jobs train: compared and downloaded.

use std::fs;
use std::io::{Cursor, Read};

use headstart::Classifier;
use serde_json::{Value, json};

use crate::support::{Project, Running, fill, picture, until};

fn project() -> Project {
    let project = Project::new();
    for class in ["Bag", "Sneaker", "Trouser"] {
        fill(&project.folder(), class, class, 0..25);
    }
    project
}

fn start(studio: &Running, job: Value) -> String {
    let response = studio.post("/api/jobs", job.to_string());
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["id"].as_str().unwrap().to_owned()
}

/// The view of the job, once it has ended.
fn ended(studio: &Running) -> Value {
    let mut job = Value::Null;
    until("the job has ended", || {
        job = studio.json("/api/project")["job"].clone();
        job["state"] != "running" && job["state"] != "stopping"
    });
    job
}

fn model(studio: &Running, name: &str) -> Option<Value> {
    let models = studio.json("/api/models");
    models.as_array().unwrap().iter().find(|model| model["name"] == name).cloned()
}

#[test]
fn a_model_is_trained_told_of_compared_chosen_and_taken_away() {
    let project = project();
    let studio = project.open();
    until("something is learned", || studio.json("/api/learned")["pictures"] == 75);
    let mut events = studio.events();
    let id = start(&studio, json!({ "kind": "train", "base": "mobilenetv2", "name": "Größe 1" }));
    let busy = json!({ "kind": "train", "base": "mobilenetv2" }).to_string();
    let told = events.next("job");
    assert_eq!((&told["id"], &told["name"]), (&json!(id), &json!("Größe 1")));
    let second = studio.post("/api/jobs", busy);
    assert!(second.status == 409 || ended(&studio)["id"] != json!(id), "{}", second.text());
    let job = ended(&studio);
    assert_eq!(job["state"], "done", "{job}");
    assert!(job["message"].as_str().unwrap().contains("that it has not seen"), "{job}");

    let trained = model(&studio, "Größe 1").unwrap();
    for (key, value) in [
        ("base", json!("mobilenetv2")),
        ("kind", json!("train")),
        ("classes", json!(3)),
        ("pictures", json!(75)),
        ("current", json!(false)),
        ("report", json!(true)),
    ] {
        assert_eq!(trained[key], value, "{key}");
    }
    assert!(trained["code"]["command"].as_str().unwrap().starts_with("headstart predict "));
    assert!(trained["made"].as_str().unwrap().starts_with("20"));
    let live = model(&studio, "live").unwrap();
    assert_eq!((&live["current"], &live["kind"]), (&json!(true), &json!("live")));

    let path = "/api/models/Gr%C3%B6%C3%9Fe%201";
    let file = studio.get(&format!("{path}/file"));
    assert_eq!(
        file.headers["content-disposition"],
        "attachment; filename*=UTF-8''Gr%C3%B6%C3%9Fe%201.safetensors"
    );
    let taken = project.temp.path().join("taken.safetensors");
    fs::write(&taken, &file.body).unwrap();
    let classifier = Classifier::load(&taken).unwrap();
    assert_eq!(classifier.classes(), ["Bag", "Sneaker", "Trouser"]);
    let of_live = studio.get("/api/models/live/file");
    fs::write(&taken, &of_live.body).unwrap();
    assert_eq!(Classifier::load(&taken).unwrap().training().unwrap().train, 75);
    let report = studio.get(&format!("{path}/report"));
    assert!(report.text().contains("<title>Größe 1"), "it is the report");
    assert!(report.headers["content-security-policy"].contains("sandbox"));
    studio.get("/api/models/live/report").assert_failed(404, &["no model"]);

    let compared = studio.json("/api/compare?a=live&b=Gr%C3%B6%C3%9Fe%201");
    assert_eq!(compared["pictures"], 15, "{compared}");
    let (a, b) = (&compared["a"], &compared["b"]);
    let right = |side: &Value| side["correct"].as_u64().unwrap();
    let only = |key: &str| compared[key].as_array().unwrap().len() as u64;
    assert_eq!(right(a) + only("onlyB"), right(b) + only("onlyA"), "{compared}");
    assert!(compared["pValue"].as_f64().unwrap() <= 1.0 && compared["verdict"].is_string());
    assert!(b["milliseconds"].as_f64().unwrap() > 0.0);

    studio.post(&format!("{path}/use"), "");
    assert_eq!(studio.json("/api/project")["model"], "Größe 1");
    drop(studio);
    let studio = project.open();
    assert_eq!(studio.json("/api/project")["model"], "Größe 1");
    let answer = studio.post("/api/live?explain=1", picture("Bag", 50)).json();
    assert_eq!((&answer["label"], &answer["heatmapOf"]), (&json!("Bag"), &json!("Bag")));
    studio.post("/api/models/live/use", "");
    assert_eq!(studio.json("/api/project")["model"], "live");
    for path in ["..", "%2e%2e%2fjournal", "nothing", "..%2F..%2FBag%2F0"] {
        studio.get(&format!("/api/models/{path}/file")).assert_failed(404, &[]);
        studio.post(&format!("/api/models/{path}/use"), "").assert_failed(404, &[]);
    }
}

#[test]
fn every_format_can_be_taken_away() {
    let project = project();
    let studio = project.open();
    until("something is learned", || studio.json("/api/learned")["pictures"] == 75);
    let exports = studio.json("/api/exports");
    for export in exports.as_array().unwrap() {
        let format = export["format"].as_str().unwrap();
        let file = studio.get(&format!("/api/models/live/export?format={format}"));
        assert_eq!(file.status, 200, "{format}: {}", file.text());
        let disposition = &file.headers["content-disposition"];
        assert!(disposition.ends_with(export["extension"].as_str().unwrap()), "{disposition}");
        if export["extension"] == ".zip" {
            let mut archive = zip::ZipArchive::new(Cursor::new(file.body)).unwrap();
            let names: Vec<String> =
                archive.file_names().map(|name| name.unwrap().into_owned()).collect();
            if format == "wasm" {
                assert!(names.contains(&"project-wasm/package.json".to_owned()), "{names:?}");
                continue;
            }
            assert!(names.iter().any(|name| name.ends_with(".proof.npz")), "{names:?}");
            let mut script = String::new();
            archive.by_name("classify.py").unwrap().read_to_string(&mut script).unwrap();
            assert!(script.contains("import numpy"));
        }
    }
    studio.get("/api/models/live/export?format=word").assert_failed(400, &["word"]);
    let bases = studio.json("/api/bases");
    assert!(bases.as_array().unwrap().iter().any(|base| base["name"] == "efficientnet-lite0"));
}

#[test]
fn a_job_that_is_stopped_leaves_nothing_and_one_that_makes_no_sense_does_not_begin() {
    let project = project();
    let studio = project.open();
    for (job, status, part) in [
        (json!({ "kind": "train", "base": "resnet" }), 400, "resnet"),
        (json!({ "kind": "train", "base": "mobilenetv2", "from": "x" }), 400, "from"),
        (json!({ "kind": "fine_tune", "base": "mobilenetv2", "from": "x" }), 404, "no model \"x\""),
        (
            json!({ "kind": "train", "base": "mobilenetv2", "name": "../x" }),
            400,
            "\"../x\" is not a valid model name",
        ),
        (json!({ "kind": "fine_tune", "base": "mobilenetv2", "epochs": 0 }), 400, "epochs"),
        (json!({ "kind": "burn", "base": "mobilenetv2" }), 400, "burn"),
    ] {
        studio.post("/api/jobs", job.to_string()).assert_failed(status, &[part]);
    }
    let id = start(&studio, json!({ "kind": "fine_tune", "base": "mobilenetv2", "epochs": 1000 }));
    until("it fine-tunes", || {
        let job = &studio.json("/api/project")["job"];
        assert_ne!(job["state"], "failed", "{job}");
        job["stage"].as_str().unwrap().starts_with("Fine-tuning")
    });
    let epochs = || {
        let job = &studio.json("/api/project")["job"];
        assert_eq!(job["state"], "running", "{job}");
        job["curve"].as_array().unwrap().len()
    };
    studio.send(&studio.request("DELETE", "/api/jobs/99", "")).assert_failed(404, &[]);
    let before = epochs();
    until("it goes on", || epochs() > before + 1);
    let stopped = studio.send(&studio.request("DELETE", &format!("/api/jobs/{id}"), "")).json();
    assert_eq!(stopped["state"], "stopping");
    assert_eq!(ended(&studio)["state"], "stopped");
    studio.send(&studio.request("DELETE", &format!("/api/jobs/{id}"), "")).assert_failed(404, &[]);
    let models = fs::read_dir(project.path(".headstart/models"));
    assert_eq!(models.map_or(0, Iterator::count), 0);
}

#[test]
fn the_top_of_the_base_is_trained_and_then_further() {
    let project = project();
    let studio = project.open();
    start(&studio, json!({ "kind": "fine_tune", "base": "mobilenetv2", "name": "a", "epochs": 1 }));
    let job = ended(&studio);
    assert_eq!((&job["state"], &job["curve"][0]["epoch"]), (&json!("done"), &json!(1)), "{job}");
    assert!(job["curve"][0]["validationAccuracy"].is_number());
    start(&studio, json!({ "kind": "fine_tune", "base": "mobilenetv2", "from": "a", "epochs": 1 }));
    let job = ended(&studio);
    assert_eq!((&job["state"], &job["name"]), (&json!("done"), &json!("a fine-tuned")), "{job}");
    let compared = studio.json("/api/compare?a=a&b=a%20fine-tuned");
    assert_eq!(compared["pictures"], 15, "{compared}");
    assert_eq!(model(&studio, "a fine-tuned").unwrap()["kind"], "fine_tune");
}
