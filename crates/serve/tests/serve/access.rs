//! Who may send requests.

use std::net::SocketAddr;

use headstart_serve::{Auth, ServeError, Server};

use crate::support::{Request, Running, picture};

const PROTECTED: [&str; 6] =
    ["/models", "/models/shapes", "/metrics", "/v2", "/v2/models/shapes", "/v1/models/shapes"];

#[test]
fn without_the_token_nothing_but_the_health_is_told() {
    let server = Running::with(|config| config.auth = Auth::Token("s3cret".to_owned()));
    let file = picture("Bag");
    let requests = || {
        let gets = PROTECTED.iter().map(|path| Request::get(path));
        gets.chain(
            ["/predict", "/v2/models/shapes/infer", "/v1/models/shapes:predict"]
                .map(|path| Request::post(path, "image/png", file.clone())),
        )
    };
    for request in requests() {
        let refused = server.send(&request);
        refused.assert_failed(401, &["Authorization: Bearer TOKEN"]);
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
    }
    for request in requests() {
        let wrong = server.send(&request.with("Authorization", "Bearer secret"));
        wrong.assert_failed(401, &["the token is wrong"]);
        assert!(!wrong.text().contains("s3cret"));
    }
    for path in ["/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    let request = Request::post("/predict", "image/png", file.clone());
    assert_eq!(server.send(&request.with("Authorization", "Bearer s3cret")).status, 200);
}

#[test]
fn a_page_whose_name_was_made_to_lead_here_is_refused() {
    let server = Running::with(|config| config.hosts = vec!["cats.example".to_owned()]);
    for (host, is_answered) in [
        ("localhost:8000", true),
        ("127.0.0.1", true),
        ("cats.example", true),
        ("evil.example:8000", false),
    ] {
        let response = server.send(&Request::get("/models").with("Host", host));
        match is_answered {
            true => assert_eq!(response.status, 200, "{host}"),
            false => response.assert_failed(421, &["evil.example"]),
        }
    }
    let mut none = Request::get("/models");
    none.headers.clear();
    server.send(&none).assert_failed(400, &["Host"]);
    server.assert_answers();
}

#[test]
fn a_page_of_another_origin_cannot_send_pictures() {
    let server = Running::new();
    let request = || Request::post("/predict", "text/plain", picture("Bag"));
    let port = server.address.port();
    let own = format!("localhost:{port}");
    for (origin, site, status) in [
        (format!("http://{own}"), None, 200),
        ("https://evil.example".to_owned(), None, 403),
        ("null".to_owned(), None, 403),
        (format!("http://{own}"), Some("same-origin"), 200),
        ("https://evil.example".to_owned(), Some("cross-site"), 403),
    ] {
        let mut request = request().with("Host", &own).with("Origin", &origin);
        if let Some(site) = site {
            request = request.with("Sec-Fetch-Site", site);
        }
        let response = server.send(&request);
        match status {
            200 => assert_eq!(response.status, 200, "{origin}"),
            status => response.assert_failed(status, &["another origin"]),
        }
    }
}

#[test]
fn every_answer_has_an_id_and_the_client_may_choose_it() {
    let server = Running::new();
    let id = |request: &Request| server.send(request).headers["x-request-id"].clone();
    let (first, second) = (id(&Request::get("/healthz")), id(&Request::get("/nothing")));
    assert!(first != second && !first.is_empty());
    assert_eq!(id(&Request::get("/healthz").with("X-Request-Id", "job-7.a:3")), "job-7.a:3");
    for bad in ["a b", "a\"b", &"x".repeat(65), ""] {
        assert_ne!(id(&Request::get("/healthz").with("X-Request-Id", bad)), bad);
    }
}

#[test]
fn pages_that_are_no_pages_are_not_taken_for_any() {
    let server = Running::new();
    let response = server.get("/models");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(response.headers[name], value);
    }
}

