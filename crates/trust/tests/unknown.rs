//! Scores of pictures that are of none of the classes: against scikit-learn and pytorch-ood, and what must
//! hold of any. The fixtures are made by `tools/reference/unknown.py`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use std::convert::Infallible;

use headstart_engine::head::Task;
use headstart_trust::{
    LeftOut, ScorePart, Seen, Unknown, UnknownFigures, Unseen, bank_rows, choose,
};
use proptest::prelude::*;
use safetensors::SafeTensors;
use serde_json::Value;

fn fixture(file: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/trust");
    fs::read(folder.join(file)).unwrap()
}

fn tensor(name: &str) -> Vec<f32> {
    let file = fixture("unknown.safetensors");
    let data = SafeTensors::deserialize(&file).unwrap().tensor(name).unwrap().data().to_vec();
    data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

const ALL: [ScorePart; 5] = ScorePart::ALL;

#[test]
fn parts_are_those_of_scikit_learn_pytorch_and_pytorch_ood() {
    let all: Value = serde_json::from_slice(&fixture("unknown.json")).unwrap();
    for (name, case) in all["cases"].as_object().unwrap() {
        let labels: Vec<usize> = serde_json::from_value(case["labels"].clone()).unwrap();
        let groups: Vec<usize> = (0..labels.len()).collect();
        let dim = case["dim"].as_u64().unwrap() as usize;
        let of = |side: &str| tensor(&format!("{name}/{side}"));
        let (seen, known, known_logits) = (of("seen"), of("known"), of("known_logits"));
        let seen =
            Seen { features: &seen, dim, labels: &labels, label_sets: None, groups: &groups };
        let unseen = Unseen { features: &known, logits: &known_logits, groups: None, held_out: 0 };
        let features = [known.clone(), of("unknown")].concat();
        let logits = [known_logits.clone(), of("unknown_logits")].concat();
        let units = logits.len() / (features.len() / dim);
        for part in ALL.into_iter().chain([ScorePart::JointEnergy]) {
            let unknown = Unknown::fit(&[part], &seen, &unseen, 0.05).unwrap();
            assert_eq!(unknown.parts().collect::<Vec<_>>(), [part]);
            let pictures = features.chunks_exact(dim).zip(logits.chunks_exact(units));
            let scores: Vec<f32> = pictures.map(|(x, z)| unknown.score(x, z)).collect();
            let expected = &case[serde_json::to_value(part).unwrap().as_str().unwrap()];
            let values: Vec<f32> = serde_json::from_value(expected["scores"].clone()).unwrap();
            for (found, expected) in scores.iter().zip(&values) {
                // What is kept in f16 is off by as much.
                let off = 0.01 * (1.0 + expected.abs());
                assert!((found - expected).abs() < off, "{name} {part:?}: {found}, not {expected}");
            }
            let found = UnknownFigures::of(&values[..60], &values[60..]).unwrap();
            assert!((found.auroc - expected["auroc"].as_f64().unwrap()).abs() < 1e-6);
            assert!(
                (found.fpr95 - expected["fpr95"].as_f64().unwrap()).abs() < 1e-6,
                "{name} {part:?}"
            );
        }
    }
}

/// Numbers that look drawn from a normal distribution.
fn drawn(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut uniform = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    (0..count).map(|_| (0..12).map(|_| uniform()).sum::<f32>() - 6.0).collect()
}

/// Pictures of classes that each have a direction of their own, and the logits of a head that has seen
/// all.
struct Pictures {
    features: Vec<f32>,
    logits: Vec<f32>,
    labels: Vec<usize>,
    groups: Vec<usize>,
}

const DIM: usize = 20;

fn pictures(classes: usize, each: usize, seed: u64) -> Pictures {
    let labels: Vec<usize> = (0..classes * each).map(|row| row / each).collect();
    let mut features = drawn(labels.len() * DIM, seed);
    for (row, &label) in features.chunks_exact_mut(DIM).zip(&labels) {
        row.iter_mut().for_each(|x| *x += 3.0);
        row[label] += 4.0;
    }
    let logits = features.chunks_exact(DIM).flat_map(|row| row[..classes].to_vec()).collect();
    Pictures { features, logits, groups: (0..labels.len()).collect(), labels }
}

impl Pictures {
    fn seen(&self) -> Seen<'_> {
        let Self { features, labels, groups, .. } = self;
        Seen { features, dim: DIM, labels, label_sets: None, groups }
    }

    fn unseen(&self, with_groups: bool) -> Unseen<'_> {
        let groups = with_groups.then_some(&*self.groups);
        Unseen { features: &self.features, logits: &self.logits, groups, held_out: 0 }
    }

    fn turned_away(&self, unknown: &Unknown) -> f64 {
        let units = self.logits.len() / self.labels.len();
        let all = self.features.chunks_exact(DIM).zip(self.logits.chunks_exact(units));
        let away = all.filter(|(x, z)| unknown.verdict(x, z).is_unknown).count();
        away as f64 / self.labels.len() as f64
    }
}

