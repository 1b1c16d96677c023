//! Labels and groups from pictures' paths.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::shared_names::{Label, Names};
use super::{Labels, Listing, SkipReason, Skipped};
use crate::DataError;
use headstart_model::class_name::composed;

/// A regular expression that finds a label or a group in the path of a picture.
///
/// The result is the capture group named `label` or `group` (if both exist, the requested one), otherwise the first
/// capture group, otherwise the whole match; the expression need not match the whole path.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPattern(Regex);

/// The use of a [`PathPattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternUse {
    /// Labels.
    Labels,
    /// Groups.
    Groups,
}

impl PathPattern {
    /// The label it finds in a path with `/` between folders, in Unicode normalisation form C.
    pub fn label_in<'a>(&self, path: &'a str) -> Option<&'a str> {
        self.find(path, ["label", "group"])
    }

    /// The group it finds in such a path.
    pub fn group_in<'a>(&self, path: &'a str) -> Option<&'a str> {
        self.find(path, ["group", "label"])
    }

    fn find<'a>(&self, path: &'a str, names: [&str; 2]) -> Option<&'a str> {
        let captures = self.0.captures(path)?;
        let named = names.into_iter().find_map(|name| captures.name(name));
        let first = if captures.len() > 1 { captures.get(1) } else { captures.get(0) };
        named.or(first).map(|found| found.as_str()).filter(|found| !found.is_empty())
    }

    /// The class of a picture by its path.
    ///
    /// # Errors
    /// When none is found.
    pub fn class_of(&self, path: &Path) -> Result<Arc<str>, SkipReason> {
        let label = self.label_at(&text(path), &mut Names::default())?;
        label.ok_or_else(|| self.unmatched(1, None))
    }

    fn label_at(&self, path: &str, known: &mut Names) -> Result<Option<Arc<str>>, SkipReason> {
        match Label::of(self.label_in(path).map(str::as_bytes), known) {
            Label::Is(label) => Ok(Some(label)),
            Label::None => Ok(None),
            Label::Refused(bad) => Err(SkipReason::Label(bad)),
        }
    }

    /// Labels each picture by its path relative to `root`. Pictures without a match are left out, with one line for all
    /// of them.
    ///
    /// # Errors
    /// [`DataError::MatchesNothing`] when no path matches.
    pub(super) fn label(&self, listing: &mut Listing, root: &Path) -> Result<(), DataError> {
        let (mut others, mut example) = (0, None);
        let (mut known, mut refused) = (Names::default(), Vec::new());
        listing.pictures.retain_mut(|picture| {
            let path = below(root, &picture.at.path());
            match self.label_at(&path, &mut known) {
                Ok(Some(label)) => {
                    picture.label = Labels::One(label);
                    return true;
                }
                Ok(None) => {
                    others += 1;
                    example.get_or_insert(path);
                }
                Err(reason) => refused.push(Skipped::new(picture.at.path(), reason)),
            }
            false
        });
        listing.skipped.append(&mut refused);
        let Some(example) = example else { return Ok(()) };
        if listing.pictures.is_empty() {
            return Err(self.matches_nothing(PatternUse::Labels, example));
        }
        listing.skipped.push(Skipped::new(root, self.unmatched(others, Some(example))));
        Ok(())
    }

    /// Groups pictures by their paths relative to `root`; one without a match belongs to no group.
    ///
    /// # Errors
    /// [`DataError::MatchesNothing`] when no path matches.
    pub(super) fn group(&self, listing: &mut Listing, root: &Path) -> Result<(), DataError> {
        let mut known = Names::default();
        for picture in &mut listing.pictures {
            let path = below(root, &picture.at.path());
            picture.group = self.group_in(&path).and_then(|found| known.group(found));
        }
        match listing.pictures.first() {
            Some(first) if listing.pictures.iter().all(|picture| picture.group.is_none()) => {
                Err(self.matches_nothing(PatternUse::Groups, below(root, &first.at.path())))
            }
            _ => Ok(()),
        }
    }

    fn unmatched(&self, paths: usize, example: Option<String>) -> SkipReason {
        SkipReason::Unmatched { pattern: self.to_string(), paths, example }
    }

    fn matches_nothing(&self, finds: PatternUse, example: String) -> DataError {
        DataError::MatchesNothing { finds, pattern: self.to_string(), example }
    }
}

/// The path relative to the root, or to the folder of a file that lists pictures, with `/` between folders.
fn below(root: &Path, path: &Path) -> String {
    let inside = path
        .strip_prefix(root)
        .or_else(|_| path.strip_prefix(root.parent().unwrap_or(root)))
        .unwrap_or(path);
    text(inside)
}

fn text(path: &Path) -> String {
    let text = path.to_string_lossy();
    let text = composed(&text);
    if std::path::MAIN_SEPARATOR == '/' { text.into_owned() } else { text.replace('\\', "/") }
}

impl FromStr for PathPattern {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let wrong = |error: regex::Error| {
            // The last line contains the problem; those before it show its position.
            let message = error.to_string();
            let what = message.lines().last().unwrap_or_default();
            let what = what.strip_prefix("error: ").unwrap_or(what);
            DataError::Pattern { pattern: text.to_owned(), reason: what.to_owned() }
        };
        Regex::new(&composed(text)).map(Self).map_err(wrong)
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl From<PathPattern> for String {
    fn from(pattern: PathPattern) -> Self {
        pattern.0.as_str().to_owned()
    }
}

impl TryFrom<String> for PathPattern {
    type Error = DataError;

    fn try_from(text: String) -> Result<Self, DataError> {
        text.parse()
    }
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}
