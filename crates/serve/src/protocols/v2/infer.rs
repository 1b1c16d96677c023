//! Inference: tensors in, tensors out.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use headstart::predict::Prediction;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tensor::{Flat, Values, split};
use crate::Failure;
use crate::app::App;
use crate::models::{Answered, Entry, Loaded, Picture};
use crate::protocols::encoded::Base64;

/// Name of the input of picture files.
pub(super) const IMAGE: &str = "image";
/// Name of the input of pixels.
pub(super) const PIXELS: &str = "pixels";

/// The header with the length of the JSON, if binary tensors follow it.
const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// What is asked.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct InferRequest {
    /// Its answer has it, too.
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    parameters: RequestParameters,
    /// One, `image` or `pixels`.
    inputs: Vec<Input>,
    /// Those that are asked for; all unless some are.
    #[serde(default)]
    outputs: Vec<RequestedOutput>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
struct RequestParameters {
    /// Whether outputs are binary unless they say otherwise.
    #[serde(default)]
    binary_data_output: bool,
}

/// A tensor of pictures.
#[derive(Debug, Deserialize, ToSchema)]
struct Input {
    name: String,
    shape: Vec<usize>,
    datatype: String,
    #[serde(default)]
    parameters: InputParameters,
    /// The values, unless they are binary.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    data: Option<Flat>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
struct InputParameters {
    /// How many bytes after the JSON are the values.
    #[serde(default)]
    binary_data_size: Option<usize>,
}

/// An output that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
struct RequestedOutput {
    name: String,
    #[serde(default)]
    parameters: OutputParameters,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
struct OutputParameters {
    /// Whether the values are to be binary.
    #[serde(default)]
    binary_data: Option<bool>,
    /// Of scores, that so many of the likeliest classes are wanted, as texts `score:index:class`.
    #[serde(default)]
    classification: Option<usize>,
}

/// What is answered.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InferResponse {
    model_name: String,
    model_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    outputs: Vec<Output>,
}

/// A tensor of an answer.
#[derive(Debug, Serialize, ToSchema)]
struct Output {
    name: String,
    datatype: &'static str,
    shape: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<BinarySize>,
    /// The values, unless they are binary.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<f32>>)]
    data: Option<Values>,
}

#[derive(Debug, Serialize, ToSchema)]
struct BinarySize {
    binary_data_size: usize,
}

pub(super) async fn infer(
    app: &App,
    entry: &Entry,
    loaded: &Arc<Loaded>,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let upload = app.uploads.receive(&parts.headers, body).await?;
    let (json, binary) = match parts.headers.get(&JSON_LENGTH) {
        None => (upload.bytes.clone(), Bytes::new()),
        Some(length) => {
            let length = length.to_str().ok().and_then(|length| length.parse().ok());
            let length = length.filter(|length: &usize| *length <= upload.bytes.len());
            let length = length.ok_or_else(|| {
                Failure::bad_request("Inference-Header-Content-Length is not within the body")
            })?;
            (upload.bytes.slice(..length), upload.bytes.slice(length..))
        }
    };
    let asked = tokio::task::block_in_place(|| serde_json::from_slice(&json));
    let asked: InferRequest =
        asked.map_err(|error| Failure::bad_request(format!("the JSON cannot be read: {error}")))?;
    let most = app.config.limits.pictures;
    let InferRequest { id, parameters, inputs, outputs } = asked;
    let pictures = pictures(inputs, binary, most)?;
    let wanted = wanted(loaded, outputs, parameters)?;
    let answers = app.answer_all(entry, loaded, pictures, "picture").await?;
    let mut binary = Vec::new();
    let outputs =
        (wanted.iter()).map(|wanted| wanted.output(loaded, &answers, &mut binary)).collect();
    let (model_name, model_version) = (entry.source.name.clone(), loaded.version.to_string());
    let response = InferResponse { model_name, model_version, id, outputs };
    if binary.is_empty() {
        return Ok(Json(response).into_response());
    }
    let mut body = serde_json::to_vec(&response).expect("plain data serialises");
    let length = HeaderValue::from(body.len());
    body.append(&mut binary);
    let octets = HeaderValue::from_static("application/octet-stream");
    Ok(([(CONTENT_TYPE, octets), (JSON_LENGTH, length)], body).into_response())
}

/// The pictures in the inputs of a request.
fn pictures(inputs: Vec<Input>, binary: Bytes, most: usize) -> Result<Vec<Picture>, Failure> {
    let one = <[Input; 1]>::try_from(inputs);
    let Ok([Input { name, shape, datatype, parameters, data }]) = one else {
        let message = format!("there is one input: {IMAGE} (BYTES) or {PIXELS} (UINT8)");
        return Err(Failure::bad_request(message));
    };
    let (count, per_picture) = match (&*name, &*datatype, &shape[..]) {
        (IMAGE, "BYTES", [count] | [count, 1]) => (*count, None),
        (PIXELS, "UINT8", [count, height, width, 3]) => (*count, Some((*height, *width))),
        (PIXELS, "UINT8", [height, width, 3]) => (1, Some((*height, *width))),
        _ => {
            let message = format!(
                "the input is {IMAGE} (BYTES [n]) or {PIXELS} (UINT8 [n, height, width, 3])"
            );
            return Err(Failure::bad_request(message));
        }
    };
    if count == 0 {
        return Err(Failure::bad_request("the request has no picture"));
    }
    if count > most {
        let message = format!("the request has {count} pictures, and {most} are the most");
        return Err(Failure::too_large(message));
    }
    let lengths = |found: usize| {
        Failure::bad_request(format!("{name} has {found} values, which is not what its shape says"))
    };
    let binary = match (parameters.binary_data_size, &data) {
        (Some(size), None) if size == binary.len() => Some(binary),
        (None, Some(_)) if binary.is_empty() => None,
        _ => {
            let message = "the values are in data, or binary and as many as binary_data_size says";
            return Err(Failure::bad_request(message));
        }
    };
    let Flat { texts, numbers } = data.unwrap_or_default();
    let Some((height, width)) = per_picture else {
        let files = match binary {
            Some(binary) => split(binary, count)?,
            None if texts.len() == count && numbers.is_empty() => {
                let decode = |text: &String| Base64::decode(text).map_err(Failure::bad_request);
                texts.iter().map(decode).collect::<Result<_, _>>()?
            }
            None => return Err(lengths(texts.len() + numbers.len())),
        };
        return Ok(files.into_iter().map(Picture::File).collect());
    };
    let pixels = match binary {
        Some(binary) => binary,
        None if texts.is_empty() => numbers.into(),
        None => return Err(lengths(texts.len() + numbers.len())),
    };
    let size = height.checked_mul(width).and_then(|size| size.checked_mul(3));
    let all = size.and_then(|size| size.checked_mul(count));
    match (size, all) {
        (Some(size), Some(all)) if all == pixels.len() && size > 0 => {
            let picture = |index: usize| Picture::Pixels {
                width,
                height,
                pixels: pixels.slice(index * size..(index + 1) * size),
            };
            Ok((0..count).map(picture).collect())
        }
        _ => Err(lengths(pixels.len())),
    }
}

/// A requested output, and its form.
#[derive(Debug)]
struct Wanted {
    name: &'static str,
    is_binary: bool,
    classification: Option<usize>,
}

fn wanted(
    loaded: &Loaded,
    asked: Vec<RequestedOutput>,
    parameters: RequestParameters,
) -> Result<Vec<Wanted>, Failure> {
    let is_binary = parameters.binary_data_output;
    let known: Vec<&'static str> =
        super::outputs(loaded).iter().map(|output| output.name).collect();
    if asked.is_empty() {
        let all = known.into_iter().map(|name| Wanted { name, is_binary, classification: None });
        return Ok(all.collect());
    }
    if asked.len() > known.len() {
        return Err(Failure::bad_request(format!(
            "there are {} outputs: {}",
            known.len(),
            known.join(", ")
        )));
    }
    let wanted = asked.into_iter().map(|RequestedOutput { name, parameters }| {
        let OutputParameters { binary_data, classification } = parameters;
        let is_binary = binary_data.unwrap_or(is_binary);
        match known.iter().find(|known| **known == name) {
            Some(_) if classification.is_some_and(|classes| classes == 0 || name != "scores") => {
                Err(Failure::bad_request("classification is of scores, and of 1 class or more"))
            }
            Some(name) => Ok(Wanted { name, is_binary, classification }),
            None => Err(Failure::bad_request(format!("the outputs are {}", known.join(", ")))),
        }
    });
    wanted.collect()
}

impl Wanted {
    /// Builds the output. Binary values are appended to `binary`.
    fn output(&self, loaded: &Loaded, answers: &[Answered], binary: &mut Vec<u8>) -> Output {
        let (values, width) = self.values(loaded, answers);
        let shape = [answers.len()].into_iter().chain(width).collect();
        let (name, datatype) = (self.name.to_owned(), values.datatype());
        if !self.is_binary {
            return Output { name, datatype, shape, parameters: None, data: Some(values) };
        }
        let mut bytes = values.to_bytes();
        let parameters = Some(BinarySize { binary_data_size: bytes.len() });
        binary.append(&mut bytes);
        Output { name, datatype, shape, parameters, data: None }
    }

