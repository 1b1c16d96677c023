//! The REST API of TensorFlow Serving: the status of a model, and `:predict`.

use std::fmt;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::encoded::{Base64, Short};
use crate::Failure;
use crate::app::App;
use crate::failure::FailureBody;
use crate::models::{Answered, Loaded, Picture};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(status, predict))
        .routes(routes!(version_status, version_predict))
}

/// Pictures to predict.
#[derive(Debug, Deserialize, ToSchema)]
struct PredictRequest {
    /// Files in base64, each `{"b64": …}`, or under the name of an input.
    #[schema(value_type = Vec<std::collections::BTreeMap<String, String>>)]
    instances: Short<Instance>,
}

/// A file in base64: `{"b64": …}`, either directly or under the name of an input. Any name is accepted.
#[derive(Debug)]
struct Instance(Base64);

impl<'de> Deserialize<'de> for Instance {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;

        #[derive(Deserialize)]
        struct Inner {
            b64: Base64,
        }

        impl<'de> Visitor<'de> for Object {
            type Value = Instance;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a picture as {\"b64\": …}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Instance, A::Error> {
                let picture = match map.next_key::<String>()?.as_deref() {
                    Some("b64") => map.next_value()?,
                    Some(_) => map.next_value::<Inner>()?.b64,
                    None => return Err(A::Error::missing_field("b64")),
                };
                match map.next_key::<String>()? {
                    Some(other) => Err(A::Error::custom(format!(
                        "one input is enough, and {other} is another"
                    ))),
                    None => Ok(Instance(picture)),
                }
            }
        }

        from.deserialize_map(Object)
    }
}

/// Answers, in order.
#[derive(Debug, Serialize, ToSchema)]
struct PredictResponse {
    predictions: Vec<Prediction>,
}

/// What is said of a picture.
#[derive(Debug, Serialize, ToSchema)]
struct Prediction {
    /// Names of the classes, in the order of scores.
    classes: Vec<String>,
    scores: Vec<f32>,
    /// The labels; none for an unknown picture.
    labels: Vec<String>,
    /// Whether the picture is of none of the classes, where the model can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_score: Option<f32>,
}

/// Versions of a model.
#[derive(Debug, Serialize, ToSchema)]
struct ModelStatus {
    model_version_status: [VersionStatus; 1],
}

#[derive(Debug, Serialize, ToSchema)]
struct VersionStatus {
    version: String,
    state: &'static str,
    status: Status,
}

#[derive(Debug, Serialize, ToSchema)]
struct Status {
    error_code: &'static str,
    error_message: &'static str,
}

impl Prediction {
    fn of(loaded: &Loaded, answered: Answered) -> Self {
        let (classes, prediction) = (loaded.classes(), answered.prediction);
        let (unknown, is_unknown) = (prediction.unknown, prediction.is_unknown());
        let labels = prediction.labels.iter().filter(|_| !is_unknown);
        Self {
            classes: classes.to_vec(),
            labels: labels.map(|&class| classes[class].clone()).collect(),
            scores: prediction.scores,
            unknown: unknown.map(|unknown| unknown.is_unknown),
            unknown_score: unknown.map(|unknown| unknown.score),
        }
    }
}

fn status_of(app: &App, name: &str, version: Option<&str>) -> Result<Json<ModelStatus>, Failure> {
    let loaded = app.models.find(Some(name))?.current();
    super::check_version(&loaded, version)?;
    let status = Status { error_code: "OK", error_message: "" };
    let version = VersionStatus { version: loaded.version.to_string(), state: "AVAILABLE", status };
    Ok(Json(ModelStatus { model_version_status: [version] }))
}

/// The part of the path before `:predict`.
fn before_predict(call: &str) -> Result<&str, Failure> {
    let name = call.strip_suffix(":predict");
    name.ok_or_else(|| Failure::not_found("models have the method :predict, and no other"))
}

async fn predictions(
    app: &App,
    name: &str,
    version: Option<&str>,
    request: Request,
) -> Result<Json<PredictResponse>, Failure> {
    let entry = app.models.find(Some(name))?;
    let loaded = entry.current();
    super::check_version(&loaded, version)?;
    let (parts, body) = request.into_parts();
    let upload = app.uploads.receive(&parts.headers, body).await?;
    let asked = tokio::task::block_in_place(|| serde_json::from_slice(&upload.bytes));
    let asked: PredictRequest =
        asked.map_err(|error| Failure::bad_request(format!("the JSON cannot be read: {error}")))?;
    let pictures =
        asked.instances.0.into_iter().map(|Instance(file)| Picture::File(file.0)).collect();
    let answers = app.answer_all(entry, &loaded, pictures, "instance").await?;
    let predictions = answers.into_iter().map(|answer| Prediction::of(&loaded, answer)).collect();
    Ok(Json(PredictResponse { predictions }))
}

/// TensorFlow Serving: whether a model answers
#[utoipa::path(
    get, path = "/v1/models/{name}", tag = "TensorFlow Serving",
    params(("name" = String, Path, description = "The model")),
    responses(
        (status = 200, description = "Its versions", body = ModelStatus),
        (status = 404, description = "There is no such model", body = FailureBody),
    )
)]
async fn status(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<ModelStatus>, Failure> {
    status_of(&app, &name, None)
}

/// TensorFlow Serving: say what is on pictures
///
/// The path ends with the method: `/v1/models/NAME:predict`.
#[utoipa::path(
    post, path = "/v1/models/{name}", tag = "TensorFlow Serving",
    params(("name" = String, Path, description = "The model and the method", example = "flowers:predict")),
    request_body = PredictRequest,
    responses(
        (status = 200, description = "The answers", body = PredictResponse),
        (status = 400, description = "The request makes no sense", body = FailureBody),
        (status = 404, description = "There is no such model or method", body = FailureBody),
        (status = 422, description = "A picture cannot be read", body = FailureBody),
    )
)]
async fn predict(
    State(app): State<Arc<App>>,
    Path(call): Path<String>,
    request: Request,
) -> Result<Json<PredictResponse>, Failure> {
    predictions(&app, before_predict(&call)?, None, request).await
}

/// TensorFlow Serving: whether a version of a model answers
#[utoipa::path(
    get, path = "/v1/models/{name}/versions/{version}", tag = "TensorFlow Serving",
    params(("name" = String, Path, description = "The model"), ("version" = String, Path, description = "Its version")),
    responses(
        (status = 200, description = "The version", body = ModelStatus),
        (status = 404, description = "There is no such version", body = FailureBody),
    )
)]
async fn version_status(
    State(app): State<Arc<App>>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Json<ModelStatus>, Failure> {
    status_of(&app, &name, Some(&version))
}

/// TensorFlow Serving: say what is on pictures, by a version of a model
#[utoipa::path(
    post, path = "/v1/models/{name}/versions/{version}", tag = "TensorFlow Serving",
    params(
        ("name" = String, Path, description = "The model"),
        ("version" = String, Path, description = "Its version and the method", example = "1:predict"),
    ),
    request_body = PredictRequest,
    responses(
        (status = 200, description = "The answers", body = PredictResponse),
        (status = 404, description = "There is no such version or method", body = FailureBody),
    )
)]
async fn version_predict(
    State(app): State<Arc<App>>,
    Path((name, call)): Path<(String, String)>,
    request: Request,
) -> Result<Json<PredictResponse>, Failure> {
    predictions(&app, &name, Some(before_predict(&call)?), request).await
}
