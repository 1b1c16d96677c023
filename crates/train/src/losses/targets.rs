/// The targets of each row of logits.
#[derive(Debug, Clone, Copy)]
pub enum Targets<'a> {
    /// n classes.
    Labels(&'a [usize]),
    /// n sets of classes, each given as an index into the distinct sets.
    Sets {
        /// n indices into `sets`.
        labels: &'a [usize],
        /// The distinct sets of classes.
        sets: &'a [Vec<usize>],
    },
    /// n x units probabilities, as after label smoothing or mixup; for exclusive classes, each row sums to 1. Two
    /// exclusive classes have a single logit, and so a single probability, that of class 1.
    Soft(&'a [f32]),
}

impl Targets<'_> {
    /// Writes the probabilities of a row, one for each logit.
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
