//! Models: trained, compared, chosen and downloaded.

use std::fs;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use headstart_serve::Failure;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Asked, Refused, Studio, blocking};
use crate::StudioError;
use crate::jobs::JobView;
use crate::models::{Comparison, Export, ModelView, Taken, exports};
use crate::studio::{BaseView, Done};

pub(super) fn routes() -> Router<Studio> {
    Router::new()
        .route("/api/models", get(models))
        .route("/api/models/{name}/use", post(choose))
        .route("/api/models/{name}/file", get(file))
        .route("/api/models/{name}/report", get(report))
        .route("/api/models/{name}/export", get(export))
        .route("/api/exports", get(|| async { Json::<Vec<Export>>(exports()) }))
        .route("/api/bases", get(bases))
        .route("/api/compare", get(compare))
        .route("/api/jobs", post(start))
        .route("/api/jobs/{id}", delete(stop))
}

/// The content security policy of a report, which is self-contained.
const REPORT_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-scripts allow-downloads";

#[derive(Deserialize)]
struct Both {
    a: String,
    b: String,
}

#[derive(Deserialize)]
struct OfFormat {
    format: String,
}

async fn models(State(studio): State<Studio>) -> Result<Json<Vec<ModelView>>, Refused> {
    blocking(move || Ok(studio.models())).await.map(Json)
}

async fn bases() -> Json<Vec<BaseView>> {
    Json(BaseView::all())
}

async fn choose(
    State(studio): State<Studio>,
    Path(name): Path<String>,
) -> Result<Json<Done>, Refused> {
    blocking(move || studio.choose(&name)).await.map(Json)
}

async fn compare(
    State(studio): State<Studio>,
    Asked(asked): Asked<Both>,
) -> Result<Json<Comparison>, Refused> {
    blocking(move || studio.compare(&asked.a, &asked.b)).await.map(Json)
}

async fn start(State(studio): State<Studio>, body: Bytes) -> Result<Json<Value>, Refused> {
    let request = serde_json::from_slice(&body)
        .map_err(|error| Failure::bad_request(format!("the JSON cannot be read: {error}")))?;
    let id = blocking(move || studio.start_job(request)).await?;
    Ok(Json(json!({ "id": id })))
}

async fn stop(
    State(studio): State<Studio>,
    Path(id): Path<String>,
) -> Result<Json<JobView>, Refused> {
    Ok(Json(studio.stop_job(&id)?))
}

async fn file(State(studio): State<Studio>, Path(name): Path<String>) -> Result<Response, Refused> {
    Ok(download(blocking(move || studio.model_file(&name)).await?))
}

async fn export(
    State(studio): State<Studio>,
    Path(name): Path<String>,
    Asked(asked): Asked<OfFormat>,
) -> Result<Response, Refused> {
    Ok(download(blocking(move || studio.export(&name, &asked.format)).await?))
}

async fn report(
    State(studio): State<Studio>,
    Path(name): Path<String>,
) -> Result<Response, Refused> {
    let read = move || {
        studio.models.check(&name)?;
        let no_report = |_| StudioError::NoSuch { what: "report of the model", name: name.clone() };
        fs::read(studio.models.report(&name)).map_err(no_report)
    };
    let page = blocking(read).await?;
    let headers: [(HeaderName, &str); 2] =
        [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, REPORT_POLICY)];
    Ok((headers, page).into_response())
}

/// A file that the browser saves, under a name with any characters.
fn download(Taken { name, media_type, bytes }: Taken) -> Response {
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let disposition = format!("attachment; filename*=UTF-8''{encoded}");
    let disposition = HeaderValue::from_str(&disposition).expect("it is encoded");
    let headers =
        [(CONTENT_TYPE, HeaderValue::from_static(media_type)), (CONTENT_DISPOSITION, disposition)];
    (headers, bytes).into_response()
}
