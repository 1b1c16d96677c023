//! Robust statistics.

/// Median and spread, which outliers do not affect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    median: f64,
    /// 1.4826 times the median absolute deviation: the standard deviation if values are normally distributed.
    deviation: f64,
}

impl Spread {
    pub(crate) fn of(values: &[f64]) -> Self {
        let middle = median(values.to_vec());
        let distances = values.iter().map(|v| (v - middle).abs()).collect();
        Self { median: middle, deviation: 1.4826 * median(distances) }
    }

    /// The distance of a value above the median, in standard deviations.
    pub(crate) fn deviations(&self, value: f64) -> f64 {
        (value - self.median) / self.deviation.max(1e-9)
    }
}

/// The median: the middle value, or the mean of both middle values; 0 for no values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    if n == 0 { 0.0 } else { (values[(n - 1) / 2] + values[n / 2]) / 2.0 }
}
