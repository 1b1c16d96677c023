//! `headstart studio`: how it starts and ends, and what is left if it is killed or the disk is full.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Place, Run};

/// A running studio; killed if a test fails.
struct Running {
    child: Child,
    host: String,
    token: String,
}

impl Running {
    /// Opens `project` in a place; `wrapped` is a shell command that ends by running its arguments.
    fn start(place: &Place, wrapped: Option<&str>) -> Option<Self> {
        let mut process = match wrapped {
            None => place.process(),
            Some(script) => {
                let own = place.process();
                let mut shell = Command::new("sh");
                shell.args(["-c", script, "sh"]).arg(own.get_program());
                for (name, value) in own.get_envs() {
                    match value {
                        Some(value) => shell.env(name, value),
                        None => shell.env_remove(name),
                    };
                }
                shell.current_dir(own.get_current_dir().unwrap_or(Path::new(".")));
                shell
            }
        };
        process.args(["studio", "project", "--no-open", "--json"]);
        let mut child = process.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        if out.read_line(&mut line).unwrap() == 0 {
            let _ = child.wait();
            return None;
        }
        let event: Value = serde_json::from_str(&line).unwrap();
        let url = event["url"].as_str().unwrap();
        let (host, token) = url.strip_prefix("http://").unwrap().split_once("/?token=").unwrap();
        Some(Self { child, host: host.to_owned(), token: token.to_owned() })
    }

    fn open(place: &Place) -> Self {
        Self::start(place, None).expect("it listens")
    }

    fn head(&self, method: &str, path: &str, media_type: &str, length: usize) -> String {
        let Self { host, token, .. } = self;
        let port = host.split_once(':').unwrap().1;
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nConnection: close\r\n\
             Cookie: headstart_{port}={token}\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n"
        )
    }

    fn send(&self, method: &str, path: &str, media_type: &str, body: &[u8]) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let head = self.head(method, path, media_type, body.len());
        let _ = stream.write_all(&[head.as_bytes(), body].concat());
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    fn act(&self, action: Value) -> (u16, Value) {
        self.send("POST", "/api/actions", "application/json", action.to_string().as_bytes())
    }

    /// Uploads `files` files of about `bytes` bytes each that begin like a picture.
    fn upload(&self, class: &str, files: usize, bytes: usize) -> (u16, Value) {
        let mut body = Vec::new();
        for number in 0..files {
            let head = format!(
                "--limit\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{number}.png\"\r\n\r\n"
            );
            body.extend(head.bytes());
            body.extend(b"\x89PNG\r\n\x1a\n");
            body.resize(body.len() + bytes, number as u8);
            body.extend(b"\r\n");
        }
        body.extend(b"--limit--\r\n");
        let media_type = "multipart/form-data; boundary=limit";
        self.send("POST", &format!("/api/upload?class={class}"), media_type, &body)
    }

    fn project(&self) -> Value {
        self.send("GET", "/api/project", "", b"").1
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The contents of all pictures of the project with their counts, whatever their names and folders.
fn contents(folder: &Path) -> BTreeMap<Vec<u8>, usize> {
    let mut contents = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|ending| ending == "png") {
                *contents.entry(fs::read(path).unwrap()).or_default() += 1;
            }
        }
    }
    contents
}

#[test]
fn it_says_where_it_is_and_ends_when_it_is_told_to() {
    let place = Place::new();
    let mut process = place.process();
    process.args(["studio", "new/project", "--no-open"]);
    let mut child = process.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = || {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        line
    };
    assert!(line().contains("new/project is not there yet, and is made"));
    let said = line();
    assert!(said.starts_with("Studio of ") && said.contains("/?token="), "{said}");
    assert!(line().contains("Ctrl-C"));
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    assert!(child.wait().unwrap().success());
    for (arguments, part) in [
        ("studio project --listen 0.0.0.0:0 --no-open", "use a loopback address"),
        ("studio ../../dev/null/x --no-open", "cannot be opened"),
    ] {
        let Run { code, stderr, .. } = place.run(arguments);
        assert!(code == 1 && stderr.contains(part), "{arguments}: {stderr}");
    }
}

