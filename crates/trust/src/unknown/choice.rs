//! Which score to use: the one that best parts each class from the others where it was not learned.

use super::{
    ClassDistance, FOLDS, Neighbours, Part, SCORES, Seen, UnknownFigures, bank_rows, energy, fold,
    spread,
};

/// The choice is made on at most so many pictures: more would cost time and say little.
const MOST_PICTURES: usize = 600;
/// At most so many classes are left out.
const MOST_CLASSES: usize = 10;
/// With fewer of either side an AUROC would be chance.
const FEWEST: usize = 4;

/// What a head is fitted to while a class is left out.
#[derive(Clone, Copy, Debug)]
pub struct LeftOut<'a> {
    /// Pictures of the other classes, labelled from 0 without gaps.
    pub learned: Seen<'a>,
    /// How many classes these have.
    pub classes: usize,
    /// The features of other pictures, m x dim, of which the head's logits are asked for.
    pub tested: &'a [f32],
    /// How many classes have been left out before, and how many may be in all.
    pub done: usize,
    /// See `done`.
    pub total: usize,
}

/// Fits a head where a class is left out, and returns its logits for the pictures to be tested; nothing
/// where none can be fitted.
pub type LogitsOf<'a, E> = dyn FnMut(&LeftOut<'_>) -> Result<Option<Vec<f32>>, E> + 'a;

/// The parts of the score that best parts pictures of a class that was not learned from those of the
/// others: each class is left out in turn, a head fitted to a part of the others' pictures, and the
/// AUROC of the left-out class against the other part taken.
///
/// Where there are too few classes or pictures, it is the score that did best where there were enough.
///
/// # Errors
/// What `logits` returns.
pub fn choose<E>(seen: &Seen<'_>, logits: &mut LogitsOf<'_, E>) -> Result<Vec<Part>, E> {
    let bank = seen.of(&bank_rows(seen.labels, MOST_PICTURES));
    let bank = bank.borrowed();
    let mut classes = bank.labels.to_vec();
    classes.sort_unstable();
    classes.dedup();
    let mut sums = [0.0; SCORES.len()];
    let step = classes.len().div_ceil(MOST_CLASSES).max(1);
    let total = classes.len().div_ceil(step);
    for (done, &left_out) in classes.iter().step_by(step).enumerate() {
        if let Some(found) = without(&bank, left_out, (done, total), logits)? {
            sums.iter_mut().zip(found).for_each(|(sum, auroc)| *sum += auroc);
        }
    }
    // The first of those that are the best.
    let best = (1..SCORES.len()).fold(0, |best, at| if sums[at] > sums[best] { at } else { best });
    Ok(SCORES[best].to_vec())
}

/// The AUROC of each score where a class is left out.
fn without<E>(
    bank: &Seen<'_>,
    left_out: usize,
    (done, total): (usize, usize),
    logits: &mut LogitsOf<'_, E>,
) -> Result<Option<[f64; SCORES.len()]>, E> {
    let of = |row: usize| bank.labels[row] == left_out;
    let is_tested = |row: usize| fold(bank.groups[row]) == FOLDS - 1;
    let mut learned = bank.filtered(|row| !of(row) && !is_tested(row));
    let known = bank.filtered(|row| !of(row) && is_tested(row));
    let unknown = bank.filtered(of);
    let mut present = learned.labels.clone();
    present.sort_unstable();
    present.dedup();
    let few = known.labels.len() < FEWEST || unknown.labels.len() < FEWEST;
    if few || present.len() < 2 {
        return Ok(None);
    }
    for label in &mut learned.labels {
        *label = present.binary_search(label).expect("it is there");
    }
    let learned = learned.borrowed();
    let tested = [known.features, unknown.features].concat();
    let classes = present.len();
    let asked = LeftOut { learned, classes, tested: &tested, done, total };
    let Some(logits) = logits(&asked)? else { return Ok(None) };
    let (neighbours, distance) = (Neighbours::new(&learned), ClassDistance::new(&learned));
    let n = tested.len() / bank.dim;
    let units = logits.len() / n;
    let values = |part: Part| -> Vec<f32> {
        let rows = tested.chunks_exact(bank.dim);
        let mut values: Vec<f32> = match part {
            Part::Energy => logits.chunks_exact(units).map(energy::energy).collect(),
            Part::Neighbours => rows.map(|row| neighbours.distance(row, |_| false)).collect(),
            Part::ClassDistance => rows.map(|row| distance.distance(row)).collect(),
        };
        let (mean, deviation) = spread(&values[..known.labels.len()]);
        let scale = deviation.max(f32::MIN_POSITIVE);
        values.iter_mut().for_each(|value| *value = (*value - mean) / scale);
        values
    };
    let all =
        [Part::Neighbours, Part::Energy, Part::ClassDistance].map(|part| (part, values(part)));
    let aurocs = SCORES.map(|parts| {
        let mut scores = vec![0.0; n];
        for (_, values) in all.iter().filter(|(part, _)| parts.contains(part)) {
            scores.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
        let (known, unknown) = scores.split_at(known.labels.len());
        UnknownFigures::of(known, unknown).map_or(0.5, |figures| figures.auroc)
    });
    Ok(Some(aurocs))
}
