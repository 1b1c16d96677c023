//! The OpenAPI description, generated from the handlers' signatures and comments.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};

use crate::Auth;

/// The API's title, description and groups of operations.
#[derive(OpenApi)]
#[openapi(
    info(title = "headstart", description = "Classifies pictures with models trained by headstart."),
    tags(
        (name = "Predictions", description = "Classify picture files"),
        (name = "Server", description = "Health, models and metrics"),
        (name = "Open Inference Protocol", description = "The protocol of KServe and Triton, version 2"),
        (name = "TensorFlow Serving", description = "The REST API of TensorFlow Serving"),
    )
)]
struct Description;

const SCHEME: &str = "token";

/// The description before any routes are added.
pub(super) fn begin() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// A route that returns the complete description.
pub(super) fn router(mut all: utoipa::openapi::OpenApi, auth: &Auth) -> Router {
    if matches!(auth, Auth::Token(_)) {
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        all.components.get_or_insert_default().add_security_scheme(SCHEME, bearer);
        all.security = Some(vec![SecurityRequirement::new(SCHEME, Vec::<String>::new())]);
    }
    let json: Bytes = serde_json::to_vec(&all).expect("plain data serialises").into();
    let answer = move || async move { ([(CONTENT_TYPE, "application/json")], json) };
    Router::new().route("/openapi.json", get(answer))
}
