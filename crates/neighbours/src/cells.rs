//! Partition of vectors into small cells by k-means, so that each is compared only with those of nearby cells.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, linalg::general_mat_mul};
use rayon::prelude::*;

use super::{BATCH, ROWS, gather, nearer};

/// Maximum number of cells before large ones are split; each vector is compared with as many centres.
const MOST: usize = 4096;
/// Vectors per cell that are used to find its centre.
const SAMPLE: usize = 16;
/// Number of k-means iterations.
const MOVES: usize = 4;

/// Vectors that are near each other.
pub(super) struct Cell {
    pub(super) members: Vec<u32>,
    centre: Array1<f32>,
}

/// Divides the rows of `vectors`, which have length 1, into cells of at most `size`. `None` when `go_on` returns false.
pub(super) fn cells(
    vectors: ArrayView2<'_, f32>,
    size: usize,
    go_on: &mut dyn FnMut(usize) -> bool,
) -> Option<Vec<Cell>> {
    let n = vectors.nrows();
    // Twice the minimum number, since few cells are larger than twice the mean.
    let count = (2 * n / size).clamp(1, MOST);
    let every = |count: usize| -> Vec<u32> { (0..count).map(|i| (i * n / count) as u32).collect() };
    let mut centres = gather(vectors, &every(count));
    let sample = gather(vectors, &every((SAMPLE * count).min(n)));
    for _ in 0..MOVES {
        let nearest = nearest_centres(sample.view(), centres.view(), go_on)?;
        move_to(&mut centres, sample.view(), &nearest);
    }
    let mut members = vec![Vec::new(); count];
    for (row, centre) in nearest_centres(vectors, centres.view(), go_on)?.into_iter().enumerate() {
        members[centre as usize].push(row as u32);
    }
    if !go_on(0) {
        return None;
    }
    let cells = members.into_par_iter().flat_map_iter(|members| cut(vectors, members, size));
    Some(cells.collect())
}

/// For each vector, the centre with the largest product.
pub(super) fn nearest_centres(
    vectors: ArrayView2<'_, f32>,
    centres: ArrayView2<'_, f32>,
    go_on: &mut dyn FnMut(usize) -> bool,
) -> Option<Vec<u32>> {
    let nearest_of = |rows: &ArrayView2<'_, f32>| {
        let mut products = Array2::zeros((rows.nrows(), centres.nrows()));
        general_mat_mul(1.0, rows, &centres.t(), 0.0, &mut products);
        let largest = |row: ArrayView1<'_, f32>| {
            let mut best = (0, f32::NEG_INFINITY);
            for (centre, &product) in row.iter().enumerate() {
                if product > best.1 {
                    best = (centre as u32, product);
                }
            }
            best.0
        };
        products.rows().into_iter().map(largest).collect::<Vec<u32>>()
    };
    let blocks: Vec<_> = vectors.axis_chunks_iter(Axis(0), ROWS).collect();
    let mut found = Vec::with_capacity(vectors.nrows());
    for batch in blocks.chunks(BATCH) {
        if !go_on(0) {
            return None;
        }
        found.par_extend(batch.par_iter().flat_map_iter(nearest_of));
    }
    Some(found)
}

/// Moves each centre to the normalised mean of its vectors; one without vectors stays.
pub(super) fn move_to(centres: &mut Array2<f32>, vectors: ArrayView2<'_, f32>, nearest: &[u32]) {
    let mut sums = Array2::<f32>::zeros(centres.raw_dim());
    for (vector, &centre) in vectors.rows().into_iter().zip(nearest) {
        sums.row_mut(centre as usize).scaled_add(1.0, &vector);
    }
    for (mut centre, sum) in centres.rows_mut().into_iter().zip(sums.rows()) {
        let length = sum.dot(&sum).sqrt();
        if length > 0.0 {
            centre.assign(&(&sum / length));
        }
    }
}

