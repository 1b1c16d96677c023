//! Regularised logistic regression: the head that needs no tuning.

mod folds;
mod objective;
mod standardise;
mod strength;

use std::{ops::ControlFlow, time::Instant};

use serde::{Deserialize, Serialize};

use self::{
    objective::{Objective, Point},
    standardise::Standardisation,
    strength::Choice,
};
use super::{Epoch, Head, History};
use crate::train::{
    ClassWeight, Samples, TrainError,
    optimizers::{Lbfgs, LbfgsConfig, Progress},
};

/// How weak the regularisation is: scikit-learn's `C`, for standardised features. The objective is
/// C x sum of weight x loss + |kernel|²/2.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Chosen by the loss on held-out samples: 5-fold cross-validation, stratified and by groups;
    /// with more than 600 samples, only as many of the folds as hold out 600.
    #[default]
    Auto,
    /// This one.
    Fixed(f64),
}

/// How to fit a head by logistic regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogisticConfig {
    /// The strength C.
    pub strength: Strength,
    /// Decides which samples are held out when.
    pub seed: u64,
    /// What samples of each class count for.
    pub class_weight: ClassWeight,
    /// The fit is done when no element of the gradient of the mean loss is larger: 1e-4, as
    /// in scikit-learn.
    pub tolerance: f64,
    /// The same while the strength is chosen: 1e-3.
    pub tolerance_while_choosing: f64,
}

impl Default for LogisticConfig {
    fn default() -> Self {
        Self {
            strength: Strength::Auto,
            seed: 0,
            class_weight: ClassWeight::Uniform,
            tolerance: 1e-4,
            tolerance_while_choosing: 1e-3,
        }
    }
}

/// A fitted head and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticFit {
    /// The head: a plain dense layer on features as they are; the standardisation is folded in.
    pub head: Head,
    /// One epoch: the fit.
    pub history: History,
    /// The strength that was chosen or given.
    pub strength: f64,
    /// What was tried on held-out samples, in the order it was.
    pub trials: Vec<Trial>,
    /// The steps of the last fit, on all samples.
    pub steps: usize,
    /// Whether the gradient became as small as was asked for.
    pub converged: bool,
}

/// A strength tried on held-out samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The strength C.
    pub strength: f64,
    /// The mean loss of samples held out.
    pub log_loss: f64,
}

/// The logit of a class without samples. The others' logits have mean 0, so that it is lower than the
/// largest by as much or more.
const LOGIT_OF_ABSENT_CLASS: f64 = -20.0;

/// Fits a head by multinomial logistic regression (of one logit for two classes) with an L2 penalty
/// on the kernel, on standardised features: scikit-learn's `LogisticRegression`, solved by L-BFGS.
///
/// `callback` is called once, when all is done. The epoch's loss is without the penalty.
///
/// # Errors
/// Samples or options that make no sense.
pub fn fit_logistic(
    train: &Samples,
    validation: Option<&Samples>,
    config: &LogisticConfig,
    callback: &mut dyn FnMut(&Epoch) -> ControlFlow<()>,
) -> Result<LogisticFit, TrainError> {
    let start = Instant::now();
    config.check()?;
    train.check_trainable()?;
    let validation = validation.filter(|samples| !samples.is_empty());
    if let Some(validation) = validation {
        validation.check()?;
    }
    if let Some(validation) = validation {
        Head::new(train.dim, train.classes, 0.0, 0).check_fits(validation)?;
    }
    let weights = train.total_weights(&config.class_weight)?;
    let problem = Problem::new(train, weights.as_deref())?;
    let (choice, objective) = problem.choose(config);
    let solver = solve(&objective, &choice, config.tolerance);

    let head = problem.head(train.classes, solver.best());
    let (loss, accuracy) = head.evaluate_weighted(train, weights.as_deref());
    let (val_loss, val_accuracy) =
        validation.map(|samples| head.evaluate_weighted(samples, samples.weights)).unzip();
    let epoch = Epoch {
        epoch: 1,
        loss,
        accuracy,
        val_loss,
        val_accuracy,
        seconds: start.elapsed().as_secs_f64(),
    };
    // There is nothing left to stop.
    let _ = callback(&epoch);
    Ok(LogisticFit {
        head,
        history: History { epochs: vec![epoch], best_epoch: None, stopped_early: false },
        strength: choice.strength,
        trials: choice.trials,
        steps: solver.steps(),
        converged: solver.progress() == Progress::Converged,
    })
}

impl LogisticConfig {
    fn check(&self) -> Result<(), TrainError> {
        let strength = match self.strength {
            Strength::Auto => 1.0,
            Strength::Fixed(strength) => strength,
        };
        for (option, value) in [
            ("the strength", strength),
            ("the tolerance", self.tolerance),
            ("the tolerance while choosing", self.tolerance_while_choosing),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return Err(TrainError::Option {
                    option,
                    value: value.to_string(),
                    expected: "it must be a number above 0",
                });
            }
        }
        Ok(())
    }
}

