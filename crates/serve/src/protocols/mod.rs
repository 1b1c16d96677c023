//! The protocols, one file each, and their common parts.

mod admin;
mod encoded;
mod openapi;
mod pages;
mod predict;
mod tfserving;
mod v2;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode};
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::models::Loaded;
use crate::server::Routes;
use crate::{Failure, layers};

/// All routes.
pub(crate) fn router(app: &Arc<App>, routes: Routes) -> Router {
    let (guarded, open) = match routes.alone {
        true => (Router::new(), Router::new()),
        false => with_protocols(app),
    };
    let pages = routes.pages.unwrap_or_else(pages::router);
    let router = layers::with_token(guarded.merge(routes.guarded), app).merge(open).merge(pages);
    let router = router
        .fallback(|| async { Failure::not_found("there is nothing at this path") })
        .method_not_allowed_fallback(|method: Method| async move {
            let message = format!("the method {method} is not allowed for this path");
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
        });
    layers::with_session(router, app)
}

/// The routes of the protocols: those that need the token, and the public ones.
fn with_protocols(app: &Arc<App>) -> (Router, Router) {
    let guarded = OpenApiRouter::with_openapi(openapi::begin())
        .merge(predict::routes())
        .merge(v2::routes())
        .merge(tfserving::routes())
        .merge(admin::routes());
    let open = OpenApiRouter::new().merge(admin::open_routes()).merge(v2::open_routes());
    let (guarded, mut description) = guarded.split_for_parts();
    let (open, open_description) = open.split_for_parts();
    description.merge(open_description);
    let description = openapi::router(description, &app.config.auth);
    (guarded.with_state(app.clone()).merge(description), open.with_state(app.clone()))
}

/// Checks that a version is the current one. No other version of a model can be used.
fn check_version(loaded: &Loaded, version: Option<&str>) -> Result<(), Failure> {
    let now = loaded.version.to_string();
    match version {
        Some(version) if version != now => {
            Err(Failure::not_found(format!("the version that answers is {now}")))
        }
        _ => Ok(()),
    }
}