#[test]
fn as_many_unseen_pictures_are_turned_away_as_asked_for_though_learned_from_are_measured() {
    let (seen, new) = (pictures(4, 100, 1), pictures(4, 500, 2));
    for parts in [&ALL[..], &ALL[..1], &ALL[1..2], &ALL[3..4], &ALL[4..]] {
        for rate in [0.02, 0.05, 0.2] {
            let unknown = Unknown::fit(parts, &seen.seen(), &seen.unseen(true), rate).unwrap();
            let away = new.turned_away(&unknown);
            let off = 0.02 + 0.2 * rate;
            assert!((away - rate).abs() < off, "{parts:?}: {away} for {rate}");
            assert!((unknown.rate() - rate).abs() < 1e-12);
        }
    }
    // Without groups, pictures are their own neighbours, and the threshold is far too low.
    let own = Unknown::fit(&ALL[..1], &seen.seen(), &seen.unseen(false), 0.05).unwrap();
    assert!(new.turned_away(&own) > 0.1, "{}", new.turned_away(&own));
}

#[test]
fn a_picture_that_was_learned_from_is_measured_as_if_it_were_not() {
    let seen = pictures(4, 100, 1);
    let unknown =
        Unknown::fit(&[ScorePart::Neighbours], &seen.seen(), &seen.unseen(true), 0.05).unwrap();
    let rows = seen.features.chunks_exact(DIM).zip(seen.logits.chunks_exact(4));
    let shares = rows.fold([0.0_f64; 2], |[own, apart], (features, logits)| {
        let is =
            |score: headstart_trust::UnknownScore| f64::from(u8::from(score.is_unknown)) / 400.0;
        [
            own + is(unknown.verdict(features, logits)),
            apart + is(unknown.verdict_apart(features, logits)),
        ]
    });
    // Others of its group, which the threshold is set without, are still its neighbours.
    assert!(shares[0] < 0.01 && (0.02..0.06).contains(&shares[1]), "{shares:?}");
}

#[test]
fn heads_of_fewer_pictures_that_are_less_sure_do_not_move_the_threshold() {
    let (seen, new) = (pictures(4, 100, 1), pictures(4, 500, 2));
    let mut unseen = pictures(4, 60, 3);
    // All but the last 60 are by heads that are less sure.
    unseen.logits[..4 * 180].iter_mut().for_each(|logit| *logit -= 3.0);
    let fit = |held_out: usize| {
        let unseen = Unseen { held_out, ..unseen.unseen(false) };
        Unknown::fit(&[ScorePart::Energy], &seen.seen(), &unseen, 0.05).unwrap()
    };
    let (level, not) = (new.turned_away(&fit(60)), new.turned_away(&fit(0)));
    assert!((level - 0.05).abs() < 0.04 && not < 0.01, "{level} and {not}");
}

#[test]
fn a_head_that_is_surest_of_what_is_far_does_not_outweigh_that_it_is() {
    let (seen, mut far) = (pictures(4, 100, 1), pictures(4, 50, 2));
    for (features, logits) in far.features.chunks_exact_mut(DIM).zip(far.logits.chunks_exact_mut(4))
    {
        features.iter_mut().for_each(|x| *x = -*x);
        logits[0] = 1000.0;
    }
    for of_logits in [ScorePart::Margin, ScorePart::Energy] {
        let parts = [ScorePart::Neighbours, of_logits];
        let unknown = Unknown::fit(&parts, &seen.seen(), &seen.unseen(true), 0.05).unwrap();
        assert_eq!(far.turned_away(&unknown), 1.0, "{of_logits:?}");
    }
}

