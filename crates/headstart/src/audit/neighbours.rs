//! The nearest neighbours of every vector.

use ndarray::{Array2, ArrayView2, Axis, Slice, linalg::general_mat_mul};
use rayon::prelude::*;

/// Neighbours that are looked for.
pub(super) const NEAREST: usize = 16;
/// Up to so many vectors are compared whole; of more, a shortlist.
const FEW: usize = 6000;
/// Leading directions of variation by which a shortlist is made.
const DIRECTIONS: usize = 96;
/// The shortlist's length.
const SHORTLIST: usize = 4 * NEAREST;
/// Rows that are compared with all others at a time.
const ROWS: usize = 128;
/// Columns of a product.
const COLUMNS: usize = 2048;
/// Blocks of rows between which it is asked whether to go on.
const BATCH: usize = 32;

/// A vector and its cosine.
pub(super) type Neighbour = (u32, f32);

/// The up to [`NEAREST`] nearest neighbours of each of `features`, n x dim, by cosine, the nearest
/// first. `go_on` is asked between blocks; `None` when it says no.
///
/// Beyond some thousands, the neighbours are chosen among those that may be nearest by an upper bound
/// of the cosine: that of the leading directions, with the length of the rest as one more. It is
/// tight where vectors are alike, so copies are not missed.
pub(super) fn neighbours(
    mut features: Vec<f32>,
    dim: usize,
    go_on: &mut dyn FnMut() -> bool,
) -> Option<Vec<Vec<Neighbour>>> {
    let n = features.len() / dim;
    features.par_chunks_mut(dim).for_each(normalise);
    let vectors = ArrayView2::from_shape((n, dim), &features).expect("n x dim features");
    if n <= FEW || dim <= DIRECTIONS {
        return nearest(vectors, NEAREST, go_on);
    }
    let short = nearest(sketch(vectors).view(), SHORTLIST, go_on)?;
    Some(
        short
            .into_par_iter()
            .enumerate()
            .map(|(row, short)| {
                let mut best: Vec<Neighbour> = short
                    .into_iter()
                    .map(|(other, _)| (other, vectors.row(row).dot(&vectors.row(other as usize))))
                    .collect();
                best.sort_by(nearer);
                best.truncate(NEAREST);
                best
            })
            .collect(),
    )
}

fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    vector.iter_mut().for_each(|v| *v /= length);
}

fn nearer(a: &Neighbour, b: &Neighbour) -> std::cmp::Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

/// The `k` rows whose product with each row is largest, itself left out.
fn nearest(
    vectors: ArrayView2<'_, f32>,
    k: usize,
    go_on: &mut dyn FnMut() -> bool,
) -> Option<Vec<Vec<Neighbour>>> {
    let blocks: Vec<_> = vectors.axis_chunks_iter(Axis(0), ROWS).enumerate().collect();
    let nearest_of = |&(block, rows): &(usize, ArrayView2<'_, f32>)| {
        let mut best = vec![Vec::with_capacity(k + COLUMNS); rows.nrows()];
        let mut products = Array2::zeros((rows.nrows(), COLUMNS));
        for (part, columns) in vectors.axis_chunks_iter(Axis(0), COLUMNS).enumerate() {
            let mut products = products.slice_axis_mut(Axis(1), Slice::from(..columns.nrows()));
            general_mat_mul(1.0, &rows, &columns.t(), 0.0, &mut products);
            for (row, (products, best)) in products.rows().into_iter().zip(&mut best).enumerate() {
                keep(best, k, block * ROWS + row, part * COLUMNS, products.iter());
            }
        }
        best.iter_mut().for_each(Vec::shrink_to_fit);
        best
    };
    let mut found = Vec::with_capacity(vectors.nrows());
    for batch in blocks.chunks(BATCH) {
        if !go_on() {
            return None;
        }
        found.par_extend(batch.par_iter().flat_map_iter(nearest_of));
    }
    Some(found)
}

/// Takes the products with the vectors from `first` on into the best so far.
fn keep<'a>(
    best: &mut Vec<Neighbour>,
    k: usize,
    row: usize,
    first: usize,
    products: impl Iterator<Item = &'a f32>,
) {
    let least = if best.len() < k { f32::NEG_INFINITY } else { best[k - 1].1 };
    let others = products.enumerate().map(|(i, &product)| (first + i, product));
    best.extend(
        others
            .filter(|&(other, product)| product > least && other != row)
            .map(|(other, product)| (other as u32, product)),
    );
    if best.len() > k {
        best.select_nth_unstable_by(k, nearer);
        best.truncate(k);
    }
    best.sort_by(nearer);
}

