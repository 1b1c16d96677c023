//! What was done to the project, and undone.

use serde::{Deserialize, Serialize};

use super::Step;
use crate::wording::pictures;

/// An action that is done, and undone, as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deed {
    /// The title in the undo history, such as `Move 3 pictures to Apple`. If `pictures` is set, the title has `{}`
    /// instead of the number of pictures.
    pub(crate) title: String,
    /// The number of pictures, if the title mentions it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pictures: Option<usize>,
    /// Consecutive deeds with the same batch are undone together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) batch: Option<String>,
    pub(crate) steps: Vec<Step>,
}

impl Deed {
    /// The title of the last deed, together with the deeds before it that belong to the same batch.
    pub(crate) fn title_of(deeds: &[Self]) -> Option<String> {
        let last = deeds.last()?;
        let together = deeds.iter().rev().take_while(|deed| last.belongs_to(deed));
        let Some(own) = last.pictures else { return Some(last.title.clone()) };
        let more: usize = together.skip(1).filter_map(|deed| deed.pictures).sum();
        // Replaces only the first `{}`, since the name of a class may contain it, too.
        Some(last.title.replacen("{}", &pictures(own + more), 1))
    }

    /// Whether it is undone together with another deed.
    pub(crate) fn belongs_to(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || (self.batch.is_some() && self.batch == other.batch)
    }
}

/// What is done with a deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum What {
    /// A new deed is done. Deeds that were undone can no longer be redone.
    Do,
    /// The last deed is undone.
    Undo,
    /// The deed that was undone last is done again.
    Redo,
}

/// The deeds that were done, and those that were undone; the latest is the last.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) done: Vec<Deed>,
    pub(crate) undone: Vec<Deed>,
}

impl History {
    /// Records a deed that was carried out.
    pub(crate) fn take(&mut self, what: What, deed: Deed) {
        match what {
            What::Do => {
                self.undone.clear();
                self.done.push(deed);
            }
            What::Undo => {
                self.done.pop();
                self.undone.push(deed);
            }
            What::Redo => {
                self.undone.pop();
                self.done.push(deed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deeds_of_a_batch_are_called_by_all_their_pictures() {
        let deed = |pictures: usize, batch: Option<&str>| Deed {
            title: "Add {} to {}".to_owned(),
            pictures: Some(pictures),
            batch: batch.map(str::to_owned),
            steps: Vec::new(),
        };
        let title = |deeds: &[Deed]| Deed::title_of(deeds).expect("there are some");
        assert_eq!(title(&[deed(3, None), deed(1, None)]), "Add 1 picture to {}");
        let batches = [deed(3, Some("a")), deed(2, Some("b")), deed(4, Some("b"))];
        assert_eq!(title(&batches), "Add 6 pictures to {}");
        assert_eq!(title(&batches[..1]), "Add 3 pictures to {}");
        assert_eq!(Deed::title_of(&[]), None);
    }
}
