//! What heads say of samples that they were not trained on.

use std::ops::ControlFlow;

use headstart_engine::head::probabilities;
use headstart_kernels::Isa;

use super::{
    LogisticConfig, LogisticFit, Strength, fit_logistic,
    folds::{Strata, deal, none_apart},
};
use crate::{Event, Head, Samples, TrainError};

/// What heads that have not seen them say of samples.
#[derive(Debug, Clone, PartialEq)]
pub struct OutOfFold {
    /// n x units.
    pub logits: Vec<f32>,
    /// Whether each sample was held out. Those without which a class would be missing never are; theirs
    /// are by the head of all.
    pub held_out: Vec<bool>,
}

/// The logits that each sample has by a head of the other four fifths of the samples: 5 folds, stratified
/// and by groups. `head` and its strength are of all samples.
///
/// `callback` is told of the fits as by [`fit_logistic`], but of no epochs.
///
/// # Errors
/// As [`fit_logistic`].
pub fn out_of_fold_logits(
    samples: &Samples,
    (head, strength): (&Head, f64),
    config: &LogisticConfig,
    isa: Isa,
    callback: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<OutOfFold, TrainError> {
    let mut tell = |event: Event| match event {
        Event::Epoch(_) => ControlFlow::Continue(()),
        other => callback(other),
    };
    let mut logits = head.logits(samples.features);
    let units = head.units();
    let config = LogisticConfig { strength: Strength::Fixed(strength), ..config.clone() };
    let sets = samples.label_sets.map(|sets| none_apart(sets, samples.classes));
    let strata = Strata::new(samples.labels, sets.as_deref(), samples.classes + 1);
    let folds = deal(strata, samples.groups, config.seed).of;
    let count = folds.iter().flatten().max().map_or(0, |last| last + 1);
    for fold in 0..count {
        let own = |row: usize| samples.weights.map_or(1.0, |weights| weights[row]);
        let held_out = |row: usize| folds[row] == Some(fold);
        let weight = |row| if held_out(row) { 0.0 } else { own(row) };
        let weights: Vec<f32> = (0..samples.len()).map(weight).collect();
        let train = Samples { weights: Some(&weights), ..*samples };
        let head = fit_logistic(&train, None, &config, isa, &mut tell)?.head;
        for row in (0..samples.len()).filter(|&row| held_out(row)) {
            logits[row * units..][..units].copy_from_slice(&head.logits(samples.row(row)));
        }
    }
    Ok(OutOfFold { logits, held_out: folds.iter().map(Option::is_some).collect() })
}

/// The probabilities, n x classes, of [`out_of_fold_logits`], with the strength chosen once, on all.
///
/// # Errors
/// As [`fit_logistic`].
pub fn out_of_fold(
    samples: &Samples,
    config: &LogisticConfig,
    isa: Isa,
    callback: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<Vec<f32>, TrainError> {
    let mut tell = |event: Event| match event {
        Event::Epoch(_) => ControlFlow::Continue(()),
        other => callback(other),
    };
    let LogisticFit { head, strength, .. } = fit_logistic(samples, None, config, isa, &mut tell)?;
    let found = out_of_fold_logits(samples, (&head, strength), config, isa, &mut tell)?;
    Ok(probabilities(&found.logits, head.task, head.classes))
}
