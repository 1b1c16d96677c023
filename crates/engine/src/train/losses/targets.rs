/// What the logits of each row should say.
#[derive(Debug, Clone, Copy)]
pub enum Targets<'a> {
    /// n classes.
    Labels(&'a [usize]),
    /// n x units probabilities, as after label smoothing or mixup: a row of them adds up to 1. Two
    /// classes have one logit, and so one probability, that of class 1.
    Soft(&'a [f32]),
}

impl Targets<'_> {
    /// The probability that a row is of class 1, where there are two classes.
    pub(super) fn of_class_1(self, row: usize) -> f64 {
        match self {
            Self::Labels(labels) => labels[row] as f64,
            Self::Soft(targets) => targets[row].into(),
        }
    }

    /// The probabilities of a row, one for each class.
    pub(super) fn of_classes(self, row: usize, to: &mut [f64]) {
        match self {
            Self::Labels(labels) => {
                to.fill(0.0);
                to[labels[row]] = 1.0;
            }
            Self::Soft(targets) => super::widen(&targets[row * to.len()..][..to.len()], to),
        }
    }
}
