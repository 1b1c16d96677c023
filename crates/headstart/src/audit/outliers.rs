//! Outliers: pictures that are unlike any other of the set.
//!
//! The score is the distance to the nearest neighbours (Sun, Ming, Zhu & Li, "Out-of-distribution detection
//! with deep nearest neighbors", ICML 2022). Its scale is taken from the set itself: the mean distance between
//! two of its pictures.

use crate::copies::Copies;
use crate::robust::Spread;

/// The least number of distinct pictures for a search.
const ENOUGH: usize = 50;
/// The number of neighbours that determine the score.
const COMPANY: usize = 5;
/// Least distance of an outlier to its neighbours, as a share of the mean distance between two pictures.
const SHARE: f64 = 0.85;
/// Least distance of an outlier above the median, in standard deviations. In a set of dissimilar pictures,
/// dissimilarity is no exception.
const UNUSUAL: f64 = 2.0;
/// Least ratio of an outlier's distance to the distances of its neighbours from theirs (Breunig, Kriegel, Ng &
/// Sander, "LOF: identifying density-based local outliers", 2000). In a class of dissimilar pictures,
/// dissimilarity is no exception.
const ALONE: f64 = 1.2;

/// The outliers, with their mean cosine distance to their neighbours, and its share of the mean distance
/// between two pictures.
pub(super) fn outliers(features: &[f32], dim: usize, copies: &Copies) -> Vec<(usize, f64, f64)> {
    if copies.firsts.len() < ENOUGH {
        return Vec::new();
    }
    let company = |at: usize| copies.neighbours[at].iter().take(COMPANY);
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / COMPANY as f64;
    let distance = |at| mean(&mut company(at).map(|&(_, cosine)| 1.0 - f64::from(cosine)));
    let distances: Vec<f64> = (0..copies.firsts.len()).map(distance).collect();
    let spread = Spread::of(&distances);
    let usual = between_any_two(features, dim, &copies.firsts);
    let is_outlier = |at: usize| {
        let distance = distances[at];
        let of_company = mean(&mut company(at).map(|&(other, _)| distances[other as usize]));
        distance > SHARE * usual
            && spread.deviations(distance) > UNUSUAL
            && distance > ALONE * of_company
    };
    let found = (0..distances.len()).filter(|&at| is_outlier(at));
    let found = found.map(|at| (copies.firsts[at], distances[at], distances[at] / usual));
    found.collect()
}

/// The mean cosine distance between two of these pictures.
fn between_any_two(features: &[f32], dim: usize, pictures: &[usize]) -> f64 {
    // The sum of all dot products is the dot product of the sum with itself.
    let mut sum = vec![0.0f64; dim];
    for &picture in pictures {
        let row = &features[picture * dim..][..dim];
        let length = row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        let scale = 1.0 / length.max(f64::MIN_POSITIVE);
        sum.iter_mut().zip(row).for_each(|(sum, &v)| *sum += f64::from(v) * scale);
    }
    let n = pictures.len() as f64;
    1.0 - (sum.iter().map(|v| v * v).sum::<f64>() - n) / (n * (n - 1.0))
}

#[cfg(test)]
mod tests {
    use headstart_data::decode::{Format, Header};
    use headstart_data::{ContentHash, Facts};

    use super::*;

    const DIM: usize = 24;

    /// Pseudorandom numbers in -1..1.
    fn random(seed: usize) -> f32 {
        let x = (seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let x = (x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((x >> 40) as f32 / (1u64 << 23) as f32) - 1.0
    }

    fn found(rows: &[Vec<f32>]) -> Vec<usize> {
        let file = Header { format: Format::Png, width: 200, height: 200, orientation: 1 };
        let facts = vec![Facts::new(&file, &[0; 3], 1); rows.len()];
        let contents: Vec<_> = (0..rows.len()).map(|row| ContentHash([row as u8; 16])).collect();
        let features = rows.concat();
        let copies = Copies::find(&features, DIM, &contents, &facts, &mut |_, _| true).unwrap();
        outliers(&features, DIM, &copies).iter().map(|found| found.0).collect()
    }

    /// Pictures of several kinds, with little variation in some and much in others.
    fn varied() -> Vec<Vec<f32>> {
        let one = |row: usize| {
            let (kind, vary) = (row % 5, 0.1 + 0.15 * (row % 5) as f32);
            (0..DIM).map(|i| random(1000 * kind + i) + vary * random(7919 * row + i)).collect()
        };
        (0..120).map(one).collect()
    }

    #[test]
    fn what_is_like_no_other_is_found_in_a_varied_set() {
        let mut rows = varied();
        assert_eq!(found(&rows), [0; 0]);
        rows.push((0..DIM).map(|i| random(99_000 + i)).collect());
        assert_eq!(found(&rows), [120]);
    }

    #[test]
    fn where_all_are_unlike_each_other_none_is_an_outlier() {
        let rows: Vec<Vec<f32>> =
            (0..100).map(|row| (0..DIM).map(|i| random(row * DIM + i)).collect()).collect();
        assert!(found(&rows).len() <= 2);
    }

    #[test]
    fn the_mean_distance_is_that_of_all_pairs() {
        let rows = varied();
        let mut sum = 0.0;
        for a in 0..rows.len() {
            for b in 0..a {
                let dot = |x: &[f32], y: &[f32]| -> f64 {
                    x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
                };
                let (a, b) = (&rows[a], &rows[b]);
                sum += 1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
            }
        }
        let n = rows.len();
        let mean = sum / (n * (n - 1) / 2) as f64;
        let all: Vec<usize> = (0..n).collect();
        assert!((between_any_two(&rows.concat(), DIM, &all) - mean).abs() < 1e-9);
    }
}
