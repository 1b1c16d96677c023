//! The project as a whole, and events.

use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};

use super::Studio;
use crate::studio::ProjectView;

pub(super) fn routes() -> Router<Studio> {
    Router::new().route("/api/project", get(project)).route("/api/events", get(events))
}

async fn project(State(studio): State<Studio>) -> Json<ProjectView> {
    Json(studio.view())
}

async fn events(State(studio): State<Studio>) -> impl IntoResponse {
    studio.hub.listen("project", &studio.view())
}
