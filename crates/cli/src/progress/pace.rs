//! The rate of the work and the estimated time left.

use std::collections::VecDeque;
use std::fmt::Write;
use std::time::{Duration, Instant};

use indicatif::ProgressState;
use indicatif::style::ProgressTracker;

/// The rate over the last few seconds.
///
/// Cached pictures are many times faster than others, so the mean since the beginning would be a poor
/// estimate of the time left.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    /// Times and the amount of work done by then, latest last.
    seen: VecDeque<(Instant, u64)>,
}

/// The length of the window that the rate is taken over.
const WINDOW: Duration = Duration::from_secs(10);
/// The least time that is observed before an estimate is given.
const ENOUGH: Duration = Duration::from_secs(2);
/// The least time between two observations.
const STEP: Duration = Duration::from_millis(250);

impl Pace {
    fn see(&mut self, now: Instant, done: u64) {
        if self.seen.back().is_some_and(|(last, _)| now.saturating_duration_since(*last) < STEP) {
            return;
        }
        self.seen.push_back((now, done));
        // The first observation that is kept is just outside the window.
        while self.seen.get(1).is_some_and(|(time, _)| now.duration_since(*time) >= WINDOW) {
            self.seen.pop_front();
        }
    }

    /// The rate in items per second; `None` until enough has been observed.
    fn rate(&self) -> Option<f64> {
        let ((first, before), (last, done)) = (self.seen.front()?, self.seen.back()?);
        let time = last.duration_since(*first);
        (time >= ENOUGH).then(|| done.saturating_sub(*before) as f64 / time.as_secs_f64())
    }

    /// The rate and the time left, as text for people, when `left` items remain.
    fn describe(&self, left: u64) -> String {
        match self.rate() {
            None => "estimating the time left".to_owned(),
            // For example during a picture that takes very long.
            Some(0.0) => "waiting".to_owned(),
            Some(rate) => {
                let digits = if rate < 9.95 { 1 } else { 0 };
                format!("{rate:.digits$}/s  {} left", about(left as f64 / rate))
            }
        }
    }
}

/// Formats an estimated time, to a precision that suits an estimate: `40 s`, `12 min`, `3 h 05 min`.
fn about(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match seconds {
        s if s < 99.5 => format!("{s:.0} s"),
        s if s < 99.5 * 60.0 => format!("{minutes} min"),
        _ => format!("{} h {:02} min", minutes / 60, minutes % 60),
    }
}

impl ProgressTracker for Pace {
    fn clone_box(&self) -> Box<dyn ProgressTracker> {
        Box::new(self.clone())
    }

    fn tick(&mut self, state: &ProgressState, now: Instant) {
        self.see(now, state.pos());
    }

    fn reset(&mut self, _: &ProgressState, _: Instant) {
        self.seen.clear();
    }

    fn write(&self, state: &ProgressState, out: &mut dyn Write) {
        let left = state.len().unwrap_or(0).saturating_sub(state.pos());
        // If the terminal accepts no text, nothing can be done about it.
        let _ = out.write_str(&self.describe(left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_follows_the_last_seconds_and_says_when_there_is_none() {
        let start = Instant::now();
        let mut pace = Pace::default();
        let mut done = 0;
        let mut told = Vec::new();
        // Twenty seconds of cached pictures, then work at a twentieth of the rate, then a standstill.
        for tenth in 0..800 {
            done += match tenth {
                0..200 => 2000,
                200..500 => 100,
                _ => 0,
            };
            pace.see(start + Duration::from_millis(100 * tenth), done);
            if [10, 30, 199, 310, 499, 799].contains(&tenth) {
                told.push(pace.describe(900_000));
            }
        }
        assert_eq!(
            told,
            [
                "estimating the time left",
                "20000/s  45 s left",
                "20000/s  45 s left",
                "1000/s  15 min left",
                "1000/s  15 min left",
                "waiting",
            ]
        );
        assert!(pace.seen.len() < 50, "what is kept does not grow");
    }

    #[test]
    fn times_are_told_as_exactly_as_they_are_known() {
        for (seconds, text) in [
            (0.2, "0 s"),
            (99.0, "99 s"),
            (100.0, "2 min"),
            (5000.0, "83 min"),
            (11_100.0, "3 h 05 min"),
        ] {
            assert_eq!(about(seconds), text);
        }
    }
}
