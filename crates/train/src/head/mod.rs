//! Training of the head: dropout, then a dense layer on the features of the base.

mod adam;
mod batch;
mod history;
mod layers;
mod logistic;
mod pass;
mod steps;
mod views;

/// Rows per task. It determines how sums are split, so it must not depend on the number of threads.
const ROWS_PER_TASK: usize = 256;

use std::ops::Range;

use headstart_engine::head::{Head, Task, predict};

use super::{
    Features, Samples, TrainError,
    layers::dense::glorot_uniform,
    losses::{Loss, Targets},
    samples::targets,
};

pub use adam::{AdamConfig, fit_adam, fit_adam_from};
pub use history::{Epoch, Event, History};
pub(crate) use layers::variables;
pub use logistic::{
    LogisticConfig, LogisticFit, OutOfFold, Strength, Trial, fit_logistic, out_of_fold,
    out_of_fold_logits,
};
pub(crate) use pass::Pass;
pub use steps::HeadSteps;
pub use views::Views;

/// Returns an untrained head: a Glorot-uniform kernel drawn from the seed, no bias.
pub fn untrained(task: Task, dim: usize, classes: usize, dropout: f32, seed: u64) -> Head {
    let units = task.units(classes);
    Head {
        hidden: Vec::new(),
        kernel: glorot_uniform(dim, units, seed),
        bias: vec![0.0; units],
        classes,
        dropout,
        task,
    }
}

/// Returns the mean loss (with sample weights, as in training) and the accuracy; for [`Task::MultiLabel`], this is the
/// fraction of all pairs of sample and class that are correct at a threshold of 0.5 (Keras's `binary_accuracy`).
///
/// # Errors
/// When the samples are invalid, or belong to another head.
pub fn evaluate(head: &Head, samples: &Samples) -> Result<(f64, f64), TrainError> {
    samples.check()?;
    check_fits(head, samples)?;
    evaluate_weighted(head, samples, samples.weights)
}

/// Rows whose features are in memory at a time.
const ROWS_EVALUATED: usize = 8192;

/// The logits of a range of samples.
fn logits_of(head: &Head, samples: &Samples, rows: Range<usize>) -> Result<Vec<f32>, TrainError> {
    let mut logits = Vec::with_capacity(rows.len() * head.units());
    for start in rows.clone().step_by(ROWS_EVALUATED) {
        let rows = start..(start + ROWS_EVALUATED).min(rows.end);
        logits.extend(match samples.features {
            Features::Memory(all) => {
                head.logits(&all[rows.start * samples.dim..rows.end * samples.dim])
            }
            Features::Stored(_) => {
                let rows: Vec<u32> = rows.map(|row| row as u32).collect();
                head.logits(&samples.features_of(&rows)?)
            }
        });
    }
    Ok(logits)
}

fn evaluate_weighted(
    head: &Head,
    samples: &Samples,
    weights: Option<&[f32]>,
) -> Result<(f64, f64), TrainError> {
    let (n, kind) = (samples.len(), Loss::of_task(head.task, head.classes));
    let width = weights.map_or(0, |weights| weights.len() / n);
    let (mut loss, mut right) = (0.0, 0);
    for start in (0..n).step_by(ROWS_EVALUATED) {
        let rows = start..(start + ROWS_EVALUATED).min(n);
        let logits = logits_of(head, samples, rows.clone())?;
        let own = weights.map(|weights| &weights[rows.start * width..rows.end * width]);
        let mean = kind.forward(&logits, samples.targets_of(rows.clone()), own);
        // For a single block exactly its mean.
        loss += if rows.len() == n { mean } else { mean * (rows.len() as f64 / n as f64) };
        let labels = targets(&samples.labels[rows], samples.label_sets);
        right += right_decisions(&logits, labels, head.units());
    }
    let decisions = n * head.task.decisions(head.classes);
    Ok((loss, right as f64 / decisions as f64))
}

/// [`evaluate_weighted`] of the validation samples, if any.
fn validate(
    head: &Head,
    validation: Option<&Samples>,
) -> Result<(Option<f64>, Option<f64>), TrainError> {
    let measured = validation.map(|samples| evaluate_weighted(head, samples, samples.weights));
    Ok(measured.transpose()?.unzip())
}

fn check_fits(head: &Head, samples: &Samples) -> Result<(), TrainError> {
    for (what, found, expected) in [
        ("features of a sample", samples.dim, head.dim()),
        ("classes", samples.classes, head.classes),
    ] {
        if found != expected {
            return Err(TrainError::Length { what, found, expected });
        }
    }
    if samples.task() != head.task {
        return Err(TrainError::OtherTask { head: head.task, samples: samples.task() });
    }
    Ok(())
}

/// The number of correct decisions of n x units logits: the class, or, for sets of classes, whether each class is
/// present, at a threshold of 0.5.
pub(crate) fn right_decisions(logits: &[f32], own: Targets, units: usize) -> usize {
    match own {
        Targets::Labels(labels) => {
            let predicted = predict(logits, units);
            labels.iter().zip(&predicted).filter(|(label, predicted)| label == predicted).count()
        }
        Targets::Sets { labels, sets } => {
            let right = |(z, &label): (&[f32], &usize)| {
                let said = z.iter().filter(|&&z| z > 0.0).count();
                let hit = sets[label].iter().filter(|&&class| z[class] > 0.0).count();
                // Errors are the false positives and the false negatives.
                units - (said - hit) - (sets[label].len() - hit)
            };
            logits.chunks_exact(units).zip(labels).map(right).sum()
        }
        Targets::Soft(_) => unreachable!("a sample's own labels are not soft"),
    }
}
