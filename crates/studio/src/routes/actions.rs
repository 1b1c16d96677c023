//! What is done to classes and pictures, and undone.

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use headstart_serve::Failure;

use super::{Refused, Studio, blocking};
use crate::Action;
use crate::studio::Done;

pub(super) fn routes() -> Router<Studio> {
    Router::new()
        .route("/api/actions", post(act))
        .route("/api/undo", post(undo))
        .route("/api/redo", post(redo))
        .layer(axum::extract::DefaultBodyLimit::max(MOST))
}

/// Bytes of an action: the paths of 100,000 pictures.
const MOST: usize = 32 << 20;

async fn act(State(studio): State<Studio>, body: Bytes) -> Result<Json<Done>, Refused> {
    let action: Action = serde_json::from_slice(&body)
        .map_err(|error| Failure::bad_request(format!("the JSON cannot be read: {error}")))?;
    blocking(move || studio.act(&action)).await.map(Json)
}

async fn undo(State(studio): State<Studio>) -> Result<Json<Done>, Refused> {
    blocking(move || studio.undo()).await.map(Json)
}

async fn redo(State(studio): State<Studio>) -> Result<Json<Done>, Refused> {
    blocking(move || studio.redo()).await.map(Json)
}
