//! Drives Chromium over a pipe with the Chrome DevTools protocol, using keyboard and mouse events as a
//! person would.

use std::cell::{Cell, RefCell};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long to wait for anything. Tests also run on slow machines.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A browser with one page.
pub(crate) struct Chromium {
    process: Child,
    to: RefCell<ChildStdin>,
    from: Receiver<Value>,
    session: RefCell<Option<String>>,
    next: Cell<u64>,
    /// Messages received that are not replies.
    events: RefCell<Vec<Value>>,
    profile: tempfile::TempDir,
}

impl Chromium {
    /// Starts the installed browser with a video (MJPEG) as its camera. If none is installed, prints
    /// that the test is skipped.
    pub(crate) fn start(video: &Path) -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("skipped: there is no Chromium here");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let in_profile = |name: &str| profile.path().join(name).display().to_string();
        // The protocol uses file descriptors 3 and 4. A shell connects them to standard input and output.
        let mut process = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >&2"#])
            .arg(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"])
            .args(["--remote-debugging-pipe", "--window-size=1400,900"])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            // The browser's own requests fail: no host name can be resolved.
            .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
            .args(["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"])
            .arg(format!("--use-file-for-fake-video-capture={}", video.display()))
            .arg(format!("--log-net-log={}", in_profile("net.json")))
            .arg(format!("--user-data-dir={}", in_profile("profile")))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = RefCell::new(process.stdin.take().unwrap());
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let (send, from) = channel();
        thread::spawn(move || {
            let mut message = Vec::new();
            while out.read_until(0, &mut message).is_ok_and(|length| length > 0) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { break };
                if send.send(value).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let browser = Self {
            process,
            to,
            from,
            session: RefCell::default(),
            next: Cell::new(1),
            events: RefCell::default(),
            profile,
        };
        let downloads = browser.downloads();
        std::fs::create_dir_all(&downloads).unwrap();
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", &target);
        *browser.session.borrow_mut() = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "DOM"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        let folder = json!({ "behavior": "allow", "downloadPath": downloads });
        browser.call("Page.setDownloadBehavior", &folder);
        Some(browser)
    }

    /// The folder for files that the page saves.
    pub(crate) fn downloads(&self) -> PathBuf {
        self.profile.path().join("downloads")
    }

    /// Calls a method of the protocol, and waits for the reply.
    pub(crate) fn call(&self, method: &str, parameters: &Value) -> Value {
        let id = self.next.get();
        self.next.set(id + 1);
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = &*self.session.borrow() {
            message["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.to.borrow_mut().write_all(&bytes).unwrap();
        loop {
            let message = self.from.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{method}"));
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.borrow_mut().push(message);
        }
    }

    /// Opens an address, and waits until the page is loaded.
    pub(crate) fn open(&self, url: &str) {
        self.call("Page.navigate", &json!({ "url": url }));
        self.wait_for("document.readyState === 'complete'");
    }

    /// The value of an expression. Promises are awaited.
    pub(crate) fn evaluate(&self, expression: &str) -> Value {
        let asked =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let result = self.call("Runtime.evaluate", &asked);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub(crate) fn wait_for(&self, expression: &str) {
        let begun = Instant::now();
        while self.evaluate(&format!("Boolean({expression})")) != true {
            if begun.elapsed() > PATIENCE {
                panic!("never came: {expression}\n{}", self.evaluate("document.body.innerText"));
            }
            thread::sleep(Duration::from_millis(30));
        }
    }

    /// Waits for a button or link whose text begins with `text`, and clicks it.
    pub(crate) fn press(&self, text: &str) {
        let found = format!(
            "[...document.querySelectorAll('dialog[open] button, dialog[open] a')].concat(
               [...document.querySelectorAll('button, a')])
             .find((one) => one.textContent.trim().startsWith({}) && one.checkVisibility() && !one.disabled)",
            json!(text)
        );
        self.click_on(&found);
    }

    /// Clicks the centre of the element that an expression gives.
    pub(crate) fn click_on(&self, expression: &str) {
        let (x, y) = self.middle(expression);
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            self.mouse(kind, x, y);
        }
    }

    /// Waits for the element that an expression gives, scrolls it into view, and returns its centre.
    pub(crate) fn middle(&self, expression: &str) -> (f64, f64) {
        self.wait_for(expression);
        let place = self.evaluate(&format!(
            "(() => {{ const one = {expression}; one.scrollIntoView({{ block: 'center' }});
               const box = one.getBoundingClientRect();
               return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        ));
        (place[0].as_f64().unwrap(), place[1].as_f64().unwrap())
    }

    /// Sends a mouse event: `mousePressed`, `mouseReleased` or `mouseMoved`.
    pub(crate) fn mouse(&self, kind: &str, x: f64, y: f64) {
        let is_held = kind != "mouseMoved";
        let event = json!({ "type": kind, "x": x, "y": y, "clickCount": 1,
            "button": if is_held { "left" } else { "none" } });
        self.call("Input.dispatchMouseEvent", &event);
    }

    /// Presses a key, such as `Control+Shift+z`.
    pub(crate) fn key(&self, keys: &str) {
        let mut names: Vec<&str> = keys.split('+').collect();
        let key = names.pop().unwrap();
        let bit = |name: &&str| match *name {
            "Control" => 2,
            "Shift" => 8,
            _ => panic!("{keys}"),
        };
        let modifiers: i32 = names.iter().map(bit).sum();
        let (code, number, text) = match key {
            "Enter" => ("Enter".to_owned(), 13, "\r"),
            "Escape" => ("Escape".to_owned(), 27, ""),
            "Delete" => ("Delete".to_owned(), 46, ""),
            "ArrowRight" => ("ArrowRight".to_owned(), 39, ""),
            digit if digit.parse::<u8>().is_ok() => (format!("Digit{digit}"), 48, digit),
            letter => (format!("Key{}", letter.to_uppercase()), 65, letter),
        };
        let text = if modifiers & 2 == 0 { text } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let event = json!({ "type": kind, "key": key, "code": code, "modifiers": modifiers,
                "windowsVirtualKeyCode": number, "text": if kind == "keyDown" { text } else { "" } });
            self.call("Input.dispatchKeyEvent", &event);
        }
    }

    /// Types text into the focused element.
    pub(crate) fn enter(&self, text: &str) {
        self.call("Input.insertText", &json!({ "text": text }));
    }

    /// Drops files on the element that an expression gives.
    pub(crate) fn drop_on(&self, expression: &str, files: &[PathBuf]) {
        let (x, y) = self.middle(expression);
        let data = json!({ "items": [], "files": files, "dragOperationsMask": 1 });
        for kind in ["dragEnter", "dragOver", "drop"] {
            let event = json!({ "type": kind, "x": x, "y": y, "data": data });
            self.call("Input.dispatchDragEvent", &event);
        }
    }

    /// Drags the element that one expression gives onto the element of another.
    pub(crate) fn drag(&self, from: &str, to: &str) {
        self.call("Input.setInterceptDrags", &json!({ "enabled": true }));
        let (x, y) = self.middle(from);
        self.mouse("mouseMoved", x, y);
        self.mouse("mousePressed", x, y);
        let held =
            |x, y| json!({ "type": "mouseMoved", "x": x, "y": y, "button": "left", "buttons": 1 });
        let (to_x, to_y) = self.middle(to);
        self.call("Input.dispatchMouseEvent", &held(x + 9.0, y + 9.0));
        self.call("Input.dispatchMouseEvent", &held(to_x, to_y));
        let data = self.event("Input.dragIntercepted")["data"].clone();
        for kind in ["dragEnter", "dragOver", "drop"] {
            let event = json!({ "type": kind, "x": to_x, "y": to_y, "data": data });
            self.call("Input.dispatchDragEvent", &event);
        }
        self.mouse("mouseReleased", to_x, to_y);
        self.call("Input.setInterceptDrags", &json!({ "enabled": false }));
    }

    /// Waits for an event of the protocol.
    fn event(&self, method: &str) -> Value {
        loop {
            let mut events = self.events.borrow_mut();
            if let Some(place) = events.iter().position(|event| event["method"] == method) {
                return events.remove(place)["params"].clone();
            }
            events.push(self.from.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{method}")));
        }
    }

    /// Errors in the page: exceptions and blocked requests. Missing thumbnails are ignored, since their
    /// pictures may have been removed meanwhile.
    pub(crate) fn errors(&self) -> Vec<String> {
        self.evaluate("0");
        let events = self.events.take();
        let is_error = |event: &&Value| {
            let entry = &event["params"]["entry"];
            let url = entry["url"].as_str().unwrap_or_default();
            event["method"] == "Runtime.exceptionThrown"
                || entry["level"] == "error" && !url.contains("/api/thumbnail?")
        };
        events.iter().filter(is_error).map(|event| event["params"].to_string()).collect()
    }

    /// Ends the browser, and returns the addresses that pages requested over the network. Requests of
    /// the browser itself are left out.
    pub(crate) fn end(mut self) -> Vec<String> {
        *self.session.borrow_mut() = None;
        self.call("Browser.close", &json!({}));
        self.process.wait().unwrap();
        let log = std::fs::read_to_string(self.profile.path().join("net.json")).unwrap();
        let log: Value = serde_json::from_str(&log).expect("a whole log");
        let kind = &log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"];
        assert!(kind.is_number());
        let events =
            log["events"].as_array().unwrap().iter().filter(|event| event["type"] == *kind);
        events
            .filter(|event| {
                let from = event["params"]["initiator"].as_str().unwrap_or_default();
                from.contains("://") && !from.starts_with("chrome")
            })
            .filter_map(|event| event["params"]["url"].as_str().map(str::to_owned))
            .collect()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let candidates =
        std::env::split_paths(&folders).flat_map(|folder| names.map(|name| folder.join(name)));
    candidates.into_iter().find(|path| path.is_file())
}
