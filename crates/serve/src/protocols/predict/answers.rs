//! Answers as JSON, or as a heatmap.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use headstart::predict::Answer;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Failure;
use crate::models::{Answered, Loaded, Question};

/// The answer for a picture, with the name that the client gave it.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(flatten)]
    outcome: Outcome<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Outcome<'a> {
    Answer {
        #[serde(flatten)]
        answer: Answer<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        heatmaps: Option<BTreeMap<&'a str, String>>,
    },
    Failure {
        error: &'a str,
        kind: &'static str,
    },
}

/// The prediction for a single picture, or a list of predictions for several.
#[derive(ToSchema)]
#[expect(dead_code, clippy::large_enum_variant, reason = "only described")]
pub(super) enum Predictions {
    #[schema(title = "A picture")]
    Alone(Prediction),
    #[schema(title = "Several")]
    Several {
        /// In the order of the pictures in the request.
        predictions: Vec<Prediction>,
    },
}

/// The prediction for a picture.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub(super) struct Prediction {
    /// The name that the client gave the picture, if any.
    path: Option<String>,
    /// The most probable class; null for an unknown picture. Only for models with a single label.
    label: Option<String>,
    /// The probability of `label`; null for an unknown picture. Only for models with a single label.
    score: Option<f32>,
    /// The labels whose probability reaches their threshold, most probable first; empty for an unknown picture. Only
    /// for models that give any number of labels.
    labels: Option<Vec<String>>,
    /// Whether the picture is of none of the classes; absent if the model cannot detect that, or with `no_unknown`.
    unknown: Option<bool>,
    /// How much the picture looks like one of none of the classes. Higher means more; known pictures have 0 on
    /// average. Absent if `unknown` is.
    unknown_score: Option<f32>,
    /// The probability of each class, most probable first; as many as `top_k` allows.
    scores: Option<BTreeMap<String, f32>>,
    /// The labels that contain the right one with the requested `coverage`; absent if not requested.
    set: Option<Vec<String>>,
    /// For each predicted class, a heatmap of the evidence for it: a PNG file in base64. Absent if not requested.
    heatmaps: Option<BTreeMap<String, String>>,
    /// Why there is no prediction for this picture, when several were sent.
    error: Option<String>,
    /// The kind of `error`, for programs: one of a small set.
    kind: Option<String>,
}

/// Whether the client prefers a PNG to JSON.
pub(super) fn is_png_wanted(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"image/png"))
}

/// The response: for a single picture its answer, or its heatmap if a PNG is preferred; otherwise a list.
pub(super) fn response(
    loaded: &Loaded,
    question: &Question,
    (alone, wants_png): (bool, bool),
    paths: Vec<Option<String>>,
    mut answers: Vec<Result<Answered, Failure>>,
) -> Result<Response, Failure> {
    if alone {
        let mut answered = answers.remove(0)?;
        if wants_png && question.explain {
            // There is at least a heatmap of the most probable class.
            let (_, png) = answered.heatmaps.swap_remove(0);
            return Ok(([(CONTENT_TYPE, "image/png")], png).into_response());
        }
        return Ok(Json(line(loaded, question, paths[0].as_deref(), &Ok(answered))).into_response());
    }
    let lines: Vec<_> = (paths.iter().zip(&answers))
        .map(|(path, answer)| line(loaded, question, path.as_deref(), answer))
        .collect();
    Ok(Json(BTreeMap::from([("predictions", lines)])).into_response())
}

fn line<'a>(
    loaded: &'a Loaded,
    question: &Question,
    path: Option<&'a str>,
    answer: &'a Result<Answered, Failure>,
) -> Line<'a> {
    let outcome = match answer {
        Ok(answered) => {
            let heatmap = |(class, png): &(usize, Vec<u8>)| {
                (&*loaded.classes()[*class], STANDARD.encode(png))
            };
            let heatmaps =
                question.explain.then(|| answered.heatmaps.iter().map(heatmap).collect());
            Outcome::Answer { answer: loaded.words(answered, question), heatmaps }
        }
        Err(failure) => Outcome::Failure { error: &failure.message, kind: failure.kind },
    };
    Line { path, outcome }
}
