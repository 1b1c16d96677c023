//! Distance of a picture from training pictures.

use super::vectors::{as_f16, dot, short_rows, unit};
use super::{Seen, Take};

/// Features of training pictures, each of length 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Neighbours {
    dim: usize,
    rows: Vec<f32>,
}

/// The number of nearest neighbours used: out of 1, 5 and 10 this was the best in measurements.
const NEAREST: usize = 5;

const BANK: &str = "bank";

impl Neighbours {
    pub(super) fn new(seen: &Seen<'_>) -> Self {
        let mut rows: Vec<f32> =
            (0..seen.labels.len()).flat_map(|row| unit(seen.row(row))).collect();
        as_f16(&mut rows);
        Self { dim: seen.dim, rows }
    }

    /// 1 minus the mean cosine similarity to the nearest, or to all if there are fewer; without those excluded by index
    /// and similarity.
    pub(super) fn distance(&self, features: &[f32], except: impl Fn(usize, f32) -> bool) -> f32 {
        let features = unit(features);
        // Ascending.
        let mut nearest = [f32::NEG_INFINITY; NEAREST];
        let rows = self.rows.chunks_exact(self.dim).enumerate();
        for (index, row) in rows {
            let similarity = dot(&features, row);
            if similarity > nearest[0] && !except(index, similarity) {
                let above = nearest.partition_point(|other| *other < similarity);
                nearest[..above].rotate_left(1);
                nearest[above - 1] = similarity;
            }
        }
        let found = || nearest.iter().filter(|similarity| similarity.is_finite());
        1.0 - found().sum::<f32>() / found().count().max(1) as f32
    }

    pub(super) fn tensors(&self) -> [(&'static str, Vec<usize>, &[f32], bool); 1] {
        [(BANK, vec![self.rows.len() / self.dim, self.dim], &self.rows, true)]
    }

    pub(super) fn from_tensors(dim: usize, take: &mut Take<'_>) -> Result<Self, String> {
        Ok(Self { dim, rows: short_rows(BANK, take(BANK, Some(dim))?)? })
    }
}
