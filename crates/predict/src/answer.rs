//! Machine-readable answers for pictures.

use headstart_engine::head::Task;
use serde::{Serialize, Serializer};

use crate::{ClassifierHead, Prediction};

/// The answer for a picture. It serialises to the same JSON everywhere: a line of `--json`, or the body of a response.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Answer<'a> {
    /// For a single-label model.
    SingleLabel {
        /// The most probable class; `None` for an unknown picture.
        label: Option<&'a str>,
        /// Its probability; `None` for an unknown picture.
        score: Option<f32>,
        /// The remaining fields.
        #[serde(flatten)]
        rest: Rest<'a>,
    },
    /// For a multi-label model.
    MultiLabel {
        /// The labels above their thresholds, most probable first; empty for an unknown picture.
        labels: Vec<&'a str>,
        /// The remaining fields.
        #[serde(flatten)]
        rest: Rest<'a>,
    },
}

/// The fields of an answer that do not depend on the task.
#[derive(Clone, Debug, Serialize)]
pub struct Rest<'a> {
    /// Whether the picture is of none of the classes, if the model can detect that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<bool>,
    /// The distance of the picture from what the model knows; unknown above the model's threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_score: Option<f32>,
    /// The probabilities.
    pub scores: Scores<'a>,
    /// Labels that contain the right ones with the requested coverage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<Vec<&'a str>>,
}

/// An object from class to probability, most probable first.
#[derive(Clone, Debug)]
pub struct Scores<'a> {
    ranked: Vec<(usize, f32)>,
    classes: &'a [String],
}

impl Serialize for Scores<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.ranked.iter().map(|&(class, p)| (&self.classes[class], p)))
    }
}

impl ClassifierHead {
    /// Builds the answer for a prediction, with the scores of the `top_k` most probable classes, or of all.
    ///
    /// # Panics
    /// When the prediction contains a class that does not exist.
    pub fn answer(&self, prediction: &Prediction, top_k: Option<usize>) -> Answer<'_> {
        let classes = self.classes();
        let names = |of: &[usize]| of.iter().map(|&class| &*classes[class]).collect();
        let mut ranked = prediction.ranked();
        ranked.truncate(top_k.unwrap_or(usize::MAX));
        let rest = Rest {
            unknown: prediction.unknown.map(|unknown| unknown.is_unknown),
            unknown_score: prediction.unknown.map(|unknown| unknown.score),
            scores: Scores { ranked, classes },
            set: prediction.set.as_deref().map(names),
        };
        match self.task() {
            Task::MultiLabel => {
                let labels = if prediction.is_unknown() { &[] } else { &prediction.labels[..] };
                Answer::MultiLabel { labels: names(labels), rest }
            }
            Task::SingleLabel => {
                let label = prediction.label();
                Answer::SingleLabel {
                    label: label.map(|class| &*classes[class]),
                    score: label.map(|class| prediction.scores[class]),
                    rest,
                }
            }
        }
    }
}
