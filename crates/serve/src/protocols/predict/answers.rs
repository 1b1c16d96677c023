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

/// The answer for a picture alone, or for several.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub(super) enum Predictions {
    #[schema(title = "A picture")]
    Alone(Prediction),
    #[schema(title = "Several")]
    Several {
        /// In the order of the request.
        predictions: Vec<Prediction>,
    },
}

/// What is said of a picture.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub(super) struct Prediction {
    /// What the client calls the picture.
    path: Option<String>,
    /// The likeliest class; null for an unknown picture.
    label: Option<String>,
    /// Its probability; null for an unknown picture.
    score: Option<f32>,
    /// Of a model that gives any number of labels: those above their thresholds.
    labels: Option<Vec<String>>,
    /// Whether the picture is of none of the classes, where the model can tell.
    unknown: Option<bool>,
    /// How far the picture is from what the model knows.
    unknown_score: Option<f32>,
    /// Probabilities by class, the likeliest first.
    scores: Option<BTreeMap<String, f32>>,
    /// Labels of which the right one is one, as often as was asked for.
    set: Option<Vec<String>>,
    /// By class, a PNG in base64 that shows what speaks for it.
    heatmaps: Option<BTreeMap<String, String>>,
    /// Why there is no answer for this one of several pictures.
    error: Option<String>,
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
