//! Learning-rate schedules.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::{TrainError, error::readable};

/// How the learning rate changes over the steps.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Always the peak rate.
    #[default]
    Constant,
    /// A linear rise, then a cosine decay.
    CosineDecay(CosineDecay),
    /// A rise along half a cosine, then a decay along half a cosine to nearly 0.
    OneCycle(OneCycle),
}

/// Keras's `CosineDecay`, ending at the last step: `initial_learning_rate` 0, `warmup_target` the peak rate,
/// `decay_steps` the steps after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CosineDecay {
    /// The number of steps over which the rate rises from 0 to its peak: 0. If it exceeds all steps, the peak is never
    /// reached.
    pub warmup_steps: usize,
    /// The final rate as a fraction of the peak, from 0 to 1: 0.
    pub alpha: f64,
}

/// PyTorch's `OneCycleLR` with two cosine phases; momentum is unaffected.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OneCycle {
    /// The fraction of the steps in which the rate rises, from 0 to 1: 0.3.
    pub pct_start: f64,
    /// The ratio of the peak rate to the first: 25.
    pub div_factor: f64,
    /// The ratio of the first rate to the last: 1e4.
    pub final_div_factor: f64,
}

impl Default for OneCycle {
    fn default() -> Self {
        Self { pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4 }
    }
}

impl Schedule {
    /// Checks the options.
    ///
    /// # Errors
    /// [`TrainError::Option`] for the first invalid one.
    pub fn check(&self) -> Result<(), TrainError> {
        let check = |option, value: f64, fits, expected| match fits {
            true => Ok(()),
            false => Err(TrainError::Option { option, value: readable(value), expected }),
        };
        let share = |option, value| {
            check(option, value, (0.0..=1.0).contains(&value), "it must be from 0 to 1")
        };
        let above = |option, value: f64| {
            check(option, value, value.is_finite() && value > 0.0, "it must be a number above 0")
        };
        match self {
            Self::Constant => Ok(()),
            Self::CosineDecay(decay) => share("alpha", decay.alpha),
            Self::OneCycle(cycle) => {
                share("pct_start", cycle.pct_start)?;
                above("div_factor", cycle.div_factor)?;
                above("final_div_factor", cycle.final_div_factor)
            }
        }
    }

    /// The learning rate of a step, counted from 0, out of `total` steps. It stays constant past the end.
    pub fn rate(&self, peak: f64, step: usize, total: usize) -> f64 {
        match self {
            Self::Constant => peak,
            Self::CosineDecay(decay) => decay.rate(peak, step, total),
            Self::OneCycle(cycle) => cycle.rate(peak, step, total),
        }
    }
}

impl CosineDecay {
    fn rate(&self, peak: f64, step: usize, total: usize) -> f64 {
        let warmup = self.warmup_steps;
        if step < warmup {
            return peak * step as f64 / warmup as f64;
        }
        cosine(peak, peak * self.alpha, (step - warmup) as f64, total.saturating_sub(warmup) as f64)
    }
}

impl OneCycle {
    fn rate(&self, peak: f64, step: usize, total: usize) -> f64 {
        let first = peak / self.div_factor;
        let (step, turn) = (step as f64, self.pct_start * total as f64 - 1.0);
        if step <= turn {
            return cosine(first, peak, step, turn);
        }
        cosine(peak, first / self.final_div_factor, step - turn, total as f64 - 1.0 - turn)
    }
}

/// Half a cosine from `start` to `end`, after `done` of `all` steps.
fn cosine(start: f64, end: f64, done: f64, all: f64) -> f64 {
    let share = if done < all { done / all } else { 1.0 };
    end + (start - end) / 2.0 * ((PI * share).cos() + 1.0)
}
