//! Columns that stand for a class each.

use super::names::{Label, Names};
use super::{Labels, Listing};

/// Columns of which each may stand for a class: a row has a 1 in those of its classes, and a 0 in the
/// others. One that has any other value stands for none.
pub(super) struct OneHot {
    names: Vec<String>,
    /// Of each column the rows with a 1; `None` once it has another value than 0 and 1.
    ones: Vec<Option<Vec<u32>>>,
}

/// The classes of rows, if columns say any.
#[derive(Debug, PartialEq)]
pub(super) enum Marked {
    /// No two columns stand for classes.
    Nothing,
    /// Every row is of one class: an index into the names.
    One { names: Vec<String>, classes: Vec<u32> },
    /// A row, from 0 on, that is of several classes or of none.
    Other { row: usize, classes: Vec<String> },
}

impl OneHot {
    pub(super) fn new(names: Vec<String>) -> Self {
        let ones = names.iter().map(|_| Some(Vec::new())).collect();
        Self { names, ones }
    }

    /// Takes a row's value. Rows come in order.
    pub(super) fn take(&mut self, column: usize, row: usize, value: &str) {
        let Some(ones) = &mut self.ones[column] else { return };
        match (mark(value), u32::try_from(row)) {
            (Some(true), Ok(row)) => ones.push(row),
            (Some(false), _) => {}
            _ => self.ones[column] = None,
        }
    }

    /// The classes of so many rows, of each of which all values have been taken.
    pub(super) fn finish(self, rows: usize) -> Marked {
        let columns = self.names.into_iter().zip(self.ones);
        let marking = columns.filter_map(|(name, ones)| Some((name, ones?)));
        let (names, ones): (Vec<String>, Vec<Vec<u32>>) = marking.unzip();
        if names.len() < 2 || rows == 0 {
            return Marked::Nothing;
        }
        const NONE: u32 = u32::MAX;
        let mut classes = vec![NONE; rows];
        for (class, rows) in (0..).zip(&ones) {
            for &row in rows {
                if classes[row as usize] != NONE {
                    return Self::other(row, &names, &ones);
                }
                classes[row as usize] = class;
            }
        }
        match (0..).zip(&classes).find(|(_, class)| **class == NONE) {
            Some((row, _)) => Self::other(row, &names, &ones),
            None => Marked::One { names, classes },
        }
    }

    fn other(row: u32, names: &[String], ones: &[Vec<u32>]) -> Marked {
        let marked = names.iter().zip(ones).filter(|(_, rows)| rows.binary_search(&row).is_ok());
        let classes = marked.map(|(name, _)| name.clone()).collect();
        Marked::Other { row: row as usize, classes }
    }
}

/// Labels the pictures of a listing, each of which is a row, if columns say their classes; returns the
/// names of these.
///
/// # Errors
/// Where columns say that a picture is of several classes or of none.
pub(super) fn label(
    one_hot: OneHot,
    listing: &mut Listing,
    known: &mut Names,
) -> Result<Vec<String>, String> {
    match one_hot.finish(listing.pictures.len()) {
        Marked::Nothing => Ok(Vec::new()),
        Marked::One { names, classes } => {
            let mut labels = Vec::with_capacity(names.len());
            for name in &names {
                match Label::of(Some(name.as_bytes()), known) {
                    Label::Is(label) => labels.push(label),
                    Label::None | Label::Refused(_) => {
                        return Err(format!("has a column {name:?}, which no class can be called"));
                    }
                }
            }
            for (picture, class) in listing.pictures.iter_mut().zip(classes) {
                picture.label = Labels::One(labels[class as usize].clone());
            }
            Ok(names)
        }
        Marked::Other { row, classes } => {
            let picture = listing.pictures.get(row).map(|picture| picture.at.to_string());
            let marked = match classes.len() {
                0 => "in none of its columns".to_owned(),
                _ => format!("in the columns {}", classes.join(", ")),
            };
            Err(format!(
                "has a 1 {marked} for {}, where a picture can have one label: name the column of labels with --label-column, or those of classes with one --label-column each",
                picture.unwrap_or_default()
            ))
        }
    }
}

/// Whether a value is a 1; `None` if it is no 0, either.
fn mark(value: &str) -> Option<bool> {
    match value.trim() {
        "1" => Some(true),
        "0" => Some(false),
        text if text.eq_ignore_ascii_case("true") => Some(true),
        text if text.eq_ignore_ascii_case("false") => Some(false),
        text => match text.parse::<f32>() {
            Ok(1.0) => Some(true),
            Ok(0.0) => Some(false),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(names: &str, rows: &[&str]) -> Marked {
        let mut one_hot = OneHot::new(names.split(',').map(str::to_owned).collect());
        for (row, values) in rows.iter().enumerate() {
            let values = values.split(',').enumerate();
            values.for_each(|(column, value)| one_hot.take(column, row, value));
        }
        one_hot.finish(rows.len())
    }

    #[test]
    fn columns_of_zeros_and_ones_are_classes_and_others_are_not() {
        for rows in [["1,0,7", "0,1,8"], ["1.0,0.0,1", "0.0,1.0,"], ["True,false,0.5", "0,1e0,"]] {
            let (names, classes) = (vec!["a".to_owned(), "b".to_owned()], vec![0, 1]);
            assert_eq!(marked("a,b,c", &rows), Marked::One { names, classes }, "{rows:?}");
        }
        for (names, rows) in [("a,b", &["1,0.5", "0,1"][..]), ("a", &["1"]), ("a,b", &[])] {
            assert_eq!(marked(names, rows), Marked::Nothing, "{rows:?}");
        }
    }

    #[test]
    fn the_first_row_of_several_classes_or_none_is_named() {
        let other = |row, classes: &[&str]| Marked::Other {
            row,
            classes: classes.iter().map(|&class| class.to_owned()).collect(),
        };
        assert_eq!(marked("a,b,c", &["1,0,0", "1,0,1", "0,1,0"]), other(1, &["a", "c"]));
        assert_eq!(marked("a,b", &["1,0", "0,0", "0,1"]), other(1, &[]));
    }
}
