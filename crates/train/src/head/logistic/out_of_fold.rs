//! Predictions for samples by heads that were not trained on them.

use std::ops::ControlFlow;

use headstart_engine::head::probabilities;
use headstart_kernels::Isa;

use super::{LogisticConfig, LogisticFit, fit_logistic, problem::Problem, strength};
use crate::head::logits_of;
use crate::{Event, Head, Samples, TrainError};

/// Predictions for samples by heads that were not trained on them.
#[derive(Debug, Clone, PartialEq)]
pub struct OutOfFold {
    /// n x units.
    pub logits: Vec<f32>,
    /// Whether each sample was held out. Samples without which a class would be missing never are; their logits are
    /// from the head trained on all.
    pub held_out: Vec<bool>,
}

/// Computes the logits of each sample by a head trained on the other four fifths of the samples: 5 folds, stratified
/// and by groups. `head`, its strength and its scale are those of a fit to all samples with `config`.
///
/// `callback` receives the progress of the fits several times a second.
///
/// # Errors
/// As for [`fit_logistic`].
pub fn out_of_fold_logits(
    samples: &Samples,
    (head, strength, scale): (&Head, f64, f64),
    config: &LogisticConfig,
    isa: Isa,
    callback: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<OutOfFold, TrainError> {
    config.check()?;
    let weights = samples.total_weights(&config.class_weight)?;
    let problem = Problem::new(isa, samples, weights.as_deref(), config)?;
    let mut objective = problem.objective(problem.rows.clone());
    let folds = problem.deal(&objective, &problem.rows, config.seed).of;
    let count = folds.iter().flatten().max().map_or(0, |last| last + 1);
    objective.folds.clone_from(&folds);
    let mut step = 0;
    let mut go_on = || {
        step += 1;
        match callback(Event::Fitting { step }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(TrainError::Stopped),
        }
    };
    let limits = problem.limits(config.tolerance_while_choosing);
    let solvers = strength::hold_out(&objective, count, strength, limits, &mut go_on)?;
    let heads: Vec<Head> =
        solvers.iter().map(|solver| problem.head(samples.classes, solver.best(), scale)).collect();

    let units = head.units();
    let mut logits = logits_of(head, samples, 0..samples.len())?;
    let mut held_out = vec![false; samples.len()];
    for (&row, fold) in problem.rows.iter().zip(&folds) {
        if let Some(fold) = fold {
            let own = heads[usize::from(*fold)].logits(&samples.features_of(&[row])?);
            logits[row as usize * units..][..units].copy_from_slice(&own);
            held_out[row as usize] = true;
        }
    }
    let found = OutOfFold { logits, held_out };
    Ok(found)
}

/// Returns the probabilities, n x classes, of [`out_of_fold_logits`], with the strength chosen once, on all samples.
///
/// # Errors
/// As for [`fit_logistic`].
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
    let LogisticFit { head, strength, scale, .. } =
        fit_logistic(samples, None, config, isa, &mut tell)?;
    let found = out_of_fold_logits(samples, (&head, strength, scale), config, isa, &mut tell)?;
    Ok(probabilities(&found.logits, head.task, head.classes))
}
