//! `/predict`: its input and output.

use std::thread;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use headstart::AnswerConfig;
use serde_json::{Value, json};

use crate::support::{CLASSES, Request, Running, bundled, form, model, picture};

/// The library's answer, in the JSON of the command.
fn expected(file: &[u8], top_k: Option<usize>, coverage: Option<f64>) -> String {
    let model = model();
    let config = AnswerConfig::default().with_coverage(coverage);
    let predictor = model.predictor().with_answer(config).unwrap();
    let prediction = predictor.predict_bytes(file).unwrap();
    serde_json::to_string(&model.answer(&prediction, top_k)).unwrap()
}

#[test]
fn a_picture_is_answered_as_the_library_does_bit_for_bit_however_it_is_sent() {
    let server = Running::new();
    for class in ["Bag", "Sneaker", "Trouser", "Coat"] {
        let file = picture(class);
        let answer = expected(&file, None, None);
        // curl's `--data-binary` declares every body to be a form.
        for media_type in
            ["image/png", "", "application/octet-stream", "application/x-www-form-urlencoded"]
        {
            let response = server.post("/predict", media_type, file.clone());
            assert_eq!((response.status, response.text()), (200, answer.clone()), "{media_type}");
            assert_eq!(response.headers["content-type"], "application/json");
        }
        let encoded = json!({"b64": BASE64_STANDARD.encode(&file)}).to_string();
        for path in ["/predict", "/models/shapes/predict"] {
            assert_eq!(
                server.post(path, "application/json; charset=utf-8", encoded.clone()).text(),
                answer
            );
        }
    }
}

#[test]
fn several_pictures_are_answered_in_order_and_a_broken_one_harms_no_other() {
    let server = Running::new();
    let (bag, trouser) = (picture("Bag"), picture("Trouser"));
    let cut = &bag[..bag.len() / 2];
    let files =
        [("a/bag.png", &*bag), ("cut.png", cut), ("text", b"no picture"), ("t.png", &*trouser)];
    let (media_type, body) = form(&files);
    let by_form = server.post("/predict", &media_type, body);
    let instances: Vec<Value> = files
        .iter()
        .map(|(path, file)| json!({"path": path, "b64": BASE64_STANDARD.encode(file)}))
        .collect();
    let body = json!({"instances": instances}).to_string();
    let by_json = server.post("/predict", "application/json", body);
    assert_eq!((by_form.status, by_form.text()), (by_json.status, by_json.text()));
    assert_eq!(by_form.status, 200);
    let answers = by_form.json()["predictions"].as_array().unwrap().clone();
    assert_eq!(answers.len(), 4);
    for (answer, (path, file)) in answers.iter().zip(files) {
        assert_eq!(answer["path"], path);
        if path.ends_with("bag.png") || path == "t.png" {
            // The same as a line of `predict --json`, with the path first.
            let line = format!("{{\"path\":\"{path}\",{}", &expected(file, None, None)[1..]);
            assert!(by_form.text().contains(&line), "{line}");
        } else {
            assert_eq!(answer["kind"], "unreadable_picture", "{answer}");
        }
    }
    assert!(answers[1]["error"].as_str().unwrap().contains("PNG"), "{}", answers[1]);
    assert!(
        answers[2]["error"].as_str().unwrap().contains("not a picture (text)"),
        "{}",
        answers[2]
    );
    server.assert_answers();
}

#[test]
fn what_is_asked_for_is_answered() {
    let server = Running::new();
    let file = picture("Sneaker");
    for (query, top_k, coverage) in [
        ("?top_k=1", Some(1), None),
        ("?top_k=99", Some(99), None),
        ("?coverage=0.8&top_k=2", Some(2), Some(0.8)),
    ] {
        let response = server.post(&format!("/predict{query}"), "image/png", file.clone());
        assert_eq!(response.text(), expected(&file, top_k, coverage), "{query}");
    }
    // A picture of a class that the model does not know.
    let unknown = (0..30).map(|at| std::fs::read(&bundled("Ankle_boot")[at]).unwrap());
    let unknown = unknown.filter(|file| expected(file, None, None).contains("\"unknown\":true"));
    let file = unknown.into_iter().next().expect("one of them is");
    let answer = server.post("/predict", "image/png", file.clone()).json();
    assert!(answer["unknown"] == true && answer["label"].is_null(), "{answer}");
    let answer = server.post("/predict?no_unknown=1", "image/png", file).json();
    assert!(answer["unknown"].is_null() && answer["label"].is_string(), "{answer}");
    assert_eq!(server.metric("headstart_unknown_total{model=\"shapes\"}"), Some(1.0));
}

