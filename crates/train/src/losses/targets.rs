/// What the logits of each row should say.
#[derive(Debug, Clone, Copy)]
pub enum Targets<'a> {
    /// n classes.
    Labels(&'a [usize]),
    /// n sets of classes, each an index into those that there are.
    Sets {
        /// n indices into `sets`.
        labels: &'a [usize],
        /// Sets of classes.
        sets: &'a [Vec<usize>],
    },
    /// n x units probabilities, as after label smoothing or mixup: where classes exclude each other, a
    /// row of them adds up to 1. Two such classes have one logit, and so one probability, that of class 1.
    Soft(&'a [f32]),
}

impl Targets<'_> {
    /// The probabilities of a row, one for each logit.
    pub(super) fn of_row(self, row: usize, to: &mut [f64]) {
        match (self, to) {
            (Self::Labels(labels), [of_class_1]) => *of_class_1 = labels[row] as f64,
            (Self::Labels(labels), to) => {
                to.fill(0.0);
                to[labels[row]] = 1.0;
            }
            (Self::Sets { labels, sets }, to) => {
                to.fill(0.0);
                sets[labels[row]].iter().for_each(|&class| to[class] = 1.0);
            }
            (Self::Soft(targets), to) => super::widen(&targets[row * to.len()..][..to.len()], to),
        }
    }
}
