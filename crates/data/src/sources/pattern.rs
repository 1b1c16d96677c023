//! Labels and groups from the paths of pictures.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use regex::Regex;

use super::names::trimmed;
use super::{Listing, SkipReason, Skipped};
use crate::DataError;

/// A regular expression that finds a label or a group in the path of a picture.
///
/// What it finds is the group of the expression that is named `label` or `group` (of both the one that
/// is asked for), or else its first group, or else all that matches; the expression need not match the
/// whole path.
#[derive(Clone, Debug)]
pub struct PathPattern(Regex);

impl PathPattern {
    /// The label that it finds in a path whose folders are parted by `/`.
    pub fn label_in<'a>(&self, path: &'a str) -> Option<&'a str> {
        self.find(path, ["label", "group"])
    }

    /// The group that it finds in a path whose folders are parted by `/`.
    pub fn group_in<'a>(&self, path: &'a str) -> Option<&'a str> {
        self.find(path, ["group", "label"])
    }

    fn find<'a>(&self, path: &'a str, names: [&str; 2]) -> Option<&'a str> {
        let captures = self.0.captures(path)?;
        let named = names.into_iter().find_map(|name| captures.name(name));
        let first = if captures.len() > 1 { captures.get(1) } else { captures.get(0) };
        named.or(first).map(|found| found.as_str()).filter(|found| !found.is_empty())
    }

    /// Labels each picture by its path below `root`. Pictures in whose path nothing is found are
    /// left out, with one line for all of them.
    ///
    /// # Errors
    /// [`DataError::Pattern`] when nothing is found in any path.
    pub(super) fn label(&self, listing: &mut Listing, root: &Path) -> Result<(), DataError> {
        let before = listing.pictures.len();
        let mut other = None;
        let mut last: Option<Arc<str>> = None;
        listing.pictures.retain_mut(|picture| {
            let path = below(root, &picture.at.path());
            let label = self.label_in(&path).map(|found| shared(&mut last, found));
            if label.is_none() {
                other.get_or_insert(path);
            }
            picture.label = label.into();
            picture.label.is_some()
        });
        let Some(example) = other else { return Ok(()) };
        if listing.pictures.is_empty() {
            return Err(self.matches_nothing("--label-from", &example));
        }
        let (pattern, paths) = (self.to_string(), before - listing.pictures.len());
        let reason = SkipReason::Unmatched { pattern, paths, example: Some(example) };
        listing.skipped.push(Skipped::new(root, reason));
        Ok(())
    }

    /// Groups pictures by their paths below `root`; one in whose path nothing is found belongs to no
    /// group.
    ///
    /// # Errors
    /// [`DataError::Pattern`] when nothing is found in any path.
    pub(super) fn group(&self, listing: &mut Listing, root: &Path) -> Result<(), DataError> {
        let mut last: Option<Arc<str>> = None;
        for picture in &mut listing.pictures {
            let path = below(root, &picture.at.path());
            picture.group = self.group_in(&path).map(|found| shared(&mut last, found));
        }
        match listing.pictures.first() {
            Some(first) if last.is_none() => {
                Err(self.matches_nothing("--group-from", &below(root, &first.at.path())))
            }
            _ => Ok(()),
        }
    }

    fn matches_nothing(&self, option: &str, example: &str) -> DataError {
        let reason = format!("{option} {self}: matches none of the paths, such as {example}");
        DataError::Pattern { reason }
    }
}

/// The path from the root on, or from the folder of a file that lists pictures, with `/` between
/// folders.
fn below(root: &Path, path: &Path) -> String {
    let inside = path
        .strip_prefix(root)
        .or_else(|_| path.strip_prefix(root.parent().unwrap_or(root)))
        .unwrap_or(path);
    let text = inside.to_string_lossy();
    if std::path::MAIN_SEPARATOR == '/' { text.into_owned() } else { text.replace('\\', "/") }
}

/// The same text as that of the last picture is not kept twice.
fn shared(last: &mut Option<Arc<str>>, text: &str) -> Arc<str> {
    let text = trimmed(text);
    let same = last.take().filter(|last| **last == *text).unwrap_or_else(|| text.into());
    last.insert(same).clone()
}

impl FromStr for PathPattern {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let wrong = |error: regex::Error| {
            // The last of several lines, which draw where it is, says what is wrong.
            let message = error.to_string();
            let what = message.lines().last().unwrap_or_default();
            let what = what.strip_prefix("error: ").unwrap_or(what);
            DataError::Pattern { reason: format!("{text} is no regular expression: {what}") }
        };
        Regex::new(text).map(Self).map_err(wrong)
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}
