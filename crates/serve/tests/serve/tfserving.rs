//! The REST API of TensorFlow Serving.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::{CLASSES, Running, model, picture};

const PREDICT: &str = "/v1/models/shapes:predict";

fn post(server: &Running, path: &str, body: &Value) -> crate::support::Response {
    server.post(path, "application/json", body.to_string())
}

#[test]
fn instances_are_answered_with_the_librarys_bits_under_whatever_name_they_come() {
    let server = Running::new();
    let encoded = CLASSES.map(|class| BASE64_STANDARD.encode(picture(class)));
    let bare: Vec<Value> = encoded.iter().map(|b64| json!({"b64": b64})).collect();
    let named: Vec<Value> =
        encoded.iter().map(|b64| json!({"image_bytes": {"b64": b64}})).collect();
    for body in [
        json!({"instances": bare}),
        json!({"signature_name": "serving_default", "instances": named}),
    ] {
        for path in [PREDICT, "/v1/models/shapes/versions/1:predict"] {
            let answer = post(&server, path, &body).json();
            let answers = answer["predictions"].as_array().unwrap_or_else(|| panic!("{answer}"));
            assert_eq!(answers.len(), 3);
            for (answer, class) in answers.iter().zip(CLASSES) {
                let expected = model().predictor().predict_bytes(&picture(class)).unwrap();
                let scores: Vec<f32> = serde_json::from_value(answer["scores"].clone()).unwrap();
                assert_eq!(scores, expected.scores);
                assert_eq!(answer["classes"], json!(CLASSES));
                let is_unknown = expected.unknown.unwrap().is_unknown;
                assert_eq!(answer["unknown"], is_unknown);
                let labels =
                    if is_unknown { json!([]) } else { json!([CLASSES[expected.labels[0]]]) };
                assert_eq!(answer["labels"], labels);
            }
        }
    }
}

#[test]
fn a_model_that_answers_is_available() {
    let server = Running::new();
    let expected = json!({"model_version_status": [
        {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    ]});
    for path in ["/v1/models/shapes", "/v1/models/shapes/versions/1"] {
        assert_eq!(server.get(path).json(), expected);
    }
    server.get("/v1/models/cats").assert_failed(404, &["there is shapes"]);
    server.get("/v1/models/shapes/versions/3").assert_failed(404, &["is 1"]);
}

#[test]
fn what_makes_no_sense_is_refused_and_one_broken_instance_is_all() {
    let server = Running::new();
    let good = json!({"b64": BASE64_STANDARD.encode(picture("Bag"))});
    let text = json!({"b64": BASE64_STANDARD.encode("text")});
    for (path, body, status, part) in [
        (PREDICT, json!({"instances": [good, text]}), 422, "instance 1: not a picture (text)"),
        (PREDICT, json!({"instances": []}), 400, "no picture"),
        (PREDICT, json!({"instances": vec![text.clone(); 65]}), 413, "65 pictures"),
        (PREDICT, json!({"instances": vec![text.clone(); 5000]}), 400, "4096"),
        (PREDICT, json!({"instances": [[1.0, 2.0]]}), 400, "b64"),
        (PREDICT, json!({"instances": [{}]}), 400, "b64"),
        (PREDICT, json!({"instances": [{"a": good, "b": good}]}), 400, "one input"),
        (PREDICT, json!({"inputs": [good]}), 400, "instances"),
        ("/v1/models/cats:predict", json!({"instances": [good]}), 404, "there is shapes"),
        ("/v1/models/shapes:classify", json!({}), 404, ":predict"),
        ("/v1/models/shapes", json!({}), 404, ":predict"),
        ("/v1/models/shapes/versions/2:predict", json!({"instances": [good]}), 404, "is 1"),
    ] {
        post(&server, path, &body).assert_failed(status, &[part]);
    }
    server.assert_answers();
}
