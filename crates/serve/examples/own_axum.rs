//! Adds your own axum routes to the prediction API:
//! `cargo run --example own_axum MODEL`, then open the printed address in a browser.

use std::env;
use std::error::Error;

use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use headstart_serve::{Ended, ModelSource, Routes, ServeConfig, serve_with};
use serde_json::{Value, json};

/// A form that sends a picture to the API and shows the answer.
const PAGE: &str = r#"<!doctype html>
<title>What is it?</title>
<input type="file" accept="image/*">
<pre></pre>
<script>
  document.querySelector("input").onchange = async (event) => {
    const answer = await fetch("predict", { method: "POST", body: event.target.files[0] });
    document.querySelector("pre").textContent = await answer.text();
  };
</script>
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let model = env::args().nth(1).ok_or("usage: own_axum MODEL")?;
    let config = ServeConfig::new(vec![ModelSource::new("model", model)]);
    let pages = Router::new().route("/", get(|| async { Html(PAGE) })).route("/about", get(about));
    let routes = Routes { pages: Some(pages), ..Routes::default() };
    // Runs until Ctrl-C or SIGTERM, then finishes the requests that have begun.
    let ended = serve_with(
        config,
        routes,
        |server| println!("http://{}", server.address()),
        || eprintln!("stopping"),
    )?;
    if ended == Ended::Late {
        eprintln!("some requests took too long and were cut off");
    }
    Ok(())
}

async fn about() -> Json<Value> {
    Json(json!({ "program": "own_axum", "version": env!("CARGO_PKG_VERSION") }))
}
