//! The split of the pictures: as specified, as in earlier training, or at random.

use headstart_data::split::Earlier;
use headstart_data::{ContentHash, DataError, Groups, PictureLabels, Split, Subset, split};

use super::Pictures;

impl Pictures {
    /// Splits the pictures `kept`, which have these labels and groups. The indices of the result refer to
    /// `kept`.
    pub(crate) fn split(
        &self,
        kept: &[usize],
        labels: PictureLabels<'_>,
        groups: &Groups,
    ) -> Result<Split, DataError> {
        match (self.given(kept), &self.seen) {
            (Some(validation), _) => Ok(split::keep_given(labels, groups, &validation)),
            (None, Some(seen)) => {
                let earlier: Vec<Earlier> =
                    groups.contents().iter().map(|content| seen.earlier(content)).collect();
                split::continued(labels, groups, &earlier, &self.split)
            }
            (None, None) => split::stratified(labels, groups, &self.split),
        }
    }

    /// How many of these pictures earlier training was trained on; `None` if unknown.
    pub(crate) fn learned_from<'a>(
        &self,
        contents: impl IntoIterator<Item = &'a ContentHash>,
    ) -> Option<usize> {
        match &self.seen {
            Some(seen) => Some(seen.count(Earlier::LearnedFrom, contents)),
            None => (!self.after_unknown).then_some(0),
        }
    }

    /// How many of these pictures earlier training has not seen; `None` if unknown.
    pub(crate) fn unseen(&self, contents: &[ContentHash]) -> Option<usize> {
        match &self.seen {
            Some(seen) => Some(seen.count(Earlier::Unseen, contents)),
            None => (!self.after_unknown).then_some(contents.len()),
        }
    }

    /// Notes on a split after earlier training, one line each.
    pub(crate) fn notes_on_earlier(&self, contents: &[ContentHash], split: &Split) -> Vec<String> {
        let Some(seen) = &self.seen else {
            let unknown = self.after_unknown && !self.is_divided();
            let note = "it is not recorded which pictures the model has learned from: \
                        some of those held back may be among them";
            return Vec::from_iter(unknown.then(|| note.to_owned()));
        };
        let of =
            |side: &[usize], what| seen.count(what, side.iter().map(|&picture| &contents[picture]));
        let mut notes = Vec::new();
        if split.validation.is_empty() && of(&split.train, Earlier::Unseen) == 0 {
            notes.push(
                "the model has learned from all of these pictures: none is held out to measure on"
                    .to_owned(),
            );
        }
        let learned = of(&split.validation, Earlier::LearnedFrom);
        if learned > 0 {
            notes.push(format!(
                "the model has learned from {learned} of the {} pictures to measure on; \
                 on pictures it has not seen it will do worse",
                split.validation.len()
            ));
        }
        let measured = of(&split.train, Earlier::HeldBack);
        if measured > 0 {
            notes.push(format!(
                "{measured} of the pictures to learn from were held out before: \
                 they can measure this model no more"
            ));
        }
        notes
    }

    /// Whether the held-back pictures are specified before any picture is read.
    pub(crate) fn is_divided(&self) -> bool {
        self.given(&(0..self.len()).collect::<Vec<_>>()).is_some()
    }

    /// The approximate number of pictures that will be held back.
    pub(crate) fn expected_held_back(&self) -> usize {
        match self.given(&(0..self.len()).collect::<Vec<_>>()) {
            Some(held_back) => held_back.into_iter().filter(|held_back| *held_back).count(),
            None => (self.len() as f64 * self.split.validation).round() as usize,
        }
    }

    /// Whether each of the pictures `kept` is to be held back; `None` if this is not specified.
    fn given(&self, kept: &[usize]) -> Option<Vec<bool>> {
        let items = kept.iter().map(|&picture| &self.dataset.items[picture]);
        if self.is_split() {
            return Some(items.map(|item| item.subset == Some(Subset::Validation)).collect());
        }
        // Names need not be compared if there are none to hold back.
        if self.held_back.is_empty() {
            return None;
        }
        let validation: Vec<bool> =
            items.map(|item| self.held_back.contains(&self.dataset.name_of(item))).collect();
        validation.contains(&true).then_some(validation)
    }
}
