use rayon::prelude::*;

use super::{
    Trial,
    folds::Fold,
    held_out::{HeldOut, Scaled},
    objective::{Evaluation, Objective, Point},
};
use crate::{
    TrainError,
    optimizers::{Lbfgs, LbfgsConfig, LbfgsStatus},
};

/// First strength of the path, which goes up to `LAST` in factors of `STEP`. The variance of a logit for a standardised
/// sample, with a kernel drawn from the prior (normal, variance C), is C x features.
const FIRST: f64 = 0.1;
const LAST: f64 = 1e4;
const STEP: f64 = 3.162_277_660_168_379_5;
/// Used if nothing can be held out: one sample per class.
const DEFAULT: f64 = 1.0;
/// A strength ten times as high or low as the default must improve the sum of log losses on the held-out samples by this
/// much. These constants, and the shrinkage of deviations, were the best for 1 to 20 pictures per class of foods and of
/// Fashion-MNIST (`benchmarks/few`).
const DOUBT: f64 = 3.0;
/// The path ends when the loss has not fallen by this fraction for so many steps.
const GAIN: f64 = 0.002;
const PATIENCE: usize = 2;

/// The strength to fit with and how it was found.
pub(super) struct Choice {
    pub(super) strength: f64,
    /// The factor of the kernel, see [`HeldOut::best_scale`].
    pub(super) scale: f64,
    pub(super) trials: Vec<Trial>,
    /// A minimisation near the solution, with its penalty; `None` if nothing was held out.
    pub(super) near: Option<(Lbfgs, f64)>,
}

/// Minimisations of one objective, each with a different fold held out, along a shared path from strong to weak
/// regularisation.
struct Paths<'a> {
    objective: &'a Objective<'a>,
    all: Vec<Path>,
}

struct Path {
    solver: Lbfgs,
    hold_out: Fold,
    penalty: f64,
    train_weight: f64,
    held_out_weight: f64,
}

/// Chooses the strength whose kernel has the lowest loss on held-out samples, if it is multiplied by the best factor.
///
/// Without a factor, the choice would depend on the length of the kernel more than on its direction: with few samples, a
/// strong regularisation finds the better direction, but a kernel that is far too short.
pub(super) fn choose(
    objective: &Objective,
    folds: u8,
    varying: usize,
    config: LbfgsConfig,
    go_on: &mut dyn FnMut(f64) -> Result<(), TrainError>,
) -> Result<Choice, TrainError> {
    let varying = varying.max(1) as f64;
    let mut choice =
        Choice { strength: DEFAULT / varying, scale: 1.0, trials: Vec::new(), near: None };
    if folds == 0 {
        return Ok(choice);
    }
    let mut paths = Paths {
        objective,
        // The last path includes all samples: the final fit starts from its end.
        all: (0..folds)
            .map(Some)
            .chain([None])
            .map(|hold_out| Path::new(objective, hold_out, config))
            .collect(),
    };
    let held_out = paths.held_out_weight().max(f64::MIN_POSITIVE);
    // The loss of each trial, plus the prior penalty of its strength.
    let mut doubted: Vec<f64> = Vec::new();
    let mut scales: Vec<f64> = Vec::new();
    let mut lowest = f64::INFINITY;
    let mut since_gain = 0;
    let mut variance = FIRST;
    while variance < LAST * 1.001 && since_gain < PATIENCE {
        let strength = variance / varying;
        paths.solve(strength, &mut || go_on(strength))?;
        let Scaled { scale, log_loss } = paths.held_out()?.best_scale();
        choice.trials.push(Trial { strength, log_loss });
        let loss = log_loss + DOUBT * (variance / DEFAULT).log10().powi(2) / held_out;
        doubted.push(loss);
        scales.push(scale.ln());
        since_gain = if loss < lowest * (1.0 - GAIN) { 0 } else { since_gain + 1 };
        if loss < lowest {
            lowest = loss;
            choice.near = Some(paths.of_all_samples());
        }
        variance *= STEP;
    }
    if let Some((trial, steps)) = lowest_between(&doubted) {
        choice.strength = choice.trials[trial].strength * STEP.powf(steps);
        let neighbour = if steps < 0.0 { trial.checked_sub(1) } else { Some(trial + 1) };
        let slope = neighbour.and_then(|at| scales.get(at)).map_or(0.0, |at| at - scales[trial]);
        choice.scale = (scales[trial] + steps.abs() * slope).exp();
    }
    Ok(choice)
}

