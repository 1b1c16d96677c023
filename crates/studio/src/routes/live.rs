//! Live answers for frames and pictures.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::post;
use axum::{Json, Router};
use headstart_serve::Failure;
use serde::Deserialize;

use super::{Asked, Refused, Studio, blocking};
use crate::live::{Answer, Explain};

/// The limit on the bytes of a picture.
const MOST: usize = 64 << 20;

pub(super) fn routes() -> Router<Studio> {
    Router::new().route("/api/live", post(live)).layer(DefaultBodyLimit::max(MOST))
}

#[derive(Deserialize)]
struct Live {
    /// Whether to add the heatmap of a class: 1, 0 or absent.
    explain: Option<String>,
    /// The class; the most likely one if absent.
    class: Option<String>,
}

async fn live(
    State(studio): State<Studio>,
    Asked(asked): Asked<Live>,
    body: Bytes,
) -> Result<Json<Answer>, Refused> {
    let explain = match (asked.explain.as_deref(), asked.class) {
        (None | Some("" | "0"), _) => Explain::No,
        (Some("1"), None) => Explain::Likeliest,
        (Some("1"), Some(class)) => Explain::Class(class),
        _ => return Err(Failure::bad_request("explain is 1 or 0").into()),
    };
    blocking(move || studio.live.answer(&body, &explain)).await.map(Json)
}
