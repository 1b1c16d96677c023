//! Choice of the score: the one that best separates each class from the others when it is left out of training.

use std::collections::HashSet;

use super::fit::{FOLDS, fold};
use super::vectors::spread;
use super::{Learned, ScorePart, Seen, UnknownFigures, bank_rows, floored};

use ScorePart::{ClassDistance, Energy, Margin, Neighbours, Residual};

/// The candidate scores, the default first.
const SCORES: &[&[ScorePart]] = &[
    &[Neighbours, Margin],
    &[Neighbours, Margin, ClassDistance],
    &[Neighbours, Margin, ClassDistance, Residual],
    &[Neighbours, Energy],
    &[Neighbours, Energy, ClassDistance],
    &[Neighbours, ClassDistance],
    &[Neighbours],
    &[Margin, ClassDistance],
    &[Energy, ClassDistance, Residual],
    &[Energy, Residual],
    &[Energy],
];

/// Maximum number of pictures for the choice; more would add time but little information.
const MOST_PICTURES: usize = 600;
/// Maximum number of classes left out.
const MOST_CLASSES: usize = 10;
/// Minimum number of pictures on either side; with fewer, an AUROC would be random.
const FEWEST: usize = 4;

/// The data to fit a head to while a class is left out.
#[derive(Clone, Copy, Debug)]
pub struct LeftOut<'a> {
    /// Pictures without that class, with the remaining classes renumbered from 0.
    pub learned: Seen<'a>,
    /// The number of these classes.
    pub classes: usize,
    /// The features of other pictures, m x dim, for which the head's logits are needed.
    pub tested: &'a [f32],
    /// The number of classes already left out, and the maximum number.
    pub done: usize,
    /// See `done`.
    pub total: usize,
}

/// Fits a head with a class left out, and returns its logits for the test pictures; `None` if no head can be fitted.
pub type LogitsOf<'a, E> = dyn FnMut(&LeftOut<'_>) -> Result<Option<Vec<f32>>, E> + 'a;

/// Among the scores that are sums of these parts, returns the parts of the one that best separates pictures of
/// unlearned classes from others: each class is left out in turn, a head is fitted to some of the others' pictures, and
/// the AUROC of the left-out class against the rest of them is computed. In a multi-label task, the pictures of the
/// left-out class are those that have no other, and pictures that have others, too, are used for neither training nor
/// testing.
///
/// If there are too few classes or pictures, or none is better by more than a standard error, it is the score that did
/// best over several data sets.
///
/// # Errors
/// Errors of `logits`.
///
/// # Panics
/// When no score is a sum of these parts; the energy alone is one.
pub fn choose<E>(
    available: &[ScorePart],
    seen: &Seen<'_>,
    logits: &mut LogitsOf<'_, E>,
) -> Result<Vec<ScorePart>, E> {
    let bank = seen.of(&bank_rows(seen.labels, MOST_PICTURES));
    let bank = bank.borrowed();
    let classes = bank.present();
    let is_available = |parts: &&&[ScorePart]| parts.iter().all(|part| available.contains(part));
    let of_task = |parts: &&[ScorePart]| parts.iter().map(|part| part.of(&bank)).collect();
    let mut scores: Vec<Vec<ScorePart>> = SCORES.iter().filter(is_available).map(of_task).collect();
    // In a multi-label task, the parts based on logits are the same part.
    let mut before = HashSet::new();
    scores.retain(|parts| before.insert(parts.clone()));
    // For each score, an AUROC for each class.
    let mut aurocs = vec![Vec::new(); scores.len()];
    let step = classes.len().div_ceil(MOST_CLASSES).max(1);
    let total = classes.len().div_ceil(step);
    for (done, &left_out) in classes.iter().step_by(step).enumerate() {
        if let Some(found) = without(&bank, left_out, &scores, (done, total), logits)? {
            aurocs.iter_mut().zip(found).for_each(|(all, auroc)| all.push(auroc));
        }
    }
    let mut best = (0, 0.0);
    for at in 1..scores.len() {
        let gain = sure_gain(&aurocs[at], &aurocs[0]);
        best = if gain > best.1 { (at, gain) } else { best };
    }
    Ok(scores[best.0].clone())
}

