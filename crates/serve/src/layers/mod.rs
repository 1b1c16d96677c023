//! Layers that every request passes before it reaches a protocol.

mod access;
mod observe;
mod session;

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::{CsrfLayer, ProtectionError};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::Failure;
use crate::app::App;

/// Requires the token for `router`, if there is one.
pub(crate) fn with_token(router: Router, app: &Arc<App>) -> Router {
    match access::Token::of(&app.config.auth) {
        Some(token) => router.route_layer(from_fn_with_state(token, access::check_token)),
        None => router,
    }
}

/// Requires the browser session for all of `router`, including pages, if sessions are configured.
pub(crate) fn with_session(router: Router, app: &Arc<App>) -> Router {
    match session::Session::of(&app.config) {
        Some(session) => {
            router.layer(from_fn_with_state(Arc::new(session), session::check_session))
        }
        None => router,
    }
}

/// Adds the layers around all routes. The last one is the outermost.
pub(crate) fn around(router: Router, app: &Arc<App>) -> Router {
    let hosts = access::Hosts::of(&app.config);
    let csrf = CsrfLayer::new()
        .with_rejection_response(refuse_other_pages as fn(ProtectionError) -> Response);
    let header =
        |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    router
        .layer(CatchPanicLayer::custom(panicked))
        .layer(csrf)
        .layer(from_fn_with_state(Arc::new(hosts), access::check_host))
        .layer(header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(CACHE_CONTROL, "no-store"))
        .layer(header(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))
        .layer(header(HeaderName::from_static("referrer-policy"), "no-referrer"))
        .layer(header(HeaderName::from_static("x-frame-options"), "DENY"))
        .layer(from_fn_with_state(app.clone(), observe::observe))
}

/// The response to requests from pages of other origins. Browsers let such pages send requests to any
/// address.
#[allow(clippy::needless_pass_by_value)]
fn refuse_other_pages(_: ProtectionError) -> Response {
    let message = "a page of another origin sent this, and such requests are not answered";
    Failure::new(StatusCode::FORBIDDEN, "other_origin", message).into_response()
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a reason");
    tracing::error!(panic = text, "a request made the program panic");
    Failure::internal("a fault of this program, which its log tells of").into_response()
}
