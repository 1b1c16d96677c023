//! Pages for people, and the API description for programs.

use axum::Router;
use axum::routing::get;
use headstart_serve::{Asset, Auth, Routes};
use serde_json::Value;

use crate::support::{Request, Running};

/// The values of `src` and `href` in a page.
fn named(html: &str) -> Vec<&str> {
    let quoted =
        |part: &'static str| html.split(part).skip(1).filter_map(|rest| rest.split('"').next());
    quoted("src=\"").chain(quoted("href=\"")).collect()
}

#[test]
fn pages_need_no_token_no_other_server_and_nothing_in_their_own_text() {
    let server = Running::with(|config| config.auth = Auth::Token("s3cret".to_owned()));
    for path in ["/", "/docs"] {
        let page = server.get(path);
        assert_eq!(
            (page.status, &*page.headers["content-type"]),
            (200, "text/html; charset=utf-8")
        );
        let policy = &page.headers["content-security-policy"];
        assert!(
            policy.starts_with("default-src 'none';") && !policy.contains("unsafe"),
            "{policy}"
        );
        let html = page.text();
        assert!(
            !html.contains("<style") && !html.contains("style=") && !html.contains("onclick="),
            "{path}"
        );
        assert!(html.matches("<script").count() == html.matches("<script src=").count());
        let named = named(&html);
        assert!(named.len() >= 3);
        // `data:,` is an empty icon, which needs no request.
        for name in named.into_iter().filter(|name| *name != "data:,") {
            assert!(name.starts_with('/') && !name.starts_with("//"), "{name}");
            let token = Request::get(name).with("Authorization", "Bearer s3cret");
            assert_eq!(server.send(&token).status, 200, "{name}");
            if name.starts_with("/assets/") {
                assert_eq!(server.get(name).status, 200, "{name}");
            }
        }
    }
    server.get("/openapi.json").assert_failed(401, &[]);
}

#[test]
fn what_a_browser_has_kept_is_not_sent_again() {
    let server = Running::new();
    let tag = server.get("/assets/page.css").headers["etag"].clone();
    let kept = server.send(&Request::get("/assets/page.css").with("If-None-Match", &tag));
    assert_eq!((kept.status, kept.body.len()), (304, 0));
    let other = server.send(&Request::get("/assets/page.css").with("If-None-Match", "\"other\""));
    assert_eq!(other.status, 200);
}

#[test]
fn the_description_tells_of_every_path_and_every_path_is_there() {
    let server = Running::new();
    let description = server.get("/openapi.json").json();
    let paths = description["paths"].as_object().unwrap();
    for path in [
        "/predict",
        "/models/{name}/predict",
        "/models",
        "/healthz",
        "/readyz",
        "/metrics",
        "/v2/models/{name}/infer",
        "/v1/models/{name}",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
    for (path, methods) in paths {
        let path = path.replace("{name}", "shapes").replace("{version}", "1");
        for (method, operation) in methods.as_object().unwrap() {
            assert!(operation["summary"].as_str().is_some_and(|words| !words.is_empty()), "{path}");
            let mut request = Request::post(&path, "", Vec::new());
            request.head = format!("{} {path} HTTP/1.1", method.to_uppercase());
            let status = server.send(&request).status;
            // Without a body, a POST is invalid, but the route exists.
            let is_there =
                if method == "get" { status == 200 } else { [200, 400, 404].contains(&status) };
            assert!(is_there, "{method} {path}: {status}");
        }
    }
    references(&description, &description);
    let security = |server: &Running| server.get("/openapi.json").json()["security"].clone();
    assert!(security(&server).is_null());
}

/// Asserts that all references can be resolved.
fn references(all: &Value, part: &Value) {
    match part {
        Value::Object(entries) => {
            if let Some(Value::String(to)) = entries.get("$ref") {
                let pointer = to.strip_prefix('#').expect("it is in the same document");
                assert!(all.pointer(pointer).is_some(), "{to}");
            }
            entries.values().for_each(|part| references(all, part));
        }
        Value::Array(entries) => entries.iter().for_each(|part| references(all, part)),
        _ => {}
    }
}

#[test]
fn the_description_has_the_very_keys_of_an_answer() {
    let server = Running::new();
    let description = server.get("/openapi.json").json();
    let described = &description["components"]["schemas"];
    let answer =
        server.post("/predict?coverage=0.8&explain=1", "", crate::support::picture("Bag")).json();
    let properties =
        |of: &str| described[of]["properties"].as_object().unwrap_or_else(|| panic!("{described}"));
    let (media_type, body) =
        crate::support::form(&[("a", &b"no picture"[..]), ("b", &b"no picture"[..])]);
    let failed = server.post("/predict", &media_type, body).json();
    let failed = failed["predictions"][0].as_object().unwrap();
    for key in answer.as_object().unwrap().keys().chain(failed.keys()) {
        assert!(properties("Prediction").contains_key(key), "{key}");
    }
    let model = server.get("/models/shapes").json();
    let mut keys: Vec<&String> = model.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, properties("Model").keys().collect::<Vec<_>>());
}

#[test]
fn a_program_has_routes_and_pages_of_its_own_behind_the_same_checks() {
    static PAGE: Asset = Asset::page("<!doctype html>\n<title>studio</title>\n");
    let routes = Routes {
        guarded: Router::new().route("/studio/events", get(|| async { "an event\n" })),
        pages: Some(Router::new().route("/", PAGE.route())),
        alone: false,
    };
    let server =
        Running::with_routes(|config| config.auth = Auth::Token("s3cret".to_owned()), routes);
    assert!(server.get("/").text().contains("studio"));
    assert_eq!(server.get("/docs").status, 404);
    server.get("/studio/events").assert_failed(401, &[]);
    let request = Request::get("/studio/events").with("Authorization", "Bearer s3cret");
    assert_eq!(server.send(&request).text(), "an event\n");
    server.send(&Request::get("/").with("Host", "evil.example")).assert_failed(421, &[]);
}
