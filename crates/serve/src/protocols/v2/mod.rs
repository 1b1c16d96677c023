//! The Open Inference Protocol, version 2, with Triton's extensions for binary tensors and classification.

mod infer;
mod tensor;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use headstart::predict::Task;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Failure;
use crate::app::App;
use crate::failure::FailureBody;
use crate::models::{Entry, Loaded};
use infer::{InferRequest, InferResponse};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(server))
        .routes(routes!(index))
        .routes(routes!(model))
        .routes(routes!(version))
        .routes(routes!(model_ready))
        .routes(routes!(version_ready))
        .routes(routes!(infer_model))
        .routes(routes!(infer_version))
}

/// Routes that need no token.
pub(super) fn open_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready))
}

/// What answers.
#[derive(Debug, Serialize, ToSchema)]
struct ServerMetadata {
    name: &'static str,
    version: &'static str,
    extensions: [&'static str; 3],
}

/// What a model takes and gives.
#[derive(Debug, Serialize, ToSchema)]
struct ModelMetadata {
    name: String,
    versions: Vec<String>,
    platform: &'static str,
    inputs: Vec<TensorMetadata>,
    outputs: Vec<TensorMetadata>,
}

/// A tensor, in which -1 is any number.
#[derive(Debug, Serialize, ToSchema)]
struct TensorMetadata {
    name: &'static str,
    datatype: &'static str,
    shape: Vec<i64>,
}

/// A model of the repository.
#[derive(Debug, Serialize, ToSchema)]
struct IndexEntry {
    name: String,
    version: String,
    state: &'static str,
}

/// The outputs of a model.
fn outputs(loaded: &Loaded) -> Vec<TensorMetadata> {
    let classes = loaded.classes().len() as i64;
    let tensor =
        |name, datatype, shape: &[i64]| TensorMetadata { name, datatype, shape: shape.to_vec() };
    let mut outputs = vec![tensor("scores", "FP32", &[-1, classes])];
    match loaded.head().task() {
        Task::SingleLabel => outputs.push(tensor("label", "BYTES", &[-1])),
        Task::MultiLabel => outputs.push(tensor("labels", "BOOL", &[-1, classes])),
    }
    if loaded.head().trust().unknown.is_some() {
        outputs.push(tensor("unknown", "BOOL", &[-1]));
        outputs.push(tensor("unknown_score", "FP32", &[-1]));
    }
    outputs
}

/// A model and its current version. No other version can be requested.
fn find<'a>(
    app: &'a App,
    name: &str,
    version: Option<&str>,
) -> Result<(&'a Entry, Arc<Loaded>), Failure> {
    let entry = app.models.find(Some(name))?;
    let loaded = entry.current();
    super::check_version(&loaded, version)?;
    Ok((entry, loaded))
}

/// Open Inference Protocol: whether the server lives
#[utoipa::path(
    get, path = "/v2/health/live", tag = "Open Inference Protocol", security(()),
    responses((status = 200, description = "It does"))
)]
async fn live() {}

/// Open Inference Protocol: whether the server takes requests
#[utoipa::path(
    get, path = "/v2/health/ready", tag = "Open Inference Protocol", security(()),
    responses((status = 200, description = "It does"), (status = 503, description = "It is stopping"))
)]
async fn ready(State(app): State<Arc<App>>) -> StatusCode {
    if app.is_stopping() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}

/// Open Inference Protocol: what answers
#[utoipa::path(
    get, path = "/v2", tag = "Open Inference Protocol",
    responses((status = 200, description = "The server", body = ServerMetadata))
)]
async fn server() -> Json<ServerMetadata> {
    Json(ServerMetadata {
        name: "headstart",
        version: env!("CARGO_PKG_VERSION"),
        extensions: ["binary_tensor_data", "classification", "model_repository"],
    })
}

/// Open Inference Protocol: list the models
#[utoipa::path(
    post, path = "/v2/repository/index", tag = "Open Inference Protocol",
    responses((status = 200, description = "The models", body = Vec<IndexEntry>))
)]
async fn index(State(app): State<Arc<App>>) -> Json<Vec<IndexEntry>> {
    let entry = |entry: &Entry| IndexEntry {
        name: entry.source.name.clone(),
        version: entry.current().version.to_string(),
        state: "READY",
    };
    Json(app.models.iter().map(entry).collect())
}

