//! What is answered for a picture, as programs read it.

use headstart_engine::head::Task;
use serde::{Serialize, Serializer};

use crate::{ClassifierHead, Prediction};

/// The answer for a picture. Serialised it is the same JSON whoever asks: a line of `--json`, or the body of
/// a response.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Answer<'a> {
    /// Of a picture that has one label.
    SingleLabel {
        /// The likeliest class; nothing of an unknown picture.
        label: Option<&'a str>,
        /// Its probability; nothing of an unknown picture.
        score: Option<f32>,
        /// What else is said.
        #[serde(flatten)]
        rest: Rest<'a>,
    },
    /// Of a picture that may have any number of labels.
    MultiLabel {
        /// Those above their thresholds, the likeliest first; none of an unknown picture.
        labels: Vec<&'a str>,
        /// What else is said.
        #[serde(flatten)]
        rest: Rest<'a>,
    },
}

/// What an answer says whatever the task.
#[derive(Clone, Debug, Serialize)]
pub struct Rest<'a> {
    /// Whether the picture is of none of the classes, where the model can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<bool>,
    /// How far the picture is from what the model knows; unknown from the model's threshold on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_score: Option<f32>,
    /// The probabilities.
    pub scores: Scores<'a>,
    /// Labels that contain the right ones as often as was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<Vec<&'a str>>,
}

/// An object from class to probability, the likeliest first.
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
    /// What is answered with a prediction: the scores of the `top_k` likeliest classes, or of all.
    ///
    /// # Panics
    /// When the prediction is of a class that there is not.
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
