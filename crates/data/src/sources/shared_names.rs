//! Names of classes and groups, shared by many pictures.

use std::collections::HashSet;
use std::sync::Arc;

use headstart_model::class_name::{BadClassName, NameProblem, class_name, plain};

use super::names::text_of;

/// Names shared by many pictures.
#[derive(Default)]
pub(super) struct Names(HashSet<Arc<str>>);

impl Names {
    pub(super) fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(shared) = self.0.get(text) {
            return shared.clone();
        }
        let shared: Arc<str> = text.into();
        self.0.insert(shared.clone());
        shared
    }

    /// The group with this name; `None` if the text is empty.
    pub(super) fn group(&mut self, text: &str) -> Option<Arc<str>> {
        let name = plain(text);
        (!name.is_empty()).then(|| self.shared(&name))
    }

    /// The class that a folder represents.
    ///
    /// # Errors
    /// When its name is not a valid class name.
    pub(super) fn folder(&mut self, name: &[u8]) -> Result<Arc<str>, BadClassName> {
        class_name(&text_of(name)).map(|name| self.shared(&name))
    }
}

/// The content of a label's text.
pub(super) enum Label {
    Is(Arc<str>),
    /// There is none.
    None,
    Refused(BadClassName),
}

impl Label {
    pub(super) fn of(label: Option<&[u8]>, known: &mut Names) -> Self {
        match class_name(&text_of(label.unwrap_or_default())) {
            Ok(name) => Self::Is(known.shared(&name)),
            Err(bad) if bad.problem == NameProblem::Nothing => Self::None,
            Err(bad) => Self::Refused(bad),
        }
    }
}
