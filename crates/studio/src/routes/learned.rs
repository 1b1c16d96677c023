//! The live head's figures, what to label next, and findings about the pictures.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};

use super::Studio;
use crate::learner::{Finding, InboxItem, LearnedView};

pub(super) fn routes() -> Router<Studio> {
    Router::new()
        .route("/api/learned", get(learned))
        .route("/api/inbox", get(inbox))
        .route("/api/findings", get(findings))
}

async fn learned(State(studio): State<Studio>) -> Json<Option<LearnedView>> {
    Json(studio.learner.view())
}

async fn inbox(State(studio): State<Studio>) -> Json<Vec<InboxItem>> {
    Json(studio.inbox())
}

async fn findings(State(studio): State<Studio>) -> Json<Vec<Finding>> {
    Json(studio.findings())
}