#[test]
fn a_second_one_on_the_folder_is_told_where_the_first_is() {
    let place = Place::new();
    let first = Running::open(&place);
    let second = place.run("studio project --no-open");
    assert_eq!(second.code, 1);
    assert!(second.stderr.contains(&format!("http://{}", first.host)), "{}", second.stderr);
    drop(first);
    // A killed studio no longer locks the folder.
    Running::open(&place);
}

#[test]
fn nothing_is_lost_when_it_is_killed_in_the_middle_of_something() {
    let place = Place::new();
    let folder = place.path("project");
    for number in 0..300 {
        for class in ["a", "b"] {
            let path = folder.join(class).join(format!("{number}.png"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("\u{89}PNG {class} {number}")).unwrap();
        }
    }
    let before = contents(&folder);
    assert_eq!(before.len(), 600);
    for milliseconds in [0, 1, 2, 3, 5, 8, 12, 20] {
        let mut studio = Running::open(&place);
        let body = json!({ "do": "mergeClass", "from": "a", "into": "b" }).to_string();
        let head = studio.head("POST", "/api/actions", "application/json", body.len());
        let mut stream = TcpStream::connect(&studio.host).unwrap();
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(milliseconds));
        studio.child.kill().unwrap();
        studio.child.wait().unwrap();
        assert_eq!(contents(&folder), before, "killed after {milliseconds} ms");
        // The action was either finished by now or never begun. In both cases, undoing it restores
        // everything.
        let studio = Running::open(&place);
        assert_eq!(contents(&folder), before);
        let project = studio.project();
        let classes = project["classes"].as_array().unwrap();
        match project["undo"].as_str() {
            Some(title) => {
                assert_eq!(title, "Merge a into b");
                assert_eq!((classes.len(), &classes[0]["pictures"]), (1, &json!(600)));
                assert_eq!(studio.send("POST", "/api/undo", "", b"").0, 200);
            }
            None => assert_eq!(classes.len(), 2),
        }
        let project = studio.project();
        let pictures: Vec<_> =
            project["classes"].as_array().unwrap().iter().map(|class| &class["pictures"]).collect();
        assert_eq!(pictures, [&json!(300), &json!(300)], "{project}");
        assert_eq!(contents(&folder), before);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_nothing_changes_and_it_is_said() {
    let place = Place::new();
    fs::create_dir(place.path("project")).unwrap();
    // A separate file system of 400 KiB, invisible to other processes, that disappears with this one.
    let script = "exec unshare --user --map-root-user --mount sh -c \
        'mount -t tmpfs -o size=400k tmpfs project && exec \"$@\"' sh \"$@\"";
    let Some(studio) = Running::start(&place, Some(script)) else {
        eprintln!("skipped: this system lets nobody mount a small disk");
        return;
    };
    let (status, done) = studio.upload("a", 3, 30 << 10);
    assert_eq!((status, &done["added"]), (200, &json!(3)), "{done}");
    let (status, refused) = studio.upload("a", 20, 30 << 10);
    let error = refused["error"].as_str().unwrap_or_default();
    assert!(
        status >= 400 && error.contains("space") && error.contains("nothing was changed"),
        "{refused}"
    );
    let project = studio.project();
    assert_eq!(project["classes"], json!([{ "name": "a", "pictures": 3 }]));
    assert_eq!(project["undo"], "Add 3 pictures to a");
    // Files that were only partly received are gone, so there is room again.
    let (status, done) = studio.upload("b", 2, 30 << 10);
    assert_eq!((status, &done["added"]), (200, &json!(2)), "{done}");
    // Until there is no room for the journal.
    let mut number = 0;
    let refused = loop {
        let (status, answer) =
            studio.act(json!({ "do": "addClass", "name": format!("{}{number}", "n".repeat(190)) }));
        number += 1;
        if status != 200 {
            break answer;
        }
        assert!(number < 4_000, "it is never full");
    };
    let error = refused["error"].as_str().unwrap();
    assert!(error.contains("nothing was changed"), "{error}");
    let classes = studio.project()["classes"].as_array().unwrap().len();
    assert_eq!(classes, number + 1, "the last was not made");
    // Requests that need no disk space still work.
    assert_eq!(studio.send("GET", "/api/pictures?class=a", "", b"").1.as_array().unwrap().len(), 3);
}
