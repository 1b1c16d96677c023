//! The data that is written for each picture, in every format.

use headstart::Precision;
use headstart::data::ContentHash;
use headstart::data::sources::{Labels, Listed};

/// The columns of a file of features.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    /// Number of features per picture.
    pub(super) width: usize,
    pub(super) precision: Precision,
    /// Name of the label column: `labels` if a picture may have several, otherwise `label`. When the
    /// table is read again, the name decides how labels are interpreted.
    pub(super) label: &'static str,
    /// Whether any picture is assigned to a side of the split, belongs to a group, or has a weight other
    /// than 1.
    pub(super) has_split: bool,
    pub(super) has_group: bool,
    pub(super) has_weight: bool,
}

impl Table {
    /// The columns for these pictures. `pictures` includes those of all shards, so that the files of all
    /// shards have the same columns.
    pub(super) fn of(pictures: &[Listed], width: usize, precision: Precision) -> Self {
        let any = |is: fn(&Listed) -> bool| pictures.iter().any(is);
        Self {
            width,
            precision,
            label: match any(|picture| matches!(picture.label, Labels::Set(_))) {
                true => "labels",
                false => "label",
            },
            has_split: any(|picture| picture.subset.is_some()),
            has_group: any(|picture| picture.group.is_some()),
            has_weight: any(|picture| picture.weight != 1.0),
        }
    }
}

/// A picture with its features.
pub(super) struct Row<'a> {
    pub(super) listed: &'a Listed,
    pub(super) features: &'a [f32],
    /// The hash of the picture's pixels.
    pub(super) content: ContentHash,
}

impl<'a> Row<'a> {
    /// A picture whose features have not been computed yet.
    pub(super) fn listed(listed: &'a Listed) -> Self {
        Self { listed, features: &[], content: ContentHash([0; 16]) }
    }

    pub(super) fn path(&self) -> String {
        self.listed.at.to_string()
    }

    pub(super) fn label(&self) -> Option<String> {
        let label = &self.listed.label;
        label.is_some().then(|| label.to_cell())
    }

    pub(super) fn split(&self) -> Option<String> {
        self.listed.subset.map(|side| side.to_string())
    }

    pub(super) fn group(&self) -> Option<&'a str> {
        self.listed.group.as_deref()
    }

    pub(super) fn weight(&self) -> f32 {
        self.listed.weight
    }
}
