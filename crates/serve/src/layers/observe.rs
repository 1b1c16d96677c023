//! A request id, a log line and metrics for every request.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use crate::app::App;
use crate::failure::FailureKind;
use crate::metrics;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Maximum length of a request id that is taken over from a client, and of a path that is logged.
const LONGEST: (usize, usize) = (64, 200);
/// The status that is logged for a request whose client did not wait for the response.
const CLIENT_GONE: u16 = 499;

/// Gives a request its id, which is also sent with the response, and records the request when it is over.
pub(super) async fn observe(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = id_of(&request);
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default());
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let mut record = Record::of(app, &request, span.clone());
    let mut response = next.run(request).instrument(span).await;
    record.end(&response);
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// The client's own id, if it is suitable for a log, or a new one.
fn id_of(request: &Request) -> HeaderValue {
    static PROCESS: LazyLock<u32> =
        LazyLock::new(|| RandomState::new().build_hasher().finish() as u32);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    let own = request.headers().get(REQUEST_ID);
    let own =
        own.filter(|id| (1..=LONGEST.0).contains(&id.len()) && id.as_bytes().iter().all(is_plain));
    own.cloned().unwrap_or_else(|| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:08x}-{number:x}", *PROCESS);
        HeaderValue::from_str(&id).expect("digits and a dash")
    })
}

/// A request in progress. It is recorded on drop, so that requests of clients that disconnect are
/// recorded, too.
struct Record {
    app: Arc<App>,
    span: tracing::Span,
    begun: Instant,
    peer: Option<SocketAddr>,
    method: &'static str,
    route: String,
    path: String,
    status: u16,
    failure: Option<&'static str>,
}

impl Record {
    fn of(app: Arc<App>, request: &Request, span: tracing::Span) -> Self {
        let route = request.extensions().get::<MatchedPath>();
        // A path without a route would be a label chosen by the client.
        let route = route.map_or("other", MatchedPath::as_str).to_owned();
        let path = request.uri().path();
        let end = path.floor_char_boundary(LONGEST.1);
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
        Self {
            app,
            span,
            begun: Instant::now(),
            peer,
            method: method(request.method()),
            route,
            path: path[..end].to_owned(),
            status: CLIENT_GONE,
            failure: Some("client_gone"),
        }
    }

    fn end(&mut self, response: &Response) {
        self.status = response.status().as_u16();
        self.failure = response.extensions().get::<FailureKind>().map(|kind| kind.0);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let seconds = self.begun.elapsed().as_secs_f64();
        let (metrics, route, status) = (&self.app.metrics, self.route.clone(), self.status);
        let of_route = metrics::Route { route: route.clone() };
        metrics.request_seconds.get_or_create(&of_route).observe(seconds);
        let request = metrics::Request { route, method: self.method, status };
        metrics.requests.get_or_create(&request).inc();
        if let Some(kind) = self.failure {
            metrics.errors.get_or_create(&metrics::Error { kind }).inc();
        }
        let _in = self.span.enter();
        let (method, path, failure) = (self.method, &*self.path, self.failure);
        let milliseconds = (seconds * 1e4).round() / 10.0;
        let peer = self.peer.map(tracing::field::display);
        tracing::info!(method, path, status, failure, milliseconds, peer, "answered");
    }
}

/// The name of a method. All methods outside a small set share one name.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
