//! Where values lie, whatever some of them are.

/// Median and spread that outliers do not move.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    median: f64,
    /// 1.4826 times the median distance from the median: the standard deviation where values are
    /// distributed normally.
    deviation: f64,
}

impl Spread {
    pub(crate) fn of(values: &[f64]) -> Self {
        let middle = median(values.to_vec());
        let distances = values.iter().map(|v| (v - middle).abs()).collect();
        Self { median: middle, deviation: 1.4826 * median(distances) }
    }

    /// How many standard deviations a value lies above the median.
    pub(crate) fn deviations(&self, value: f64) -> f64 {
        (value - self.median) / self.deviation.max(1e-9)
    }
}

/// The middle value, the mean of both where there are two; 0 of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    if n == 0 { 0.0 } else { (values[(n - 1) / 2] + values[n / 2]) / 2.0 }
}
