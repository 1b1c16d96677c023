//! Temperatures, figures and sets: against scikit-learn, torchmetrics and MAPIE, and what must hold of
//! any scores. The fixtures are made by `tools/reference/trust.py`.

use std::fs;
use std::path::Path;

use headstart_engine::head::{Task, argmax, probabilities};
use headstart_trust::{
    CalibrationFigures, LabelSets, PerLabelSets, Temperature, TooFewPictures, reliability,
};
use proptest::prelude::*;
use safetensors::SafeTensors;
use serde_json::Value;

fn fixture(file: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/trust");
    fs::read(folder.join(file)).unwrap()
}

fn cases() -> Value {
    let all: Value = serde_json::from_slice(&fixture("trust.json")).unwrap();
    all["cases"].clone()
}

fn tensor(name: &str) -> Vec<f32> {
    let file = fixture("trust.safetensors");
    let data = SafeTensors::deserialize(&file).unwrap().tensor(name).unwrap().data().to_vec();
    data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn labels(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|label| label.as_u64().unwrap() as usize).collect()
}

fn near(found: f64, expected: &Value, off: f64, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!((found - expected).abs() <= off, "{what}: {found}, not {expected}");
}

#[test]
fn temperatures_and_figures_of_one_label_are_those_of_scikit_learn_and_torchmetrics() {
    let cases = cases();
    for name in ["five", "shy", "two"] {
        let case = &cases[name];
        let (labels, mut logits) = (labels(&case["labels"]), tensor(&format!("{name}/logits")));
        let classes = case["classes"].as_u64().unwrap() as usize;
        let temperature = Temperature::fit(&logits, &labels, classes);
        let expected = &case["temperature"];
        near(temperature.values()[0].into(), expected, 2e-2 * expected.as_f64().unwrap(), name);
        // The prior moves ours a little.
        let theirs = vec![expected.as_f64().unwrap() as f32];
        let theirs = Temperature::new(theirs, Task::SingleLabel, classes).unwrap();
        for side in ["before", "after"] {
            let p = probabilities(&logits, Task::SingleLabel, classes);
            let found = CalibrationFigures::of_labels(&p, &labels, classes).unwrap();
            near(found.ece, &case[side]["ece"], 1e-4, name);
            near(found.adaptive_ece, &case[side]["adaptive_ece"], 1e-4, name);
            near(found.brier, &case[side]["brier"], 1e-4, name);
            theirs.apply(&mut logits);
        }
        assert!(case["after"]["log_loss"].as_f64() < case["before"]["log_loss"].as_f64());
    }
}

#[test]
fn temperatures_and_figures_of_several_labels_are_those_of_scikit_learn_and_torchmetrics() {
    let case = &cases()["labels"];
    let logits = tensor("labels/logits");
    let rows = case["has"].as_array().unwrap();
    let has: Vec<bool> = rows.iter().flat_map(labels).map(|has| has == 1).collect();
    let temperature = Temperature::fit_each(&logits, &has, 4);
    for (found, expected) in
        temperature.values().iter().zip(case["temperatures"].as_array().unwrap())
    {
        near(f64::from(*found), expected, 2e-2 * expected.as_f64().unwrap(), "temperature");
    }
    let p = probabilities(&logits, Task::MultiLabel, 4);
    let found = CalibrationFigures::of_each(&p, &has).unwrap();
    near(found.ece, &case["ece"], 1e-4, "ece");
    near(found.adaptive_ece, &case["adaptive_ece"], 1e-4, "adaptive ece");
    near(found.brier, &case["brier"], 1e-6, "brier");
}

#[test]
fn sets_keep_their_promise_and_are_no_larger_than_mapies() {
    let case = &cases()["sets"];
    let (fitted, new) = (tensor("sets/probabilities"), tensor("sets/new"));
    let (fit_labels, new_labels) = (labels(&case["labels"]), labels(&case["new_labels"]));
    let sets = LabelSets::fit(&fitted, &fit_labels, 8);
    for coverage in [0.8, 0.9, 0.95] {
        let of_new: Vec<Vec<usize>> =
            new.chunks_exact(8).map(|row| sets.set(row, coverage).unwrap()).collect();
        let covered =
            of_new.iter().zip(&new_labels).filter(|(set, label)| set.contains(label)).count();
        let share = covered as f64 / new_labels.len() as f64;
        let mapies = case["mapie"][format!("aps {coverage}")]["coverage"].as_f64().unwrap();
        assert!(share > coverage - 0.02 && share < mapies + 0.02, "{share} for {coverage}");
        let size = of_new.iter().map(Vec::len).sum::<usize>() as f64 / of_new.len() as f64;
        for score in ["aps", "raps"] {
            let mapie = case["mapie"][format!("{score} {coverage}")]["size"].as_f64().unwrap();
            assert!(size <= mapie * 1.01, "{size} at {coverage}, {mapie} by {score}");
        }
    }
}

