//! Nearest neighbours of every vector by cosine: exact for few vectors, and in almost linear time for many.
#![forbid(unsafe_code)]

mod cells;
mod clusters;
mod sketch;

use ndarray::{Array2, ArrayView2, Axis, Slice, linalg::general_mat_mul};
use rayon::prelude::*;

use cells::Cell;
use sketch::sketch;

pub use clusters::clusters;

/// The number of neighbours searched for.
pub const NEAREST: usize = 16;
/// Up to this number, vectors are compared in full; beyond it, only shortlists are.
pub const FEW: usize = 6000;
/// Length of the shortlist.
const SHORTLIST: usize = 4 * NEAREST;
/// Rows that are compared with others at a time.
const ROWS: usize = 128;
/// Columns per product.
const COLUMNS: usize = 2048;
/// Blocks of rows between two calls of `go_on`.
const BATCH: usize = 32;

/// The index of a vector and its cosine.
pub type Neighbour = (u32, f32);

/// A selection of the rows of a matrix, without a copy, for which there may be no room.
#[derive(Clone, Copy, Debug)]
pub struct Vectors<'a> {
    values: &'a [f32],
    dim: usize,
    rows: &'a [usize],
}

impl<'a> Vectors<'a> {
    /// Selects `rows` of `values`, `[..][dim]`.
    pub fn new(values: &'a [f32], dim: usize, rows: &'a [usize]) -> Self {
        Self { values, dim, rows }
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn row(&self, at: usize) -> &'a [f32] {
        &self.values[self.rows[at] * self.dim..][..self.dim]
    }

    /// Normalised copies of some vectors.
    fn normalised(&self, which: impl Iterator<Item = usize>) -> Array2<f32> {
        let mut values = Vec::with_capacity(which.size_hint().0 * self.dim);
        for at in which {
            let (row, length) = (self.row(at), length(self.row(at)));
            values.extend(row.iter().map(|v| v / length));
        }
        let n = values.len() / self.dim;
        Array2::from_shape_vec((n, self.dim), values).expect("whole rows")
    }
}

fn length(vector: &[f32]) -> f32 {
    vector.iter().map(|v| v * v).sum::<f32>().sqrt().max(f32::MIN_POSITIVE)
}

/// Limits of the number of comparisons.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Up to this number, all vectors are compared with each other.
    pub few: usize,
    /// Maximum number of vectors per cell.
    pub cell: usize,
    /// Number of vectors that one is compared with, plus up to a cell.
    pub candidates: usize,
}

impl Default for Bounds {
    /// For 24,600 overlapping pictures, 600 of them copies, the cells miss none of the 14,258 pairs with a cosine of at
    /// least 0.85, and one of 51,300 with at least 0.8; with a quarter of the candidates, 27.
    fn default() -> Self {
        Self { few: FEW, cell: 512, candidates: 4096 }
    }
}

/// Finds up to [`NEAREST`] nearest neighbours of each vector by cosine, nearest first. `go_on` is called between blocks
/// with the number of vectors done; `None` when it returns false.
///
/// For few vectors the result is exact. For more, each is compared with thousands in nearby cells (`cells.rs`), so that
/// time grows almost linearly. The best of these, by an upper bound of the cosine (`sketch.rs`), are compared in full.
pub fn neighbours(
    bounds: &Bounds,
    vectors: &Vectors<'_>,
    go_on: &mut dyn FnMut(usize) -> bool,
) -> Option<Vec<Vec<Neighbour>>> {
    if vectors.len() <= bounds.few {
        return all(vectors.normalised(0..vectors.len()).view(), go_on);
    }
    let sketch = sketch(vectors, go_on)?;
    let cells = cells::cells(sketch.view(), bounds.cell, go_on)?;
    let centres = cells::centres(&cells);
    let lengths: Vec<f32> =
        (0..vectors.len()).into_par_iter().map(|at| length(vectors.row(at))).collect();
    let cosine =
        |a: usize, b: usize| dot(vectors.row(a), vectors.row(b)) / (lengths[a] * lengths[b]);
    let nearest_of = |cell: &Cell| {
        let rows = gather(sketch.view(), &cell.members);
        let near = cells::near(rows.view(), centres.view(), &cells, bounds.candidates);
        // The vector itself is the nearest, and not a neighbour.
        let short = nearest_within(rows.view(), sketch.view(), &cells, &near, SHORTLIST + 1);
        let exact = |(&row, short): (&u32, Vec<Neighbour>)| {
            let others = short.into_iter().map(|(other, _)| other).filter(|&other| other != row);
            let mut best: Vec<Neighbour> =
                others.map(|other| (other, cosine(row as usize, other as usize))).collect();
            best.sort_unstable_by(nearer);
            // Copied, since a truncated vector would keep the capacity of the whole shortlist.
            (row, best[..best.len().min(NEAREST)].to_vec())
        };
        cell.members.iter().zip(short).map(exact).collect::<Vec<_>>()
    };
    let mut found = vec![Vec::new(); vectors.len()];
    let mut done = 0;
    for batch in cells.chunks(BATCH) {
        if !go_on(done) {
            return None;
        }
        let some: Vec<_> = batch.par_iter().flat_map_iter(nearest_of).collect();
        done += some.len();
        some.into_iter().for_each(|(row, best)| found[row as usize] = best);
    }
    go_on(done).then_some(found)
}

