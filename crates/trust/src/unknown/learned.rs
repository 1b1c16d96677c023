//! The data that the parts of a score have learned from known pictures.

use super::class_distance::ClassDistance;
use super::neighbours::Neighbours;
use super::residual::Residual;
use super::{ScorePart, Seen, Take, logits as of_logits};

/// The data that the parts of a score have learned from known pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Learned {
    neighbours: Option<Neighbours>,
    class_distance: Option<ClassDistance>,
    residual: Option<Residual>,
}

impl Learned {
    pub(super) fn new(parts: &[ScorePart], seen: &Seen<'_>) -> Self {
        let has = |part| parts.contains(&part);
        Self {
            neighbours: has(ScorePart::Neighbours).then(|| Neighbours::new(seen)),
            class_distance: has(ScorePart::ClassDistance).then(|| ClassDistance::new(seen)),
            residual: has(ScorePart::Residual).then(|| Residual::new(seen)),
        }
    }

    /// The value of a part for a picture, without the training pictures excluded by `except`.
    ///
    /// # Panics
    /// When nothing has been learned for that part.
    pub(super) fn value(
        &self,
        part: ScorePart,
        features: &[f32],
        logits: &[f32],
        except: &dyn Fn(usize, f32) -> bool,
    ) -> f32 {
        const LEARNED: &str = "it is a part";
        match part {
            ScorePart::Neighbours => {
                self.neighbours.as_ref().expect(LEARNED).distance(features, except)
            }
            ScorePart::Margin => of_logits::margin(logits),
            ScorePart::Energy => of_logits::energy(logits),
            ScorePart::JointEnergy => of_logits::joint_energy(logits),
            ScorePart::ClassDistance => {
                self.class_distance.as_ref().expect(LEARNED).distance(features)
            }
            ScorePart::Residual => self.residual.as_ref().expect(LEARNED).length(features),
        }
    }

    /// Whether the data for a part is available.
    pub(super) fn has(&self, part: ScorePart) -> bool {
        match part {
            ScorePart::Margin | ScorePart::Energy | ScorePart::JointEnergy => true,
            ScorePart::Neighbours => self.neighbours.is_some(),
            ScorePart::ClassDistance => self.class_distance.is_some(),
            ScorePart::Residual => self.residual.is_some(),
        }
    }

    pub(super) fn keep_only(&mut self, parts: &[ScorePart]) {
        let drops = |part| !parts.contains(&part);
        self.neighbours.take_if(|_| drops(ScorePart::Neighbours));
        self.class_distance.take_if(|_| drops(ScorePart::ClassDistance));
        self.residual.take_if(|_| drops(ScorePart::Residual));
    }

    pub(super) fn tensors(&self) -> Vec<(&'static str, Vec<usize>, &[f32], bool)> {
        let neighbours = self.neighbours.iter().flat_map(Neighbours::tensors);
        let class_distance = self.class_distance.iter().flat_map(ClassDistance::tensors);
        let residual = self.residual.iter().flat_map(Residual::tensors);
        neighbours.chain(class_distance).chain(residual).collect()
    }

    /// # Errors
    /// A description of the problem with the tensors.
    pub(super) fn from_tensors(
        parts: &[ScorePart],
        dim: usize,
        classes: usize,
        take: &mut Take<'_>,
    ) -> Result<Self, String> {
        let mut learned = Self::default();
        for part in parts {
            match part {
                ScorePart::Margin | ScorePart::Energy | ScorePart::JointEnergy => {}
                ScorePart::Neighbours => {
                    learned.neighbours = Some(Neighbours::from_tensors(dim, take)?);
                }
                ScorePart::ClassDistance => {
                    learned.class_distance = Some(ClassDistance::from_tensors(dim, classes, take)?);
                }
                ScorePart::Residual => learned.residual = Some(Residual::from_tensors(dim, take)?),
            }
        }
        Ok(learned)
    }
}