#[test]
fn few_pictures_turn_none_away_of_them_and_odd_ones_are_no_error() {
    let few = pictures(2, 3, 1);
    let unknown = Unknown::fit(&ALL, &few.seen(), &few.unseen(false), 0.05).unwrap();
    assert_eq!(few.turned_away(&unknown), 0.0);
    let none = Unseen { features: &[], logits: &[], groups: None, held_out: 0 };
    assert!(Unknown::fit(&ALL, &few.seen(), &none, 0.05).is_none());
    // One picture a class, which vary in nothing.
    let single = pictures(3, 1, 2);
    let unknown = Unknown::fit(&ALL, &single.seen(), &few.unseen(false), 0.05).unwrap();
    assert!(unknown.score(&[1.0; DIM], &[0.0, 0.0]).is_finite());
    // All alike, or nothing at all: there is nothing to tell by, and nobody is turned away.
    for value in [0.0, 1.0] {
        let mut alike = pictures(2, 10, 3);
        alike.features.fill(value);
        alike.logits.fill(value);
        let unknown = Unknown::fit(&ALL, &alike.seen(), &alike.unseen(true), 0.05).unwrap();
        assert_eq!(unknown.parts().count(), 0);
        assert!(unknown.tensors().is_empty());
        assert_eq!(alike.turned_away(&unknown), 0.0);
    }
    let unknown = Unknown::fit(&ALL, &few.seen(), &few.unseen(false), 0.0).unwrap();
    assert!(unknown.verdict(&[f32::NAN; DIM], &[f32::NAN; 2]).is_unknown);
}

#[test]
fn it_is_the_same_after_its_tensors_were_taken_out_and_put_back() {
    let known = pictures(3, 40, 5);
    let unknown = Unknown::fit(&ALL, &known.seen(), &known.unseen(true), 0.05).unwrap();
    let text = serde_json::to_string(&unknown).unwrap();
    assert!(text.len() < 500, "{text}");
    let tensors = || -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
        let all = unknown.tensors().into_iter();
        all.map(|(name, shape, values, _)| (name.to_owned(), (shape, values.to_vec()))).collect()
    };
    let read = |classes: usize, mut tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>| {
        let read: Unknown = serde_json::from_str(&text).unwrap();
        read.with_tensors(DIM, classes, &mut |name| tensors.remove(name))
    };
    assert_eq!(read(3, tensors()).unwrap(), unknown);
    assert!(read(2, tensors()).is_err());
    for name in tensors().into_keys() {
        for damage in 0..3 {
            let mut tensors = tensors();
            match damage {
                0 => drop(tensors.remove(&name)),
                1 => tensors.get_mut(&name).unwrap().1[0] = f32::NAN,
                _ => {
                    let (shape, values) = tensors.get_mut(&name).unwrap();
                    *shape.last_mut().unwrap() -= 1;
                    values.truncate(shape.iter().product());
                }
            }
            let error = read(3, tensors).unwrap_err();
            assert!(error.starts_with("it"), "{name}: {error}");
        }
    }
    let damaged = text.replace("\"deviation\":", "\"deviation\":-");
    let read: Unknown = serde_json::from_str(&damaged).unwrap();
    assert!(read.with_tensors(DIM, 3, &mut |name| tensors().remove(name)).is_err());
}

#[test]
fn the_score_is_the_one_that_parts_left_out_classes_best() {
    let known = pictures(4, 30, 9);
    // Logits that know nothing: what is of them is of no use.
    let mut asked = 0;
    let Ok(chosen) = choose::<Infallible>(&ALL, &known.seen(), &mut |left_out: &LeftOut<'_>| {
        assert_eq!((left_out.done, left_out.total, left_out.classes), (asked, 4, 3));
        asked += 1;
        assert!(left_out.learned.labels.iter().all(|&label| label < 3));
        Ok(Some(drawn(left_out.tested.len() / DIM * 3, 3)))
    });
    assert_eq!(asked, 4);
    let of_logits = |part: &ScorePart| matches!(part, ScorePart::Margin | ScorePart::Energy);
    assert!(!chosen.iter().any(of_logits), "{chosen:?}");
    // Nothing to choose by: two classes, and a head that cannot be fitted.
    for classes in [2, 4] {
        let known = pictures(classes, 30, 9);
        assert_eq!(
            choose::<Infallible>(&ALL, &known.seen(), &mut |_| Ok(None)),
            Ok(ALL[..2].to_vec())
        );
    }
    assert_eq!(choose(&ALL, &known.seen(), &mut |_| Err("stop")), Err("stop"));
}

