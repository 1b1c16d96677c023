//! Model files that change while they are served.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::{Request, Running, model, other_model, picture, until};

fn shapes(server: &Running) -> serde_json::Value {
    server.get("/models/shapes").json()
}

#[test]
fn a_model_is_told_of() {
    let server = Running::new();
    let told = shapes(&server);
    assert_eq!(server.get("/models").json(), serde_json::json!([told]));
    assert_eq!(told["classes"], serde_json::json!(["Bag", "Sneaker", "Trouser"]));
    assert_eq!((&told["version"], &told["problem"]), (&1.into(), &serde_json::Value::Null));
    assert_eq!(told["input_size"], serde_json::json!([32, 32]));
    let hash = blake3::hash(&fs::read(server.model_path()).unwrap()).to_hex().to_string();
    assert_eq!(told["hash"], hash);
    server.get("/models/cats").assert_failed(404, &["there is shapes"]);
}

#[test]
fn a_model_that_is_replaced_answers_without_a_failed_request_whatever_its_classes() {
    let server = Running::new();
    let file = picture("Bag");
    let answer = |classifier: &headstart::Classifier| {
        let prediction = classifier.predictor().predict_bytes(&file).unwrap();
        serde_json::to_string(&classifier.answer(&prediction, None)).unwrap()
    };
    let (before, after) = (answer(model()), answer(other_model()));
    assert_ne!(before, after);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = server.connect();
                    let mut answered = [0, 0];
                    while !is_over.load(Ordering::Relaxed) {
                        let response = client.send(&Request::post("/predict", "", file.clone()));
                        assert_eq!(response.status, 200, "{}", response.text());
                        let text = response.text();
                        // An answer comes from one of the models, never from a mixture of both.
                        assert!(text == before || text == after, "{text}");
                        answered[usize::from(text == after)] += 1;
                    }
                    answered
                })
            })
            .collect();
        for version in 2..=5 {
            let next = if version % 2 == 0 { other_model() } else { model() };
            next.save(server.model_path()).unwrap();
            until("the next answers", || shapes(&server)["version"] == version);
            assert_eq!(shapes(&server)["classes"].as_array().unwrap().len(), next.classes().len());
        }
        is_over.store(true, Ordering::Relaxed);
        for client in clients {
            let answered = client.join().unwrap();
            assert!(answered.iter().all(|count| *count > 0), "{answered:?}");
        }
    });
    assert_eq!(
        server.metric("headstart_model_loads_total{model=\"shapes\",outcome=\"swapped\"}"),
        Some(4.0)
    );
}

#[test]
fn a_model_that_is_broken_or_gone_leaves_the_one_before_in_its_place_and_says_so() {
    let server = Running::new();
    let whole = fs::read(server.model_path()).unwrap();
    let expected = server.post("/predict", "", picture("Bag")).text();
    let mut damaged = whole.clone();
    damaged[20..200].fill(b'?');
    for (bytes, part) in [
        (Some(&whole[..whole.len() / 2]), "shapes.safetensors"),
        (Some(&damaged[..]), "shapes.safetensors"),
        (Some(b""), "shapes.safetensors"),
        (None, "gone"),
    ] {
        match bytes {
            Some(bytes) => fs::write(server.model_path(), bytes).unwrap(),
            None => fs::remove_file(server.model_path()).unwrap(),
        }
        until(part, || {
            let problem = shapes(&server)["problem"].clone();
            problem
                .as_str()
                .is_some_and(|problem| problem.contains(part) && !problem.contains('\n'))
        });
        assert_eq!(server.get("/readyz").status, 200);
        assert_eq!(server.post("/predict", "", picture("Bag")).text(), expected);
        // The repaired file is used again. Its content is the same as before, so no new version is loaded.
        fs::write(server.model_path(), &whole).unwrap();
        until("nothing is wrong", || shapes(&server)["problem"].is_null());
        assert_eq!(shapes(&server)["version"], 1);
    }
    server.assert_answers();
}
