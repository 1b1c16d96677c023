/// The scale of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Linear.
    Linear,
    /// Logarithmic, for positive values.
    Log,
}

impl Scale {
    /// Maps a value to a number that the axis shows at even spacing.
    pub(super) fn of(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log => value.log10(),
        }
    }

    /// Round values within a range with their labels, if possible at most `at_most`.
    pub(super) fn ticks(self, from: f64, to: f64, at_most: usize) -> Vec<(f64, String)> {
        match self {
            Self::Linear => linear(from, to, at_most),
            Self::Log => log(from, to, at_most),
        }
    }
}

/// Prevents rounding from losing a tick at the end of the axis.
const SLACK: f64 = 1e-9;

fn linear(from: f64, to: f64, at_most: usize) -> Vec<(f64, String)> {
    let least = (to - from) / at_most.max(1) as f64;
    let power = 10f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let step = steps.into_iter().find(|&step| step >= least * (1.0 - SLACK)).unwrap_or(least);
    let digits = (-step.log10().floor()).max(0.0) as usize;
    let (first, last) = ((from / step - SLACK).ceil() as i64, (to / step + SLACK).floor() as i64);
    let tick = |i: i64| (i as f64 * step, format!("{:.digits$}", i as f64 * step));
    (first..=last).map(tick).collect()
}

/// Powers of ten; also their multiples by 2 and 5 if there would be fewer than two ticks.
fn log(from: f64, to: f64, at_most: usize) -> Vec<(f64, String)> {
    let exponents = (from.log10() - SLACK).ceil() as i32..=(to.log10() + SLACK).floor() as i32;
    let count = exponents.clone().count();
    if count >= 2 {
        let stride = count.div_ceil(at_most.max(1)).max(1);
        return exponents.step_by(stride).map(|e| (10f64.powi(e), exponential(1, e))).collect();
    }
    let decades = from.log10().floor() as i32..=to.log10().floor() as i32;
    let all = decades.flat_map(|e| [1, 2, 5].map(|digit| (digit, e)));
    all.map(|(digit, e)| (f64::from(digit) * 10f64.powi(e), exponential(digit, e)))
        .filter(|(x, _)| (from * (1.0 - SLACK)..=to * (1.0 + SLACK)).contains(x))
        .collect()
}

/// Formats `digit` times a power of ten: `1e-4`, or plain digits near 1.
fn exponential(digit: i32, exponent: i32) -> String {
    match exponent {
        -1 => format!("0.{digit}"),
        0 => digit.to_string(),
        1 => format!("{digit}0"),
        _ => format!("{digit}e{exponent}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_lie_on_the_axis() {
        for (scale, from, to, at_most, labels) in [
            (Scale::Linear, 0.0, 1.3, 5, vec!["0.0", "0.5", "1.0"]),
            (Scale::Linear, 0.012, 0.018, 4, vec!["0.012", "0.014", "0.016", "0.018"]),
            (Scale::Linear, 0.0, 100.0, 4, vec!["0", "50", "100"]),
            (Scale::Log, 1e-3, 10.0, 9, vec!["1e-3", "1e-2", "0.1", "1", "10"]),
            (Scale::Log, 1e-9, 1.0, 5, vec!["1e-9", "1e-7", "1e-5", "1e-3", "0.1"]),
            (Scale::Log, 1.5e-4, 9e-4, 9, vec!["2e-4", "5e-4"]),
        ] {
            let ticks = scale.ticks(from, to, at_most);
            let found: Vec<_> = ticks.iter().map(|(_, label)| label.as_str()).collect();
            assert_eq!(found, labels, "{scale:?} {from} {to}");
            for (x, label) in &ticks {
                let read: f64 = label.parse().unwrap();
                assert!((read / x - 1.0).abs() < 1e-6 || read == *x, "{label} is at {x}");
            }
        }
    }
}
