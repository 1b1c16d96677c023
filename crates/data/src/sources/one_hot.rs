//! Columns that represent a class each.

use std::collections::HashMap;

use super::shared_names::{Label, Names};
use super::{Labels, Listing};

/// Columns that may each represent a class: a row has a 1 in those of its classes, and a 0 in the others, or a -1 if
/// the column contains no 0. A column with any other value represents none.
pub(super) struct OneHot {
    names: Vec<String>,
    /// Whether these were specified, so that each must represent a class.
    asked: bool,
    columns: Vec<Column>,
}

#[derive(Default)]
struct Column {
    /// The rows with a 1.
    ones: Vec<u32>,
    has_zero: bool,
    has_minus: bool,
    /// The first other value, and its row.
    odd: Option<(usize, String)>,
}

/// The classes of rows, if columns specify any.
#[derive(Debug, PartialEq)]
pub(super) enum Marked {
    /// Fewer than two columns represent classes.
    Nothing,
    /// For each row, its classes: indices into the names, ascending.
    Classes { names: Vec<String>, of_rows: Vec<Vec<u32>> },
}

impl OneHot {
    pub(super) fn new(names: Vec<String>, asked: bool) -> Self {
        let columns = names.iter().map(|_| Column::default()).collect();
        Self { names, asked, columns }
    }

    /// Adds a row's value. Rows come in order.
    pub(super) fn take(&mut self, column: usize, row: usize, value: &str) {
        let known = &mut self.columns[column];
        if known.odd.is_some() {
            return;
        }
        let mark = mark(value);
        match (mark, u32::try_from(row)) {
            (Some(Mark::One), Ok(row)) => known.ones.push(row),
            (Some(Mark::Zero), _) => known.has_zero = true,
            (Some(Mark::MinusOne), _) => known.has_minus = true,
            _ => known.odd = Some((row, value.to_owned())),
        }
        // Beside a 0, -1 means neither yes nor no.
        if known.has_zero && known.has_minus && known.odd.is_none() {
            known.odd = Some((row, value.to_owned()));
        }
    }

    /// The classes of `rows` rows, after all of their values have been added.
    ///
    /// # Errors
    /// When a specified column contains another value.
    pub(super) fn finish(self, rows: usize) -> Result<Marked, String> {
        let columns = || self.names.iter().zip(&self.columns);
        let other = columns().find_map(|(name, column)| Some((name, column.odd.as_ref()?)));
        if let (true, Some((name, (row, value)))) = (self.asked, other) {
            return Err(odd(name, *row, value));
        }
        let columns = self.names.into_iter().zip(self.columns);
        let marking = columns.filter(|(_, column)| column.odd.is_none());
        let marking = marking.map(|(name, column)| (name, column.ones));
        let (names, ones): (Vec<String>, Vec<Vec<u32>>) = marking.unzip();
        if names.len() < 2 || rows == 0 {
            return Ok(Marked::Nothing);
        }
        let mut of_rows = vec![Vec::new(); rows];
        for (class, rows) in (0..).zip(&ones) {
            rows.iter().for_each(|&row| of_rows[row as usize].push(class));
        }
        Ok(Marked::Classes { names, of_rows })
    }
}

/// Labels the pictures of a listing, one for each row, if columns specify their classes; returns the names of these
/// columns. If each picture has one class, that is its label; otherwise each has a set.
///
/// # Errors
/// When a column has a name that is not a valid class name, or a specified one contains another value.
pub(super) fn label(
    one_hot: OneHot,
    listing: &mut Listing,
    known: &mut Names,
) -> Result<Vec<String>, String> {
    let (names, of_rows) = match one_hot.finish(listing.pictures.len())? {
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

/// Describes an invalid value in a specified column, in a row counted from 0.
pub(super) fn odd(name: &str, row: usize, value: &str) -> String {
    format!(
        "has the value {value:?} in column \"{}\", row {}, where each must be 1 or 0: that is no column of a class",
        name.escape_debug(),
        row + 1
    )
}

/// The value of a row in the column of a class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mark {
    One,
    Zero,
    MinusOne,
}

/// Parses a value of such a column; `None` if it is invalid.
pub(super) fn mark(value: &str) -> Option<Mark> {
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
        let mut one_hot = OneHot::new(names.split(',').map(str::to_owned).collect(), false);
        for (row, values) in rows.iter().enumerate() {
            let values = values.split(',').enumerate();
            values.for_each(|(column, value)| one_hot.take(column, row, value));
        }
        one_hot.finish(rows.len()).unwrap()
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
    fn a_column_that_was_asked_for_must_be_one_of_a_class() {
        for odd in ["", "2", "-1"] {
            let mut one_hot = OneHot::new(vec!["a".to_owned(), "b".to_owned()], true);
            for (row, values) in [["1", "0"], ["0", odd]].iter().enumerate() {
                values
                    .iter()
                    .enumerate()
                    .for_each(|(column, value)| one_hot.take(column, row, value));
            }
            let error = one_hot.finish(2).unwrap_err();
            assert!(
                error.contains("\"b\", row 2") && error.contains(&format!("{odd:?}")),
                "{error}"
            );
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