/// Several sums that fill vectors: a single one would be limited by latency.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

fn gather(matrix: ArrayView2<'_, f32>, rows: &[u32]) -> Array2<f32> {
    let mut gathered = Array2::zeros((rows.len(), matrix.ncols()));
    for (&row, mut to) in rows.iter().zip(gathered.rows_mut()) {
        to.assign(&matrix.row(row as usize));
    }
    gathered
}

fn nearer(a: &Neighbour, b: &Neighbour) -> std::cmp::Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

/// The [`NEAREST`] rows with the largest product with each row, excluding itself.
fn all(
    vectors: ArrayView2<'_, f32>,
    go_on: &mut dyn FnMut(usize) -> bool,
) -> Option<Vec<Vec<Neighbour>>> {
    let blocks: Vec<_> = vectors.axis_chunks_iter(Axis(0), ROWS).enumerate().collect();
    let nearest_of = |&(block, rows): &(usize, ArrayView2<'_, f32>)| {
        let mut best = nearest(rows, vectors, NEAREST + 1);
        for (row, best) in best.iter_mut().enumerate() {
            best.retain(|&(other, _)| other as usize != block * ROWS + row);
            best.truncate(NEAREST);
        }
        best
    };
    let mut found = Vec::with_capacity(vectors.nrows());
    for batch in blocks.chunks(BATCH) {
        if !go_on(found.len()) {
            return None;
        }
        found.par_extend(batch.par_iter().flat_map_iter(nearest_of));
    }
    go_on(found.len()).then_some(found)
}

/// The `k` of `others` with the largest product with each row, largest first.
fn nearest(
    rows: ArrayView2<'_, f32>,
    others: ArrayView2<'_, f32>,
    k: usize,
) -> Vec<Vec<Neighbour>> {
    let mut best = vec![Vec::new(); rows.nrows()];
    let mut products = Array2::zeros((rows.nrows(), COLUMNS.min(others.nrows())));
    for (part, columns) in others.axis_chunks_iter(Axis(0), COLUMNS).enumerate() {
        let mut products = products.slice_axis_mut(Axis(1), Slice::from(..columns.nrows()));
        general_mat_mul(1.0, &rows, &columns.t(), 0.0, &mut products);
        for (products, best) in products.rows().into_iter().zip(&mut best) {
            let first = (part * COLUMNS) as u32;
            keep(best, k, (first..).zip(products.iter().copied()));
        }
    }
    best.iter_mut().for_each(Vec::shrink_to_fit);
    best
}

/// The `k` of `others` with the largest product with each row, largest first, searched in the cells `near` each row.
fn nearest_within(
    rows: ArrayView2<'_, f32>,
    others: ArrayView2<'_, f32>,
    cells: &[Cell],
    near: &[Vec<u32>],
    k: usize,
) -> Vec<Vec<Neighbour>> {
    // By cell, so that rows that search the same one are multiplied together.
    let mut pairs: Vec<(u32, u32)> =
        (0..).zip(near).flat_map(|(row, near)| near.iter().map(move |&cell| (cell, row))).collect();
    pairs.sort_unstable();
    let mut best = vec![Vec::new(); rows.nrows()];
    for looking in pairs.chunk_by(|a, b| a.0 == b.0) {
        let members = &cells[looking[0].0 as usize].members;
        let which: Vec<u32> = looking.iter().map(|&(_, row)| row).collect();
        let products = gather(rows, &which).dot(&gather(others, members).t());
        for (&row, products) in which.iter().zip(products.rows()) {
            keep(&mut best[row as usize], k, members.iter().copied().zip(products.iter().copied()));
        }
    }
    best
}

