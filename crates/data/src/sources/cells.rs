//! Values of columns that have the same name in every table.

use super::Subset;

/// Parses a value of the column `split`.
///
/// # Errors
/// A description of the problem.
pub(super) fn side(text: &str) -> Result<Option<Subset>, String> {
    match (text, Subset::named(text)) {
        ("", _) => Ok(None),
        (_, None) => {
            Err(format!("column \"split\": {text:?} is no side; give train, validation or test"))
        }
        (_, side) => Ok(side),
    }
}

/// Parses a value of the column `weight`; 1 if it is empty.
///
/// # Errors
/// A description of the problem.
pub(super) fn weight(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        _ if text.is_empty() => Ok(1.0),
        Ok(weight) if weight.is_finite() && weight >= 0.0 => Ok(weight),
        _ => Err(format!("column \"weight\": {text:?} is no weight; give a number from 0 on")),
    }
}
