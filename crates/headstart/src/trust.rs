//! What a classifier learns of its own answers.

use headstart_engine::head::Task;
use headstart_predict::{ClassifierHead, LabelSets, Temperature, Trust};
use serde::{Deserialize, Serialize};

use crate::pictures;

/// Whether probabilities are made to mean what they say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// Logits are divided by the temperature that makes pictures that were not learned from the likeliest
    /// (Guo et al. 2017), of a model that gives several labels one for each.
    #[default]
    Temperature,
    /// They stay as the head has them.
    None,
}

/// With fewer pictures a temperature would be chance.
const FEWEST: usize = 20;

/// What a head says of labelled pictures that it has not learned from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unseen {
    /// n x units.
    pub(crate) logits: Vec<f32>,
    /// Each picture's class, or the index of its set of classes.
    pub(crate) labels: Vec<usize>,
    pub(crate) label_sets: Option<pictures::LabelSets>,
}

impl Unseen {
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    pub(crate) fn label_sets(&self) -> Option<&[Vec<usize>]> {
        self.label_sets.as_deref()
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        self.logits.extend(&other.logits);
        self.labels.extend(&other.labels);
        if self.label_sets.is_none() {
            self.label_sets.clone_from(&other.label_sets);
        }
    }

    /// Whether each picture has each class, n x classes.
    fn has(&self, sets: &[Vec<usize>], classes: usize) -> Vec<bool> {
        let of = |&label: &usize| {
            let mut has = vec![false; classes];
            sets[label].iter().for_each(|&class| has[class] = true);
            has
        };
        self.labels.iter().flat_map(of).collect()
    }

    /// What a classifier of this head can know of its answers.
    pub(crate) fn trust(&self, head: &ClassifierHead, calibration: Calibration) -> Trust {
        let classes = head.classes().len();
        let mut trust = Trust::default();
        if self.labels.len() >= FEWEST && calibration == Calibration::Temperature {
            trust.temperature = Some(match self.label_sets() {
                Some(sets) => {
                    Temperature::fit_each(&self.logits, &self.has(sets, classes), classes)
                }
                None => Temperature::fit(&self.logits, &self.labels, classes),
            });
        }
        if head.task() == Task::SingleLabel && !self.is_empty() {
            let mut calibrated = head.clone();
            calibrated.set_trust(trust.clone());
            let probabilities = calibrated.probabilities_of(self.logits.clone());
            trust.sets = Some(LabelSets::fit(&probabilities, &self.labels, classes));
        }
        trust
    }
}