/// Splits a cell into pieces of at most `size`, along the line through two distant members: many pictures may be nearly
/// the same.
fn cut(vectors: ArrayView2<'_, f32>, mut members: Vec<u32>, size: usize) -> Vec<Cell> {
    if members.len() > size {
        let row = |member: u32| vectors.row(member as usize);
        let farthest = |from: u32| {
            let of = |&member: &u32| row(from).dot(&row(member));
            members.iter().copied().min_by(|a, b| of(a).total_cmp(&of(b))).unwrap_or(from)
        };
        let one = farthest(members[0]);
        let line = &row(farthest(one)) - &row(one);
        let mut along: Vec<_> =
            members.iter().map(|&member| (row(member).dot(&line), member)).collect();
        along.sort_by(|a, b| a.0.total_cmp(&b.0));
        members = along.into_iter().map(|(_, member)| member).collect();
    }
    if members.is_empty() {
        return Vec::new();
    }
    // Equal sizes avoid a small remainder.
    let pieces = members.len().div_ceil(size);
    let pieces = members.chunks(members.len().div_ceil(pieces));
    pieces.map(|piece| Cell { members: piece.to_vec(), centre: centre(vectors, piece) }).collect()
}

/// The normalised mean.
fn centre(vectors: ArrayView2<'_, f32>, members: &[u32]) -> Array1<f32> {
    let mut sum = Array1::zeros(vectors.ncols());
    members.iter().for_each(|&member| sum += &vectors.row(member as usize));
    let length = sum.dot(&sum).sqrt().max(f32::MIN_POSITIVE);
    sum / length
}

/// The cells' centres, one per row.
pub(super) fn centres(cells: &[Cell]) -> Array2<f32> {
    let mut centres =
        Array2::zeros((cells.len(), cells.first().map_or(0, |cell| cell.centre.len())));
    for (cell, mut centre) in cells.iter().zip(centres.rows_mut()) {
        centre.assign(&cell.centre);
    }
    centres
}

/// The cells nearest to each row, by their centres, that together have `candidates` members or slightly more.
pub(super) fn near(
    rows: ArrayView2<'_, f32>,
    centres: ArrayView2<'_, f32>,
    cells: &[Cell],
    candidates: usize,
) -> Vec<Vec<u32>> {
    let products = rows.dot(&centres.t());
    let near_one = |products: ArrayView1<'_, f32>| {
        let mut others: Vec<_> = (0..).zip(products.iter().copied()).collect();
        let mean = cells.iter().map(|cell| cell.members.len()).sum::<usize>() / cells.len();
        // This many suffice, or all are sorted.
        let few = 2 * candidates / mean.max(1) + 1;
        if few < others.len() {
            others.select_nth_unstable_by(few, nearer);
            others.truncate(few);
        }
        others.sort_unstable_by(nearer);
        let mut members = 0;
        let enough = others.iter().take_while(|(other, _)| {
            let wanted = members < candidates;
            members += cells[*other as usize].members.len();
            wanted
        });
        enough.map(|&(other, _)| other).collect()
    };
    products.rows().into_iter().map(near_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vector_is_in_one_cell_and_no_cell_is_large_even_where_all_are_alike() {
        let wave = |row: usize, i: usize| ((row * 13 + i * 7) as f32).sin();
        let equal = |_: usize, i: usize| wave(0, i);
        for (name, value) in [("waves", &wave as &dyn Fn(usize, usize) -> f32), ("equal", &equal)] {
            for (n, size) in [(1, 8), (8, 8), (9, 8), (1000, 8), (1000, 100)] {
                let mut vectors = Array2::from_shape_fn((n, 5), |(row, i)| value(row, i));
                vectors.rows_mut().into_iter().for_each(|mut row| {
                    let length = row.dot(&row).sqrt();
                    row /= length;
                });
                let cells = cells(vectors.view(), size, &mut |_| true).unwrap();
                let mut members: Vec<u32> = Vec::new();
                for cell in &cells {
                    assert!((1..=size).contains(&cell.members.len()), "{name} {n} {size}");
                    members.extend(&cell.members);
                }
                members.sort_unstable();
                assert!(members.iter().copied().eq(0..n as u32), "{name} {n} {size}");
                // For any vectors, the number of comparisons is at most the requested one plus a cell.
                let near = near(vectors.view(), centres(&cells).view(), &cells, 50);
                for near in near {
                    let of = |&cell: &u32| cells[cell as usize].members.len();
                    let candidates = near.iter().map(of).sum::<usize>();
                    assert!(candidates >= n.min(50) && candidates < 50 + size, "{candidates}");
                }
            }
        }
    }
}
