//! The contents of a source.

use std::sync::Arc;

use headstart_model::class_name::class_name;

use super::shared_names::Names;
use super::{Labels, Location, Note, SkipReason, Skipped, Subset};

/// A picture of a [`Listing`].
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Its location.
    pub at: Location,
    /// Its label, such as the name of its class's folder, or its set of labels.
    pub label: Labels,
    /// Its side, if the source itself is split.
    pub subset: Option<Subset>,
    /// See [`Item::group`](super::Item::group).
    pub group: Option<Arc<str>>,
    /// See [`Item::weight`](super::Item::weight).
    pub weight: f32,
}

impl Listed {
    /// Creates a picture with the default weight and no group.
    pub fn new(at: impl Into<Location>, label: impl Into<Labels>, subset: Option<Subset>) -> Self {
        Self { at: at.into(), label: label.into(), subset, group: None, weight: 1.0 }
    }
}

impl AsRef<Location> for Listed {
    fn as_ref(&self) -> &Location {
        &self.at
    }
}

/// The result of [`list_pictures`](super::list_pictures).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// The pictures, in the order of the given paths; those of a folder in path order.
    pub pictures: Vec<Listed>,
    /// What was left out: missing paths, and files in folders that are not pictures.
    pub skipped: Vec<Skipped>,
    /// How a table was interpreted, if that is not obvious; half a line each.
    pub notes: Vec<Note>,
}

impl Listing {
    /// Normalises every class name by [`class_name`], and leaves out pictures with an invalid one. Listings of sources
    /// are normalised already.
    pub fn check_names(&mut self) {
        let mut known = Names::default();
        let skipped = &mut self.skipped;
        self.pictures.retain_mut(|picture| {
            let mut checked = |name: &Arc<str>| class_name(name).map(|name| known.shared(&name));
            let label = match &picture.label {
                Labels::None => return true,
                Labels::One(name) => checked(name).map(Labels::One),
                Labels::Set(names) => {
                    names.iter().map(checked).collect::<Result<Vec<_>, _>>().map(Labels::set)
                }
            };
            match label {
                Ok(label) => picture.label = label,
                Err(bad) => {
                    skipped.push(Skipped::new(picture.at.path(), SkipReason::Label(bad)));
                    return false;
                }
            }
            true
        });
    }
}
