//! The page's requests, a file per panel. These files contain no logic.

mod actions;
mod learned;
mod live;
mod models;
mod pictures;
mod project;
mod upload;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use headstart_serve::Failure;
use serde::de::DeserializeOwned;

use crate::StudioError;
use crate::studio::Shared;

type Studio = Arc<Shared>;

/// All routes.
pub(crate) fn router(shared: &Studio) -> Router {
    Router::new()
        .merge(project::routes())
        .merge(pictures::routes())
        .merge(upload::routes())
        .merge(actions::routes())
        .merge(learned::routes())
        .merge(live::routes())
        .merge(models::routes())
        .with_state(shared.clone())
}

/// The reason why a request is refused.
pub(crate) struct Refused(Failure);

impl From<StudioError> for Refused {
    fn from(error: StudioError) -> Self {
        let kind = match error {
            StudioError::ReadOnly { .. } => "read_only",
            StudioError::JobRuns { .. } => "busy",
            StudioError::ClassExists { .. }
            | StudioError::NothingTo { .. }
            | StudioError::NotTheLast { .. }
            | StudioError::Outdated => "conflict",
            _ => return Self(Failure::of_kind(error.kind(), one_line(&error.to_string()))),
        };
        Self(Failure::new(StatusCode::CONFLICT, kind, one_line(&error.to_string())))
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

fn one_line(message: &str) -> String {
    message.replace(['\n', '\r'], " ")
}

/// Runs work that takes time, or waits for the disk, on a thread where it does not block other requests.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StudioError> + Send + 'static,
) -> Result<T, Refused> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(panic) => {
            tracing::error!(%panic, "a request made the program panic");
            Err(Failure::internal("a fault of this program, which its log tells of").into())
        }
    }
}

/// The query of a URL.
struct Asked<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let query = Query::try_from_uri(&parts.uri);
        let refused = |error: axum::extract::rejection::QueryRejection| {
            Refused(Failure::bad_request(one_line(&error.body_text())))
        };
        query.map(|Query(asked)| Self(asked)).map_err(refused)
    }
}
