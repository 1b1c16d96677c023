//! The server's own protocol: plain pictures in, and the JSON of `predict --json` out.

mod answers;
mod body;

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::response::Response;
use headstart::predict::AnswerConfig;
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Failure;
use crate::app::App;
use crate::failure::FailureBody;
use crate::models::{Entry, Question};
use answers::Predictions;
use body::{Encoded, Form};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    let routes = OpenApiRouter::new().routes(routes!(predict)).routes(routes!(predict_by));
    // Bodies are received under this server's own limits.
    routes.layer(DefaultBodyLimit::disable())
}

/// What is asked about each picture.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Parameters {
    /// How many classes have their scores in the answer; all unless it is said.
    #[param(minimum = 1)]
    top_k: Option<usize>,
    /// Also answer with the smallest set of labels that contains the right one in this share of cases.
    #[param(exclusive_minimum = 0, exclusive_maximum = 1)]
    coverage: Option<f64>,
    /// Also answer with pictures that show what speaks for a class.
    #[serde(deserialize_with = "flag")]
    #[param(value_type = Option<u8>, minimum = 0, maximum = 1)]
    explain: bool,
    /// Never answer that a picture is unknown, of none of the classes.
    #[serde(deserialize_with = "flag")]
    #[param(value_type = Option<u8>, minimum = 0, maximum = 1)]
    no_unknown: bool,
}

fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    match &*String::deserialize(from)? {
        "1" | "true" | "" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(serde::de::Error::custom("a flag is 1 or 0")),
    }
}

impl Parameters {
    fn question(&self) -> Result<Question, Failure> {
        let Self { top_k, coverage, explain, no_unknown } = *self;
        match top_k {
            Some(0) => Err(Failure::bad_request("top_k is 1 or more")),
            _ => {
                let answer =
                    AnswerConfig::default().with_coverage(coverage).with_unknown(!no_unknown);
                Ok(Question { answer, top_k, explain })
            }
        }
    }
}

/// Say what is on a picture, or on several
///
/// By the first model. A picture of any format is the body as it is; several come as `multipart/form-data`, or in
/// JSON with base64. The answer is what `headstart predict --json` answers: an object for a picture alone, and
/// otherwise a list, in order, in which those that cannot be read have an `error`.
#[utoipa::path(
    post, path = "/predict", tag = "Predictions", params(Parameters),
    request_body(content(
        (Vec<u8> = "image/*"), (Form = "multipart/form-data"), (Encoded = "application/json")
    )),
    responses(
        (status = 200, description = "The answer", body = Predictions),
        (status = 400, description = "The request makes no sense", body = FailureBody),
        (status = 408, description = "The request came too slowly", body = FailureBody),
        (status = 413, description = "Larger than a limit", body = FailureBody),
        (status = 415, description = "A format that is not read", body = FailureBody),
        (status = 422, description = "The picture cannot be read", body = FailureBody),
        (status = 503, description = "Too much at once; Retry-After says when", body = FailureBody),
    )
)]
async fn predict(
    State(app): State<Arc<App>>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    request: Request,
) -> Result<Response, Failure> {
    answer(&app, app.models.find(None)?, parameters, request).await
}

/// Say what is on a picture, or on several, by a model of this name
///
/// As `/predict` does.
#[utoipa::path(
    post, path = "/models/{name}/predict", tag = "Predictions",
    params(("name" = String, Path, description = "The model"), Parameters),
    request_body(content(
        (Vec<u8> = "image/*"), (Form = "multipart/form-data"), (Encoded = "application/json")
    )),
    responses(
        (status = 200, description = "The answer", body = Predictions),
        (status = 404, description = "There is no such model", body = FailureBody),
    )
)]
async fn predict_by(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    request: Request,
) -> Result<Response, Failure> {
    answer(&app, app.models.find(Some(&name))?, parameters, request).await
}

async fn answer(
    app: &App,
    entry: &Entry,
    parameters: Result<Query<Parameters>, QueryRejection>,
    request: Request,
) -> Result<Response, Failure> {
    let parameters = parameters.map_err(|error| Failure::bad_request(error.body_text()))?.0;
    let question = parameters.question()?;
    let loaded = entry.current();
    // Refuse an impossible question before the body is received.
    loaded.predictor(&question)?;
    let wants_png = answers::is_png_wanted(request.headers());
    let (asked, _room) = body::read(app, request).await?;
    let (paths, pictures) = asked.pictures.into_iter().unzip();
    let answers = app.answer(entry, &loaded, pictures, question).await?;
    answers::response(&loaded, &question, (asked.alone, wants_png), paths, answers)
}
