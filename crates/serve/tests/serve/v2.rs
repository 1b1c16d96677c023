//! The Open Inference Protocol, as `tritonclient[http]` uses it and as it is specified.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use headstart::predict::{Limits, Prediction};
use serde_json::{Value, json};

use crate::support::{CLASSES, Client, Request, Response, Running, form, model, picture};

const INFER: &str = "/v2/models/shapes/infer";

/// Sends a recorded request of a client.
fn replay(server: &Running, name: &str) -> Response {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let mut client = Client::new(server.address);
    client.write(&fs::read(path).unwrap());
    client.response().expect("an answer")
}

fn predicted(class: &str) -> Prediction {
    model().predictor().predict_bytes(&picture(class)).unwrap()
}

/// The JSON entry of an output, and its bytes among the binary tensors that follow the JSON.
fn binary<'a>(response: &'a Response, name: &str) -> (Value, &'a [u8]) {
    let length: usize = response.headers["inference-header-content-length"].parse().unwrap();
    let json: Value = serde_json::from_slice(&response.body[..length]).unwrap();
    let mut at = length;
    for output in json["outputs"].as_array().unwrap() {
        let size = output["parameters"]["binary_data_size"].as_u64().unwrap() as usize;
        if output["name"] == name {
            return (output.clone(), &response.body[at..at + size]);
        }
        at += size;
    }
    panic!("{name} is not in {json}");
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn json_request(body: &Value) -> Request {
    Request::post(INFER, "application/json", body.to_string())
}

#[test]
fn what_tritons_client_sends_is_answered_with_the_librarys_bits() {
    let server = Running::new();
    let expected = CLASSES.map(predicted);

    let response = replay(&server, "triton_image.http");
    assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&response.body));
    assert_eq!(response.headers["content-type"], "application/octet-stream");
    let (scores, values) = binary(&response, "scores");
    assert_eq!((&scores["datatype"], &scores["shape"]), (&json!("FP32"), &json!([3, 3])));
    let all: Vec<f32> = expected.iter().flat_map(|one| one.scores.clone()).collect();
    assert_eq!(floats(values), all);
    let (unknown, values) = binary(&response, "unknown");
    assert_eq!((&unknown["datatype"], &unknown["shape"]), (&json!("BOOL"), &json!([3])));
    let is_unknown = |one: &Prediction| one.unknown.unwrap().is_unknown;
    assert_eq!(values, expected.each_ref().map(|one| u8::from(is_unknown(one))));
    let label = |one: &Prediction| if is_unknown(one) { "" } else { CLASSES[one.labels[0]] };
    let labels: Vec<u8> = (expected.iter().map(label))
        .flat_map(|label| [&(label.len() as u32).to_le_bytes(), label.as_bytes()].concat())
        .collect();
    assert_eq!(binary(&response, "label").1, labels);

    let response = replay(&server, "triton_image_json.http");
    let output = response.json()["outputs"][0].clone();
    let scores: Vec<f32> = serde_json::from_value(output["data"].clone()).unwrap();
    assert_eq!((&output["name"], scores), (&json!("scores"), expected[0].scores.clone()));

    let response = replay(&server, "triton_pixels.http");
    let of_pixels = |class: &str| {
        let decoded = headstart::data::decode::decode(&picture(class), &Limits::default()).unwrap();
        model().predictor().predict_picture(&decoded).scores
    };
    let all = [of_pixels(CLASSES[0]), of_pixels(CLASSES[1])].concat();
    assert_eq!(floats(binary(&response, "scores").1), all);

    let response = replay(&server, "triton_classes.http");
    let (output, values) = binary(&response, "scores");
    assert_eq!((&output["datatype"], &output["shape"]), (&json!("BYTES"), &json!([1, 2])));
    let (class, score) = expected[0].ranked()[0];
    let first = format!("{score:.6}:{class}:{}", CLASSES[class]);
    assert_eq!(&values[4..4 + first.len()], first.as_bytes());
}