#[test]
fn of_several_labels_a_class_is_left_out_by_the_pictures_that_have_no_other() {
    let known = pictures(4, 30, 9);
    // The last three of each class have the next one, too, or none at all.
    let sets: Vec<Vec<usize>> = (0..4)
        .map(|k| vec![k])
        .chain((0..4).map(|k| vec![k, (k + 1) % 4]))
        .chain([vec![]])
        .collect();
    let labels: Vec<usize> = (0..120)
        .map(|row| match row % 30 {
            29 => 8,
            27 | 28 => 4 + row / 30,
            _ => row / 30,
        })
        .collect();
    let seen = Seen { labels: &labels, label_sets: Some(&sets), ..known.seen() };
    let mut asked = 0;
    let chosen = choose::<Infallible>(&ALL, &seen, &mut |left_out: &LeftOut<'_>| {
        let LeftOut { learned, classes, tested, .. } = left_out;
        let sets = learned.label_sets.unwrap();
        let own: Vec<&Vec<usize>> = learned.labels.iter().map(|&label| &sets[label]).collect();
        assert!(own.iter().all(|set| set.iter().all(|&class| class < 3)), "{own:?}");
        assert!(own.iter().any(|set| set.is_empty()) && own.iter().any(|set| set.len() == 2));
        // Known pictures that are not learned from, and those of the class alone.
        assert!(*classes == 3 && tested.len() / DIM < 27 + 30, "{}", tested.len() / DIM);
        assert!(learned.labels.len() + tested.len() / DIM <= 120 - 4);
        asked += 1;
        // What sums them up tells: it is low where none of the other classes is.
        let rows = tested.chunks_exact(DIM).enumerate();
        Ok(Some(
            rows.flat_map(|(row, x)| {
                let own = if row < tested.len() / DIM - 27 { 4.0 } else { -4.0 };
                [own, x[0] * 0.01, x[1] * 0.01]
            })
            .collect(),
        ))
    });
    let Ok(chosen) = chosen;
    assert!(asked == 4 && chosen.contains(&ScorePart::JointEnergy), "{asked}: {chosen:?}");
    assert!(!chosen.contains(&ScorePart::Energy) && !chosen.contains(&ScorePart::Margin));

    let units = known.logits.clone();
    let unseen = Unseen { features: &known.features, logits: &units, groups: None, held_out: 0 };
    let parts = [ScorePart::JointEnergy, ScorePart::ClassDistance];
    let unknown = Unknown::fit(&parts, &seen, &unseen, 0.05).unwrap();
    assert!(unknown.is_complete(Task::MultiLabel) && !unknown.is_complete(Task::SingleLabel));
    // A mean for each class, and one for pictures of none.
    let means = unknown.tensors().into_iter().find(|(name, ..)| *name == "class_means").unwrap();
    assert_eq!(means.1, [5, DIM]);
}

proptest! {
    #[test]
    fn banks_are_even(counts in proptest::collection::vec(0_usize..30, 1..6), most in 0_usize..80) {
        let of = |(class, &count): (usize, &usize)| vec![class; count];
        let labels: Vec<usize> = counts.iter().enumerate().flat_map(of).collect();
        let rows = bank_rows(&labels, most);
        prop_assert!(rows.is_sorted_by(|a, b| a < b));
        prop_assert_eq!(rows.len(), most.min(labels.len()));
        let kept = |class: usize| rows.iter().filter(|&&row| labels[row] == class).count();
        let kept: Vec<usize> = (0..counts.len()).map(kept).collect();
        // Who is not there in full has as many as any other, but for one.
        let highest = kept.iter().max().unwrap();
        for (own, all) in kept.iter().zip(&counts) {
            prop_assert!(own == all || own + 1 >= *highest);
        }
    }

    #[test]
    fn figures_do_not_change_with_the_scale_and_turn_with_the_sides(
        known in proptest::collection::vec(-3.0_f32..3.0, 1..30),
        unknown in proptest::collection::vec(-3.0_f32..3.0, 1..30),
    ) {
        let figures = UnknownFigures::of(&known, &unknown).unwrap();
        let scaled = |values: &[f32]| values.iter().map(|x| x * 2.0).collect::<Vec<_>>();
        prop_assert_eq!(UnknownFigures::of(&scaled(&known), &scaled(&unknown)).unwrap(), figures);
        let turned = UnknownFigures::of(&unknown, &known).unwrap();
        prop_assert!((turned.auroc + figures.auroc - 1.0).abs() < 1e-9);
        prop_assert!((0.0..=1.0).contains(&figures.fpr95));
    }
}
