//! Valid class names: one rule for folders, archives, tables, patterns and models.

use std::borrow::Cow;
use std::fmt;

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Maximum length of a class name, in bytes.
pub const LONGEST_CLASS_NAME: usize = 4096;

/// The reason why a text is not a valid class name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is not a valid class name: it contains {problem}")]
pub struct BadClassName {
    /// The text, or its beginning, quoted and with unprintable characters escaped.
    pub name: String,
    /// What is wrong with it.
    pub problem: NameProblem,
}

/// The problem with a text as a class name; displayed, it completes "it holds".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameProblem {
    /// White space only, or no text.
    Nothing,
    /// Characters that lines of text, tables and terminals do not show.
    ControlCharacters,
    /// More bytes than [`LONGEST_CLASS_NAME`].
    TooMuch,
}

impl fmt::Display for NameProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "only white space",
            Self::ControlCharacters => "control characters",
            Self::TooMuch => "more than 4096 bytes",
        })
    }
}

/// Returns the class name that a text denotes: in Unicode normalisation form C, since systems write the same name in
/// different ways, and without surrounding white space, which tables cannot express.
///
/// # Errors
/// When nothing is left, and for control characters and more than [`LONGEST_CLASS_NAME`] bytes.
pub fn class_name(text: &str) -> Result<Cow<'_, str>, BadClassName> {
    let name = plain(text);
    let problem = if name.is_empty() {
        NameProblem::Nothing
    } else if name.contains(char::is_control) {
        NameProblem::ControlCharacters
    } else if name.len() > LONGEST_CLASS_NAME {
        NameProblem::TooMuch
    } else {
        return Ok(name);
    };
    const SHOWN: usize = 60;
    let end = text.char_indices().nth(SHOWN).map_or(text.len(), |(end, _)| end);
    let more = if end < text.len() { "..." } else { "" };
    Err(BadClassName { name: format!("{:?}{more}", &text[..end]), problem })
}

/// Returns a text in normalisation form C, without surrounding white space.
pub fn plain(text: &str) -> Cow<'_, str> {
    composed(text.trim())
}

/// Returns a text in normalisation form C.
pub fn composed(text: &str) -> Cow<'_, str> {
    if is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_class_is_called_by_its_composed_name_without_white_space_around_it() {
        let long = "é".repeat(LONGEST_CLASS_NAME / 2);
        for (text, name) in [
            ("cat", "cat"),
            ("n01440764\t", "n01440764"),
            ("\u{a0}cat\r\n", "cat"),
            ("cafe\u{301}", "caf\u{e9}"),
            ("\u{1100}\u{1161}", "\u{ac00}"),
            ("a b=c,d\"e'", "a b=c,d\"e'"),
            ("🐈", "🐈"),
            (&long, &long),
        ] {
            assert_eq!(class_name(text).as_deref(), Ok(name));
        }
    }

    #[test]
    fn what_is_no_name_is_told_with_the_reason() {
        let long = "a".repeat(LONGEST_CLASS_NAME + 1);
        for (text, message) in [
            ("", "\"\" is not a valid class name: it contains only white space".to_owned()),
            (
                "\u{2003}",
                "\"\\u{2003}\" is not a valid class name: it contains only white space".to_owned(),
            ),
            (
                "a\nb",
                "\"a\\nb\" is not a valid class name: it contains control characters".to_owned(),
            ),
            (
                "a\u{85}b",
                "\"a\\u{85}b\" is not a valid class name: it contains control characters"
                    .to_owned(),
            ),
            (
                &long,
                format!(
                    "\"{}\"... is not a valid class name: it contains more than 4096 bytes",
                    "a".repeat(60)
                ),
            ),
        ] {
            assert_eq!(class_name(text).unwrap_err().to_string(), message);
        }
    }

    proptest! {
        #[test]
        fn a_name_is_its_own_name(text in "[\\PC\u{1100}-\u{11ff}\u{300}-\u{33f}\u{2000}-\u{200b} ]{0,12}") {
            if let Ok(name) = class_name(&text) {
                prop_assert_eq!(class_name(&name), Ok(Cow::Borrowed(&*name)));
            }
        }
    }
}
