//! `headstart serve`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Place, Run};

/// A running server; killed if a test fails.
struct Serving {
    child: Child,
    address: SocketAddr,
    out: BufReader<ChildStdout>,
}

impl Serving {
    /// Runs `serve` with arguments that have no spaces in them, on a free port.
    fn start(place: &Place, arguments: &str, stderr: Stdio) -> Self {
        let mut process = place.process();
        process.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments.split_whitespace());
        let mut child = process.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert!(out.read_line(&mut line).unwrap() > 0, "it ended before it listened");
            let found = match line.starts_with('{') {
                true => {
                    let event: Value = serde_json::from_str(&line).unwrap();
                    event["address"].as_str().map(str::to_owned)
                }
                false => line.trim_end().strip_prefix("Listening on http://").map(str::to_owned),
            };
            if let Some(address) = found {
                break address.parse().unwrap();
            }
        };
        Self { child, address, out }
    }

    /// Sends a request, and returns the status and the body of the response.
    fn send(&self, head: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = format!(
            "{head} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn signal(&self, signal: &str) {
        let kill = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    /// Stops the server with SIGTERM, as orchestrators do.
    fn stop(mut self) -> Run {
        self.signal("-TERM");
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        let mut stderr = String::new();
        if let Some(mut from) = self.child.stderr.take() {
            from.read_to_string(&mut stderr).unwrap();
        }
        let code = self.child.wait().unwrap().code().expect("no signal ended it");
        Run { code, stdout: rest, stderr }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a server that should fail to start, and waits for its end.
fn ended(place: &Place, arguments: &str) -> Run {
    let mut process = place.process();
    process.args(["serve"]).args(arguments.split_whitespace());
    Run::of(
        assert_cmd::Command::from_std(process).timeout(Duration::from_secs(60)).output().unwrap(),
    )
}

#[test]
fn a_picture_is_answered_with_the_line_of_predict_to_the_last_bit() {
    let place = Place::with_model();
    let serving = Serving::start(&place, "model.safetensors", Stdio::null());
    for picture in place.below("pictures/Bag") {
        let path = format!("pictures/Bag/{picture}");
        let line =
            place.run(&format!("predict model.safetensors {path} --json --no-cache")).succeeded();
        let file = std::fs::read(place.path(&path)).unwrap();
        let (status, answer) = serving.send("POST /predict", "", &file);
        let alone = line.stdout.trim_end().replacen(&format!("\"path\":\"{path}\","), "", 1);
        assert_eq!((status, answer), (200, alone));
        let part = [
            format!(
                "--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"{path}\"\r\n\r\n"
            )
            .as_bytes(),
            &file,
            b"\r\n--x--\r\n",
        ]
        .concat();
        let headers = "Content-Type: multipart/form-data; boundary=x\r\n";
        let (_, answer) = serving.send("POST /models/model/predict", headers, &part);
        assert_eq!(answer, format!("{{\"predictions\":[{}]}}", line.stdout.trim_end()));
    }
    let run = serving.stop();
    assert_eq!((run.code, run.stdout.as_str()), (0, ""));
}

#[test]
fn what_cannot_be_served_is_told_in_one_line_with_the_way_out() {
    let place = Place::with_model();
    let serving = Serving::start(&place, "model.safetensors", Stdio::null());
    let address = serving.address;
    let taken = ended(&place, &format!("model.safetensors --listen {address}"));
    taken.failed(1, &[&address.to_string(), "in use", "--listen"]);
    assert_eq!(serving.send("GET /healthz", "", b"").0, 200);
    for (arguments, parts) in [
        (
            "model.safetensors --listen 0.0.0.0:0",
            &["0.0.0.0:0", "--token", "HEADSTART_TOKEN", "--no-auth"][..],
        ),
        ("missing.safetensors", &["missing.safetensors", "no such file"]),
        ("pictures/Bag", &["pictures/Bag"]),
        ("model.safetensors model.safetensors", &["two models are called model", "NAME=MODEL"]),
        ("a/b=model.safetensors", &["a/b", "NAME=MODEL"]),
        ("model.safetensors --queue 8", &["queue of 8", "--queue", "--max-pictures"]),
    ] {
        ended(&place, arguments).failed(1, parts);
    }
    for arguments in [
        "",
        "model.safetensors --listen nowhere",
        "model.safetensors --token t --no-auth",
        "model.safetensors --send-time 0",
        "model.safetensors --max-body nothing",
    ] {
        assert_eq!(ended(&place, arguments).code, 2, "{arguments}");
    }
}

#[test]
fn with_a_token_from_the_environment_nobody_else_is_answered_and_no_line_tells_it() {
    let place = Place::with_model();
    let mut process = place.process();
    process.env("HEADSTART_TOKEN", "s3cret");
    process.args(["serve", "shapes=model.safetensors", "--listen", "0.0.0.0:0"]);
    let mut child = process.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("Listening on ") {
        assert!(out.read_line(&mut said).unwrap() > 0);
    }
    let port = said.trim_end().rsplit(':').next().unwrap().parse().unwrap();
    let serving = Serving { child, address: SocketAddr::from(([127, 0, 0, 1], port)), out };
    assert_eq!(serving.send("GET /models", "", b"").0, 401);
    assert_eq!(serving.send("GET /models", "Authorization: Bearer other\r\n", b"").0, 401);
    let (status, models) = serving.send("GET /models", "Authorization: Bearer s3cret\r\n", b"");
    assert_eq!(status, 200);
    assert!(models.contains("\"name\":\"shapes\""), "{models}");
    let run = serving.stop();
    assert_eq!(run.code, 0);
    assert!(
        !run.stderr.contains("s3cret") && run.stderr.contains("path=\"/models\""),
        "{}",
        run.stderr
    );
}

#[test]
fn log_lines_are_for_programs_where_json_is_asked_for_and_each_has_its_request() {
    let place = Place::with_model();
    let serving = Serving::start(&place, "model.safetensors --json", Stdio::piped());
    serving.send("GET /models", "X-Request-Id: job-7\r\n", b"");
    serving.send("POST /predict", "X-Request-Id: job-8\r\n", b"text");
    let run = serving.stop();
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let lines = run.json();
    let of = |id: &str| {
        lines.iter().find(|line| line["span"]["id"] == id).unwrap_or_else(|| panic!("{lines:?}"))
    };
    assert_eq!((&of("job-7")["status"], &of("job-7")["path"]), (&200.into(), &"/models".into()));
    assert_eq!(
        (&of("job-8")["status"], &of("job-8")["failure"]),
        (&422.into(), &"unreadable_picture".into())
    );
    assert!(of("job-8")["milliseconds"].is_number() && of("job-8")["timestamp"].is_string());
    assert_eq!(lines.last().unwrap()["message"], "stopped");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_for_the_log_stops_nothing() {
    let place = Place::with_model();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let serving = Serving::start(&place, "model.safetensors --log debug", full.into());
    let file = std::fs::read(place.path(&place.picture())).unwrap();
    for _ in 0..20 {
        assert_eq!(serving.send("POST /predict", "", &file).0, 200);
    }
    assert_eq!(serving.stop().code, 0);
}

#[test]
fn told_to_stop_under_load_it_answers_what_it_has_taken() {
    let place = Place::with_model();
    let serving = Serving::start(&place, "model.safetensors", Stdio::null());
    let file = std::fs::read(place.path(&place.picture())).unwrap();
    let head = format!(
        "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        file.len()
    );
    let request = [head.as_bytes(), &file].concat();
    let address = serving.address;
    let answered: usize = thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|_| {
                let request = &request;
                scope.spawn(move || {
                    let mut stream = TcpStream::connect(address).unwrap();
                    let mut answered = 0;
                    loop {
                        // After the end, the connection cannot be written to, or gives no response.
                        if stream.write_all(request).is_err() {
                            return answered;
                        }
                        let mut chunk = [0; 4096];
                        match stream.read(&mut chunk) {
                            Ok(0) | Err(_) => return answered,
                            Ok(n) => assert!(
                                chunk[..n].starts_with(b"HTTP/1.1 200 OK"),
                                "half an answer"
                            ),
                        }
                        answered += 1;
                    }
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(300));
        let begun = Instant::now();
        let run = serving.stop();
        assert_eq!(run.code, 0);
        assert!(begun.elapsed() < Duration::from_secs(10));
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    assert!(answered >= 6, "{answered}");
}
