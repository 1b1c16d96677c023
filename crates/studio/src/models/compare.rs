//! Compares two models on the same pictures, which neither was trained on.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::StudioError;
use crate::wording::pictures;

/// The p-value below which a difference is reported as unlikely to be chance.
const SURELY: f64 = 0.05;

/// The answers of a model to pictures that it was not trained on.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) name: String,
    /// The predicted class of each picture, by path.
    pub(crate) answers: BTreeMap<String, String>,
    /// The time per picture.
    pub(crate) milliseconds: f64,
}

/// The comparison of two models on the same pictures.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Comparison {
    pictures: usize,
    classes: Vec<String>,
    a: Side,
    b: Side,
    /// The pictures that only one of the models is right about.
    only_a: Vec<String>,
    only_b: Vec<String>,
    /// The p-value of McNemar's exact test: the probability of such a difference, or a larger one, between equal
    /// models.
    p_value: f64,
    verdict: String,
}

/// The figures of one model.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Side {
    name: String,
    accuracy: f64,
    correct: usize,
    per_class: Vec<OfClass>,
    milliseconds: f64,
}

#[derive(Clone, Debug, Serialize)]
struct OfClass {
    name: String,
    accuracy: f64,
    pictures: usize,
}

/// Compares two models on the pictures that both have an answer for. `labels` are the true classes, by path.
///
/// # Errors
/// [`StudioError::NothingToCompare`] if there are no such pictures.
pub(crate) fn compare(
    a: &Said,
    b: &Said,
    labels: &BTreeMap<String, String>,
) -> Result<Comparison, StudioError> {
    let both = |path: &String| a.answers.contains_key(path) && b.answers.contains_key(path);
    let measured: Vec<(&String, &String)> = labels.iter().filter(|(path, _)| both(path)).collect();
    if measured.is_empty() {
        return Err(StudioError::NothingToCompare { a: a.name.clone(), b: b.name.clone() });
    }
    let mut classes: Vec<String> = measured.iter().map(|(_, label)| (*label).clone()).collect();
    classes.sort_unstable();
    classes.dedup();
    let is_right = |said: &Said, (path, label): (&String, &String)| said.answers[path] == *label;
    let side = |said: &Said| {
        let correct = measured.iter().filter(|picture| is_right(said, **picture)).count();
        let of_class = |name: &String| {
            let own: Vec<_> = measured.iter().filter(|(_, label)| *label == name).collect();
            let right = own.iter().filter(|picture| is_right(said, ***picture)).count();
            let accuracy = right as f64 / own.len() as f64;
            OfClass { name: name.clone(), accuracy, pictures: own.len() }
        };
        Side {
            name: said.name.clone(),
            accuracy: correct as f64 / measured.len() as f64,
            correct,
            per_class: classes.iter().map(of_class).collect(),
            milliseconds: said.milliseconds,
        }
    };
    let only = |one: &Said, other: &Said| -> Vec<String> {
        let only =
            |picture: &&(&String, &String)| is_right(one, **picture) && !is_right(other, **picture);
        measured.iter().filter(only).map(|(path, _)| (*path).clone()).collect()
    };
    let (only_a, only_b) = (only(a, b), only(b, a));
    let p_value = mcnemar(only_a.len(), only_b.len());
    let verdict =
        verdict((&a.name, only_a.len()), (&b.name, only_b.len()), measured.len(), p_value);
    Ok(Comparison {
        pictures: measured.len(),
        a: side(a),
        b: side(b),
        classes,
        only_a,
        only_b,
        p_value,
        verdict,
    })
}

/// The two-sided exact binomial test, where `a` and `b` are the numbers of pictures that only one of the models is
/// right about: the probability of numbers at least as unequal, if both models are equally likely to be right.
fn mcnemar(a: usize, b: usize) -> f64 {
    let n = a + b;
    // Uses logarithms, since the product of thousands of halves is 0.
    let half = -(n as f64) * std::f64::consts::LN_2;
    let (mut term, mut sum) = (half, 0.0);
    for k in 0..=a.min(b) {
        sum += term.exp();
        term += ((n - k) as f64 / (k + 1) as f64).ln();
    }
    (2.0 * sum).min(1.0)
}

fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn verdict((a, only_a): (&str, usize), (b, only_b): (&str, usize), all: usize, p: f64) -> String {
    let (better, worse, for_it, against) =
        if only_a >= only_b { (a, b, only_a, only_b) } else { (b, a, only_b, only_a) };
    match () {
        () if for_it + against == 0 => {
            format!("Both say the same of all {all} pictures, as far as right and wrong go.")
        }
        () if for_it == against => format!(
            "On the {} where they differ, each is right {}.",
            pictures(for_it + against),
            times(for_it)
        ),
        () => format!(
            "On the {} where they differ, {better} is right {} and {worse} {}; that {}.",
            pictures(for_it + against),
            times(for_it),
            times(against),
            if p < SURELY { "is unlikely to be chance" } else { "may be chance" }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_is_scipys() {
        // scipy.stats.binomtest(min(a, b), a + b, 0.5).pvalue, SciPy 1.17.1; statsmodels' mcnemar(exact=True) is
        // the same.
        for (a, b, p) in [
            (0, 0, 1.0),
            (5, 5, 1.0),
            (1, 9, 0.021_484_375),
            (3, 14, 0.012_725_830_078_125),
            (0, 6, 0.031_25),
            (40, 60, 0.056_887_933_640_980_89),
            (120, 90, 0.045_114_087_864_840_696),
        ] {
            for (a, b) in [(a, b), (b, a)] {
                assert!((mcnemar(a, b) - p).abs() < 1e-12, "{a} {b}: {}", mcnemar(a, b));
            }
        }
        assert!(mcnemar(0, 3_000) < 1e-300 && mcnemar(1_500, 1_500) == 1.0);
    }

    fn said(name: &str, answers: &[(&str, &str)]) -> Said {
        let answers = answers.iter().map(|(path, class)| ((*path).into(), (*class).into()));
        Said { name: name.to_owned(), answers: answers.collect(), milliseconds: 1.0 }
    }

    #[test]
    fn only_pictures_that_both_answer_for_count() {
        let labels = [("1", "x"), ("2", "x"), ("3", "y"), ("4", "y"), ("5", "y")];
        let labels = labels.map(|(path, class)| (path.to_owned(), class.to_owned())).into();
        let a = said("a", &[("1", "x"), ("2", "x"), ("3", "x"), ("4", "y")]);
        let b = said("b", &[("2", "y"), ("3", "y"), ("4", "y"), ("5", "x"), ("6", "x")]);
        let compared = compare(&a, &b, &labels).expect("there are three");
        assert_eq!((compared.pictures, compared.a.correct, compared.b.correct), (3, 2, 2));
        assert_eq!((&*compared.only_a, &*compared.only_b), (&["2".into()][..], &["3".into()][..]));
        assert_eq!(compared.p_value, 1.0);
        let of_y = &compared.a.per_class[1];
        assert_eq!((&*of_y.name, of_y.accuracy, of_y.pictures), ("y", 0.5, 2));
        let none = compare(&a, &said("c", &[]), &labels).expect_err("there are none");
        assert!(none.to_string().contains("a and c cannot be compared"));
    }

    #[test]
    fn a_difference_is_told_as_one_where_it_is_unlikely_to_be_chance() {
        for (a, b, part) in [
            (0, 0, "Both say the same"),
            (
                14,
                3,
                "On the 17 pictures where they differ, A is right 14 times and B 3 times; that is unlikely to be \
                 chance.",
            ),
            (3, 14, "B is right 14 times and A 3 times; that is unlikely to be chance."),
            (3, 4, "B is right 4 times and A 3 times; that may be chance."),
            (
                1,
                0,
                "On the 1 picture where they differ, A is right once and B 0 times; that may be chance.",
            ),
            (4, 4, "On the 8 pictures where they differ, each is right 4 times."),
        ] {
            let told = verdict(("A", a), ("B", b), 50, mcnemar(a, b));
            assert!(told.contains(part), "{told}");
        }
    }
}
