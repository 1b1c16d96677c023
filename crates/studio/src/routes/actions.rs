//! What is done to classes and pictures, and undone.

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use headstart_serve::Failure;
use serde::Deserialize;
use serde::de::DeserializeOwned;

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

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| Failure::bad_request(format!("the JSON cannot be read: {error}")))
}

async fn act(State(studio): State<Studio>, body: Bytes) -> Result<Json<Done>, Refused> {
    let action: Action = parse(&body)?;
    blocking(move || studio.act(&action)).await.map(Json)
}

/// What is to be undone: nothing else is, when it is named.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Undo {
    expected: Option<String>,
}

async fn undo(State(studio): State<Studio>, body: Bytes) -> Result<Json<Done>, Refused> {
    let Undo { expected } = if body.is_empty() { Undo::default() } else { parse(&body)? };
    blocking(move || studio.undo(expected.as_deref())).await.map(Json)
}

async fn redo(State(studio): State<Studio>) -> Result<Json<Done>, Refused> {
    blocking(move || studio.redo()).await.map(Json)
}
