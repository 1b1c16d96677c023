//! Partition of vectors into a given number of clusters.

use super::Vectors;
use super::cells::{move_to, nearest_centres};
use super::gather;

/// Number of k-means iterations.
const MOVES: usize = 10;

/// Divides vectors into at most `count` clusters by spherical k-means (Dhillon & Modha 2001), and returns the cluster
/// of each: contiguous numbers from 0, in order of first occurrence. The initial centres are evenly spaced in the order
/// of the vectors, so the result is deterministic. `None` when `go_on`, which is called several times a second, returns
/// false.
pub fn clusters(
    vectors: &Vectors<'_>,
    count: usize,
    go_on: &mut dyn FnMut() -> bool,
) -> Option<Vec<usize>> {
    let n = vectors.len();
    if n == 0 {
        return Some(Vec::new());
    }
    let count = count.clamp(1, n);
    let all = vectors.normalised(0..n);
    let first: Vec<u32> = (0..count).map(|i| (i * n / count) as u32).collect();
    let mut centres = gather(all.view(), &first);
    let mut go_on = |_: usize| go_on();
    let mut nearest = nearest_centres(all.view(), centres.view(), &mut go_on)?;
    for _ in 0..MOVES {
        move_to(&mut centres, all.view(), &nearest);
        let moved = nearest_centres(all.view(), centres.view(), &mut go_on)?;
        let is_same = moved == nearest;
        nearest = moved;
        if is_same {
            break;
        }
    }
    let mut numbers = vec![None; count];
    let mut next = 0;
    let number = |centre: u32| {
        *numbers[centre as usize].get_or_insert_with(|| {
            next += 1;
            next - 1
        })
    };
    Some(nearest.into_iter().map(number).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors around each axis in turn, slightly off.
    fn around(axes: usize, each: usize) -> Vec<f32> {
        let dim = axes + 1;
        let mut values = vec![0.0; axes * each * dim];
        for (row, values) in values.chunks_exact_mut(dim).enumerate() {
            values[row % axes] = 1.0 + row as f32;
            values[axes] = 0.1 * (row as f32).sin();
        }
        values
    }

    #[test]
    fn what_lies_around_an_axis_is_a_cluster_whatever_its_length() {
        let (axes, each) = (5, 40);
        let values = around(axes, each);
        let rows: Vec<usize> = (0..axes * each).collect();
        let vectors = Vectors::new(&values, axes + 1, &rows);
        // The initial centres are at different axes, which the rows 0, 40, … would not be without reordering.
        let order: Vec<usize> =
            (0..axes).flat_map(|a| (0..each).map(move |i| i * axes + a)).collect();
        let sorted = Vectors::new(&values, axes + 1, &order);
        let found = clusters(&sorted, axes, &mut || true).expect("nobody says no");
        assert_eq!(found, (0..axes).flat_map(|a| vec![a; each]).collect::<Vec<_>>());
        let found = clusters(&vectors, 1, &mut || true).expect("nobody says no");
        assert_eq!(found, vec![0; axes * each]);
    }

    #[test]
    fn there_are_no_more_clusters_than_vectors_and_numbers_have_no_gaps() {
        let values = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
        let vectors = Vectors::new(&values, 2, &[0, 1, 2]);
        let found = clusters(&vectors, 9, &mut || true).expect("nobody says no");
        assert_eq!((found[0], found[1], found[2]), (0, 0, 1));
        assert_eq!(clusters(&Vectors::new(&[], 2, &[]), 3, &mut || true), Some(Vec::new()));
        assert_eq!(clusters(&vectors, 2, &mut || false), None);
    }
}