#[test]
fn an_explanation_is_a_picture_in_the_answer_or_instead_of_it() {
    let server = Running::new();
    let file = picture("Bag");
    let answer = server.post("/predict?explain=1&no_unknown=1", "image/png", file.clone()).json();
    let label = answer["label"].as_str().unwrap();
    assert_eq!(answer["heatmaps"].as_object().unwrap().len(), 1);
    let png = BASE64_STANDARD.decode(answer["heatmaps"][label].as_str().unwrap()).unwrap();
    let request = Request::post("/predict?explain=true", "image/png", file.clone())
        .with("Accept", "image/png");
    let alone = server.send(&request);
    assert_eq!((alone.status, &*alone.headers["content-type"]), (200, "image/png"));
    assert_eq!(alone.body, png);
    let overlay = headstart::predict::Explainer::new(&model().to_model());
    let explanation = overlay.explain_bytes(&file).unwrap();
    let picture =
        headstart::data::decode::decode(&file, &headstart::predict::Limits::default()).unwrap();
    let drawn = explanation.overlay(&explanation.map(explanation.predicted()[0]), &picture);
    let decoded =
        headstart::data::decode::decode(&png, &headstart::predict::Limits::default()).unwrap();
    assert_eq!(decoded.pixels(), drawn.pixels());
    // The request does not ask for heatmaps.
    let request = Request::post("/predict", "image/png", file).with("Accept", "image/png");
    assert!(server.send(&request).json()["heatmaps"].is_null());
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let server = Running::new();
    let file = picture("Bag");
    let (multipart, _) = form(&[]);
    let json = "application/json";
    for (path, media_type, body, status, part) in [
        ("/predict", "image/png", &b""[..], 400, "empty"),
        ("/predict", "image/png", b"hello", 422, "not a picture (text)"),
        ("/predict", "image/png", &file[..100], 422, "PNG"),
        ("/predict", "image/heic", b"\0\0\0\x18ftypheic\0\0\0\0", 415, "HEI"),
        ("/predict?top_k=0", "", &file, 400, "top_k"),
        ("/predict?topk=1", "", &file, 400, "topk"),
        ("/predict?explain=yes", "", &file, 400, "flag"),
        ("/predict?coverage=1", "", &file, 400, "between 0 and 1"),
        ("/predict?coverage=0.9999", "", &file, 400, "pictures"),
        ("/models/cats/predict", "", &file, 404, "there is shapes"),
        ("/predict", json, b"{", 400, "JSON"),
        ("/predict", json, b"{}", 400, "b64"),
        ("/predict", json, b"{\"b64\": \"?\"}", 400, "base64"),
        ("/predict", json, b"{\"instances\": []}", 400, "no picture"),
        ("/predict", json, b"{\"instances\": [{}]}", 400, "b64"),
        ("/predict", json, b"{\"images\": []}", 400, "images"),
        ("/predict", "multipart/form-data", b"", 400, "form"),
        ("/predict", &multipart, b"--limit\r\n", 400, "form"),
        ("/predict", &multipart, b"--limit--\r\n", 400, "no picture"),
    ] {
        server.post(path, media_type, body).assert_failed(status, &[part]);
    }
    server.get("/predict").assert_failed(405, &["method"]);
    server.get("/nothing").assert_failed(404, &[]);
    server.assert_answers();
}

#[test]
fn answers_are_the_same_bits_whatever_else_is_asked_at_the_same_time() {
    let server = Running::new();
    let files: Vec<(Vec<u8>, String)> = (0..12)
        .map(|at| std::fs::read(&bundled(CLASSES[at % 3])[60 + at]).unwrap())
        .map(|file| (file.clone(), expected(&file, None, None)))
        .collect();
    thread::scope(|scope| {
        for thread in 0..8 {
            let (server, files) = (&server, &files);
            scope.spawn(move || {
                let mut client = server.connect();
                for round in 0..20 {
                    let (file, answer) = &files[(thread * 5 + round * 7) % files.len()];
                    let response = client.send(&Request::post("/predict", "", file.clone()));
                    assert_eq!((response.status, response.text()), (200, answer.clone()));
                }
            });
        }
    });
    assert_eq!(server.metric("headstart_pictures_total{model=\"shapes\"}"), Some(160.0));
}

#[test]
fn counts_tell_what_was_answered_and_what_failed() {
    let server = Running::new();
    server.assert_answers();
    server.post("/predict", "", "hello").assert_failed(422, &[]);
    server.get("/whatever/a/client/thinks/of").assert_failed(404, &[]);
    let metrics = server.get("/metrics");
    assert!(
        metrics.headers["content-type"].starts_with("application/openmetrics-text; version=1.0.0")
    );
    let text = metrics.text();
    assert!(text.ends_with("# EOF\n"));
    for line in [
        "headstart_requests_total{route=\"/predict\",method=\"POST\",status=\"200\"} 1",
        "headstart_requests_total{route=\"/predict\",method=\"POST\",status=\"422\"} 1",
        "headstart_requests_total{route=\"other\",method=\"GET\",status=\"404\"} 1",
        "headstart_errors_total{kind=\"unreadable_picture\"} 1",
        "headstart_pictures_total{model=\"shapes\"} 1",
        "headstart_picture_errors_total{model=\"shapes\",kind=\"unreadable_picture\"} 1",
        "headstart_picture_duration_seconds_count 2",
        "headstart_queue 0",
        "headstart_queue_capacity 130",
        "headstart_model_version{model=\"shapes\"} 1",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} is not in:\n{text}");
    }
    assert!(!text.contains("thinks"));
}