#[tokio::test]
async fn an_address_that_is_taken_or_open_to_others_is_refused() {
    let server = Running::new();
    let source = headstart_serve::ModelSource::new("shapes", server.model_path().to_str().unwrap());
    let mut config = headstart_serve::ServeConfig::new(vec![source]);
    config.listen = server.address;
    let error = Server::bind(config.clone()).await.expect_err("it is taken");
    let message = error.to_string();
    assert!(
        message.contains(&server.address.to_string()) && message.contains("in use"),
        "{message}"
    );
    assert!(!message.contains("os error"), "{message}");
    config.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    assert!(matches!(Server::bind(config.clone()).await, Err(ServeError::NeedsToken { .. })));
    config.auth = Auth::Nobody;
    assert!(Server::bind(config).await.is_ok());
    server.assert_answers();
}

#[test]
fn a_browser_that_opens_the_address_with_the_token_has_a_session_and_no_other_has() {
    let session = Auth::Session { token: "s3cret".to_owned(), once: Some("once".to_owned()) };
    let server = Running::with(|config| config.auth = session);
    let port = server.address.port();
    let host = format!("127.0.0.1:{port}");
    let get = |path: &str| Request::get(path).with("Host", &host);
    for path in ["/", "/docs", "/assets/page.css", "/models", "/healthz", "/nothing"] {
        server.send(&get(path)).assert_failed(401, &["the terminal shows"]);
    }
    let page = server.send(&get("/").with("Accept", "text/html,*/*"));
    assert_eq!((page.status, &*page.headers["content-type"]), (401, "text/html; charset=utf-8"));
    assert!(page.text().contains("Open the whole address") && !page.text().contains("s3cret"));
    for path in ["/?token=", "/?token=s3creT", "/models?token=s3cret", "/docs?token=s3cret"] {
        assert_eq!(server.send(&get(path)).status, 401, "{path}");
    }
    for (token, status) in [("once", 303), ("once", 401), ("s3cret", 303), ("s3cret", 303)] {
        let opened = server.send(&get(&format!("/?token={token}")));
        assert_eq!(opened.status, status, "{token}");
        if status == 303 {
            assert_eq!(opened.headers["location"], "/");
            let cookie = format!("headstart_{port}=s3cret; HttpOnly; SameSite=Strict; Path=/");
            assert_eq!(opened.headers["set-cookie"], cookie);
        }
    }
    let cookie = format!("headstart_{port}=s3cret");
    let own = |request: Request| request.with("Host", &host).with("Cookie", &cookie);
    // The address that opened the session, opened again from the browser's history.
    let again = server.send(&own(Request::get("/?token=once")));
    assert_eq!((again.status, &*again.headers["location"]), (303, "/"));
    for path in ["/", "/docs", "/assets/page.css", "/models"] {
        let response = server.send(&own(get(path)));
        assert_eq!(response.status, 200, "{path}");
        assert_eq!(response.headers["cross-origin-resource-policy"], "same-origin");
    }
    // A page on another port of this machine: the browser sends the cookie along.
    let origin = format!("http://{host}");
    let predict = || own(Request::post("/predict", "image/png", picture("Bag")));
    server.send(&predict()).assert_failed(403, &["another origin"]);
    assert_eq!(server.send(&predict().with("Origin", &origin)).status, 200);
    for foreign in ["http://127.0.0.1:1", "https://evil.example", "null"] {
        server.send(&predict().with("Origin", foreign)).assert_failed(403, &["another origin"]);
        let read = own(get("/models")).with("Origin", foreign);
        server.send(&read).assert_failed(403, &["another origin"]);
    }
    let embedded = own(get("/models")).with("Sec-Fetch-Site", "same-site");
    server.send(&embedded).assert_failed(403, &["another origin"]);
    server.send(&own(get("/")).with("Host", "evil.example")).assert_failed(421, &[]);
}

#[tokio::test]
async fn a_session_is_for_a_browser_of_this_machine() {
    let mut config = headstart_serve::ServeConfig::new(Vec::new());
    config.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    config.auth = Auth::Session { token: "t".to_owned(), once: None };
    let alone = || headstart_serve::Routes { alone: true, ..Default::default() };
    let refused = Server::bind_with(config.clone(), alone()).await;
    assert!(matches!(refused, Err(ServeError::NotLoopback { .. })));
    config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    assert!(Server::bind_with(config.clone(), alone()).await.is_ok());
    assert!(matches!(Server::bind(config).await, Err(ServeError::NoModels)));
}
