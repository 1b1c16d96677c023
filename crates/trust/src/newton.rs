//! Minimisation of a convex function of one variable.

/// Finds the minimum of a convex function between `low` and `high` from its first and second derivatives: by Newton
/// steps, or bisection where one would leave the bracket.
pub(crate) fn minimum(
    derivatives: impl Fn(f64) -> (f64, f64),
    (mut low, mut high): (f64, f64),
    start: f64,
) -> f64 {
    let mut at = start;
    for _ in 0..100 {
        let (slope, curvature) = derivatives(at);
        if slope > 0.0 {
            high = at
        } else {
            low = at
        }
        let step = slope / curvature;
        let newton = if curvature > 0.0 { at - step } else { f64::NAN };
        let next = if newton > low && newton < high { newton } else { (low + high) / 2.0 };
        if (next - at).abs() <= 1e-12 * at.abs() {
            return next;
        }
        at = next;
    }
    at
}
