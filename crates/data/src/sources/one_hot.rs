//! Columns that stand for a class each.

use std::collections::HashMap;

use super::class_name::{Label, Names};
use super::{Labels, Listing};

/// Columns of which each may stand for a class: a row has a 1 in those of its classes, and a 0 in the
/// others; or, where there is no 0 in it, a -1. One that has any other value stands for none.
pub(super) struct OneHot {
    names: Vec<String>,
    /// Of each column what it has; `None` once it has another value.
    columns: Vec<Option<Column>>,
}

#[derive(Default)]
struct Column {
    /// The rows with a 1.
    ones: Vec<u32>,
    has_zero: bool,
    has_minus: bool,
}

/// The classes of rows, if columns say any.
#[derive(Debug, PartialEq)]
pub(super) enum Marked {
    /// No two columns stand for classes.
    Nothing,
    /// Of each row its classes: indices into the names, ascending.
    Classes { names: Vec<String>, of_rows: Vec<Vec<u32>> },
}

impl OneHot {
    pub(super) fn new(names: Vec<String>) -> Self {
        let columns = names.iter().map(|_| Some(Column::default())).collect();
        Self { names, columns }
    }

    /// Takes a row's value. Rows come in order.
    pub(super) fn take(&mut self, column: usize, row: usize, value: &str) {
        let Some(known) = &mut self.columns[column] else { return };
        match (mark(value), u32::try_from(row)) {
            (Some(Mark::One), Ok(row)) => known.ones.push(row),
            (Some(Mark::Zero), _) => known.has_zero = true,
            (Some(Mark::MinusOne), _) => known.has_minus = true,
            _ => self.columns[column] = None,
        }
        // With both, -1 is neither yes nor no.
        if known_both(&self.columns[column]) {
            self.columns[column] = None;
        }
    }

    /// The classes of so many rows, of each of which all values have been taken.
    pub(super) fn finish(self, rows: usize) -> Marked {
        let columns = self.names.into_iter().zip(self.columns);
        let marking = columns.filter_map(|(name, column)| Some((name, column?.ones)));
        let (names, ones): (Vec<String>, Vec<Vec<u32>>) = marking.unzip();
        if names.len() < 2 || rows == 0 {
            return Marked::Nothing;
        }
        let mut of_rows = vec![Vec::new(); rows];
        for (class, rows) in (0..).zip(&ones) {
            rows.iter().for_each(|&row| of_rows[row as usize].push(class));
        }
        Marked::Classes { names, of_rows }
    }
}

fn known_both(column: &Option<Column>) -> bool {
    column.as_ref().is_some_and(|column| column.has_zero && column.has_minus)
}

/// Labels the pictures of a listing, each of which is a row, if columns say their classes; returns the
/// names of these. Where each picture is of one class, that is its label; else each has a set of them.
///
/// # Errors
/// Where a column has a name that no class can have.
pub(super) fn label(
    one_hot: OneHot,
    listing: &mut Listing,
    known: &mut Names,
) -> Result<Vec<String>, String> {
    let (names, of_rows) = match one_hot.finish(listing.pictures.len()) {
        Marked::Nothing => return Ok(Vec::new()),
        Marked::Classes { names, of_rows } => (names, of_rows),
    };
    let mut labels = Vec::with_capacity(names.len());
    for name in &names {
        match Label::of(Some(name.as_bytes()), known) {
            Label::Is(label) => labels.push(label),
            Label::None | Label::Refused(_) => {
                return Err(format!("has a column {name:?}, which no class can be called"));
            }
        }
    }
    let mut sets: HashMap<Vec<u32>, Labels> = HashMap::new();
    for (picture, classes) in listing.pictures.iter_mut().zip(of_rows) {
        let set = sets.entry(classes).or_insert_with_key(|classes| {
            Labels::set(classes.iter().map(|&class| labels[class as usize].clone()))
        });
        picture.label = set.clone();
    }
    listing.settle();
    Ok(names)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mark {
    One,
    Zero,
    MinusOne,
}

/// Which of the values of such a column a text is, if it is one.
fn mark(value: &str) -> Option<Mark> {
    match value.trim() {
        "1" => Some(Mark::One),
        "0" => Some(Mark::Zero),
        text if text.eq_ignore_ascii_case("true") => Some(Mark::One),
        text if text.eq_ignore_ascii_case("false") => Some(Mark::Zero),
        text => match text.parse::<f32>() {
            Ok(1.0) => Some(Mark::One),
            Ok(0.0) => Some(Mark::Zero),
            Ok(-1.0) => Some(Mark::MinusOne),
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
        for rows in [
            ["1,0,7", "0,1,8"],
            ["1.0,0.0,1", "0.0,1.0,"],
            ["True,false,0.5", "0,1e0,"],
            ["1,-1,-1", "-1,1,0"],
        ] {
            let (names, of_rows) = (vec!["a".to_owned(), "b".to_owned()], vec![vec![0], vec![1]]);
            assert_eq!(marked("a,b,c", &rows), Marked::Classes { names, of_rows }, "{rows:?}");
        }
        for (names, rows) in [("a,b", &["1,0.5", "0,1"][..]), ("a", &["1"]), ("a,b", &[])] {
            assert_eq!(marked(names, rows), Marked::Nothing, "{rows:?}");
        }
    }

    #[test]
    fn a_row_may_be_of_several_classes_or_none() {
        let Marked::Classes { of_rows, .. } = marked("a,b,c", &["1,0,1", "0,0,0", "0,1,0"]) else {
            panic!("columns are classes");
        };
        assert_eq!(of_rows, [vec![0, 2], vec![], vec![1]]);
    }
}
