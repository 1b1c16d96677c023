//! Plots of the training process.

use headstart::train::Trial;
use headstart::{EpochRecord, TrainingRecord};

use crate::plot::{Axis, Curve, Mark, Plot, Role, Scale};

/// An epoch's values for training and for validation.
type Figures = fn(&EpochRecord) -> (f64, Option<f64>);

/// Accuracy and loss by epoch, over both phases. Empty if nothing was trained in epochs.
pub(super) fn learning(record: &TrainingRecord) -> Vec<Plot> {
    // The default head is not trained in epochs.
    let head: &[EpochRecord] =
        if record.trials.is_empty() && record.strength.is_none() { &record.epochs } else { &[] };
    let tuned = record.fine_tune.as_ref().map_or(&[][..], |tuned| &tuned.epochs);
    let is_finite = |epoch: &EpochRecord| epoch.loss.is_finite() && epoch.accuracy.is_finite();
    if head.len() + tuned.len() < 2 || !head.iter().chain(tuned).all(is_finite) {
        return Vec::new();
    }
    let accuracy =
        curves("Accuracy", "accuracy", (head, tuned), |epoch| (epoch.accuracy, epoch.val_accuracy));
    let loss = curves("Loss", "loss", (head, tuned), |epoch| (epoch.loss, epoch.val_loss));
    vec![accuracy, loss]
}

fn curves(
    title: &str,
    name: &str,
    (head, tuned): (&[EpochRecord], &[EpochRecord]),
    figures: Figures,
) -> Plot {
    let all = head.iter().chain(tuned).enumerate();
    let (mut train, mut held_out) = (Vec::new(), Vec::new());
    for (index, epoch) in all {
        let x = (index + 1) as f64;
        let (own, other) = figures(epoch);
        train.push((x, own));
        held_out.extend(other.map(|other| (x, other)));
    }
    let values = train.iter().chain(&held_out).map(|(_, y)| *y).filter(|y| y.is_finite());
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(a, b), y| (a.min(y), b.max(y)));
    let room = (0.08 * (high - low)).max(0.005);
    let ceiling = if name == "accuracy" { 1.0 } else { f64::MAX };
    let label = |what: &str, points: &[(f64, f64)]| -> Vec<String> {
        let each = points.iter();
        each.map(|(x, y)| format!("epoch {x}, {what}: {name} {y:.4}")).collect()
    };
    let labels = [label("learned from", &train), label("held out", &held_out)];
    let [train_labels, held_out_labels] = labels;
    let mut lines = vec![Curve {
        name: "learned from".to_owned(),
        points: train,
        labels: train_labels,
        role: Role::Second,
    }];
    if !held_out.is_empty() {
        lines.push(Curve {
            name: "held out".to_owned(),
            points: held_out,
            labels: held_out_labels,
            role: Role::Main,
        });
    }
    let both = !head.is_empty() && !tuned.is_empty();
    let begins = Mark { name: "fine-tuning".to_owned(), x: head.len() as f64 + 0.5, main: false };
    Plot {
        title: title.to_owned(),
        x: Axis {
            name: "epoch".to_owned(),
            scale: Scale::Linear,
            from: 1.0,
            to: (head.len() + tuned.len()) as f64,
        },
        y: Axis {
            name: name.to_owned(),
            scale: Scale::Linear,
            from: (low - room).max(0.0),
            to: (high + room).min(ceiling),
        },
        curves: lines,
        marks: both.then_some(begins).into_iter().collect(),
        bars: Vec::new(),
        bar_names: Vec::new(),
    }
}

/// The validation loss by strength of regularisation; `None` if no strength was searched for.
pub(super) fn strengths(trials: &[Trial], chosen: Option<f64>) -> Option<Plot> {
    let mut trials = trials.to_vec();
    trials.sort_by(|a, b| a.strength.total_cmp(&b.strength));
    let (first, last) = (trials.first()?.strength, trials.last()?.strength);
    let all_finite = trials.iter().all(|trial| trial.log_loss.is_finite());
    if first >= last || !all_finite {
        return None;
    }
    let losses = trials.iter().map(|trial| trial.log_loss);
    let (low, high) = losses.fold((f64::MAX, f64::MIN), |(a, b), y| (a.min(y), b.max(y)));
    let room = (0.1 * (high - low)).max(0.005);
    let label = |trial: &Trial| format!("C {:.2e}: loss {:.4}", trial.strength, trial.log_loss);
    Some(Plot {
        title: "Loss of pictures left out, by strength C".to_owned(),
        x: Axis { name: "strength C".to_owned(), scale: Scale::Log, from: first, to: last },
        y: Axis {
            name: "loss".to_owned(),
            scale: Scale::Linear,
            from: (low - room).max(0.0),
            to: high + room,
        },
        curves: vec![Curve {
            name: String::new(),
            points: trials.iter().map(|trial| (trial.strength, trial.log_loss)).collect(),
            labels: trials.iter().map(label).collect(),
            role: Role::Main,
        }],
        marks: chosen
            .map(|x| Mark { name: format!("chosen: {x:.2e}"), x, main: true })
            .into_iter()
            .collect(),
        bars: Vec::new(),
        bar_names: Vec::new(),
    })
}
