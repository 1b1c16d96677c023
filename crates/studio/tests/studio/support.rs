//! A folder of bundled pictures, a studio that serves it, and a client that can send arbitrary requests.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use headstart_serve::Server;
use headstart_studio::{Studio, StudioConfig, StudioError};
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// A timeout longer than anything here takes, so that a test fails rather than hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The paths of the bundled pictures of a class.
pub(crate) fn bundled(class: &str) -> Vec<PathBuf> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/assets/fashion-mnist").join(class);
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The bytes of a bundled picture.
pub(crate) fn picture(class: &str, number: usize) -> Vec<u8> {
    fs::read(&bundled(class)[number]).unwrap()
}

/// Copies bundled pictures to a folder, as `CLASS/0.png` and so on; with an empty class, to the folder itself.
pub(crate) fn fill(folder: &Path, class: &str, of: &str, which: std::ops::Range<usize>) {
    let to = folder.join(class);
    fs::create_dir_all(&to).unwrap();
    for number in which {
        fs::copy(&bundled(of)[number], to.join(format!("{number}.png"))).unwrap();
    }
}

/// A project in a temporary folder.
pub(crate) struct Project {
    pub(crate) temp: tempfile::TempDir,
}

impl Project {
    pub(crate) fn new() -> Self {
        Self { temp: tempfile::tempdir().unwrap() }
    }

    /// A project with the classes Bag and Sneaker, five pictures each.
    pub(crate) fn of_two() -> Self {
        let project = Self::new();
        fill(&project.folder(), "Bag", "Bag", 0..5);
        fill(&project.folder(), "Sneaker", "Sneaker", 0..5);
        project
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.temp.path().join("project")
    }

    pub(crate) fn config(&self) -> StudioConfig {
        let mut config = StudioConfig::new(self.folder());
        config.extract.cache = Some(self.temp.path().join("cache"));
        config
    }

    /// The contents of all files in the folder, except hidden ones.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.folder(), "", &mut files);
        files
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.files().into_keys().collect()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder().join(path)
    }

    pub(crate) fn open(&self) -> Running {
        Running::new(&self.config()).unwrap()
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{path}/"), files);
            files.insert(format!("{path}/"), Vec::new());
        } else {
            files.insert(path, fs::read(entry.path()).unwrap());
        }
    }
}

/// A studio that is served on its own port, and stopped when this is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn new(config: &StudioConfig) -> Result<Self, StudioError> {
        let studio = Studio::open(config)?;
        let (stop, stopped) = oneshot::channel();
        let (say, listening) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let config = studio.serve_config(([127, 0, 0, 1], 0).into());
                let server = Server::bind_with(config, studio.routes()).await.unwrap();
                let at = studio.listening(server.address());
                say.send((server.address(), at.url)).unwrap();
                server
                    .run(async {
                        let _ = stopped.await;
                        studio.stop();
                    })
                    .await
            });
        });
        let (address, url) = listening.recv_timeout(PATIENCE).expect("it listens");
        Ok(Self { address, url, stop: Some(stop), thread: Some(thread) })
    }

    pub(crate) fn token(&self) -> &str {
        self.url.split_once("token=").unwrap().1
    }

    /// A request as the studio's own page sends it.
    pub(crate) fn request(&self, method: &str, path: &str, body: impl Into<Vec<u8>>) -> Request {
        let body = body.into();
        let request =
            Request { head: format!("{method} {path} HTTP/1.1"), headers: Vec::new(), body };
        let length = request.body.len().to_string();
        request
            .with("Host", &self.address.to_string())
            .with("Cookie", &format!("headstart_{}={}", self.address.port(), self.token()))
            .with("Origin", &format!("http://{}", self.address))
            .with("Connection", "close")
            .with("Content-Length", &length)
    }

    pub(crate) fn send(&self, request: &Request) -> Response {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.write_all(&request.bytes());
        let mut received = Vec::new();
        let _ = stream.read_to_end(&mut received);
        Response::parse(&received)
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.send(&self.request("GET", path, ""))
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        let response = self.get(path);
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        response.json()
    }

    pub(crate) fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> Response {
        self.send(&self.request("POST", path, body))
    }

    /// Carries out an action, which must succeed.
    pub(crate) fn act(&self, action: Value) -> Value {
        let response = self.post("/api/actions", action.to_string());
        assert_eq!(response.status, 200, "{action}: {}", response.text());
        response.json()
    }

    pub(crate) fn refuse(&self, action: Value, status: u16, parts: &[&str]) {
        self.post("/api/actions", action.to_string()).assert_failed(status, parts);
    }

    /// Uploads files.
    pub(crate) fn upload(&self, query: &str, files: &[(&str, &[u8])]) -> Response {
        let (media_type, body) = form(files);
        let request = self.request("POST", &format!("/api/upload{query}"), body);
        self.send(&request.with("Content-Type", &media_type))
    }

    /// The classes, with the number of pictures in each.
    pub(crate) fn classes(&self) -> Value {
        let project = self.json("/api/project");
        let classes = project["classes"].as_array().unwrap().iter();
        let pairs = classes
            .map(|class| (class["name"].as_str().unwrap().to_owned(), class["pictures"].clone()));
        Value::Object(pairs.collect())
    }

    /// The events from now on.
    pub(crate) fn events(&self) -> Events {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&self.request("GET", "/api/events", "").bytes()).unwrap();
        Events(BufReader::new(stream))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok() || thread::panicking(), "the studio panicked");
        }
    }
}

/// The stream of events, as a browser reads it.
pub(crate) struct Events(BufReader<TcpStream>);

impl Events {
    /// The data of the next event with this name.
    pub(crate) fn next(&mut self, name: &str) -> Value {
        let mut is_it = false;
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).expect("more in time") > 0, "no event {name}");
            if let Some(event) = line.strip_prefix("event: ") {
                is_it = event.trim_end() == name;
            } else if let Some(data) = line.strip_prefix("data: ").filter(|_| is_it) {
                return serde_json::from_str(data).unwrap();
            }
        }
    }
}

/// A request as it is sent over the network.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Sets a header, and replaces it if it exists.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        [format!("{}\r\n{headers}\r\n", self.head).into_bytes(), self.body.clone()].concat()
    }
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
        let head = std::str::from_utf8(&bytes[..end]).expect("a head is text");
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().expect("a status");
        let header = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        };
        let headers: BTreeMap<_, _> = lines.filter_map(header).collect();
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        Self { status, headers, body: bytes[end..end + length].to_vec() }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Checks that the request failed with this status, and a one-line JSON error that contains all of `parts`.
    pub(crate) fn assert_failed(&self, status: u16, parts: &[&str]) {
        assert_eq!(self.status, status, "{}", self.text());
        let json = self.json();
        let error = json["error"].as_str().unwrap_or_else(|| panic!("no error: {json}"));
        assert!(!error.contains('\n'), "{json}");
        for part in parts {
            assert!(error.contains(part), "'{part}' is not in: {error}");
        }
    }
}

/// The media type and the body of a form with these files, by name.
pub(crate) fn form(files: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, file) in files {
        let head = format!(
            "--limit\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\
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
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The action that moves pictures.
pub(crate) fn move_to(paths: &[&str], to: Option<&str>) -> Value {
    json!({ "do": "move", "paths": paths, "to": to })
}
