//! Chromium, if it is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

pub(crate) struct Browser(PathBuf);

impl Browser {
    /// The installed browser, or `None` and a message on standard error.
    pub(crate) fn find() -> Option<Self> {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
        let candidates =
            std::env::split_paths(&folders).flat_map(|folder| names.map(|name| folder.join(name)));
        let found = candidates.into_iter().find(|path| path.is_file()).map(Self);
        if found.is_none() {
            eprintln!("skipped: there is no Chromium here");
        }
        found
    }

    /// Opens a page, runs `body` as the body of an async function in it, and returns the result. Asserts
    /// that the page loads nothing from elsewhere, and that no error occurs.
    pub(crate) fn drive(&self, page: &Path, body: &str) -> Value {
        let script = format!(
            "<script nonce='headstart'>window.errors = []; addEventListener('error', (e) => errors.push(e.message));
            addEventListener('load', async () => {{
                let result;
                try {{ result = await (async () => {{ {body} }})(); }} catch (e) {{ errors.push(String(e)); }}
                document.title = JSON.stringify({{ result, errors }});
            }});</script>"
        );
        let driven = page.with_extension("driven.html");
        let html = fs::read_to_string(page).unwrap();
        fs::write(&driven, html.replacen("</head>", &format!("{script}</head>"), 1)).unwrap();
        let profile = tempfile::tempdir().unwrap();
        let output = Command::new(&self.0)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"])
            .args(["--virtual-time-budget=20000", "--window-size=1200,900", "--dump-dom"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("file://{}", driven.display()))
            .output()
            .unwrap();
        let dom = String::from_utf8_lossy(&output.stdout);
        let title = dom.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
        let title = title.map_or("", |(title, _)| title);
        let text = title.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        let value: Value = serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("{title:?}: {}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(value["errors"], serde_json::json!([]), "{value}");
        value["result"].clone()
    }
}