#[test]
fn of_several_labels_those_are_in_the_set_that_mapie_does_not_exclude() {
    let case = &cases()["labels"];
    let p = probabilities(&tensor("labels/logits"), Task::MultiLabel, 4);
    let rows = case["has"].as_array().unwrap();
    let has: Vec<bool> = rows.iter().flat_map(labels).map(|has| has == 1).collect();
    let sets = PerLabelSets::fit(&p[..800], &has[..800], 4);
    assert!(sets.is_sound(4) && !sets.is_sound(3));
    for (coverage, expected) in case["sets"].as_object().unwrap() {
        let coverage = coverage.parse().unwrap();
        for (row, expected) in p[800..].chunks_exact(4).zip(expected.as_array().unwrap()) {
            let mut set = sets.set(row, coverage).unwrap();
            assert!(set.is_sorted_by(|&a, &b| row[a] >= row[b]), "{set:?} of {row:?}");
            set.sort_unstable();
            assert_eq!(set, labels(expected), "{row:?} at {coverage}");
        }
    }
}

#[test]
fn the_label_is_told_that_lacks_the_most_pictures_to_promise_so_much_of_each() {
    // Of the classes 9, 3 and 20 samples have them.
    let has = |row: usize| [row < 9, row < 3, row < 20];
    let has: Vec<bool> = (0..20).flat_map(has).collect();
    let sets = PerLabelSets::fit(&[0.5; 60], &has, 3);
    assert_eq!(sets.set(&[0.5; 3], 0.75), Ok(vec![0, 1, 2]));
    assert_eq!(sets.set(&[0.5, 0.4, 0.6], 0.75), Ok(vec![2, 0]));
    let few = TooFewPictures { found: 3, needed: 9 };
    assert_eq!(sets.set(&[0.5; 3], 0.9), Err((1, few)));
}

#[test]
fn too_few_pictures_to_promise_so_much_are_told_with_how_many_are_missing() {
    let one = [0.6, 0.3, 0.1];
    let sets = |count: usize| LabelSets::fit(&one.repeat(count), &vec![0; count], 3);
    for (coverage, needed) in [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99)] {
        assert!(sets(needed).set(&one, coverage).is_ok(), "{needed} for {coverage}");
        let found = needed - 1;
        let error = sets(found).set(&one, coverage).unwrap_err();
        assert_eq!(error, TooFewPictures { found, needed });
    }
    let message = sets(4).set(&one, 0.9).unwrap_err().to_string();
    assert!(message.ends_with("5 are missing"), "{message}");
}

#[test]
fn what_teaches_nothing_leaves_scores_as_they_are() {
    assert!(Temperature::fit(&[], &[], 3).is_one());
    assert!(Temperature::fit_each(&[], &[], 3).is_one());
    let of_class_that_all_have =
        Temperature::fit_each(&[3.0, 1.0, 2.0, -1.0], &[true, true, true, false], 2);
    assert_eq!(of_class_that_all_have.values()[0], 1.0);
    // All are right: sharper is always better, up to a bound.
    let sure = Temperature::fit(&[5.0, 0.0, 0.0, 5.0], &[0, 1], 2);
    assert!(sure.values()[0] > 0.5 && sure.values()[0] < 1.0);
    // All are wrong, and as far.
    let wrong = Temperature::fit(&[5.0, 0.0, 0.0, 5.0], &[1, 0], 2);
    assert!(wrong.values()[0] > 3.0 && wrong.values()[0] < 100.0);
    assert_eq!(CalibrationFigures::of_labels(&[], &[], 4), None);
    assert_eq!(Temperature::new(vec![0.0], Task::SingleLabel, 3), None);
    assert_eq!(Temperature::new(vec![1.0, 2.0], Task::SingleLabel, 2), None);
    assert_eq!(Temperature::new(vec![1.0, f32::NAN], Task::MultiLabel, 2), None);
}

