//! The OpenAPI description, generated from the handlers' signatures and comments.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};

use crate::Auth;

/// What the description is of.
#[derive(OpenApi)]
#[openapi(
    info(title = "headstart", description = "What is on pictures, by models that headstart trained."),
    tags(
        (name = "Predictions", description = "Pictures as they are"),
        (name = "Server", description = "How it is"),
        (name = "Open Inference Protocol", description = "As KServe and Triton have it"),
        (name = "TensorFlow Serving", description = "Its REST"),
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
