//! Pictures: lists, thumbnails and files.

use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

use super::{Asked, Refused, Studio, blocking};
use crate::studio::PictureView;
use crate::thumbnails::{Large, Shown, as_jpeg, large};

pub(super) fn routes() -> Router<Studio> {
    Router::new()
        .route("/api/pictures", get(pictures))
        .route("/api/thumbnail", get(thumbnail))
        .route("/api/picture", get(picture))
}

#[derive(Deserialize)]
struct OfClass {
    class: Option<String>,
}

#[derive(Deserialize)]
struct OfPicture {
    path: String,
    /// A tag that changes with the content of the file, so that the answer can be cached forever.
    v: Option<String>,
}

async fn pictures(
    State(studio): State<Studio>,
    Asked(asked): Asked<OfClass>,
) -> Result<Json<Vec<PictureView>>, Refused> {
    Ok(Json(studio.pictures(asked.class.as_deref())?))
}

async fn thumbnail(
    State(studio): State<Studio>,
    Asked(asked): Asked<OfPicture>,
) -> Result<Response, Refused> {
    let file = studio.file(&asked.path)?;
    let turn = studio.thumbnails.turn().await;
    let make = move || {
        let _turn = turn;
        Ok(studio.thumbnails.of(&file)?)
    };
    let shown = blocking(make).await?;
    Ok(response(shown, asked.v.is_some()))
}

async fn picture(
    State(studio): State<Studio>,
    Asked(asked): Asked<OfPicture>,
) -> Result<Response, Refused> {
    let file = studio.file(&asked.path)?;
    let shown = match blocking(move || Ok(large(&file)?)).await? {
        Large::Shown(shown) => shown,
        Large::Other(bytes) => {
            let turn = studio.thumbnails.turn().await;
            let make = move || {
                let _turn = turn;
                Ok(as_jpeg(&bytes)?)
            };
            blocking(make).await?
        }
    };
    Ok(response(shown, asked.v.is_some()))
}

/// A picture, with headers that make browsers treat it as nothing else.
fn response(Shown { media_type, bytes }: Shown, stays: bool) -> Response {
    let kept = if stays { "private, max-age=31536000, immutable" } else { "no-cache" };
    let headers: [(HeaderName, &str); 3] = [
        (CONTENT_TYPE, media_type),
        (CACHE_CONTROL, kept),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    (headers, bytes).into_response()
}