fn metadata(app: &App, name: &str, version: Option<&str>) -> Result<Json<ModelMetadata>, Failure> {
    let (entry, loaded) = find(app, name, version)?;
    Ok(Json(ModelMetadata {
        name: entry.source.name.clone(),
        versions: vec![loaded.version.to_string()],
        platform: "headstart",
        inputs: vec![
            TensorMetadata { name: infer::IMAGE, datatype: "BYTES", shape: vec![-1] },
            TensorMetadata { name: infer::PIXELS, datatype: "UINT8", shape: vec![-1, -1, -1, 3] },
        ],
        outputs: outputs(&loaded),
    }))
}

/// Open Inference Protocol: tell what a model takes and gives
#[utoipa::path(
    get, path = "/v2/models/{name}", tag = "Open Inference Protocol",
    params(("name" = String, Path, description = "The model")),
    responses(
        (status = 200, description = "The model", body = ModelMetadata),
        (status = 404, description = "There is no such model", body = FailureBody),
    )
)]
async fn model(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<ModelMetadata>, Failure> {
    metadata(&app, &name, None)
}

/// Open Inference Protocol: tell what a version of a model takes and gives
#[utoipa::path(
    get, path = "/v2/models/{name}/versions/{version}", tag = "Open Inference Protocol",
    params(("name" = String, Path, description = "The model"), ("version" = String, Path, description = "Its version")),
    responses(
        (status = 200, description = "The model", body = ModelMetadata),
        (status = 404, description = "There is no such version", body = FailureBody),
    )
)]
async fn version(
    State(app): State<Arc<App>>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Json<ModelMetadata>, Failure> {
    metadata(&app, &name, Some(&version))
}

/// Open Inference Protocol: whether a model answers
#[utoipa::path(
    get, path = "/v2/models/{name}/ready", tag = "Open Inference Protocol",
    params(("name" = String, Path, description = "The model")),
    responses((status = 200, description = "It does"), (status = 404, description = "There is no such model"))
)]
async fn model_ready(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<(), Failure> {
    find(&app, &name, None).map(|_| ())
}

/// Open Inference Protocol: whether a version of a model answers
#[utoipa::path(
    get, path = "/v2/models/{name}/versions/{version}/ready", tag = "Open Inference Protocol",
    params(("name" = String, Path, description = "The model"), ("version" = String, Path, description = "Its version")),
    responses((status = 200, description = "It does"), (status = 404, description = "There is no such version"))
)]
async fn version_ready(
    State(app): State<Arc<App>>,
    Path((name, version)): Path<(String, String)>,
) -> Result<(), Failure> {
    find(&app, &name, Some(&version)).map(|_| ())
}

/// Open Inference Protocol: say what is on pictures
///
/// The input is `image` (BYTES: files of any format, in JSON as base64) or `pixels` (UINT8, `[n, height, width,
/// 3]`). Outputs are those that the model's metadata lists. Tensors may be binary, after the JSON.
#[utoipa::path(
    post, path = "/v2/models/{name}/infer", tag = "Open Inference Protocol",
    params(("name" = String, Path, description = "The model")),
    request_body = InferRequest,
    responses(
        (status = 200, description = "The answer", body = InferResponse),
        (status = 400, description = "The request makes no sense", body = FailureBody),
        (status = 404, description = "There is no such model", body = FailureBody),
        (status = 422, description = "A picture cannot be read", body = FailureBody),
    )
)]
async fn infer_model(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let (entry, loaded) = find(&app, &name, None)?;
    infer::infer(&app, entry, &loaded, request).await
}

/// Open Inference Protocol: say what is on pictures, by a version of a model
#[utoipa::path(
    post, path = "/v2/models/{name}/versions/{version}/infer", tag = "Open Inference Protocol",
    params(("name" = String, Path, description = "The model"), ("version" = String, Path, description = "Its version")),
    request_body = InferRequest,
    responses(
        (status = 200, description = "The answer", body = InferResponse),
        (status = 404, description = "There is no such version", body = FailureBody),
    )
)]
async fn infer_version(
    State(app): State<Arc<App>>,
    Path((name, version)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Failure> {
    let (entry, loaded) = find(&app, &name, Some(&version))?;
    infer::infer(&app, entry, &loaded, request).await
}
