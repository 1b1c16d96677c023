//! A model, a server for it, and a client that can send arbitrary bytes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use headstart::{Base, Classifier, Context, FitConfig, Pictures};
use headstart_serve::{ModelSource, Routes, ServeConfig, Server};
use serde_json::Value;
use tokio::sync::oneshot;

pub(crate) const CLASSES: [&str; 3] = ["Bag", "Sneaker", "Trouser"];

/// Longer than anything here takes, so that a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// The files of the bundled pictures of a class.
pub(crate) fn bundled(class: &str) -> Vec<PathBuf> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/assets/fashion-mnist").join(class);
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The bytes of a picture that no model here has learned from.
pub(crate) fn picture(class: &str) -> Vec<u8> {
    fs::read(&bundled(class)[50]).unwrap()
}

fn train(classes: &[&str], which: std::ops::Range<usize>) -> Classifier {
    let temp = tempfile::tempdir().unwrap();
    for class in classes {
        let folder = temp.path().join(class);
        fs::create_dir(&folder).unwrap();
        for path in &bundled(class)[which.clone()] {
            fs::copy(path, folder.join(path.file_name().unwrap())).unwrap();
        }
    }
    let mut base = Base::bundled_at("mobilenetv2", Some((32, 32))).unwrap();
    base.set_trainable(false);
    let pictures = Pictures::open(temp.path()).unwrap().with_validation(0.3, 1);
    Classifier::fit(base, &pictures, &FitConfig::default(), &mut Context::default()).unwrap().0
}

/// A model of three classes that recognises unknown pictures.
pub(crate) fn model() -> &'static Classifier {
    static MODEL: OnceLock<Classifier> = OnceLock::new();
    MODEL.get_or_init(|| train(&CLASSES, 0..20))
}

/// A model of two classes.
pub(crate) fn other_model() -> &'static Classifier {
    static MODEL: OnceLock<Classifier> = OnceLock::new();
    MODEL.get_or_init(|| train(&["Coat", "Sandal"], 0..8))
}

/// A server on a free port; stopped when dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    /// The folder of its model files.
    pub(crate) folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<bool>>,
}

impl Running {
    /// A server that serves [`model`] as `shapes`.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// As [`Running::new`], with another configuration.
    pub(crate) fn with(change: impl FnOnce(&mut ServeConfig)) -> Self {
        Self::with_routes(change, Routes::default())
    }

    pub(crate) fn with_routes(change: impl FnOnce(&mut ServeConfig), routes: Routes) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shapes.safetensors");
        model().save(&path).unwrap();
        let mut config = ServeConfig::new(vec![ModelSource::new("shapes", path.to_str().unwrap())]);
        config.listen.set_port(0);
        config.threads = 2;
        config.reload_every = Duration::from_millis(20);
        change(&mut config);
        let (stop, stopped) = oneshot::channel();
        let (say, listening) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let server = Server::bind_with(config, routes).await.unwrap();
                say.send(server.address()).unwrap();
                server.run(async { stopped.await.unwrap_or(()) }).await
            })
        });
        let address = listening.recv_timeout(PATIENCE).expect("it listens");
        Self { address, folder, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn model_path(&self) -> PathBuf {
        self.folder.path().join("shapes.safetensors")
    }

    /// Tells the server to stop.
    pub(crate) fn stop(&mut self) {
        self.stop.take().expect("once").send(()).expect("it runs");
    }

    /// Waits for the server's end, and returns whether everything ended in time.
    pub(crate) fn ended(&mut self) -> bool {
        self.thread.take().expect("once").join().expect("no panic")
    }

    pub(crate) fn connect(&self) -> Client {
        Client::new(self.address)
    }

    /// Sends a request on a new connection.
    pub(crate) fn send(&self, request: &Request) -> Response {
        self.connect().send(request)
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.send(&Request::get(path))
    }

    pub(crate) fn post(&self, path: &str, media_type: &str, body: impl Into<Vec<u8>>) -> Response {
        self.send(&Request::post(path, media_type, body))
    }

    /// Asserts that the server still answers a valid request.
    pub(crate) fn assert_answers(&self) {
        let response = self.post("/predict", "image/png", picture("Bag"));
        assert_eq!(response.status, 200, "{}", response.text());
        assert!(response.json()["scores"].is_object());
    }

    /// The value of a metric, as it is written.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let text = self.get("/metrics").text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map(|value| value.parse().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "the server panicked");
        }
    }
}

/// A request, as it is sent.
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn get(path: &str) -> Self {
        Self { head: format!("GET {path} HTTP/1.1"), headers: Vec::new(), body: Vec::new() }
            .with("Host", "localhost")
    }

    pub(crate) fn post(path: &str, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let head = format!("POST {path} HTTP/1.1");
        let length = body.len().to_string();
        let request = Self { head, headers: Vec::new(), body };
        let request = request.with("Host", "localhost").with("Content-Length", &length);
        if media_type.is_empty() { request } else { request.with("Content-Type", media_type) }
    }

    /// Sets a header, replacing any previous value.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn head_bytes(&self) -> Vec<u8> {
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("{}\r\n{headers}\r\n", self.head).into_bytes()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head_bytes(), self.body.clone()].concat()
    }
}

/// A connection to the server.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, received: Vec::new() }
    }

    pub(crate) fn send(&mut self, request: &Request) -> Response {
        self.write(&request.bytes());
        self.response().expect("an answer")
    }

    /// Writes as much as the server accepts. It may respond and close the connection before it has read
    /// everything.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    pub(crate) fn finish_writing(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next response; `None` if the server closes the connection without one.
    pub(crate) fn response(&mut self) -> Option<Response> {
        loop {
            if let Some((response, length)) = Response::parse(&self.received) {
                self.received.drain(..length);
                // Skips `100 Continue`, which is not the response.
                if response.status == 100 {
                    continue;
                }
                return Some(response);
            }
            let mut chunk = [0; 16 << 10];
            match self.stream.read(&mut chunk) {
                Ok(0) | Err(_) if self.received.is_empty() => return None,
                Ok(0) => panic!("half an answer: {}", String::from_utf8_lossy(&self.received)),
                Ok(n) => self.received.extend(&chunk[..n]),
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Whether the server has closed the connection, or does so soon.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.response().is_none()
    }
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&bytes[..end]).expect("a head is text");
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().expect("a status");
        let header = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        };
        let headers: BTreeMap<_, _> = lines.filter_map(header).collect();
        let length =
            headers.get("content-length").map_or(0, |length| length.parse().expect("a length"));
        let body = bytes.get(end..end + length)?.to_vec();
        Some((Self { status, headers, body }, end + length))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("text")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Asserts that the request failed with this status, and a message on one line that contains all of
    /// `parts`.
    pub(crate) fn assert_failed(&self, status: u16, parts: &[&str]) {
        assert_eq!(self.status, status, "{}", self.text());
        let json = self.json();
        let error = json["error"].as_str().unwrap_or_else(|| panic!("no error: {json}"));
        assert!(!error.contains('\n') && json["kind"].is_string(), "{json}");
        for part in parts {
            assert!(error.contains(part), "'{part}' is not in: {error}");
        }
        assert!(self.headers.contains_key("x-request-id"));
    }
}

/// A form with these files, each with its name.
pub(crate) fn form(files: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, file) in files {
        let head = format!(
            "--limit\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend(head.bytes());
        body.extend(*file);
        body.extend(b"\r\n");
    }
    body.extend(b"--limit--\r\n");
    ("multipart/form-data; boundary=limit".to_owned(), body)
}

/// Waits until a condition holds.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
