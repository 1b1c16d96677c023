//! Random data and comparison for the kernels' tests.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Values in -1..1, determined by the seed.
pub(crate) fn values(seed: u64, len: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..len).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// Asserts that both agree to `1e-5` of the largest sum of `terms` products in -1..1.
#[track_caller]
#[allow(dead_code)] // Winograd's products have another tolerance
pub(crate) fn assert_close(actual: &[f32], expected: &[f64], terms: usize, case: &str) {
    assert_eq!(actual.len(), expected.len(), "{case}");
    let tolerance = 1e-6 * (terms as f64).sqrt() + 1e-6;
    for (i, (a, e)) in actual.iter().zip(expected).enumerate() {
        assert!((f64::from(*a) - e).abs() <= tolerance, "{case}: [{i}] is {a}, not {e}");
    }
}

/// Returns the message with which `run` panics.
#[allow(dead_code)] // not every file of tests checks panics
pub(crate) fn panic_message(run: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let payload = std::panic::catch_unwind(run).expect_err("a panic");
    let text = payload.downcast_ref::<&str>().copied().map(str::to_owned);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).expect("a message")
}
