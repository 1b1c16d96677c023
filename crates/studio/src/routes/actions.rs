//! Actions on classes and pictures, undo and redo.

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

/// The limit on the bytes of an action: enough for the paths of 100,000 pictures.
const MOST: usize = 32 << 20;

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| Failure::bad_request(format!("the JSON cannot be read: {error}")))
}

async fn act(State(studio): State<Studio>, body: Bytes) -> Result<Json<Done>, Refused> {
    let action: Action = parse(&body)?;
    blocking(move || studio.act(&action)).await.map(Json)
}

/// The title of the deed to undo; if it is given, no other deed is undone.
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
