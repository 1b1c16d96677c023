//! Uploads of files.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use axum::extract::multipart::Field;
use axum::extract::{DefaultBodyLimit, Multipart, State};
use axum::routing::post;
use axum::{Json, Router};
use headstart_serve::Failure;
use serde::Deserialize;

use super::{Asked, Refused, Studio, blocking};
use crate::StudioError;
use crate::studio::Uploaded;

/// How long to wait for the next bytes.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn routes() -> Router<Studio> {
    // Uploads are written to the disk as they arrive, so only the disk limits their size.
    Router::new().route("/api/upload", post(upload)).layer(DefaultBodyLimit::disable())
}

#[derive(Deserialize)]
struct Upload {
    /// The class for all files; if absent, names and archives specify the classes.
    class: Option<String>,
    /// Uploads with the same batch are undone together.
    batch: Option<String>,
}

async fn upload(
    State(studio): State<Studio>,
    Asked(asked): Asked<Upload>,
    mut form: Multipart,
) -> Result<Json<Uploaded>, Refused> {
    let (for_staging, class) = (studio.clone(), asked.class);
    let mut staging = blocking(move || for_staging.staging(class.as_deref())).await?;
    while let Some(field) = next(&mut form).await? {
        let name = field.file_name().unwrap_or("picture").to_owned();
        let (file, path) = staging.file().map_err(|cause| refused(&name, cause))?;
        receive(field, file, &path, &name).await?;
        staging = blocking(move || {
            staging.take(path, &name)?;
            Ok(staging)
        })
        .await?;
    }
    blocking(move || studio.add(staging, asked.batch)).await.map(Json)
}

async fn next(form: &mut Multipart) -> Result<Option<Field<'_>>, Refused> {
    match tokio::time::timeout(PATIENCE, form.next_field()).await {
        Ok(field) => field.map_err(|error| broken(&error.body_text())),
        Err(_) => Err(too_slow()),
    }
}

async fn receive(
    mut field: Field<'_>,
    mut file: fs::File,
    path: &Path,
    name: &str,
) -> Result<(), Refused> {
    loop {
        let chunk = match tokio::time::timeout(PATIENCE, field.chunk()).await {
            Ok(chunk) => chunk.map_err(|error| broken(&error.body_text()))?,
            Err(_) => return Err(too_slow()),
        };
        let Some(chunk) = chunk else { return Ok(()) };
        if let Err(cause) = tokio::task::block_in_place(|| file.write_all(&chunk)) {
            let _ = fs::remove_file(path);
            return Err(refused(name, cause));
        }
    }
}

fn refused(name: &str, cause: std::io::Error) -> Refused {
    StudioError::system("add", name, cause).into()
}

fn broken(reason: &str) -> Refused {
    Failure::bad_request(super::one_line(&format!("what was sent ended early: {reason}"))).into()
}

fn too_slow() -> Refused {
    let message = format!("nothing came for {} s", PATIENCE.as_secs());
    Failure::new(axum::http::StatusCode::REQUEST_TIMEOUT, "too_slow", message).into()
}
