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

/// Whether the server lives
#[utoipa::path(
    get, path = "/healthz", tag = "Server", security(()),
    responses((status = 200, description = "It does", body = String))
)]
async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the server takes requests
///
/// No longer when it has been told to stop.
#[utoipa::path(
    get, path = "/readyz", tag = "Server", security(()),
    responses(
        (status = 200, description = "It does", body = String),
        (status = 503, description = "It is stopping", body = FailureBody),
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

/// A model that is served.
#[derive(Debug, Serialize, ToSchema)]
struct Model {
    /// Its name.
    name: String,
    /// How often it has been loaded: 1, and one more with each file that takes the place of the one before.
    version: u64,
    /// Names of the classes, in the order of scores.
    classes: Vec<String>,
    /// Width and height that pictures are resized to.
    input_size: (usize, usize),
    /// Its file, or the bundled base that it is.
    file: String,
    /// BLAKE3 of the file; null of a bundled base.
    hash: Option<String>,
    /// When it was loaded, in seconds since 1970.
    since: u64,
    /// What is wrong with the file that lies there now, so that the one before goes on answering; mostly null.
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

/// Tell of a model
#[utoipa::path(
    get, path = "/models/{name}", tag = "Server", params(("name" = String, Path, description = "The model")),
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

/// Tell what has been counted
///
/// For Prometheus, in the OpenMetrics text format.
#[utoipa::path(
    get, path = "/metrics", tag = "Server",
    responses((status = 200, description = "Counts and histograms", body = String,
        content_type = "application/openmetrics-text"))
)]
async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, Metrics::TYPE)], app.metrics.text())
}
