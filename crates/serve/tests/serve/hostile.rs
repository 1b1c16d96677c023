//! Malformed requests: each gives a response or a closed connection, and the next valid request is answered.
//!
//! `HEADSTART_FUZZ_REQUESTS` sets their number; by default, only a few are sent.

use std::fs;
use std::path::Path;
use std::thread;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;

use crate::support::{Client, Request, Running, form, picture};

/// Number of requests by default.
const FEW: usize = 1_500;
const THREADS: usize = 4;

/// Valid requests of every protocol.
fn seeds() -> Vec<Vec<u8>> {
    let bag = picture("Bag");
    let b64 = BASE64_STANDARD.encode(&bag);
    let json = "application/json";
    let (media_type, body) = form(&[("a.png", &*bag), ("b.png", &*bag)]);
    let input = json!({"name": "image", "datatype": "BYTES", "shape": [1], "data": [b64]});
    let pixels = json!({"name": "pixels", "datatype": "UINT8", "shape": [1, 2, 2, 3], "data": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]});
    let mut chunked = Request::post("/predict", "image/png", Vec::new());
    chunked.headers.retain(|(name, _)| name != "Content-Length");
    let chunked = chunked.with("Transfer-Encoding", "chunked").head_bytes();
    let mut seeds: Vec<Vec<u8>> = [
        Request::post("/predict?top_k=2&coverage=0.8&explain=1", "image/png", bag.clone()),
        Request::post("/models/shapes/predict", &media_type, body),
        Request::post(
            "/predict",
            json,
            json!({"instances": [{"b64": b64, "path": "x"}]}).to_string(),
        ),
        Request::post("/predict", json, json!({"b64": b64}).to_string()),
        Request::post(
            "/v1/models/shapes:predict",
            json,
            json!({"instances": [{"b64": b64}]}).to_string(),
        ),
        Request::post("/v2/models/shapes/infer", json, json!({"inputs": [input]}).to_string()),
        Request::post("/v2/models/shapes/infer", json, json!({"inputs": [pixels]}).to_string()),
        Request::get("/metrics"),
        Request::get("/").with("If-None-Match", "\"x\"").with("Origin", "http://localhost"),
    ]
    .iter()
    .map(Request::bytes)
    .collect();
    seeds.push([&chunked[..], b"10\r\n0123456789abcdef\r\n0\r\n\r\n"].concat());
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut recorded: Vec<_> =
        fs::read_dir(recorded).unwrap().map(|entry| entry.unwrap().path()).collect();
    recorded.sort();
    seeds.extend(recorded.iter().map(|path| fs::read(path).unwrap()));
    seeds
}

/// A change to a request.
#[derive(Clone, Debug)]
enum Change {
    Byte(u16, u8),
    Cut(u16, u16),
    Repeat(u16, u8, u8),
    Insert(u16, &'static str),
    Noise(u16, Vec<u8>),
    End(u16),
}

fn change() -> impl Strategy<Value = Change> {
    // Strings with a meaning for parsers.
    let tokens = prop::sample::select(
        &[
            "\r\n",
            "\r\n\r\n",
            "\0",
            "{",
            "[",
            "\"",
            "}",
            "]",
            ",",
            ":",
            "--limit",
            "--",
            "%00",
            "%",
            "/",
            "..",
            "?",
            "&",
            "1e999",
            "-1",
            "18446744073709551616",
            "null",
            "Content-Length: 5\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Expect: 100-continue\r\n",
            "Connection: upgrade\r\nUpgrade: websocket\r\n",
            "Host: b\r\n",
            "HTTP/1.0",
            "\u{feff}",
        ][..],
    );
    prop_oneof![
        (any::<u16>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (any::<u16>(), any::<u16>()).prop_map(|(from, to)| Change::Cut(from, to)),
        (any::<u16>(), any::<u8>(), any::<u8>())
            .prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
        (any::<u16>(), tokens).prop_map(|(at, token)| Change::Insert(at, token)),
        (any::<u16>(), prop::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(at, noise)| Change::Noise(at, noise)),
        any::<u16>().prop_map(Change::End),
    ]
}

impl Change {
    fn apply(&self, request: &mut Vec<u8>) {
        // Half of the positions are in the head, which is short.
        let place = |at: u16, length: usize| {
            let within = if at.is_multiple_of(2) { length.min(300) } else { length };
            usize::from(at / 2) * 37 % (within + 1)
        };
        let length = request.len();
        match self {
            Self::Byte(at, byte) => {
                let at = place(*at, length);
                request.iter_mut().skip(at).take(1).for_each(|known| *known = *byte);
            }
            Self::Cut(from, to) => {
                let (from, to) = (place(*from, length), place(*to, length));
                request.drain(from.min(to)..from.max(to));
            }
            Self::Repeat(at, size, times) => {
                let at = place(*at, length);
                let part =
                    request[at..(at + usize::from(*size)).min(length)].repeat(usize::from(*times));
                request.splice(at..at, part);
            }
            Self::Insert(at, token) => {
                let at = place(*at, length);
                request.splice(at..at, token.bytes());
            }
            Self::Noise(at, noise) => {
                let at = place(*at, length);
                request.splice(at..at, noise.iter().copied());
            }
            Self::End(at) => request.truncate(place(*at, length)),
        }
    }
}

#[test]
fn whatever_bytes_come_the_next_request_is_answered() {
    let requests =
        std::env::var("HEADSTART_FUZZ_REQUESTS").ok().and_then(|count| count.parse().ok());
    let requests: usize = requests.unwrap_or(FEW);
    let server =
        Running::with(|config| config.limits.send_time = std::time::Duration::from_millis(500));
    let seeds = seeds();
    let strategy = (0..seeds.len(), prop::collection::vec(change(), 1..6));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (server, seeds, strategy) = (&server, &seeds, &strategy);
            scope.spawn(move || {
                let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[thread as u8 + 1; 32]);
                let mut runner = TestRunner::new_with_rng(Config::default(), rng);
                for number in 0..requests / THREADS {
                    let (seed, changes) =
                        strategy.new_tree(&mut runner).expect("there are requests").current();
                    let mut request = seeds[seed].clone();
                    changes.iter().for_each(|change| change.apply(&mut request));
                    let mut client = Client::new(server.address);
                    client.write(&request);
                    client.finish_writing();
                    while let Some(response) = client.response() {
                        assert!(
                            response.status < 500 || response.status == 503,
                            "{}: {changes:?} of request {seed}",
                            response.status
                        );
                    }
                    if number.is_multiple_of(100) {
                        server.assert_answers();
                    }
                }
            });
        }
    });
    server.assert_answers();
    let failed = server.get("/metrics").text();
    assert!(!failed.contains("kind=\"internal\""), "{failed}");
}
