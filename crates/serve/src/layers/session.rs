//! Browser sessions: a browser that opens the page with a token gets a cookie.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::{Auth, Failure, ServeConfig};

/// The query parameter with the token that opens a session.
const PARAMETER: &str = "token=";
/// The header in which a browser reports where a request comes from.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The header that keeps pages of other origins, such as another port of this machine, from showing a
/// response.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The page for a browser without the cookie.
const LOCKED: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width\">\n<title>headstart: locked</title>\n\
    <h1>This page is locked</h1>\n\
    <p>Open the whole address that the terminal shows, with the token at its end.</p>\n</html>\n";

/// The session of a browser.
#[derive(Debug)]
pub(super) struct Session {
    /// Hash of the token in the cookie.
    token: blake3::Hash,
    /// Hash of the token that opens the page once; `None` after its use.
    once: Mutex<Option<blake3::Hash>>,
    /// Name of the cookie. It contains the port, because browsers share cookies between ports.
    name: String,
    set: HeaderValue,
}

impl Session {
    /// The session of a server whose port is known, if sessions are configured.
    pub(super) fn of(config: &ServeConfig) -> Option<Self> {
        let Auth::Session { token, once } = &config.auth else { return None };
        let name = format!("headstart_{}", config.listen.port());
        let set = format!("{name}={token}; HttpOnly; SameSite=Strict; Path=/");
        let set = HeaderValue::from_str(&set).expect("a token is what a header can carry");
        let hash = |text: &String| blake3::hash(text.as_bytes());
        let once = Mutex::new(once.as_ref().map(hash));
        Some(Self { token: hash(token), once, name, set })
    }

    /// Whether the text is the token. Comparing hashes takes the same time whatever their values.
    fn is_token(&self, text: &str) -> bool {
        blake3::hash(text.as_bytes()) == self.token
    }

    /// Whether a token opens the page. A one-time token is used up by this.
    fn opens(&self, text: &str) -> bool {
        let mut once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = blake3::hash(text.as_bytes());
        self.is_token(text) || once.take_if(|once| *once == hash).is_some()
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = all.flat_map(|text| text.split(';')).filter_map(|one| one.split_once('='));
        pairs.any(|(name, value)| name.trim() == self.name && self.is_token(value.trim()))
    }

    /// The response to a request that opens the session: a redirect to the page without the token, with
    /// the cookie.
    fn opened(&self) -> Response {
        let mut response = StatusCode::SEE_OTHER.into_response();
        let headers = response.headers_mut();
        headers.insert(LOCATION, HeaderValue::from_static("/"));
        headers.insert(SET_COOKIE, self.set.clone());
        response
    }
}

/// The token in the address, if the request opens a session.
fn opening(request: &Request) -> Option<&str> {
    let is_page = request.uri().path() == "/" && request.method() == Method::GET;
    let parts = request.uri().query().filter(|_| is_page)?.split('&');
    parts.filter_map(|part| part.strip_prefix(PARAMETER)).next()
}

/// Whether a request comes from a page of this server, according to the browser's headers. An `Origin`
/// header must match the host, and requests that change something must have one.
fn is_own(method: &Method, headers: &HeaderMap) -> bool {
    let site = headers.get(FETCH_SITE);
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return false;
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match headers.get(ORIGIN) {
        Some(origin) => {
            let origin = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
            origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host))
        }
        None => method.is_safe(),
    }
}

pub(super) async fn check_session(
    State(session): State<Arc<Session>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match opening(&request) {
        Some(token) if session.opens(token) => session.opened(),
        // The token has been used already, but the browser has the cookie.
        Some(_) if session.has_cookie(request.headers()) => session.opened(),
        Some(_) => locked(request.headers()),
        None if !session.has_cookie(request.headers()) => locked(request.headers()),
        None if !is_own(request.method(), request.headers()) => {
            let message = "a page of another origin sent this, and such requests are not answered";
            Failure::new(StatusCode::FORBIDDEN, "other_origin", message).into_response()
        }
        None => next.run(request).await,
    };
    response.headers_mut().insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// The response to a request without a session: a page for people, or a failure for programs.
fn locked(headers: &HeaderMap) -> Response {
    let accepted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accepted.contains("text/html") {
        let html = [(CONTENT_TYPE, "text/html; charset=utf-8")];
        return (StatusCode::UNAUTHORIZED, html, LOCKED).into_response();
    }
    let message = "open the whole address that the terminal shows, with the token at its end";
    Failure::new(StatusCode::UNAUTHORIZED, "unauthorized", message).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(name.clone(), HeaderValue::from_str(value).expect("a value"));
        }
        headers
    }

    #[test]
    fn only_the_very_cookie_of_this_port_opens() {
        let mut config = ServeConfig::new(Vec::new());
        let once = Some("once".to_owned());
        config.auth = Auth::Session { token: "s3cret".to_owned(), once };
        let session = Session::of(&config).expect("there is to be one");
        let has = |cookies: &[&str]| {
            let cookies: Vec<_> = cookies.iter().map(|cookie| (COOKIE, *cookie)).collect();
            session.has_cookie(&headers(&cookies))
        };
        assert!(has(&["headstart_8000=s3cret"]));
        assert!(has(&["a=b; headstart_8000=s3cret; c=d"]));
        assert!(has(&["a=b", "headstart_8000=s3cret"]));
        for cookie in
            ["headstart_8001=s3cret", "headstart_8000=s3creT", "headstart_8000=", "", ";="]
        {
            assert!(!has(&[cookie]), "{cookie}");
        }
        assert!(!has(&[]) && !has(&["headstart_8000=once"]));
        assert!(session.opens("s3cret") && session.opens("s3cret") && !session.opens("other"));
        assert!(session.opens("once") && !session.opens("once"), "once");
    }

    #[test]
    fn what_changes_something_says_that_it_is_from_a_page_of_this_server() {
        let own = |method: &Method, all: &[(HeaderName, &str)]| {
            let host = [(HOST, "127.0.0.1:8000")];
            is_own(method, &headers(&[&host, all].concat()))
        };
        let origin = |text: &'static str| (ORIGIN, text);
        for (method, all, expected) in [
            (Method::GET, vec![], true),
            (Method::POST, vec![], false),
            (Method::DELETE, vec![], false),
            (Method::POST, vec![origin("http://127.0.0.1:8000")], true),
            (Method::POST, vec![origin("http://127.0.0.1:8001")], false),
            (Method::POST, vec![origin("https://127.0.0.1:8000")], false),
            (Method::POST, vec![origin("null")], false),
            (Method::GET, vec![origin("http://localhost:8000")], false),
            (Method::GET, vec![(FETCH_SITE, "same-origin")], true),
            (Method::GET, vec![(FETCH_SITE, "none")], true),
            (Method::GET, vec![(FETCH_SITE, "same-site")], false),
            (
                Method::POST,
                vec![origin("http://127.0.0.1:8000"), (FETCH_SITE, "cross-site")],
                false,
            ),
        ] {
            assert_eq!(own(&method, &all), expected, "{method} {all:?}");
        }
    }
}
