//! Short vectors whose products are upper bounds of those of long ones.

use ndarray::{Array2, Axis, Slice};
use rayon::prelude::*;

use super::{BATCH, FEW, ROWS, Vectors};

/// Number of principal directions used for the shortlist.
pub(super) const DIRECTIONS: usize = 96;

/// For each normalised vector, its components along the principal directions, and the length of the rest; the vectors
/// themselves if they are no longer than that. `None` when `go_on` returns false.
pub(super) fn sketch(
    vectors: &Vectors<'_>,
    go_on: &mut dyn FnMut(usize) -> bool,
) -> Option<Array2<f32>> {
    let directions = (vectors.dim > DIRECTIONS).then(|| directions(vectors));
    let width = if directions.is_some() { DIRECTIONS + 1 } else { vectors.dim };
    let mut sketch = Array2::zeros((vectors.len(), width));
    let mut parts: Vec<_> = sketch.axis_chunks_iter_mut(Axis(0), ROWS).enumerate().collect();
    for batch in parts.chunks_mut(BATCH) {
        if !go_on(0) {
            return None;
        }
        batch.par_iter_mut().for_each(|(part, out)| {
            let start = *part * ROWS;
            let rows = vectors.normalised(start..start + out.nrows());
            let Some(directions) = &directions else { return out.assign(&rows) };
            out.slice_axis_mut(Axis(1), Slice::from(..DIRECTIONS))
                .assign(&rows.dot(&directions.t()));
            for mut row in out.rows_mut() {
                let within: f32 = row.iter().map(|v| v * v).sum();
                row[DIRECTIONS] = (1.0 - within).max(0.0).sqrt();
            }
        });
    }
    drop(parts);
    Some(sketch)
}

/// Orthogonal iteration on a sample, from vectors of the set.
fn directions(vectors: &Vectors<'_>) -> Array2<f32> {
    let n = vectors.len();
    let every = |count: usize| vectors.normalised((0..count).map(move |i| i * n / count));
    let sample = every(FEW.min(n));
    let mut directions = every(DIRECTIONS);
    for _ in 0..3 {
        orthonormalise(&mut directions);
        directions = directions.dot(&sample.t()).dot(&sample);
    }
    orthonormalise(&mut directions);
    directions
}

/// Gram-Schmidt, in f64 and applied twice, which is practically exact.
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
