//! Files embedded in the program: pages, and their scripts, styles and icons.

use std::sync::OnceLock;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

/// Content security policy of pages: they may use this server's resources, and show pictures that they
/// hold already (`blob:` and `data:`).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file embedded in the program. Browsers cache it, and revalidate it by its ETag.
#[derive(Debug)]
pub struct Asset {
    media_type: &'static str,
    bytes: &'static [u8],
    policy: &'static str,
    tag: OnceLock<HeaderValue>,
}

impl Asset {
    /// A file with this media type.
    pub const fn new(media_type: &'static str, bytes: &'static [u8]) -> Self {
        Self { media_type, bytes, policy: POLICY, tag: OnceLock::new() }
    }

    /// Replaces the content security policy.
    #[must_use]
    pub const fn with_policy(mut self, policy: &'static str) -> Self {
        self.policy = policy;
        self
    }

    /// An HTML page. It may use scripts, styles and pictures of this server, but none inline.
    pub const fn page(html: &'static str) -> Self {
        Self::new("text/html; charset=utf-8", html.as_bytes())
    }

    /// A script.
    pub const fn script(text: &'static str) -> Self {
        Self::new("text/javascript; charset=utf-8", text.as_bytes())
    }

    /// A style sheet.
    pub const fn style(text: &'static str) -> Self {
        Self::new("text/css; charset=utf-8", text.as_bytes())
    }

    /// A `GET` route that returns the file.
    pub fn route<S: Clone + Send + Sync + 'static>(&'static self) -> MethodRouter<S> {
        get(move |headers: HeaderMap| async move { self.response(&headers) })
    }

    fn response(&self, headers: &HeaderMap) -> Response {
        let tag = self.tag.get_or_init(|| {
            let tag = format!("\"{}\"", &blake3::hash(self.bytes).to_hex()[..16]);
            HeaderValue::from_str(&tag).expect("digits within quotes")
        });
        let kept = [
            (ETAG, tag.clone()),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (CONTENT_SECURITY_POLICY, HeaderValue::from_static(self.policy)),
        ];
        if headers.get(IF_NONE_MATCH) == Some(tag) {
            return (StatusCode::NOT_MODIFIED, kept).into_response();
        }
        (kept, [(CONTENT_TYPE, self.media_type)], self.bytes).into_response()
    }
}
