//! Words that several parts use.

/// `1 picture`, `2 pictures`.
pub(crate) fn pictures(count: usize) -> String {
    if count == 1 { "1 picture".to_owned() } else { format!("{count} pictures") }
}