/// Minimisations with this strength, each with one fold held out. They share the products with the samples.
pub(super) fn hold_out(
    objective: &Objective,
    folds: u8,
    strength: f64,
    config: LbfgsConfig,
    go_on: &mut dyn FnMut() -> Result<(), TrainError>,
) -> Result<Vec<Lbfgs>, TrainError> {
    let all = (0..folds).map(|fold| Path::new(objective, Some(fold), config)).collect();
    let mut paths = Paths { objective, all };
    paths.solve(strength, go_on)?;
    Ok(paths.all.into_iter().map(|path| path.solver).collect())
}

/// The index of the lowest loss, and the offset in steps to the vertex of the parabola through it and its neighbours.
fn lowest_between(losses: &[f64]) -> Option<(usize, f64)> {
    let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b]))?;
    let at = |index: usize| losses.get(index).copied();
    let offset = match (best.checked_sub(1).and_then(at), at(best + 1)) {
        (Some(left), Some(right)) => {
            let curvature = left - 2.0 * losses[best] + right;
            if curvature > 0.0 { (left - right) / 2.0 / curvature } else { 0.0 }
        }
        _ => 0.0,
    };
    Some((best, offset))
}

impl Paths<'_> {
    /// Continues with another strength.
    fn solve(
        &mut self,
        strength: f64,
        go_on: &mut dyn FnMut() -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        let kernel = 0..self.objective.kernel_len();
        for path in &mut self.all {
            let penalty = 1.0 / (strength * path.train_weight);
            path.solver.set_scale(self.objective.scale(penalty));
            path.solver.add_square(penalty - path.penalty, kernel.clone());
            path.penalty = penalty;
        }
        loop {
            let is_running = |path: &&mut Path| path.solver.status() == LbfgsStatus::Running;
            let running: Vec<&mut Path> = self.all.iter_mut().filter(is_running).collect();
            if running.is_empty() {
                break;
            }
            let points: Vec<Point> =
                running.iter().map(|path| path.at(path.solver.point())).collect();
            let evaluations = self.objective.evaluate(&points, go_on)?;
            running
                .into_par_iter()
                .zip(evaluations)
                .for_each(|(path, evaluation)| path.tell(evaluation));
        }
        Ok(())
    }

    /// The held-out samples at the best points.
    fn held_out(&self) -> Result<HeldOut<'_>, TrainError> {
        let points: Vec<Point> = self.all.iter().map(|path| path.at(path.solver.best())).collect();
        HeldOut::of(self.objective, &points)
    }

    /// The total weight of the held-out samples.
    fn held_out_weight(&self) -> f64 {
        self.all.iter().map(|path| path.held_out_weight).sum()
    }

    /// The minimisation over all samples, and its penalty.
    fn of_all_samples(&self) -> (Lbfgs, f64) {
        let path = self.all.last().expect("a path of all samples");
        (path.solver.clone(), path.penalty)
    }
}

impl Path {
    fn new(objective: &Objective, hold_out: Fold, config: LbfgsConfig) -> Self {
        Self {
            solver: Lbfgs::new(objective.start(), config),
            hold_out,
            penalty: 0.0,
            train_weight: objective.weight(hold_out, false),
            held_out_weight: objective.weight(hold_out, true),
        }
    }

    fn at<'a>(&self, parameters: &'a [f64]) -> Point<'a> {
        Point { parameters, penalty: self.penalty, hold_out: self.hold_out }
    }

    fn tell(&mut self, evaluation: Evaluation) {
        self.solver.tell(evaluation.value, &evaluation.gradient);
    }
}
