use headstart_train::schedules::{CosineDecay, OneCycle, Schedule};
use serde_json::Value;

use crate::fixtures::{numbers, read};

fn assert_rates(schedule: Schedule, case: &Value, tolerance: f64) {
    schedule.check().unwrap();
    let (peak, total) = (case["peak"].as_f64().unwrap(), case["total"].as_u64().unwrap() as usize);
    for (step, expected) in numbers(&case["rates"]).into_iter().enumerate() {
        let found = schedule.rate(peak, step, total);
        let off = (found - expected).abs();
        assert!(off <= tolerance * peak, "{schedule:?} {step}/{total}: {found} for {expected}");
    }
}

#[test]
fn rates_of_cosine_decay_are_those_of_keras() {
    let whole = read("optimizers/keras.json");
    let cases = whole["cosine_decay"].as_array().unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let decay = CosineDecay {
            warmup_steps: case["warmup_steps"].as_u64().unwrap() as usize,
            alpha: case["alpha"].as_f64().unwrap(),
        };
        // Keras computes in f32.
        assert_rates(Schedule::CosineDecay(decay), case, 1e-6);
    }
}

#[test]
fn rates_of_one_cycle_are_those_of_pytorch() {
    let whole = read("optimizers/pytorch.json");
    let cases = whole["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let cycle: OneCycle = serde_json::from_value(case["options"].clone()).unwrap();
        assert_rates(Schedule::OneCycle(cycle), case, 1e-12);
    }
}

#[test]
fn schedules_give_a_rate_for_every_step_and_length() {
    let long = CosineDecay { warmup_steps: 10, alpha: 0.5 };
    let early = OneCycle { pct_start: 0.5, ..OneCycle::default() };
    for (schedule, last) in [
        (Schedule::Constant, 0.1),
        (Schedule::CosineDecay(CosineDecay::default()), 0.0),
        (Schedule::CosineDecay(long), 0.05),
        (Schedule::OneCycle(OneCycle::default()), 0.1 / 25.0 / 1e4),
        (Schedule::OneCycle(early), 0.1 / 25.0 / 1e4),
    ] {
        for total in [0, 1, 2, 3, 10, 11, 1000] {
            for step in 0..total + 2 {
                let rate = schedule.rate(0.1, step, total);
                assert!((0.0..=0.1).contains(&rate), "{schedule:?} {step}/{total}: {rate}");
            }
            let rate = schedule.rate(0.1, total + 10, total);
            assert!((rate - last).abs() < 1e-12, "{schedule:?} past {total}: {rate}");
        }
    }
}
