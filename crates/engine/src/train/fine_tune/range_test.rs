use serde::Serialize;

use crate::train::TrainError;
use crate::train::error::readable;

/// How to look for a learning rate: the rate grows from step to step until the loss does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RangeTestConfig {
    /// The first rate: 1e-7.
    pub first: f64,
    /// The last rate: 1.
    pub last: f64,
    /// Steps in all: 100.
    pub steps: usize,
}

impl Default for RangeTestConfig {
    fn default() -> Self {
        Self { first: 1e-7, last: 1.0, steps: 100 }
    }
}

/// The fewest steps that tell anything.
const FEWEST: usize = 10;

impl RangeTestConfig {
    /// Whether the options make sense.
    ///
    /// # Errors
    /// [`TrainError::Option`] for the first that makes none.
    pub fn check(&self) -> Result<(), TrainError> {
        let wrong = |option, value, expected| Err(TrainError::Option { option, value, expected });
        for (option, rate) in
            [("the first learning rate", self.first), ("the last learning rate", self.last)]
        {
            if !(rate.is_finite() && rate > 0.0) {
                return wrong(option, readable(rate), "it must be a number above 0");
            }
        }
        if self.last <= self.first {
            let option = "the last learning rate";
            return wrong(option, readable(self.last), "it must be above the first");
        }
        if self.steps < FEWEST {
            let option = "the number of steps";
            return wrong(option, self.steps.to_string(), "it must be 10 or more");
        }
        Ok(())
    }
}

/// The loss by learning rate, in the order of the steps (L. N. Smith, "Cyclical Learning Rates for
/// Training Neural Networks", section 3.3).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RangeTest {
    /// The learning rates.
    pub rates: Vec<f64>,
    /// The loss before each step.
    pub losses: Vec<f64>,
    /// The losses smoothed: an exponential moving average, corrected for its start.
    pub smoothed: Vec<f64>,
    /// The rate at which the smoothed loss falls fastest, if it falls; a rate to train with.
    pub suggestion: Option<f64>,
    /// A tenth of the rate at which the smoothed loss is lowest: the most that is likely to work.
    pub most: Option<f64>,
}

/// How much of the smoothed loss stays from step to step.
const SMOOTHING: f64 = 0.9;
/// A loss of so many times the lowest ends the test.
const TOO_HIGH: f64 = 4.0;
/// Steps before a loss is believed.
const WARM_UP: usize = 5;

/// Calls `step` with one learning rate after the other, evenly spread on a logarithmic scale; it takes
/// a step and returns the loss before it.
///
/// # Errors
/// Options that make no sense, and what `step` returns, but for [`TrainError::Diverged`], which ends the test.
pub fn range_test(
    config: &RangeTestConfig,
    step: &mut dyn FnMut(f64) -> Result<f64, TrainError>,
) -> Result<RangeTest, TrainError> {
    config.check()?;
    let last = (config.steps - 1) as f64;
    let (mut rates, mut losses, mut smoothed) = (Vec::new(), Vec::new(), Vec::new());
    let (mut average, mut lowest) = (0.0, f64::INFINITY);
    for index in 0..config.steps {
        let rate = config.first * (config.last / config.first).powf(index as f64 / last);
        let loss = match step(rate) {
            Err(TrainError::Diverged { .. }) => break,
            other => other?,
        };
        average = SMOOTHING * average + (1.0 - SMOOTHING) * loss;
        let corrected = average / (1.0 - SMOOTHING.powi(index as i32 + 1));
        rates.push(rate);
        losses.push(loss);
        smoothed.push(corrected);
        if index >= WARM_UP && corrected > TOO_HIGH * lowest {
            break;
        }
        lowest = lowest.min(corrected);
    }
    let (suggestion, most) = suggest(&rates, &smoothed);
    Ok(RangeTest { rates, losses, smoothed, suggestion, most })
}

/// The rate of steepest descent, and a tenth of that of the lowest loss.
fn suggest(rates: &[f64], smoothed: &[f64]) -> (Option<f64>, Option<f64>) {
    let seen = WARM_UP.min(smoothed.len())..smoothed.len();
    let Some(lowest) = seen.clone().min_by(|&a, &b| smoothed[a].total_cmp(&smoothed[b])) else {
        return (None, None);
    };
    // The slope over a few steps, of which a single one is mostly noise.
    const REACH: usize = 3;
    let slope = |at: usize| {
        let (from, to) = (at.saturating_sub(REACH), (at + REACH).min(smoothed.len() - 1));
        (smoothed[to] - smoothed[from]) / (rates[to] / rates[from]).ln()
    };
    let steepest = (seen.start..lowest).min_by(|&a, &b| slope(a).total_cmp(&slope(b)));
    let falls = steepest.filter(|&at| slope(at) < 0.0);
    (falls.map(|at| rates[at]), falls.map(|_| rates[lowest] / 10.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loss that falls around 1e-3 and rises from 1e-1 on.
    fn curve(rate: f64) -> f64 {
        let x = rate.log10();
        0.2 + 0.5 / (1.0 + (4.0 * (x + 3.0)).exp()) + 10.0 * (x + 1.0).max(0.0)
    }

    #[test]
    fn the_steepest_descent_and_a_tenth_of_the_lowest_loss_are_suggested() {
        let test = range_test(&RangeTestConfig::default(), &mut |rate| Ok(curve(rate))).unwrap();
        let suggestion = test.suggestion.unwrap();
        // Smoothing lags behind by a few steps of 0.07 decades.
        assert!((-3.2..-2.2).contains(&suggestion.log10()), "{suggestion:e}");
        let most = test.most.unwrap();
        assert!((-2.4..-1.6).contains(&most.log10()), "{most:e}");
        assert!(test.rates.len() < 100, "it ends where the loss has grown");
    }

    #[test]
    fn nothing_is_suggested_where_the_loss_does_not_fall() {
        let test = range_test(&RangeTestConfig::default(), &mut |rate| Ok(1.0 + rate)).unwrap();
        assert_eq!((test.suggestion, test.most), (None, None));
    }

    #[test]
    fn a_loss_that_diverges_ends_the_test_and_other_errors_are_passed_on() {
        let diverged =
            |epoch| TrainError::Diverged { epoch, batch: 1, loss: f64::NAN, learning_rate: 1.0 };
        let config = RangeTestConfig::default();
        let test = range_test(&config, &mut |rate| {
            if rate > 1e-2 { Err(diverged(1)) } else { Ok(curve(rate)) }
        });
        assert!(test.unwrap().rates.iter().all(|&rate| rate <= 1e-2));
        let error = range_test(&config, &mut |_| Err(TrainError::NoSamples)).unwrap_err();
        assert!(matches!(error, TrainError::NoSamples));
    }
}
