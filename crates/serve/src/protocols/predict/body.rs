//! Pictures in a body: a single one as it is, or several in a form or in JSON.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Failure;
use crate::app::App;
use crate::models::Picture;
use crate::protocols::encoded::{Base64, Short};
use crate::upload::Upload;

/// The pictures of a request, each with the name that the client gave it, if any.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) pictures: Vec<(Option<String>, Picture)>,
    /// Whether the response is the answer for a single picture, not a list.
    pub(super) alone: bool,
}

/// Files of a form, under any names.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub(super) struct Form {
    /// Each is a part with its `filename`, which its answer has as `path`.
    #[schema(value_type = Vec<u8>)]
    picture: Vec<u8>,
}

/// A picture, or several as `instances`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Encoded {
    /// A picture alone: its file in base64.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Byte)]
    b64: Option<Base64>,
    /// What it is called; its answer has it, too.
    #[serde(default)]
    path: Option<String>,
    /// Several pictures.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Instance>>)]
    instances: Option<Short<Instance>>,
}

/// One of several pictures.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Instance {
    /// Its file in base64.
    #[schema(value_type = String, format = Byte)]
    b64: Base64,
    /// What it is called; its answer has it, too.
    #[serde(default)]
    path: Option<String>,
}

/// Receives a body, and finds the pictures in it. The returned [`Upload`] keeps the room reserved for
/// the body, and must live until the pictures are answered.
pub(super) async fn read(app: &App, request: Request) -> Result<(Asked, Upload), Failure> {
    let (parts, body) = request.into_parts();
    let upload = app.uploads.receive(&parts.headers, body).await?;
    let media_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    let asked = match media_type.trim().to_ascii_lowercase().as_str() {
        "multipart/form-data" => {
            let request = Request::from_parts(parts, Body::from(upload.bytes.clone()));
            form(request, app.config.limits.pictures).await?
        }
        "application/json" => json(&upload.bytes)?,
        _ => raw(upload.bytes.clone())?,
    };
    Ok((asked, upload))
}

fn raw(file: Bytes) -> Result<Asked, Failure> {
    match file.is_empty() {
        true => Err(Failure::bad_request("the body is empty; send the file of a picture")),
        false => Ok(Asked { pictures: vec![(None, Picture::File(file))], alone: true }),
    }
}

async fn form(request: Request, most: usize) -> Result<Asked, Failure> {
    let broken = |error: String| Failure::bad_request(format!("the form cannot be read: {error}"));
    let mut form =
        Multipart::from_request(request, &()).await.map_err(|e| broken(e.body_text()))?;
    let mut pictures = Vec::new();
    while let Some(part) = form.next_field().await.map_err(|e| broken(e.body_text()))? {
        if pictures.len() == most {
            let message =
                format!("the request has more than {most} pictures, the most that are taken");
            return Err(Failure::too_large(message));
        }
        let path = part.file_name().map(str::to_owned);
        let file = part.bytes().await.map_err(|e| broken(e.body_text()))?;
        pictures.push((path, Picture::File(file)));
    }
    Ok(Asked { pictures, alone: false })
}

fn json(body: &[u8]) -> Result<Asked, Failure> {
    let encoded = tokio::task::block_in_place(|| serde_json::from_slice(body));
    let encoded: Encoded = encoded
        .map_err(|error| Failure::bad_request(format!("the JSON cannot be read: {error}")))?;
    match encoded {
        Encoded { b64: Some(Base64(file)), path, instances: None } => {
            Ok(Asked { pictures: vec![(path, Picture::File(file))], alone: true })
        }
        Encoded { b64: None, path: None, instances: Some(Short(instances)) } => {
            let picture = |instance: Instance| (instance.path, Picture::File(instance.b64.0));
            Ok(Asked { pictures: instances.into_iter().map(picture).collect(), alone: false })
        }
        _ => Err(Failure::bad_request(
            "the JSON is {\"b64\": …} for a picture or {\"instances\": [{\"b64\": …}, …]} for several",
        )),
    }
}
