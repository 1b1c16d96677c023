use serde::Serialize;

use crate::TrainError;
use crate::error::readable;

/// Options of a learning rate range test, which raises the rate from step to step until the loss grows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RangeTestConfig {
    /// The first rate: 1e-7.
    pub first: f64,
    /// The last rate: 1.
    pub last: f64,
    /// Number of steps: 100.
    pub steps: usize,
}

impl Default for RangeTestConfig {
    fn default() -> Self {
        Self { first: 1e-7, last: 1.0, steps: 100 }
    }
}

/// Minimum number of steps for a meaningful result.
const FEWEST: usize = 10;

impl RangeTestConfig {
    /// Checks the options.
    ///
    /// # Errors
    /// [`TrainError::Option`] for the first invalid one.
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

/// The loss as a function of the learning rate, in step order (L. N. Smith, "Cyclical Learning Rates for Training
/// Neural Networks", section 3.3).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RangeTest {
    /// The learning rates.
    pub rates: Vec<f64>,
    /// The loss before each step.
    pub losses: Vec<f64>,
    /// The smoothed losses: an exponential moving average, corrected for its start.
    pub smoothed: Vec<f64>,
    /// The suggested learning rate: the one at which the smoothed loss falls fastest, or [`RangeTest::most`] if that is
    /// lower. `None` if the loss falls no more than it may by chance.
    pub suggestion: Option<f64>,
    /// A tenth of the rate at which the smoothed loss is lowest: the highest rate that is likely to work.
    pub most: Option<f64>,
}

/// The weight of the previous average in the smoothed loss.
const SMOOTHING: f64 = 0.9;
/// The test ends at a loss that is this many times the lowest and also the highest so far.
const TOO_HIGH: f64 = 4.0;
/// A fall by this many standard deviations is not due to chance.
const CHANCE: f64 = 8.0;
/// Steps before losses are evaluated.
const WARM_UP: usize = 5;

/// Calls `step` with learning rates that increase evenly on a logarithmic scale; it takes a training step and returns
/// the loss before it.
///
/// # Errors
/// Invalid options, and errors of `step` except [`TrainError::Diverged`], which ends the test.
pub fn range_test(
    config: &RangeTestConfig,
    step: &mut dyn FnMut(f64) -> Result<f64, TrainError>,
) -> Result<RangeTest, TrainError> {
    config.check()?;
    let last = (config.steps - 1) as f64;
    let (mut rates, mut losses, mut smoothed) = (Vec::new(), Vec::new(), Vec::new());
    let (mut average, mut lowest, mut highest) = (0.0, f64::INFINITY, 0.0f64);
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
        if index >= WARM_UP && corrected > highest.max(TOO_HIGH * lowest) {
            break;
        }
        (lowest, highest) = (lowest.min(corrected), highest.max(corrected));
    }
    let test = RangeTest { rates, losses, smoothed, suggestion: None, most: None };
    let (suggestion, most) = suggest(&test);
    Ok(RangeTest { suggestion, most, ..test })
}

/// The suggested rate, and the highest that is likely to work; `None` if the loss falls no more than it may by chance.
fn suggest(test: &RangeTest) -> (Option<f64>, Option<f64>) {
    let RangeTest { rates, losses, smoothed, .. } = test;
    let seen = WARM_UP.min(smoothed.len())..smoothed.len();
    let Some(lowest) = seen.clone().min_by(|&a, &b| smoothed[a].total_cmp(&smoothed[b])) else {
        return (None, None);
    };
    let highest = smoothed[seen.start..=lowest].iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if highest - smoothed[lowest] <= CHANCE * noise(&losses[..=lowest]) {
        return (None, None);
    }
    // The slope over several steps, as a single one is mostly noise.
    const REACH: usize = 3;
    let slope = |at: usize| {
        let (from, to) = (at.saturating_sub(REACH), (at + REACH).min(smoothed.len() - 1));
        (smoothed[to] - smoothed[from]) / (rates[to] / rates[from]).ln()
    };
    let steepest = (seen.start..lowest).min_by(|&a, &b| slope(a).total_cmp(&slope(b)));
    let most = rates[lowest] / 10.0;
    let falls = steepest.filter(|&at| slope(at) < 0.0);
    (falls.map(|at| rates[at].min(most)), falls.map(|_| most))
}

/// The standard deviation of smoothed losses due to chance, estimated from the differences between consecutive losses.
fn noise(losses: &[f64]) -> f64 {
    let steps = losses.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    let mean = steps.sum::<f64>() / (losses.len() - 1).max(1) as f64;
    // For normal values, the mean absolute difference is 2 / sqrt(pi) of the deviation, which exponential averaging
    // reduces.
    let deviation = mean * std::f64::consts::PI.sqrt() / 2.0;
    deviation * ((1.0 - SMOOTHING) / (1.0 + SMOOTHING)).sqrt()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};

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
        // Smoothing lags by a few steps of 0.07 decades.
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
    fn nothing_is_suggested_where_losses_only_differ_by_chance() {
        for seed in 0..50 {
            let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let config = RangeTestConfig::default();
            let test = range_test(&config, &mut |_| Ok(random.random_range(0.5..1.5))).unwrap();
            assert_eq!((test.suggestion, test.most), (None, None), "seed {seed}");
            assert_eq!(test.losses.len(), 100);
        }
    }

    #[test]
    fn noise_moves_a_suggestion_by_less_than_a_decade_and_never_above_the_most() {
        for seed in 0..50 {
            let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let mut step = |rate| Ok(curve(rate) + random.random_range(-0.1..0.1));
            let test = range_test(&RangeTestConfig::default(), &mut step).unwrap();
            let (suggestion, most) = (test.suggestion.unwrap(), test.most.unwrap());
            assert!((-3.5..-1.8).contains(&suggestion.log10()), "{suggestion:e} of seed {seed}");
            assert!(suggestion <= most);
        }
    }

    #[test]
    fn options_that_make_no_sense_are_named() {
        let default = RangeTestConfig::default();
        for (config, part) in [
            (RangeTestConfig { steps: 9, ..default }, "steps is 9; it must be 10 or more"),
            (RangeTestConfig { first: 0.0, ..default }, "first learning rate is 0"),
            (RangeTestConfig { last: f64::NAN, ..default }, "last learning rate is NaN"),
            (RangeTestConfig { first: 1.0, ..default }, "it must be above the first"),
        ] {
            let error = range_test(&config, &mut |_| Ok(1.0)).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
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
