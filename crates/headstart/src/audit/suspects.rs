//! Findings of label errors: those confirmed by neighbours, or all.

use headstart_engine::Isa;
use headstart_train::{LogisticConfig, Samples, Task, out_of_fold};

use super::labels::{LabelError, LabelErrors, label_errors};
use super::{Finding, FindingKind, Set};
use crate::copies::Copies;
use crate::{Context, Error, Phase};

/// Least margin of the other class over the label for a clear error. See [`Set::is_clear`].
const CLEAR_MARGIN: f32 = 0.3;

impl Set<'_> {
    /// Reports label errors. Returns the suggested class of each picture whose label is clearly wrong.
    pub(super) fn tell_label_errors(
        &mut self,
        copies: &Copies,
        dim: usize,
        which: LabelErrors,
        isa: Isa,
        context: &mut Context<'_>,
    ) -> Result<Vec<Option<usize>>, Error> {
        let classes = self.pictures.classes().len();
        // Nothing can be learned if all pictures have one class. With several labels per picture, no class
        // replaces another.
        if self.pictures.task() == Task::MultiLabel
            || self.labels.iter().all(|&label| label == self.labels[0])
        {
            return Ok(vec![None; self.labels.len()]);
        }
        let samples = Samples::new(&self.features, dim, &self.labels, classes);
        let samples = Samples { groups: Some(&copies.groups), ..samples };
        let mut tell = context.watch(Phase::Head);
        let config = LogisticConfig::default();
        let probabilities =
            out_of_fold(&samples, &config, isa, &mut tell).map_err(Error::of_training)?;
        let mut suspects = vec![None; self.labels.len()];
        for error in label_errors(&probabilities, &self.labels, classes) {
            let LabelError { picture, class: other, margin } = error;
            match (self.is_clear(&error, copies), which) {
                (true, _) => suspects[picture] = Some(other),
                (false, LabelErrors::All) => {}
                (false, LabelErrors::Clear) => continue,
            }
            let own = self.labels[picture];
            let p = |class: usize| probabilities[picture * classes + class];
            let detail = format!(
                "labelled {} ({:.3}), looks like {} ({:.3})",
                self.class(own),
                p(own),
                self.class(other),
                p(other)
            );
            let class = Some(self.class(other).to_owned());
            let finding =
                self.finding(FindingKind::LabelError, picture, Some(margin.into()), detail);
            self.findings.push(Finding { class, ..finding });
        }
        Ok(suspects)
    }

    /// Whether neighbours confirm the error: some have the other class, and none the label. Heads alone are
    /// also confident about pictures that are unlike any other.
    fn is_clear(&self, error: &LabelError, copies: &Copies) -> bool {
        let near = &copies.neighbours[copies.equal[error.picture]];
        let some_of = |class: usize| {
            near.iter().any(|&(at, _)| self.labels[copies.firsts[at as usize]] == class)
        };
        error.margin >= CLEAR_MARGIN && some_of(error.class) && !some_of(self.labels[error.picture])
    }
}