/// The mean difference of values and others, minus its standard error: among as many scores on as few pictures, the
/// best is otherwise a lucky one.
fn sure_gain(values: &[f64], others: &[f64]) -> f64 {
    let n = values.len() as f64;
    let gains = || values.iter().zip(others).map(|(value, other)| value - other);
    let mean = gains().sum::<f64>() / n;
    let variance = gains().map(|gain| (gain - mean).powi(2)).sum::<f64>() / (n - 1.0);
    // A single class does not generalise.
    if values.len() < 2 { 0.0 } else { mean - (variance / n).sqrt() }
}

/// The AUROC of each score with a class left out.
fn without<E>(
    bank: &Seen<'_>,
    left_out: usize,
    scores: &[Vec<ScorePart>],
    (done, total): (usize, usize),
    logits: &mut LogitsOf<'_, E>,
) -> Result<Option<Vec<f64>>, E> {
    let has = |row: usize| bank.classes_of(row).contains(&left_out);
    let is_tested = |row: usize| fold(bank.groups[row]) == FOLDS - 1;
    let mut learned = bank.filtered(|row| !has(row) && !is_tested(row));
    let known = bank.filtered(|row| !has(row) && is_tested(row));
    let unknown = bank.filtered(|row| bank.classes_of(row) == [left_out]);
    let present = learned.borrowed().present();
    let few = known.labels.len() < FEWEST || unknown.labels.len() < FEWEST;
    if few || present.len() < if bank.label_sets.is_some() { 1 } else { 2 } {
        return Ok(None);
    }
    let number = |class: &usize| present.binary_search(class).ok();
    // Sets of pictures outside the training part may have other classes.
    let numbered = |set: &Vec<usize>| set.iter().filter_map(number).collect();
    let sets: Option<Vec<Vec<usize>>> =
        bank.label_sets.map(|sets| sets.iter().map(numbered).collect());
    if sets.is_none() {
        learned.labels.iter_mut().for_each(|label| {
            *label = number(label).expect("it is there");
        });
    }
    let learned = Seen { label_sets: sets.as_deref(), ..learned.borrowed() };
    let tested = [known.features, unknown.features].concat();
    let classes = present.len();
    let asked = LeftOut { learned, classes, tested: &tested, done, total };
    let Some(logits) = logits(&asked)? else { return Ok(None) };
    let every = |part: &ScorePart| scores.iter().any(|parts| parts.contains(part));
    let mut every: Vec<ScorePart> =
        ScorePart::ALL.into_iter().map(|part| part.of(bank)).filter(every).collect();
    every.dedup();
    let all = Learned::new(&every, &learned);
    let n = tested.len() / bank.dim;
    let units = logits.len() / n;
    let values = |&part: &ScorePart| -> (ScorePart, Vec<f32>) {
        let rows = tested.chunks_exact(bank.dim).zip(logits.chunks_exact(units));
        let mut values: Vec<f32> = rows
            .map(|(features, logits)| all.value(part, features, logits, &|_, _| false))
            .collect();
        let (mean, deviation) = spread(&values[..known.labels.len()]);
        let scale = deviation.max(f32::MIN_POSITIVE);
        values.iter_mut().for_each(|value| *value = floored((*value - mean) / scale));
        (part, values)
    };
    let values: Vec<(ScorePart, Vec<f32>)> = every.iter().map(values).collect();
    let auroc = |parts: &Vec<ScorePart>| {
        let mut scores = vec![0.0; n];
        for (_, values) in values.iter().filter(|(part, _)| parts.contains(part)) {
            scores.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
        let (known, unknown) = scores.split_at(known.labels.len());
        UnknownFigures::of(known, unknown).map_or(0.5, |figures| figures.auroc)
    };
    Ok(Some(scores.iter().map(auroc).collect()))
}
