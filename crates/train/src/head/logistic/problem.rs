//! Samples in the form that the solver takes, and a solution as a head.

use std::{borrow::Cow, ops::ControlFlow};

use headstart_kernels::Isa;

use super::{
    LogisticConfig, Strength,
    folds::{self, Strata, none_apart},
    objective::{Objective, Point},
    standardise::Standardisation,
    strength::{self, Choice},
};
use crate::{
    Features, Head, Samples, Task, TrainError,
    head::{Event, untrained},
    optimizers::{Lbfgs, LbfgsConfig, LbfgsStatus},
};

/// The strength is chosen on about this many samples; more would add time but little information.
const ENOUGH_TO_CHOOSE: usize = 4000;
/// Relative error of values in f32 (Hager & Zhang's choice).
const NOISE: f64 = 1e-6;
/// Number of values in the solver's history of steps.
const REMEMBERED: usize = 8 << 20;

/// The logit of a class without samples. The others' logits have mean 0, so it is at least this much lower than the
/// largest.
const LOGIT_OF_ABSENT_CLASS: f64 = -20.0;

/// The samples as input to the solver: standardised, with only the samples of non-zero weight and the classes that have
/// any.
pub(super) struct Problem<'a> {
    isa: Isa,
    samples: Samples<'a>,
    weights: Option<&'a [f32]>,
    pub(super) rows: Vec<u32>,
    present: Vec<usize>,
    /// The classes that all samples have, in a multi-label task; their logits are constant.
    of_all: Vec<bool>,
    standardisation: Standardisation,
}

impl<'a> Problem<'a> {
    pub(super) fn new(
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
    pub(super) fn solve(
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
    pub(super) fn deal(&self, objective: &Objective, rows: &[u32], seed: u64) -> folds::Folds {
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

    pub(super) fn limits(&self, tolerance: f64) -> LbfgsConfig {
        let parameters = (self.samples.dim * self.units()).max(1);
        // Where evaluations are expensive, a longer history saves some, if there is room.
        let memory = (self.rows.len() / 100).min(REMEMBERED / parameters).clamp(10, 30);
        LbfgsConfig { tolerance, memory, noise: NOISE, ..LbfgsConfig::default() }
    }

    /// The objective over a subset of the rows of non-zero weight, with nothing held out.
    pub(super) fn objective(&self, rows: Vec<u32>) -> Objective<'_> {
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
    pub(super) fn head(&self, classes: usize, parameters: &[f64], scale: f64) -> Head {
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