#[test]
fn a_form_that_curl_sends_is_answered() {
    let server = Running::new();
    let response = replay(&server, "curl_form.http");
    let paths: Vec<Value> = response.json()["predictions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["path"].clone())
        .collect();
    assert_eq!(paths, ["a/bag.png", "sneaker.png"]);
    let (bag, sneaker) = (picture("Bag"), picture("Sneaker"));
    let (media_type, body) = form(&[("a/bag.png", &bag), ("sneaker.png", &sneaker)]);
    assert_eq!(response.text(), server.post("/predict", &media_type, body).text());
}

#[test]
fn tensors_in_json_are_taken_flat_or_nested() {
    let server = Running::new();
    let decoded = headstart::data::decode::decode(&picture("Bag"), &Limits::default()).unwrap();
    let (width, height) = (decoded.width(), decoded.height());
    let flat = decoded.pixels().to_vec();
    let nested: Vec<Vec<&[u8]>> =
        flat.chunks(width * 3).map(|row| row.chunks(3).collect()).collect();
    let expected = model().predictor().predict_picture(&decoded).scores;
    for (shape, data) in [
        (json!([1, height, width, 3]), json!(flat)),
        (json!([height, width, 3]), json!(flat)),
        (json!([1, height, width, 3]), json!([nested])),
    ] {
        let input = json!({"name": "pixels", "datatype": "UINT8", "shape": shape, "data": data});
        let body = json!({"id": "7", "inputs": [input], "outputs": [{"name": "scores"}]});
        let answer = server.send(&json_request(&body)).json();
        assert_eq!(
            (&answer["id"], &answer["model_name"], &answer["model_version"]),
            (&json!("7"), &json!("shapes"), &json!("1"))
        );
        let scores: Vec<f32> =
            serde_json::from_value(answer["outputs"][0]["data"].clone()).unwrap();
        assert_eq!(scores, expected);
    }
}

#[test]
fn a_model_tells_what_it_takes_and_gives() {
    let server = Running::new();
    assert_eq!(server.get("/v2").json()["name"], "headstart");
    let told = server.get("/v2/models/shapes").json();
    assert_eq!(told["versions"], json!(["1"]));
    let names: Vec<&Value> =
        told["outputs"].as_array().unwrap().iter().map(|output| &output["name"]).collect();
    assert_eq!(names, ["scores", "label", "unknown", "unknown_score"]);
    assert_eq!(told["outputs"][0]["shape"], json!([-1, 3]));
    assert_eq!(server.get("/v2/models/shapes/versions/1").json(), told);
    for path in [
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/shapes/ready",
        "/v2/models/shapes/versions/1/ready",
    ] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    let index = server.post("/v2/repository/index", "application/json", "{}").json();
    assert_eq!(index, json!([{"name": "shapes", "version": "1", "state": "READY"}]));
    server.get("/v2/models/cats").assert_failed(404, &["there is shapes"]);
    server.get("/v2/models/shapes/versions/2/ready").assert_failed(404, &["is 1"]);
}

#[test]
fn tensors_that_are_not_what_they_say_are_refused() {
    let server = Running::new();
    let file = BASE64_STANDARD.encode(picture("Bag"));
    let image = json!({"name": "image", "datatype": "BYTES", "shape": [1], "data": [file]});
    let changed = |key: &str, value: Value| {
        let mut input = image.clone();
        input[key] = value;
        json!({"inputs": [input]})
    };
    let pixels = |shape: Value, data: Value| json!({"inputs": [{"name": "pixels", "datatype": "UINT8", "shape": shape, "data": data}]});
    let with_outputs = |outputs: Value| json!({"inputs": [image], "outputs": outputs});
    let huge = 1_u64 << 62;
    for (body, status, part) in [
        (json!({}), 400, "inputs"),
        (json!({"inputs": []}), 400, "one input"),
        (json!({"inputs": [image, image]}), 400, "one input"),
        (changed("name", json!("x")), 400, "image (BYTES"),
        (changed("datatype", json!("FP32")), 400, "image (BYTES"),
        (changed("shape", json!([2])), 400, "1 values"),
        (changed("shape", json!([0])), 400, "no picture"),
        (changed("shape", json!([65])), 413, "65 pictures"),
        (changed("shape", json!([])), 400, "image (BYTES"),
        (changed("data", json!(["?"])), 400, "base64"),
        (changed("data", json!([1])), 400, "values"),
        (changed("data", json!([BASE64_STANDARD.encode("text")])), 422, "picture 0: not a picture"),
        (changed("data", Value::Null), 400, "binary_data_size"),
        (pixels(json!([1, 2, 2, 3]), json!(vec![0; 11])), 400, "11 values"),
        (pixels(json!([1, 0, 2, 3]), json!([])), 400, "0 values"),
        (pixels(json!([1, 2, 2, 3]), json!([256])), 400, "UINT8"),
        (pixels(json!([1, huge, huge, 3]), json!([1, 2, 3])), 400, "3 values"),
        (pixels(json!([1, 2, 2, 4]), json!(vec![0; 16])), 400, "UINT8"),
        (with_outputs(json!([{"name": "logits"}])), 400, "scores"),
        (
            with_outputs(json!([{"name": "label", "parameters": {"classification": 1}}])),
            400,
            "classification",
        ),
        (
            with_outputs(
                json!([{"name": "scores"}, {"name": "scores"}, {"name": "scores"}, {"name": "scores"}, {"name": "scores"}]),
            ),
            400,
            "4 outputs",
        ),
    ] {
        server.send(&json_request(&body)).assert_failed(status, &[part]);
    }
    let body = b"{\"inputs\": [{\"name\": \"image\", \"datatype\": \"BYTES\", \"shape\": [1], \"parameters\": {\"binary_data_size\": 8}}]}";
    for (length, binary, part) in [
        (body.len().to_string(), &b"\x04\0\0\0text"[..], "picture 0"),
        (body.len().to_string(), b"\x05\0\0\0text", "each after its length"),
        (body.len().to_string(), b"\xff\xff\xff\xfftext", "each after its length"),
        (body.len().to_string(), b"\x04\0\0\0tex", "binary_data_size"),
        ("9999".to_owned(), b"", "within the body"),
        ("-1".to_owned(), b"", "within the body"),
        ("7".to_owned(), b"", "JSON"),
    ] {
        let request = Request::post(INFER, "application/octet-stream", [body, binary].concat());
        let response = server.send(&request.with("Inference-Header-Content-Length", &length));
        response.assert_failed(if part == "picture 0" { 422 } else { 400 }, &[part]);
    }
    server.assert_answers();
}
