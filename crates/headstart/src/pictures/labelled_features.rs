//! Features of labelled pictures, to train or evaluate a head on.

use headstart_train::Samples;
use headstart_trust::Seen;

use super::LabelSets;

/// The features of one side of the split, in their own memory.
pub(crate) struct LabelledFeatures {
    pub(crate) features: Vec<f32>,
    /// Classes, or indices into `label_sets`.
    pub(crate) labels: Vec<usize>,
    pub(crate) label_sets: Option<LabelSets>,
    pub(crate) groups: Vec<usize>,
    /// The weight of each picture in training; `None` if all are 1.
    pub(crate) weights: Option<Vec<f32>>,
    pub(crate) dim: usize,
}

impl LabelledFeatures {
    pub(crate) fn samples(&self, classes: usize) -> Samples<'_> {
        let samples = Samples::new(&self.features, self.dim, &self.labels, classes);
        Samples {
            groups: Some(&self.groups),
            weights: self.weights.as_deref(),
            label_sets: self.label_sets.as_deref(),
            ..samples
        }
    }

    /// The number of classes, up to the last one that occurs.
    pub(crate) fn classes(&self) -> usize {
        let last = match &self.label_sets {
            Some(sets) => sets.iter().flatten().max(),
            None => self.labels.iter().max(),
        };
        last.map_or(0, |last| last + 1)
    }

    /// The view of these features that the detection of unknown pictures takes.
    pub(crate) fn seen(&self) -> Seen<'_> {
        let Self { features, dim, labels, groups, .. } = self;
        let label_sets = self.label_sets.as_deref();
        Seen { features, dim: *dim, labels, label_sets, groups }
    }

    /// A copy of some of the pictures.
    pub(crate) fn of(&self, pictures: &[usize]) -> Self {
        let each = || pictures.iter().copied();
        let row = |i: usize| &self.features[i * self.dim..][..self.dim];
        Self {
            features: each().flat_map(row).copied().collect(),
            labels: each().map(|i| self.labels[i]).collect(),
            label_sets: self.label_sets.clone(),
            groups: each().map(|i| self.groups[i]).collect(),
            weights: self.weights.as_ref().map(|weights| each().map(|i| weights[i]).collect()),
            dim: self.dim,
        }
    }

    /// Splits off the pictures of `validation` and keeps those of `train`. Both are in ascending order and
    /// disjoint.
    ///
    /// The training pictures stay in place: there may be too many for a second copy.
    pub(crate) fn part(mut self, train: &[usize], validation: &[usize]) -> (Self, Self) {
        let validation = self.of(validation);
        keep(&mut self.features, self.dim, train);
        keep(&mut self.labels, 1, train);
        keep(&mut self.groups, 1, train);
        if let Some(weights) = &mut self.weights {
            keep(weights, 1, train);
        }
        (self, validation)
    }
}

/// Keeps some rows of `width` values. `rows` are in ascending order.
fn keep<T: Copy>(values: &mut Vec<T>, width: usize, rows: &[usize]) {
    for (to, &from) in rows.iter().enumerate() {
        // The overwritten row has already been moved, or is not needed.
        values.copy_within(from * width..(from + 1) * width, to * width);
    }
    values.truncate(rows.len() * width);
    values.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Features of these pictures, whose values identify the picture.
    fn labelled(pictures: &[usize]) -> LabelledFeatures {
        LabelledFeatures {
            features: pictures.iter().flat_map(|&n| [n as f32, -(n as f32)]).collect(),
            labels: pictures.to_vec(),
            label_sets: None,
            groups: pictures.iter().map(|n| n + 10).collect(),
            weights: Some(pictures.iter().map(|&n| n as f32 / 2.0).collect()),
            dim: 2,
        }
    }

    #[test]
    fn each_side_gets_its_pictures_in_order() {
        let cases: [(&[usize], &[usize]); 5] = [
            (&[0, 1, 2, 3, 4], &[]),
            (&[0, 2, 4], &[1, 3]),
            (&[1, 3], &[0, 2, 4]),
            // One picture is on neither side.
            (&[2, 4], &[0, 1]),
            (&[4], &[0, 1, 2, 3]),
        ];
        for (train, validation) in cases {
            let parted = labelled(&[0, 1, 2, 3, 4]).part(train, validation);
            for (part, expected) in [(parted.0, labelled(train)), (parted.1, labelled(validation))]
            {
                assert_eq!(part.features, expected.features);
                assert_eq!(part.labels, expected.labels);
                assert_eq!(part.groups, expected.groups);
                assert_eq!(part.weights, expected.weights);
            }
        }
    }
}
