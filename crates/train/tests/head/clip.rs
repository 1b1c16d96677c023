use headstart_train::clip::{Clip, global_norm};

use crate::fixtures::{uniform, with_threads};

#[test]
fn gradients_within_the_limit_keep_their_bits() {
    let start = [uniform(40_000, 1), uniform(7, 2)];
    let norm = global_norm(&start);
    let by_hand = start.iter().flatten().map(|&d| f64::from(d).powi(2)).sum::<f64>().sqrt();
    assert!((norm / by_hand - 1.0).abs() < 1e-12, "{norm} for {by_hand}");
    for clip in [Clip::Value(1.0), Clip::Norm(norm), Clip::GlobalNorm(norm)] {
        let [mut a, mut b] = start.clone();
        clip.apply(&mut [&mut a, &mut b]);
        assert_eq!([a, b], start);
    }
    // The small one is within the limit alone, but not together with the large one.
    for (clip, small_changes) in [(Clip::Norm(5.0), false), (Clip::GlobalNorm(5.0), true)] {
        let run = |threads| {
            with_threads(threads, || {
                let [mut a, mut b] = start.clone();
                clip.apply(&mut [&mut a, &mut b]);
                [a, b]
            })
        };
        let clipped = run(1);
        assert_eq!(clipped, run(3));
        let limited = if small_changes { &clipped[..] } else { &clipped[..1] };
        assert!((global_norm(limited) - 5.0).abs() < 1e-5);
        assert_eq!(clipped[1] != start[1], small_changes);
    }
}

#[test]
fn clipping_does_not_hide_what_is_not_finite() {
    for bad in [f32::NAN, f32::INFINITY] {
        for clip in [Clip::Value(1.0), Clip::Norm(1.0), Clip::GlobalNorm(1.0)] {
            let (mut a, mut b) = (vec![1.0, bad], vec![0.5]);
            clip.apply(&mut [&mut a, &mut b]);
            let clipped_to_one = matches!(clip, Clip::Value(_)) && bad.is_infinite();
            assert!(a[1].is_nan() || clipped_to_one && a[1] == 1.0, "{clip:?} {bad}");
            assert_eq!(b[0].is_nan(), matches!(clip, Clip::GlobalNorm(_)), "{clip:?} {bad}");
        }
    }
}