/// The samples as the solver takes them: only those that count, standardised, and only classes that
/// have any.
struct Problem<'a> {
    samples: Samples<'a>,
    weights: Option<&'a [f32]>,
    rows: Vec<usize>,
    present: Vec<usize>,
    standardisation: Standardisation,
}

impl<'a> Problem<'a> {
    fn new(samples: &Samples<'a>, weights: Option<&'a [f32]>) -> Result<Self, TrainError> {
        let counts = |row: &usize| weights.is_none_or(|weights| weights[*row] > 0.0);
        let rows: Vec<usize> = (0..samples.len()).filter(counts).collect();
        let mut is_present = vec![false; samples.classes];
        rows.iter().for_each(|&row| is_present[samples.labels[row]] = true);
        let present: Vec<usize> = (0..samples.classes).filter(|&class| is_present[class]).collect();
        match present[..] {
            [] => Err(TrainError::NoSamples),
            [class] => Err(TrainError::OneClass { class }),
            _ => Ok(Self {
                samples: *samples,
                weights,
                standardisation: Standardisation::of(samples, &rows),
                rows,
                present,
            }),
        }
    }

    /// The strength to fit with and where to start, and the objective over all samples.
    fn choose(&self, config: &LogisticConfig) -> (Choice, Objective) {
        let pick = |of: &[usize]| -> Vec<usize> { self.rows.iter().map(|&row| of[row]).collect() };
        let mut compact = vec![0; self.samples.classes];
        for (index, &class) in self.present.iter().enumerate() {
            compact[class] = index;
        }
        let labels: Vec<usize> =
            self.rows.iter().map(|&row| compact[self.samples.labels[row]]).collect();
        let weight = |&row: &usize| self.weights.map_or(1.0, |weights| weights[row]);
        let mut objective = Objective {
            z: self.standardisation.apply(&self.samples, &self.rows),
            dim: self.samples.dim,
            units: self.units(),
            weights: self.rows.iter().map(weight).collect(),
            folds: vec![None; labels.len()],
            labels,
        };
        let choice = match config.strength {
            Strength::Fixed(strength) => {
                Choice { strength, trials: Vec::new(), start: objective.start() }
            }
            Strength::Auto => {
                let groups = self.samples.groups.map(pick);
                let classes = self.present.len();
                let folds = folds::deal(&objective.labels, classes, groups.as_deref(), config.seed);
                objective.folds = folds.of;
                let limits = limits(config.tolerance_while_choosing);
                strength::choose(&objective, folds.count, self.standardisation.varying(), limits)
            }
        };
        (choice, objective)
    }

    fn units(&self) -> usize {
        if self.samples.classes == 2 { 1 } else { self.present.len() }
    }

    /// The head on features as they are: with z = (x - mean) / deviation,
    /// z w + b = x (w / deviation) + (b - mean (w / deviation)).
    fn head(&self, classes: usize, parameters: &[f64]) -> Head {
        let (dim, units) = (self.samples.dim, self.units());
        let mut head = Head::new(dim, classes, 0.0, 0);
        head.kernel.fill(0.0);
        head.bias.fill(LOGIT_OF_ABSENT_CLASS as f32);
        let (kernel, bias) = parameters.split_at(dim * units);
        for unit in 0..units {
            let to = if classes == 2 { 0 } else { self.present[unit] };
            let mut shift = bias[unit];
            let affine = self.standardisation.mean.iter().zip(&self.standardisation.inverse);
            for (row, (mean, inverse)) in affine.enumerate() {
                let weight = kernel[row * units + unit] * inverse;
                head.kernel[row * head.bias.len() + to] = weight as f32;
                shift -= mean * weight;
            }
            head.bias[to] = shift as f32;
        }
        head
    }
}

fn limits(tolerance: f64) -> LbfgsConfig {
    LbfgsConfig { tolerance, ..LbfgsConfig::default() }
}

/// The fit to all samples.
fn solve(objective: &Objective, choice: &Choice, tolerance: f64) -> Lbfgs {
    let penalty = 1.0 / (choice.strength * objective.weight(None, false));
    let mut solver = Lbfgs::new(choice.start.clone(), limits(tolerance));
    solver.set_scale(objective.scale(penalty));
    while solver.progress() == Progress::Running {
        let point = Point { parameters: solver.point(), penalty, hold_out: None };
        for evaluation in objective.evaluate(&[point]) {
            solver.tell(evaluation.value, &evaluation.gradient);
        }
    }
    solver
}
