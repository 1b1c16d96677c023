//! What heads say of samples that they were not trained on.

use std::ops::ControlFlow;

use headstart_kernels::Isa;

use super::{
    LogisticConfig, Strength, fit_logistic,
    folds::{Strata, deal, none_apart},
};
use crate::{Event, Samples, TrainError};

/// The probabilities, n x classes, that each sample has by a head of the other four fifths of the
/// samples: 5 folds, stratified and by groups. The strength is chosen once, on all.
///
/// Samples without which a class would be missing are never held out; theirs are by the head of all.
///
/// `callback` is told of the fits as by [`fit_logistic`], but of no epochs.
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
    let all = fit_logistic(samples, None, config, isa, &mut tell)?;
    let mut probabilities = all.head.probabilities(samples.features);
    let config = LogisticConfig { strength: Strength::Fixed(all.strength), ..config.clone() };
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
            probabilities[row * samples.classes..][..samples.classes]
                .copy_from_slice(&head.probabilities(samples.row(row)));
        }
    }
    Ok(probabilities)
}
