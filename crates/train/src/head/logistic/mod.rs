//! Regularised logistic regression: a head that needs no tuning.

mod folds;
mod held_out;
mod objective;
mod out_of_fold;
mod standardise;
mod strength;

use std::{borrow::Cow, ops::ControlFlow, time::Instant};

use headstart_kernels::Isa;
use serde::{Deserialize, Serialize};

use self::{
    folds::{Strata, none_apart},
    objective::{Objective, Point},
    standardise::Standardisation,
    strength::Choice,
};
use super::{Epoch, Event, History, check_fits, evaluate_weighted, untrained, validate};
use crate::Head;
use crate::{
    ClassWeight, Features, Samples, Task, TrainError,
    error::readable,
    optimizers::{Lbfgs, LbfgsConfig, LbfgsStatus},
};
pub use out_of_fold::{OutOfFold, out_of_fold, out_of_fold_logits};

/// The inverse regularisation strength: scikit-learn's `C`, for standardised features. The objective is C x sum of
/// weight x loss + |kernel|²/2.
///
/// With few samples, neither the deviations of features nor held-out losses are reliable. When the strength is chosen,
/// both are therefore shrunk as if by a few more samples: deviations towards that of all features, the strength towards
/// a value that was best on small sets of photographs.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Chosen by the loss on held-out samples, with the kernel multiplied by the best factor, which the head's kernel is
    /// then multiplied by, too: 5-fold cross-validation, stratified and by groups. With more than 600
    /// samples, only as many folds are used as hold out 600; with more than 4,000, only a subset of that size.
    #[default]
    Auto,
    /// This strength.
    Fixed(f64),
}

/// Options of fitting a head by logistic regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogisticConfig {
    /// The strength C.
    pub strength: Strength,
    /// The random seed of the folds.
    pub seed: u64,
    /// The weight of samples of each class.
    pub class_weight: ClassWeight,
    /// The fit has converged when no element of the gradient of the mean loss is larger: 1e-4, as in scikit-learn.
    pub tolerance: f64,
    /// The same for choosing the strength: 1e-3.
    pub tolerance_while_choosing: f64,
    /// The number of features of each base, if the features of several bases are concatenated; each block is then
    /// standardised separately, and all blocks have the same weight. Empty otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<usize>,
}

impl Default for LogisticConfig {
    fn default() -> Self {
        Self {
            strength: Strength::Auto,
            seed: 0,
            class_weight: ClassWeight::Uniform,
            tolerance: 1e-4,
            tolerance_while_choosing: 1e-3,
            blocks: Vec::new(),
        }
    }
}

/// A fitted head and the details of its fit.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticFit {
    /// The head: a single dense layer on the original features, into which the standardisation is folded.
    pub head: Head,
    /// A single epoch: the fit.
    pub history: History,
    /// The strength chosen or given.
    pub strength: f64,
    /// The factor of the kernel: the best one for held-out samples, or 1 if the strength was given.
    pub scale: f64,
    /// The strengths tried on held-out samples, in order.
    pub trials: Vec<Trial>,
    /// The number of steps of the final fit, on all samples.
    pub steps: usize,
    /// Whether the gradient fell below the tolerance.
    pub converged: bool,
}

/// A strength tried on held-out samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The strength C.
    pub strength: f64,
    /// The mean loss of the held-out samples, with the kernel multiplied by the best factor.
    pub log_loss: f64,
}

/// The strength is chosen on about this many samples; more would add time but little information.
const ENOUGH_TO_CHOOSE: usize = 4000;
/// Relative error of values in f32 (Hager & Zhang's choice).
const NOISE: f64 = 1e-6;
/// Number of values in the solver's history of steps.
const REMEMBERED: usize = 8 << 20;

/// The logit of a class without samples. The others' logits have mean 0, so it is at least this much lower than the
/// largest.
const LOGIT_OF_ABSENT_CLASS: f64 = -20.0;

