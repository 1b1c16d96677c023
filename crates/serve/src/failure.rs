//! Failed requests.

use std::borrow::Cow;

use axum::Json;
use axum::http::header::{CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use headstart::ErrorKind;
use headstart::predict::{NoLabelSet, PredictError};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request failed: a status, a kind for programs, and a message for people.
///
/// In every protocol, the body is `{"error": …, "kind": …}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The status.
    pub status: StatusCode,
    /// The kind, one of a small set. Metrics count failures by kind.
    pub kind: &'static str,
    /// What is wrong and what to do about it, on one line.
    pub message: Cow<'static, str>,
}

/// [`Failure`] as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FailureBody<'a> {
    /// What is wrong and what to do about it.
    error: &'a str,
    /// The kind, of a small set.
    #[schema(example = "unreadable_picture")]
    kind: &'a str,
}

/// The kind of a failure, stored in the extensions of a response for metrics and log lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailureKind(pub(crate) &'static str);

impl Failure {
    /// A failure with any status.
    pub fn new(
        status: StatusCode,
        kind: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, kind, message: message.into() }
    }

    /// An invalid request: 400.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_input", message)
    }

    /// Something that does not exist: 404.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// Something larger than its limit: 413.
    pub fn too_large(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "limit_exceeded", message)
    }

    /// More work than there is room for at the moment: 503.
    pub fn busy(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message)
    }

    /// A bug in this program: 500.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// The same failure for one of several items, as in `instance 2: …`.
    pub(crate) fn of(self, what: &str, index: usize) -> Self {
        Self { message: format!("{what} {index}: {}", self.message).into(), ..self }
    }

    /// The failure that a client gets for an error of this kind.
    pub fn of_kind(kind: ErrorKind, message: String) -> Self {
        let (status, kind) = match kind {
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            ErrorKind::InvalidName => (StatusCode::BAD_REQUEST, "invalid_name"),
            ErrorKind::InvalidInput => (StatusCode::BAD_REQUEST, "invalid_input"),
            ErrorKind::InvalidData => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_data"),
            ErrorKind::UnreadablePicture => {
                (StatusCode::UNPROCESSABLE_ENTITY, "unreadable_picture")
            }
            ErrorKind::Unsupported => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported"),
            ErrorKind::LimitExceeded => (StatusCode::PAYLOAD_TOO_LARGE, "limit_exceeded"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        Self::new(status, kind, message)
    }
}

impl From<PredictError> for Failure {
    fn from(error: PredictError) -> Self {
        Self::of_kind(error.kind(), error.to_string())
    }
}

impl From<NoLabelSet> for Failure {
    fn from(error: NoLabelSet) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = FailureBody { error: &self.message, kind: self.kind };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            // The rest of the request will not be read.
            StatusCode::REQUEST_TIMEOUT => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response.extensions_mut().insert(FailureKind(self.kind));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_can_do_about_an_error_is_its_status() {
        for (kind, status) in [
            (ErrorKind::NotFound, 404),
            (ErrorKind::InvalidName, 400),
            (ErrorKind::InvalidInput, 400),
            (ErrorKind::InvalidData, 422),
            (ErrorKind::UnreadablePicture, 422),
            (ErrorKind::Unsupported, 415),
            (ErrorKind::LimitExceeded, 413),
            (ErrorKind::Internal, 500),
            (ErrorKind::Io, 500),
        ] {
            let failure = Failure::of_kind(kind, "what is wrong".to_owned());
            assert_eq!(failure.status.as_u16(), status, "{kind:?}");
            if !matches!(kind, ErrorKind::Io | ErrorKind::Internal) {
                // The names are the same as elsewhere in the program's JSON.
                assert_eq!(serde_json::to_value(kind).expect("a name"), failure.kind);
            }
        }
    }

    #[test]
    fn who_is_told_to_come_back_is_told_when() {
        let retry = |failure: Failure| {
            failure
                .into_response()
                .headers()
                .get(RETRY_AFTER)
                .map(|value| value.as_bytes().to_vec())
        };
        assert_eq!(retry(Failure::busy("full")), Some(b"1".to_vec()));
        assert_eq!(retry(Failure::bad_request("no")), None);
    }
}