/// The vectors' components along the leading directions, and the length of what is left.
fn sketch(vectors: ArrayView2<'_, f32>) -> Array2<f32> {
    let n = vectors.nrows();
    let every = |count: usize| (0..count).map(|i| i * n / count).collect::<Vec<_>>();
    let sample = vectors.select(Axis(0), &every(FEW.min(n)));
    // Orthogonal iteration, from vectors of the set.
    let mut directions = vectors.select(Axis(0), &every(DIRECTIONS));
    for _ in 0..3 {
        orthonormalise(&mut directions);
        directions = directions.dot(&sample.t()).dot(&sample);
    }
    orthonormalise(&mut directions);
    let mut sketch = Array2::zeros((n, DIRECTIONS + 1));
    let rows: Vec<_> = vectors.axis_chunks_iter(Axis(0), ROWS).collect();
    let out: Vec<_> = sketch.axis_chunks_iter_mut(Axis(0), ROWS).collect();
    rows.into_par_iter().zip(out).for_each(|(rows, mut out)| {
        out.slice_axis_mut(Axis(1), Slice::from(..DIRECTIONS)).assign(&rows.dot(&directions.t()));
        for mut row in out.rows_mut() {
            let within: f32 = row.iter().map(|v| v * v).sum();
            row[DIRECTIONS] = (1.0 - within).max(0.0).sqrt();
        }
    });
    sketch
}

/// Gram-Schmidt, in f64 and twice over, which is as good as exact.
fn orthonormalise(rows: &mut Array2<f32>) {
    for i in 0..rows.nrows() {
        let mut row = rows.row(i).mapv(f64::from);
        for _ in 0..2 {
            for before in 0..i {
                let before = rows.row(before).mapv(f64::from);
                let along = row.dot(&before);
                row.scaled_add(-along, &before);
            }
        }
        let length = row.dot(&row).sqrt().max(f64::MIN_POSITIVE);
        rows.row_mut(i).assign(&row.mapv(|v| (v / length) as f32));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors around a few centres, as features are, with a copy that is off by little of every
    /// hundredth.
    fn vectors(n: usize, dim: usize) -> Vec<f32> {
        let mut state = 1u64;
        let mut random = move || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        };
        let centres: Vec<f32> = (0..8 * dim).map(|_| random()).collect();
        let mut all: Vec<f32> = Vec::with_capacity(n * dim);
        for row in 0..n {
            let copied = row >= 100 && row % 100 == 0;
            for i in 0..dim {
                let value = if copied {
                    all[(row - 50) * dim + i] + 0.05 * random()
                } else {
                    centres[row % 8 * dim + i] + 0.5 * random()
                };
                all.push(value);
            }
        }
        all
    }

    fn brute_force(vectors: &[f32], dim: usize, row: usize) -> Vec<Neighbour> {
        let mut all = vectors.to_vec();
        all.chunks_mut(dim).for_each(normalise);
        let cosine = |other: usize| {
            let (a, b) = (&all[row * dim..][..dim], &all[other * dim..][..dim]);
            a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>()
        };
        let others = (0..vectors.len() / dim).filter(|&other| other != row);
        let mut others: Vec<Neighbour> = others.map(|o| (o as u32, cosine(o))).collect();
        others.sort_by(nearer);
        others.truncate(NEAREST);
        others
    }

    #[test]
    fn of_few_vectors_the_neighbours_are_those_of_brute_force() {
        for n in [1, 2, NEAREST, NEAREST + 1, ROWS, ROWS + 1, COLUMNS + 3] {
            let vectors = vectors(n, 24);
            let found = neighbours(vectors.clone(), 24, &mut || true).unwrap();
            assert_eq!(found.len(), n);
            for row in (0..n).step_by(1 + n / 40) {
                let expected = brute_force(&vectors, 24, row);
                assert_eq!(found[row].len(), expected.len());
                for (found, expected) in found[row].iter().zip(&expected) {
                    assert!((found.1 - expected.1).abs() < 1e-5, "{found:?} {expected:?}");
                }
            }
        }
    }

    #[test]
    fn of_many_vectors_every_copy_is_found_and_most_other_neighbours() {
        let (n, dim) = (FEW + 1000, 2 * DIRECTIONS);
        let vectors = vectors(n, dim);
        let found = neighbours(vectors.clone(), dim, &mut || true).unwrap();
        let (mut same, mut all) = (0, 0);
        for row in (100..n).step_by(100) {
            let expected = brute_force(&vectors, dim, row);
            assert_eq!(found[row][0].0, (row - 50) as u32);
            all += expected.len();
            same += expected.iter().filter(|(e, _)| found[row].iter().any(|(f, _)| f == e)).count();
        }
        assert!(same * 10 > all * 4, "{same} of {all}");
    }

    #[test]
    fn who_says_stop_gets_nothing() {
        assert!(neighbours(vectors(50, 8), 8, &mut || false).is_none());
    }
}