/// Fits a head by multinomial logistic regression (with a single logit for two classes) with an L2 penalty on the
/// kernel, on standardised features: scikit-learn's `LogisticRegression`, solved by L-BFGS. If samples have sets of
/// classes, all classes are fitted at once with the same strength, like scikit-learn's `OneVsRestClassifier` of it.
///
/// Matrix products use `isa`, which affects the last bits of the head.
///
/// `callback` receives progress several times a second, and one epoch at the end, when it is too late to stop. The
/// epoch's loss excludes the penalty.
///
/// # Errors
/// Invalid samples or options, [`TrainError::SoftTargets`] if the samples have any, and [`TrainError::Stopped`] if the
/// callback breaks.
pub fn fit_logistic(
    train: &Samples,
    validation: Option<&Samples>,
    config: &LogisticConfig,
    isa: Isa,
    callback: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<LogisticFit, TrainError> {
    let start = Instant::now();
    config.check()?;
    train.check_trainable()?;
    if train.soft_targets.is_some() {
        return Err(TrainError::SoftTargets);
    }
    let validation = validation.filter(|samples| !samples.is_empty());
    if let Some(validation) = validation {
        validation.check()?;
    }
    if let Some(validation) = validation {
        check_fits(&untrained(train.task(), train.dim, train.classes, 0.0, 0), validation)?;
    }
    let weights = train.total_weights(&config.class_weight)?;
    let problem = Problem::new(isa, train, weights.as_deref(), config)?;
    let (choice, solver) = problem.solve(config, callback)?;

    let head = problem.head(train.classes, solver.best(), choice.scale);
    let (loss, accuracy) = evaluate_weighted(&head, train, weights.as_deref())?;
    let (val_loss, val_accuracy) = validate(&head, validation)?;
    let epoch = Epoch {
        epoch: 1,
        loss,
        accuracy,
        val_loss,
        val_accuracy,
        seconds: start.elapsed().as_secs_f64(),
    };
    // There is nothing left to stop.
    let _ = callback(Event::Epoch(&epoch));
    Ok(LogisticFit {
        head,
        history: History { epochs: vec![epoch], best_epoch: None, stopped_early: false },
        strength: choice.strength,
        scale: choice.scale,
        trials: choice.trials,
        steps: solver.steps(),
        converged: solver.status() == LbfgsStatus::Converged,
    })
}

impl LogisticConfig {
    /// Checks the options, except the class weights, which depend on the samples.
    ///
    /// # Errors
    /// [`TrainError::Option`] for the first invalid one.
    pub fn check(&self) -> Result<(), TrainError> {
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
                    value: readable(value),
                    expected: "it must be a number above 0",
                });
            }
        }
        Ok(())
    }
}

/// The samples as input to the solver: standardised, with only the samples of non-zero weight and the classes that have
/// any.
struct Problem<'a> {
    isa: Isa,
    samples: Samples<'a>,
    weights: Option<&'a [f32]>,
    rows: Vec<u32>,
    present: Vec<usize>,
    /// The classes that all samples have, in a multi-label task; their logits are constant.
    of_all: Vec<bool>,
    standardisation: Standardisation,
}

impl<'a> Problem<'a> {
    fn new(
        isa: Isa,
        samples: &Samples<'a>,
        weights: Option<&'a [f32]>,
        config: &LogisticConfig,
    ) -> Result<Self, TrainError> {
        let (what, found, expected) = ("samples", samples.len(), u32::MAX as usize);
        if found > expected {
            return Err(TrainError::Length { what, found, expected });
        }
        let one = [samples.dim];
        let blocks = if config.blocks.is_empty() { &one[..] } else { &config.blocks };
        let (what, found, expected) = ("features of a sample", samples.dim, blocks.iter().sum());
        if found != expected {
            return Err(TrainError::Length { what, found, expected });
        }
        let counts = |row: &u32| {
            weights.is_none_or(|weights| {
                let width = weights.len() / samples.len();
                weights[*row as usize * width..][..width].iter().any(|&weight| weight > 0.0)
            })
        };
        let rows: Vec<u32> = (0..samples.len() as u32).filter(counts).collect();
        let mut is_present = vec![false; samples.classes];
        let mut of_all = vec![samples.task() == Task::MultiLabel; samples.classes];
        for &row in &rows {
            let own = samples.classes_of(row as usize);
            own.iter().for_each(|&class| is_present[class] = true);
            of_all.iter_mut().enumerate().for_each(|(class, all)| *all &= own.contains(&class));
        }
        // A class of all samples carries as little information as one of none.
        let tells = |class: &usize| is_present[*class] && !of_all[*class];
        let present: Vec<usize> = (0..samples.classes).filter(tells).collect();
        match (&present[..], samples.task()) {
            _ if rows.is_empty() => return Err(TrainError::NoSamples),
            ([], Task::MultiLabel) => return Err(TrainError::AllAlike),
            ([], Task::SingleLabel) => return Err(TrainError::NoSamples),
            (&[class], Task::SingleLabel) => return Err(TrainError::OneClass { class }),
            _ => {}
        }
        let draw_together = config.strength == Strength::Auto;
        Ok(Self {
            isa,
            samples: *samples,
            weights,
            standardisation: Standardisation::of(samples, &rows, draw_together, blocks)?,
            rows,
            present,
            of_all,
        })
    }

