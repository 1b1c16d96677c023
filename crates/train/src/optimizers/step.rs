use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::OptimizerConfig;
use crate::{TrainError, check_length};

/// Values updated per task: a few arrays of 64 KiB, which stay in the cache between passes.
const PIECE: usize = 1 << 14;

/// A variable in a step.
#[derive(Debug)]
pub struct Variable<'a> {
    /// The values to update.
    pub values: &'a mut [f32],
    /// The gradient of the loss with respect to each value.
    pub gradient: &'a [f32],
    /// Multiplies the learning rate: 1, or less in lower layers.
    pub rate: f64,
    /// Whether weight decay applies. It should not for biases and BatchNormalization.
    pub decays: bool,
}

impl<'a> Variable<'a> {
    /// A variable with the full learning rate and weight decay.
    pub fn new(values: &'a mut [f32], gradient: &'a [f32]) -> Self {
        Self { values, gradient, rate: 1.0, decays: true }
    }
}

/// A part of a variable and of its optimizer state.
pub(super) struct Piece<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) gradient: &'a [f32],
    /// As long as `values`, or empty for unused slots.
    pub(super) slots: [&'a mut [f32]; 3],
}

/// A first-order optimizer with its options and state. Results are bitwise the same for any number of threads.
#[derive(Debug, Clone)]
pub struct Optimizer {
    config: OptimizerConfig,
    steps: usize,
    /// One for each variable, from the first step on. Unused slots are empty.
    slots: Vec<[Vec<f32>; 3]>,
}

/// The state of an optimizer, for a checkpoint.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OptimizerState {
    /// The steps taken.
    pub steps: usize,
    /// For each slot, by Keras's name (`momentum`, `velocity`, `average_gradient`), the values of each variable. Empty
    /// before the first step, and for SGD without momentum.
    pub slots: BTreeMap<String, Vec<Vec<f32>>>,
}

impl Optimizer {
    /// Creates an optimizer before its first step.
    pub fn new(config: OptimizerConfig) -> Self {
        Self { config, steps: 0, slots: Vec::new() }
    }

    /// Its options.
    pub fn config(&self) -> &OptimizerConfig {
        &self.config
    }

    /// The steps taken.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Updates each variable by its gradient.
    ///
    /// # Panics
    /// If the number, order or lengths of the variables differ from earlier steps, or a gradient is not as long as its
    /// variable.
    pub fn step(&mut self, learning_rate: f64, variables: &mut [Variable]) {
        if self.slots.is_empty() {
            let names = self.config.algorithm.slots();
            let zeros = |variable: &Variable| {
                names.map(|name| vec![0.0; name.map_or(0, |_| variable.values.len())])
            };
            self.slots = variables.iter().map(zeros).collect();
        }
        assert_eq!(self.slots.len(), variables.len(), "the same variables at each step");
        self.steps += 1;

        let mut pieces = Vec::new();
        for (variable, slots) in variables.iter_mut().zip(&mut self.slots) {
            let n = variable.values.len();
            assert_eq!(variable.gradient.len(), n, "a gradient for each value");
            let same = slots.iter().all(|slot| slot.is_empty() || slot.len() == n);
            assert!(same, "the same variables at each step");
            let rate = learning_rate * variable.rate;
            let decay = if variable.decays { self.config.weight_decay } else { 0.0 };
            let mut slots = slots.each_mut().map(|slot| slot.chunks_mut(PIECE));
            let values = variable.values.chunks_mut(PIECE);
            pieces.extend(values.zip(variable.gradient.chunks(PIECE)).map(|(values, gradient)| {
                let slots = slots.each_mut().map(|slot| slot.next().unwrap_or_default());
                (rate, decay, Piece { values, gradient, slots })
            }));
        }
        let (algorithm, step) = (&self.config.algorithm, self.steps);
        let work = |(rate, decay, piece): (f64, f64, Piece)| {
            if decay > 0.0 {
                let (decay, rate) = (decay as f32, rate as f32);
                piece.values.iter_mut().for_each(|x| *x -= *x * decay * rate);
            }
            algorithm.update(step, rate, piece);
        };
        // Waking threads for the few values of a head would take longer than the step.
        if pieces.iter().map(|(.., piece)| piece.values.len()).sum::<usize>() <= PIECE {
            pieces.into_iter().for_each(work);
        } else {
            pieces.into_par_iter().for_each(work);
        }
    }

    /// Returns a copy of its state.
    pub fn state(&self) -> OptimizerState {
        let mut slots = BTreeMap::new();
        for (index, name) in self.config.algorithm.slots().into_iter().enumerate() {
            if let Some(name) = name.filter(|_| !self.slots.is_empty()) {
                let values = self.slots.iter().map(|slots| slots[index].clone()).collect();
                slots.insert(name.to_owned(), values);
            }
        }
        OptimizerState { steps: self.steps, slots }
    }

    /// Restores an optimizer from a state, with variables of these lengths. It takes exactly the steps that the saved
    /// one would have taken.
    ///
    /// # Errors
    /// [`TrainError::OtherOptimizer`] if the state belongs to an optimizer with other slots, and [`TrainError::Length`]
    /// if it belongs to other variables.
    pub fn restore(
        config: OptimizerConfig,
        mut state: OptimizerState,
        lengths: &[usize],
    ) -> Result<Self, TrainError> {
        let names = config.algorithm.slots();
        let list = |names: &mut dyn Iterator<Item = &str>| names.collect::<Vec<_>>().join(", ");
        let mut expected: Vec<&str> = names.into_iter().flatten().collect();
        expected.sort_unstable();
        if state.steps == 0 && state.slots.is_empty() {
            return Ok(Self::new(config));
        }
        if !state.slots.keys().eq(&expected) {
            return Err(TrainError::OtherOptimizer {
                found: list(&mut state.slots.keys().map(String::as_str)),
                expected: list(&mut expected.into_iter()),
            });
        }
        for values in state.slots.values() {
            check_length("variables of the optimizer's state", values.len(), lengths.len())?;
            for (values, &length) in values.iter().zip(lengths) {
                check_length("the optimizer's state of a variable", values.len(), length)?;
            }
        }
        let mut slots: Vec<[Vec<f32>; 3]> = vec![Default::default(); lengths.len()];
        for (index, name) in names.into_iter().enumerate() {
            let values = name.and_then(|name| state.slots.remove(name)).unwrap_or_default();
            for (slots, values) in slots.iter_mut().zip(values) {
                slots[index] = values;
            }
        }
        Ok(Self { config, steps: state.steps, slots })
    }
}
