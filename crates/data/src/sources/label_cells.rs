//! Interpretation of the values of a label column.

use std::collections::{HashMap, HashSet};

use super::columns::ColumnNames;
use super::labels::in_brackets;
use super::note::Note;
use super::shared_names::{Label, Names};
use super::{Labels, Listing};
use headstart_model::class_name::BadClassName;

/// Parses the cells of a label column, many of which are the same.
pub(super) struct LabelCells {
    several: Several,
    known: HashMap<String, Labels>,
    names: Names,
    /// Whether a text contained several labels, and whether there were lists.
    by_text: bool,
    by_list: bool,
    /// Whether all lists so far consist of 0 and 1, and one contains either twice: one position per class.
    all_marks: bool,
    has_repeats: bool,
}

/// How a text specifies several labels of a picture.
enum Several {
    /// Not at all: it is a single label.
    Never,
    /// By the rules of [`Labels::from_cell`].
    ByCell,
    /// With this separator, for any number of labels.
    Separated(String),
}

impl LabelCells {
    /// For a column of this name, if there is one.
    pub(super) fn new(column: Option<&str>, asked: &ColumnNames) -> Self {
        let several = match (&asked.separator, column) {
            (Some(separator), _) => Several::Separated(separator.clone()),
            // In our own manifests, a class name may contain any characters.
            (None, Some(name)) if !name.eq_ignore_ascii_case("label") => Several::ByCell,
            _ => Several::Never,
        };
        let (known, names) = (HashMap::new(), Names::default());
        Self {
            several,
            known,
            names,
            by_text: false,
            by_list: false,
            all_marks: true,
            has_repeats: false,
        }
    }

    /// The shared class names.
    pub(super) fn names(&mut self) -> &mut Names {
        &mut self.names
    }

    /// Interprets a list of labels.
    ///
    /// # Errors
    /// An invalid class name.
    pub(super) fn list<T: AsRef<[u8]>>(&mut self, list: &[T]) -> Result<Labels, BadClassName> {
        self.by_list = true;
        self.watch(list.iter().map(AsRef::as_ref));
        let mut names = Vec::with_capacity(list.len());
        for name in list {
            match Label::of(Some(name.as_ref()), &mut self.names) {
                Label::Is(name) => names.push(name),
                Label::None => {}
                Label::Refused(name) => return Err(name),
            }
        }
        Ok(Labels::set(names))
    }

    /// Checks for lists that have a 0 or a 1 for each class.
    fn watch<'a>(&mut self, list: impl Iterator<Item = &'a [u8]>) {
        let mut seen = [false; 2];
        for mark in list {
            let value = match mark.trim_ascii() {
                b"0" | b"0.0" | b"false" | b"False" => 0,
                b"1" | b"1.0" | b"true" | b"True" => 1,
                _ => {
                    self.all_marks = false;
                    return;
                }
            };
            self.has_repeats |= std::mem::replace(&mut seen[value], true);
        }
    }

    /// Interprets a cell of the label column.
    ///
    /// # Errors
    /// An invalid class name.
    pub(super) fn cell(&mut self, cell: &str) -> Result<Labels, BadClassName> {
        if let Some(known) = self.known.get(cell) {
            return Ok(known.clone());
        }
        match in_brackets(cell.trim()) {
            Some(list) if matches!(self.several, Several::ByCell) => {
                self.watch(list.into_iter().map(str::as_bytes));
            }
            _ => self.all_marks &= cell.trim().is_empty(),
        }
        let (mut refused, names) = (None, &mut self.names);
        let mut name = |name: &str| match Label::of(Some(name.as_bytes()), names) {
            Label::Is(name) => Some(name),
            Label::None => None,
            Label::Refused(name) => {
                refused.get_or_insert(name);
                None
            }
        };
        let labels = match &self.several {
            Several::Never => name(cell).into(),
            Several::ByCell => Labels::from_cell(cell, &mut name),
            Several::Separated(_) if cell.trim().is_empty() => Labels::None,
            Several::Separated(separator) => {
                Labels::set(cell.split(separator.as_str()).filter_map(name))
            }
        };
        if let Some(refused) = refused {
            return Err(refused);
        }
        self.by_text |= matches!(labels, Labels::Set(_));
        self.known.insert(cell.to_owned(), labels.clone());
        Ok(labels)
    }

    /// Determines the final labels of all rows; returns a note if cells may contain several labels that no separator
    /// divides.
    ///
    /// # Errors
    /// When lists have a 0 or a 1 for each class, whose names are unknown.
    pub(super) fn finish(&self, listing: &mut Listing) -> Result<Option<Note>, String> {
        if self.all_marks && self.has_repeats {
            return Err(
                "has lists of 0 and 1 for labels, and not what they stand for: give each class a column of \
                 its own, or list the names of classes"
                    .to_owned(),
            );
        }
        if self.by_list && !self.by_text {
            listing.settle();
        }
        Ok(hint(listing))
    }
}

/// Finds a label whose parts are labels elsewhere.
fn hint(listing: &Listing) -> Option<Note> {
    let all: HashSet<&str> = listing.pictures.iter().filter_map(|p| p.label.as_deref()).collect();
    let is_several = |label: &&str, separator: char| {
        let mut parts = label.split(separator).map(str::trim);
        label.contains(separator) && parts.all(|part| all.contains(part))
    };
    let mut sorted: Vec<&str> = all.iter().copied().collect();
    sorted.sort_unstable();
    ['|', ',', ';', ' '].into_iter().find_map(|separator| {
        let label = sorted.iter().find(|label| is_several(label, separator))?;
        Some(Note::SeveralLabels { label: (*label).to_owned(), separator })
    })
}