    /// The values, and the number of values per picture, if that is a dimension of the output.
    fn values(&self, loaded: &Loaded, answers: &[Answered]) -> (Values, Option<usize>) {
        let classes = loaded.classes();
        let predictions = answers.iter().map(|answer| &answer.prediction);
        match (self.name, self.classification) {
            ("scores", Some(count)) => {
                let count = count.min(classes.len());
                let text =
                    |(class, score): (usize, f32)| format!("{score:.6}:{class}:{}", classes[class]);
                let texts =
                    predictions.flat_map(|one| one.ranked().into_iter().take(count).map(text));
                (Values::Bytes(texts.collect()), Some(count))
            }
            ("scores", None) => {
                let scores = predictions.flat_map(|one| one.scores.iter().copied());
                (Values::Float(scores.collect()), Some(classes.len()))
            }
            // An unknown picture has no labels.
            ("labels", _) => {
                let is_given = predictions.flat_map(|one| {
                    let is_given = |class: usize| !one.is_unknown() && one.labels.contains(&class);
                    (0..classes.len()).map(is_given)
                });
                (Values::Bool(is_given.collect()), Some(classes.len()))
            }
            ("label", _) => {
                let label = predictions.map(|one| {
                    one.label().map_or_else(String::new, |class| classes[class].clone())
                });
                (Values::Bytes(label.collect()), None)
            }
            ("unknown", _) => {
                let is_unknown = predictions.map(Prediction::is_unknown);
                (Values::Bool(is_unknown.collect()), None)
            }
            _ => {
                let score =
                    |one: &Prediction| one.unknown.map_or(f32::NAN, |unknown| unknown.score);
                (Values::Float(predictions.map(score).collect()), None)
            }
        }
    }
}
