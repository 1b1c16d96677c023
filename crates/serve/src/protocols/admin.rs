//! The server's health, its models and its metrics.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Failure;
use crate::app::App;
use crate::failure::FailureBody;
use crate::metrics::Metrics;
use crate::models::Entry;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(models)).routes(routes!(model)).routes(routes!(metrics))
}

/// Routes that need no token, because orchestrators have none.
pub(super) fn open_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz))
}

/// Check that the server is running
#[utoipa::path(
    get, path = "/healthz", tag = "Server", security(()),
    responses((status = 200, description = "The server is running", body = String))
)]
async fn healthz() -> &'static str {
    "ok\n"
}

/// Check that the server accepts requests
///
/// Answers 503 once the server has been asked to stop.
#[utoipa::path(
    get, path = "/readyz", tag = "Server", security(()),
    responses(
        (status = 200, description = "The server accepts requests", body = String),
        (status = 503, description = "The server is stopping", body = FailureBody),
    )
)]
async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Failure> {
    match app.is_stopping() {
        false => Ok("ready\n"),
        true => {
            Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the server is stopping"))
        }
    }
}

/// A served model.
#[derive(Debug, Serialize, ToSchema)]
struct Model {
    /// The name of the model.
    name: String,
    /// The version number: 1 at the start, and one more each time a new file replaces the model.
    version: u64,
    /// The names of the classes, in the order of scores.
    classes: Vec<String>,
    /// Width and height that pictures are resized to.
    input_size: (usize, usize),
    /// The path of the model file, or the name of a bundled base.
    file: String,
    /// The BLAKE3 hash of the file; null for a bundled base.
    hash: Option<String>,
    /// The time at which this version was loaded, in seconds since 1970.
    since: u64,
    /// Why the current content of the file could not be loaded, so that the previous version is still used; otherwise
    /// null.
    problem: Option<String>,
}

impl Model {
    fn of(entry: &Entry) -> Self {
        let loaded = entry.current();
        Self {
            name: entry.source.name.clone(),
            version: loaded.version,
            classes: loaded.classes().to_vec(),
            input_size: loaded.input_size(),
            file: entry.source.model.clone(),
            hash: loaded.hash.map(|hash| hash.to_hex().to_string()),
            since: loaded.since.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            problem: entry.problem(),
        }
    }
}

/// List the models
#[utoipa::path(
    get, path = "/models", tag = "Server",
    responses((status = 200, description = "The models", body = Vec<Model>))
)]
async fn models(State(app): State<Arc<App>>) -> Json<Vec<Model>> {
    Json(app.models.iter().map(Model::of).collect())
}

/// Describe a model
#[utoipa::path(
    get, path = "/models/{name}", tag = "Server",
    params(("name" = String, Path, description = "The name of the model")),
    responses(
        (status = 200, description = "The model", body = Model),
        (status = 404, description = "There is no such model", body = FailureBody),
    )
)]
async fn model(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Model>, Failure> {
    Ok(Json(Model::of(app.models.find(Some(&name))?)))
}

/// Get the metrics
///
/// For Prometheus, in the OpenMetrics text format.
#[utoipa::path(
    get, path = "/metrics", tag = "Server",
    responses((status = 200, description = "Counters and histograms", body = String,
        content_type = "application/openmetrics-text"))
)]
async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, Metrics::TYPE)], app.metrics.text())
}