/// Merges others into the sorted best so far.
fn keep(best: &mut Vec<Neighbour>, k: usize, others: impl Iterator<Item = Neighbour>) {
    let least = if best.len() < k { f32::NEG_INFINITY } else { best[k - 1].1 };
    let before = best.len();
    best.extend(others.filter(|&(_, product)| product > least));
    if best.len() == before {
        return;
    }
    if best.len() > k {
        best.select_nth_unstable_by(k, nearer);
        best.truncate(k);
    }
    best.sort_unstable_by(nearer);
}

#[cfg(test)]
mod tests {
    use super::sketch::DIRECTIONS;
    use super::*;

    fn neighbours_of(
        vectors: &[f32],
        dim: usize,
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Option<Vec<Vec<Neighbour>>> {
        let rows: Vec<usize> = (0..vectors.len() / dim).collect();
        neighbours(&Bounds::default(), &Vectors::new(vectors, dim, &rows), go_on)
    }

    /// Vectors around a few centres, like features, with a near-copy of every hundredth.
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

    fn normalise(vector: &mut [f32]) {
        let length = length(vector);
        vector.iter_mut().for_each(|v| *v /= length);
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
            let found = neighbours_of(&vectors, 24, &mut |_| true).unwrap();
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
        let found = neighbours_of(&vectors, dim, &mut |_| true).unwrap();
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
    fn of_many_vectors_whose_cells_are_small_every_copy_is_found() {
        let (n, dim) = (3000, 2 * DIRECTIONS);
        let vectors = vectors(n, dim);
        let rows: Vec<usize> = (0..n).collect();
        let bounds = Bounds { few: 0, cell: 32, candidates: 200 };
        let mut said = Vec::new();
        let mut go_on = |done| {
            said.push(done);
            true
        };
        let vectors = Vectors::new(&vectors, dim, &rows);
        let found = neighbours(&bounds, &vectors, &mut go_on).unwrap();
        for row in (100..n).step_by(100) {
            assert_eq!(found[row][0].0, (row - 50) as u32);
            assert_eq!(found[row - 50][0].0, row as u32);
        }
        assert!(said.is_sorted() && said.last() == Some(&n), "{said:?}");
        assert!(said.contains(&0) && said.iter().any(|&done| 0 < done && done < n), "{said:?}");
    }

    #[test]
    fn of_vectors_that_are_shorter_than_a_sketch_all_is_compared() {
        let (n, dim) = (500, 20);
        let vectors = vectors(n, dim);
        let rows: Vec<usize> = (0..n).collect();
        let bounds = Bounds { few: 0, cell: 16, candidates: n };
        let found =
            neighbours(&bounds, &Vectors::new(&vectors, dim, &rows), &mut |_| true).unwrap();
        for row in (0..n).step_by(7) {
            for (found, expected) in found[row].iter().zip(brute_force(&vectors, dim, row)) {
                assert!((found.1 - expected.1).abs() < 1e-5, "{found:?} {expected:?}");
            }
        }
    }

    #[test]
    fn who_says_stop_gets_nothing_whenever_it_is() {
        let (n, dim) = (600, 2 * DIRECTIONS);
        let vectors = vectors(n, dim);
        let rows: Vec<usize> = (0..n).collect();
        for few in [0, n] {
            let bounds = Bounds { few, cell: 16, candidates: 64 };
            let stopped_at = |last: usize| {
                let mut asked = 0;
                let mut go_on = |_| {
                    asked += 1;
                    asked < last
                };
                let found = neighbours(&bounds, &Vectors::new(&vectors, dim, &rows), &mut go_on);
                (found.is_none(), asked)
            };
            let (stopped, questions) = stopped_at(usize::MAX);
            assert!(!stopped && questions > 1);
            for question in 1..=questions {
                assert_eq!(stopped_at(question), (true, question));
            }
        }
    }
}
