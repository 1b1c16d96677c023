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
        match slope {
            0.0 => return at,
            0.0.. => high = at,
            _ => low = at,
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// The minimum, and how often the derivatives were computed.
    fn counted(derivatives: impl Fn(f64) -> (f64, f64), bracket: (f64, f64)) -> (f64, usize) {
        let count = Cell::new(0);
        let counting = |x| {
            count.set(count.get() + 1);
            derivatives(x)
        };
        (minimum(counting, bracket, 15.0), count.get())
    }

    #[test]
    fn a_parabola_takes_one_newton_step() {
        assert_eq!(counted(|x| (2.0 * (x - 3.0), 2.0), (-10.0, 20.0)), (3.0, 2));
    }

    #[test]
    fn newton_steps_that_would_leave_the_bracket_are_bisections() {
        // sqrt(1 + (x - 1)^2) is nearly straight far from its minimum.
        let derivatives = |x: f64| {
            let root = (1.0 + (x - 1.0).powi(2)).sqrt();
            ((x - 1.0) / root, root.powi(-3))
        };
        let (at, count) = counted(derivatives, (-10.0, 20.0));
        assert!((at - 1.0).abs() < 1e-12 && count <= 10, "{at} after {count}");
    }

    #[test]
    fn without_curvature_it_bisects() {
        let (at, count) = counted(|x| ((x - 1.3).signum(), 0.0), (-10.0, 20.0));
        assert!((at - 1.3).abs() < 1e-11 && (35..60).contains(&count), "{at} after {count}");
        // The slope's sign alone counts, even if the curvature is that of a concave function.
        let (at, _) = counted(|x| ((x - 1.3).signum(), -1.0), (-10.0, 20.0));
        assert!((at - 1.3).abs() < 1e-11, "{at}");
    }

    #[test]
    fn the_minimum_is_at_the_end_of_a_bracket_that_does_not_contain_it() {
        for (bracket, end) in [((5.0, 20.0), 5.0), ((14.0, 20.0), 14.0)] {
            let (at, _) = counted(|x| (2.0 * (x - 3.0), 2.0), bracket);
            assert!((at - end).abs() < 1e-9, "{at}");
        }
        let (at, _) = counted(|x| (2.0 * (x - 30.0), 2.0), (5.0, 20.0));
        assert!((at - 20.0).abs() < 1e-9, "{at}");
    }
}