#[test]
fn a_bin_has_its_upper_bound_and_none_is_lost() {
    let bins = reliability(&[(0.0, false), (1.0, true), (0.2, true), (0.2001, false)]);
    let counts: Vec<usize> = bins.iter().map(|bin| bin.predictions).collect();
    assert_eq!((counts[0], counts[2], counts[3], counts[14]), (1, 1, 1, 1));
    assert_eq!(counts.iter().sum::<usize>(), 4);
}

/// Logits of samples, n x classes, and labels.
fn scored() -> impl Strategy<Value = (usize, Vec<f32>, Vec<usize>)> {
    (2..6_usize, 1..40_usize).prop_flat_map(|(classes, n)| {
        let logits = prop::collection::vec(-12.0..12.0_f32, n * classes);
        (Just(classes), logits, prop::collection::vec(0..classes, n))
    })
}

proptest! {
    #[test]
    fn a_temperature_keeps_the_order_and_never_raises_the_loss((classes, logits, labels) in scored()) {
        let temperature = Temperature::fit(&logits, &labels, classes);
        let mut scaled = logits.clone();
        temperature.apply(&mut scaled);
        let loss = |logits: &[f32]| -> f64 {
            let p = probabilities_of(logits, classes);
            labels.iter().enumerate().map(|(row, label)| -p[row * classes + label].ln()).sum()
        };
        prop_assert!(loss(&scaled) <= loss(&logits) * (1.0 + 1e-5) + 1e-4);
        for (a, b) in logits.chunks(classes).zip(scaled.chunks(classes)) {
            prop_assert_eq!(argmax(a), argmax(b));
        }
    }

    #[test]
    fn sets_grow_with_coverage_and_begin_with_the_likeliest((classes, logits, labels) in scored()) {
        let p: Vec<f32> = probabilities_of(&logits, classes).into_iter().map(|p| p as f32).collect();
        let sets = LabelSets::fit(&p, &labels, classes);
        for row in p.chunks(classes) {
            let mut before: Vec<usize> = Vec::new();
            for coverage in [0.1, 0.3, 0.5, 0.8, 0.9, 0.95] {
                let Ok(set) = sets.set(row, coverage) else { break };
                prop_assert!(!set.is_empty() && set.len() <= classes);
                prop_assert_eq!(row[set[0]], row[argmax(row)]);
                prop_assert!(set.starts_with(&before));
                before = set;
            }
        }
    }
}

proptest! {
    #[test]
    fn sets_of_several_labels_keep_their_promise_where_they_were_fitted_and_grow_with_coverage(
        classes in 1..4_usize,
        drawn in prop::collection::vec((0.0..1.0_f32, any::<bool>()), 30..160),
    ) {
        let n = drawn.len() / classes * classes;
        let (p, has): (Vec<f32>, Vec<bool>) = drawn[..n].iter().copied().unzip();
        let sets = PerLabelSets::fit(&p, &has, classes);
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); n / classes];
        for coverage in [0.3, 0.5, 0.8] {
            let all: Result<Vec<_>, _> = p.chunks(classes).map(|row| sets.set(row, coverage)).collect();
            let Ok(all) = all else { break };
            for class in 0..classes {
                let own = |row: &usize| has[row * classes + class];
                let of_class: Vec<usize> = (0..n / classes).filter(own).collect();
                let kept = of_class.iter().filter(|&&row| all[row].contains(&class)).count();
                prop_assert!(kept as f64 >= coverage * of_class.len() as f64);
            }
            for (set, before) in all.iter().zip(&before) {
                prop_assert!(before.iter().all(|class| set.contains(class)));
            }
            before = all;
        }
    }
}

/// In f64, so that none is 0.
fn probabilities_of(logits: &[f32], classes: usize) -> Vec<f64> {
    let rows = logits.chunks(classes).flat_map(|row| {
        let mut row: Vec<f64> = row.iter().map(|&z| f64::from(z)).collect();
        headstart_engine::head::softmax(&mut row);
        row
    });
    rows.map(|p| p.max(1e-300)).collect()
}
