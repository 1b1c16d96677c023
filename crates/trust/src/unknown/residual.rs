//! The component of a picture outside the space in which training pictures vary.

use super::principal::principal;
use super::vectors::{as_f16, dot, short_rows, spread};
use super::{Seen, Take};

/// The length of the component of features outside the principal space of training pictures, each feature in units of
/// its standard deviation (the residual of ViM, Wang et al. 2022).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Residual {
    means: Vec<f32>,
    /// The factor of each feature.
    scales: Vec<f32>,
    /// directions x dim, orthonormal.
    principal: Vec<f32>,
}

/// Dimension of the principal space, at most half of the possible one; 64 were slightly worse.
pub(super) const PRINCIPAL: usize = 128;

const DIRECTION_ROWS: &str = "principal";
const MEANS: &str = "feature_means";
const SCALES: &str = "feature_scales";

impl Residual {
    pub(super) fn new(seen: &Seen<'_>) -> Self {
        let (n, dim) = (seen.labels.len(), seen.dim);
        let (mut means, mut scales) = (Vec::with_capacity(dim), Vec::with_capacity(dim));
        for feature in 0..dim {
            let column: Vec<f32> =
                seen.features.iter().skip(feature).step_by(dim).copied().collect();
            let (mean, deviation) = spread(&column);
            means.push(mean);
            // Constant features carry no information.
            scales.push(if deviation > 1e-6 * (1.0 + mean.abs()) { 1.0 / deviation } else { 0.0 });
        }
        let mut own = Self { means, scales, principal: Vec::new() };
        let rows: Vec<f32> = (0..n).flat_map(|row| own.scaled(seen.row(row))).collect();
        (own.principal, _) = principal(&rows, n, dim, PRINCIPAL.min(n / 2).min(dim / 2));
        as_f16(&mut own.principal);
        own
    }

    fn scaled(&self, features: &[f32]) -> Vec<f32> {
        let by = self.means.iter().zip(&self.scales);
        features.iter().zip(by).map(|(x, (mean, scale))| (x - mean) * scale).collect()
    }

    pub(super) fn length(&self, features: &[f32]) -> f32 {
        let features = self.scaled(features);
        let within: f32 = self
            .principal
            .chunks_exact(features.len())
            .map(|row| dot(&features, row).powi(2))
            .sum();
        (dot(&features, &features) - within).max(0.0).sqrt()
    }

    pub(super) fn tensors(&self) -> [(&'static str, Vec<usize>, &[f32], bool); 3] {
        let dim = self.means.len();
        [
            (DIRECTION_ROWS, vec![self.principal.len() / dim, dim], &self.principal, true),
            (MEANS, vec![dim], &self.means, false),
            (SCALES, vec![dim], &self.scales, false),
        ]
    }

    pub(super) fn from_tensors(dim: usize, take: &mut Take<'_>) -> Result<Self, String> {
        let principal = short_rows(DIRECTION_ROWS, take(DIRECTION_ROWS, Some(dim))?)?;
        let (means, scales) = (take(MEANS, None)?, take(SCALES, None)?);
        match means.len() == dim && scales.len() == dim {
            true => Ok(Self { means, scales, principal }),
            false => Err(format!("its {MEANS} or {SCALES} are not for {dim} features")),
        }
    }
}