    /// Chooses the strength and fits to all samples.
    fn solve(
        &self,
        config: &LogisticConfig,
        callback: &mut dyn FnMut(Event) -> ControlFlow<()>,
    ) -> Result<(Choice, Lbfgs), TrainError> {
        let mut tell = |event: Event| match callback(event) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(TrainError::Stopped),
        };
        let all = self.objective(self.rows.clone());
        let mut choice = match config.strength {
            Strength::Fixed(strength) => {
                Choice { strength, scale: 1.0, trials: Vec::new(), near: None }
            }
            Strength::Auto => self.choose(config, &all, &mut tell)?,
        };
        let near = choice.near.take();
        let mut go_on = |step| tell(Event::Fitting { step });
        let limits = self.limits(config.tolerance);
        let solver = descend(&all, near, choice.strength, limits, &mut go_on)?;
        Ok((choice, solver))
    }

    fn choose(
        &self,
        config: &LogisticConfig,
        all: &Objective,
        tell: &mut dyn FnMut(Event) -> Result<(), TrainError>,
    ) -> Result<Choice, TrainError> {
        let rows = self.draw(all, config.seed, ENOUGH_TO_CHOOSE);
        // They are few and read many times.
        let features = match self.samples.features {
            Features::Memory(_) => None,
            Features::Stored(_) => Some(self.samples.features_of(&rows)?),
        };
        let mut drawn = self.objective(rows);
        let rows = drawn.rows.clone();
        if let Some(features) = &features {
            drawn.features = Features::Memory(features);
            drawn.rows = (0..rows.len() as u32).collect();
        }
        let folds = self.deal(&drawn, &rows, config.seed);
        drawn.folds = folds.of;
        let (mut trial, mut last) = (0, 0.0);
        let mut go_on = |strength| {
            if strength != last {
                (trial, last) = (trial + 1, strength);
            }
            tell(Event::Choosing { trial, strength })
        };
        let limits = self.limits(config.tolerance_while_choosing);
        strength::choose(&drawn, folds.count, self.standardisation.varying(), limits, &mut go_on)
    }

    /// Assigns an objective's samples, which are these rows, to folds.
    fn deal(&self, objective: &Objective, rows: &[u32], seed: u64) -> folds::Folds {
        let groups = self.groups_of(rows);
        let sets = objective.sets.as_ref().map(|sets| none_apart(sets, self.present.len()));
        let strata = Strata::new(&objective.labels, sets.as_deref(), self.present.len() + 1);
        folds::deal(strata, groups.as_deref(), seed)
    }

    /// Draws about `most` of the rows of non-zero weight at random.
    fn draw(&self, all: &Objective, seed: u64, most: usize) -> Vec<u32> {
        let groups = self.groups_of(&self.rows);
        let sets = all.sets.as_ref().map(|sets| none_apart(sets, self.present.len()));
        let strata = Strata::new(&all.labels, sets.as_deref(), self.present.len() + 1);
        let drawn = folds::draw(strata, groups.as_deref(), seed, most);
        drawn.into_iter().map(|index| self.rows[index as usize]).collect()
    }

    fn groups_of(&self, rows: &[u32]) -> Option<Vec<usize>> {
        self.samples.groups.map(|groups| rows.iter().map(|&row| groups[row as usize]).collect())
    }

    fn limits(&self, tolerance: f64) -> LbfgsConfig {
        let parameters = (self.samples.dim * self.units()).max(1);
        // Where evaluations are expensive, a longer history saves some, if there is room.
        let memory = (self.rows.len() / 100).min(REMEMBERED / parameters).clamp(10, 30);
        LbfgsConfig { tolerance, memory, noise: NOISE, ..LbfgsConfig::default() }
    }

    /// The objective over a subset of the rows of non-zero weight, with nothing held out.
    fn objective(&self, rows: Vec<u32>) -> Objective<'_> {
        let mut compact = vec![None; self.samples.classes];
        for (index, &class) in self.present.iter().enumerate() {
            compact[class] = Some(index);
        }
        let is_of_sets = self.samples.label_sets.is_some();
        let label = |&row: &u32| {
            let label = self.samples.labels[row as usize];
            if is_of_sets { label } else { compact[label].unwrap_or(0) }
        };
        let same = is_of_sets || self.present.len() == self.samples.classes;
        let labels = match same && rows.len() == self.samples.len() {
            // A copy of many millions would take much memory.
            true => Cow::Borrowed(self.samples.labels),
            false => rows.iter().map(label).collect(),
        };
        let compacted = |set: &Vec<usize>| set.iter().filter_map(|&class| compact[class]).collect();
        // One weight per pair of sample and class, or per sample.
        let width = self.weights.map_or(1, |weights| weights.len() / self.samples.len());
        let weight = |row: usize, class: usize| {
            self.weights.map_or(1.0, |weights| weights[row * width + class])
        };
        let of_pairs = (width > 1).then(|| {
            let rows = rows.iter().map(|&row| row as usize);
            let pairs = rows.flat_map(|row| self.present.iter().map(move |&c| (row, c)));
            pairs.map(|(row, class)| weight(row, class)).collect()
        });
        Objective {
            isa: self.isa,
            features: self.samples.features,
            dim: self.samples.dim,
            standardisation: &self.standardisation,
            units: self.units(),
            labels,
            sets: self.samples.label_sets.map(|sets| sets.iter().map(compacted).collect()),
            weights: match width {
                1 => rows.iter().map(|&row| weight(row as usize, 0)).collect(),
                // The weight relative to the penalty, which the strength determines.
                _ => vec![1.0; rows.len()],
            },
            of_pairs,
            folds: vec![None; rows.len()],
            rows,
        }
    }

    fn units(&self) -> usize {
        match self.samples.task() {
            Task::SingleLabel if self.samples.classes == 2 => 1,
            _ => self.present.len(),
        }
    }

    /// The head on unstandardised features, with the kernel multiplied by `scale`: with z = (x - mean) / deviation, z w +
    /// b = x (w / deviation) + (b - mean (w / deviation)).
    fn head(&self, classes: usize, parameters: &[f64], scale: f64) -> Head {
        let (dim, units) = (self.samples.dim, self.units());
        let mut head = untrained(self.samples.task(), dim, classes, 0.0, 0);
        let is_pair = self.samples.task() == Task::SingleLabel && classes == 2;
        head.kernel.fill(0.0);
        head.bias.fill(LOGIT_OF_ABSENT_CLASS as f32);
        for (bias, _) in head.bias.iter_mut().zip(&self.of_all).filter(|(_, all)| **all) {
            *bias = -LOGIT_OF_ABSENT_CLASS as f32;
        }
        let (kernel, bias) = parameters.split_at(dim * units);
        for unit in 0..units {
            let to = if is_pair { 0 } else { self.present[unit] };
            let mut shift = bias[unit];
            let affine = self.standardisation.mean.iter().zip(&self.standardisation.inverse);
            for (row, (mean, inverse)) in affine.enumerate() {
                let weight = scale * kernel[row * units + unit] * f64::from(*inverse);
                head.kernel[row * head.bias.len() + to] = weight as f32;
                shift -= f64::from(*mean) * weight;
            }
            head.bias[to] = shift as f32;
        }
        head
    }
}

/// Minimises the objective, optionally starting near the minimum of another objective, given with its penalty.
fn descend(
    objective: &Objective,
    near: Option<(Lbfgs, f64)>,
    strength: f64,
    limits: LbfgsConfig,
    go_on: &mut dyn FnMut(usize) -> Result<(), TrainError>,
) -> Result<Lbfgs, TrainError> {
    let penalty = 1.0 / (strength * objective.weight(None, false));
    let mut solver = match near {
        Some((mut solver, before)) => {
            solver.add_square(penalty - before, 0..objective.kernel_len());
            solver.resume(limits);
            solver
        }
        None => Lbfgs::new(objective.start(), limits),
    };
    solver.set_scale(objective.scale(penalty));
    while solver.status() == LbfgsStatus::Running {
        let step = solver.steps();
        let point = Point { parameters: solver.point(), penalty, hold_out: None };
        for at in objective.evaluate(&[point], &mut || go_on(step))? {
            solver.tell(at.value, &at.gradient);
        }
    }
    Ok(solver)
}
