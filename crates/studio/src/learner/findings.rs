//! The findings of the audit, as cards with their fixes.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use headstart::{Audit, Finding as Found, FindingKind};
use serde::Serialize;

use crate::StudioError;
use crate::folder::{Listing, Stamp, within};
use crate::project::Action;

/// A finding about pictures that somebody should look at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Finding {
    /// The same whenever the same finding is found.
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) text: String,
    /// Why it matters, for somebody who is new to the subject.
    pub(crate) why: &'static str,
    pub(crate) pictures: Vec<FindingPicture>,
    pub(crate) fixes: Vec<Fix>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct FindingPicture {
    pub(crate) path: String,
    tag: String,
    class: Option<String>,
    note: Option<String>,
    /// The stamp of the file when it was audited.
    #[serde(skip)]
    stamp: Stamp,
}

/// A fix for a finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Fix {
    pub(crate) id: String,
    label: String,
    #[serde(skip)]
    action: Action,
}

/// All findings, including those that are set aside.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    /// The findings of an audit for which there are fixes.
    pub(super) fn of(root: &Path, listing: &Listing, audit: &Audit) -> Self {
        let found = audit.findings.iter();
        Self(found.filter_map(|found| Finding::of(root, listing, found)).collect())
    }

    /// The findings that are not set aside, and whose pictures have not changed.
    pub(crate) fn open(&self, listing: &Listing, kept: &HashSet<String>) -> Vec<Finding> {
        self.still_so(listing, kept).cloned().collect()
    }

    fn still_so(
        &self,
        listing: &Listing,
        kept: &HashSet<String>,
    ) -> impl Iterator<Item = &Finding> {
        let is_open =
            |finding: &&Finding| !kept.contains(&finding.id) && finding.is_still_so(listing);
        self.0.iter().filter(is_open)
    }

    /// The numbers of probable label errors and of other findings that are not set aside.
    pub(super) fn count(&self, listing: &Listing, kept: &HashSet<String>) -> (usize, usize) {
        let (errors, others): (Vec<&Finding>, Vec<&Finding>) =
            self.still_so(listing, kept).partition(|finding| is_of_a_label(finding.kind));
        (errors.len(), others.len())
    }

    /// The action of a fix, for the pictures of a listing.
    ///
    /// # Errors
    /// If the finding or its fix no longer exists; [`StudioError::Outdated`] if any of its pictures has changed or is
    /// gone, since the picture to be kept may be the last copy.
    pub(crate) fn action(
        &self,
        listing: &Listing,
        finding: &str,
        fix: &str,
    ) -> Result<Action, StudioError> {
        let no_such = |what, name: &str| StudioError::NoSuch { what, name: name.to_owned() };
        let found = self.0.iter().find(|found| found.id == finding);
        let found = found.ok_or_else(|| no_such("finding", finding))?;
        let fix =
            found.fixes.iter().find(|known| known.id == fix).ok_or_else(|| no_such("fix", fix))?;
        if !found.is_still_so(listing) {
            return Err(StudioError::Outdated);
        }
        Ok(fix.action.clone())
    }
}

fn is_of_a_label(kind: &str) -> bool {
    kind == FindingKind::LabelError.name() || kind == FindingKind::ConflictingLabels.name()
}

impl Finding {
    /// Whether all its pictures still exist unchanged, including those that a fix leaves alone.
    fn is_still_so(&self, listing: &Listing) -> bool {
        self.pictures.iter().all(|known| {
            listing.find(&known.path).is_ok_and(|(picture, _)| picture.stamp == known.stamp)
        })
    }

    fn of(root: &Path, listing: &Listing, found: &Found) -> Option<Self> {
        let files = found.files.iter().filter_map(|at| within(root, &at.path()));
        let paths: Vec<String> = files.filter(|path| listing.find(path).is_ok()).collect();
        if paths.len() < found.files.len() || paths.is_empty() {
            return None;
        }
        let class_of = |path: &str| {
            let (_, class) = listing.find(path).ok()?;
            class.map(|class| class.name.to_string())
        };
        let kept = found.keep.map(|keep| paths[keep].as_str());
        let view = |path: &String| {
            let (picture, class) = listing.find(path).expect("it was found just now");
            let is_kept = kept == Some(path) && paths.len() > 1;
            // Figures are shown only for a single picture.
            let figures = (paths.len() == 1).then(|| found.detail.clone());
            FindingPicture {
                path: path.clone(),
                tag: picture.stamp.tag(),
                class: class.map(|class| class.name.to_string()),
                note: if is_kept { Some("this one would stay".to_owned()) } else { figures },
                stamp: picture.stamp,
            }
        };
        let fixes = fixes(found, &paths, &class_of);
        let (text, why) = words(found, &paths, &class_of)?;
        let mut hash = blake3::Hasher::new();
        let about = [found.kind.name(), found.class.as_deref().unwrap_or_default()];
        for part in about.into_iter().chain(paths.iter().map(String::as_str)) {
            hash.update(part.as_bytes());
            hash.update(&[0]);
        }
        Some(Self {
            id: hash.finalize().to_hex()[..16].to_owned(),
            kind: found.kind.name(),
            text,
            why,
            pictures: paths.iter().map(view).collect(),
            fixes,
        })
    }
}

fn fixes(found: &Found, paths: &[String], class_of: &dyn Fn(&str) -> Option<String>) -> Vec<Fix> {
    let move_to = |class: &str, paths: &[String]| Fix {
        id: format!("move:{class}"),
        label: format!("Move to {class}"),
        action: Action::Move { paths: paths.to_vec(), to: Some(class.to_owned()) },
    };
    let remove = |paths: Vec<String>, label: &str| Fix {
        id: "remove".to_owned(),
        label: label.to_owned(),
        action: Action::Delete { paths },
    };
    let all_but = |keep: usize| -> Vec<String> {
        let others = paths.iter().enumerate().filter(|(at, _)| *at != keep);
        others.map(|(_, path)| path.clone()).collect()
    };
    match found.kind {
        FindingKind::LabelError => {
            let class = found.class.iter().map(|class| move_to(class, paths));
            class.chain([remove(paths.to_vec(), "Remove the picture")]).collect()
        }
        FindingKind::ConflictingLabels => {
            let mut classes: BTreeMap<String, ()> = BTreeMap::new();
            classes.extend(paths.iter().filter_map(|path| Some((class_of(path)?, ()))));
            let mut names: Vec<String> = classes.into_keys().collect();
            // The class that is probably right comes first.
            names.sort_by_key(|name| found.class.as_ref() != Some(name));
            let keep = |name: &String| {
                let first = paths.iter().position(|path| class_of(path).as_ref() == Some(name));
                Fix {
                    id: format!("keep:{name}"),
                    label: format!("It is {name}: remove the others"),
                    action: Action::Delete { paths: all_but(first.unwrap_or(0)) },
                }
            };
            names.iter().map(keep).chain([remove(paths.to_vec(), "Remove all of them")]).collect()
        }
        FindingKind::Duplicate | FindingKind::NearDuplicate => {
            vec![remove(all_but(found.keep.unwrap_or(0)), "Remove the copies, keep one")]
        }
        _ => vec![remove(paths.to_vec(), "Remove the picture")],
    }
}

/// The finding in plain words, and why it matters; `None` for kinds about which nothing can be done here.
fn words(
    found: &Found,
    paths: &[String],
    class_of: &dyn Fn(&str) -> Option<String>,
) -> Option<(String, &'static str)> {
    use FindingKind as Kind;
    const USELESS: &str = "Nothing can be learned from it as it is.";
    const COPIES: &str = "Copies count several times, and teach nothing new.";
    const LITTLE: &str = "There is little to see on it.";
    let count = paths.len();
    let own = class_of(&paths[0]).unwrap_or_default();
    let (text, why) = match found.kind {
        Kind::LabelError => {
            let other = found.class.as_deref().unwrap_or("another class");
            return Some((
                format!("This picture lies in {own}, and looks like {other}"),
                "Judged by the other pictures, it belongs to another class. A model learns from wrong examples as \
                 well as from right ones.",
            ));
        }
        Kind::ConflictingLabels => {
            let mut classes: Vec<String> = paths.iter().filter_map(|path| class_of(path)).collect();
            classes.sort_unstable();
            classes.dedup();
            return Some((
                format!("The same picture lies in {}", classes.join(" and ")),
                "The same picture lies in several classes, so whatever the model says of it is wrong once.",
            ));
        }
        Kind::Duplicate => return Some((format!("{count} times the same picture"), COPIES)),
        Kind::NearDuplicate => {
            return Some((format!("{count} pictures that are nearly the same"), COPIES));
        }
        Kind::Truncated => ("This file ends before the picture does", USELESS),
        Kind::Unreadable => ("This picture cannot be read", USELESS),
        Kind::Inaccessible => ("This file cannot be opened", USELESS),
        Kind::NotAPicture => ("This file is no picture", USELESS),
        Kind::LeftOut => ("This file is left out", USELESS),
        Kind::Outlier => (
            "This picture looks like none of the others",
            "It looks like no other picture here. Keep it if it is a rare but real example; remove it if it came \
             here by mistake.",
        ),
        Kind::Blank => ("There is nothing on this picture", "There is nothing on it."),
        Kind::Dark => ("This picture is very dark", LITTLE),
        Kind::Bright => ("This picture is nearly white", LITTLE),
        Kind::Blurred => (
            "This picture is blurred",
            "It is blurred. Keep it if the pictures to be classified later are blurred, too.",
        ),
        Kind::Tiny => (
            "This picture is very small",
            "It is smaller than what the model looks at, so that details are missing.",
        ),
        Kind::OddAspect => (
            "This picture has an unusual shape",
            "It is much longer than wide, or the other way round, and is squeezed.",
        ),
        Kind::Grey => (
            "This picture is grey, and the others have colours",
            "It is grey among pictures in colour: the model may go by that.",
        ),
        _ => return None,
    };
    Some((text.to_owned(), why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_worded_or_known_not_to_be_shown() {
        // They concern the split, whole classes, or nothing that a model learns.
        let not_shown = [
            FindingKind::Straddling,
            FindingKind::FewPictures,
            FindingKind::Imbalance,
            FindingKind::Misnamed,
            FindingKind::Rotated,
        ];
        for kind in FindingKind::ALL {
            let found = Found {
                kind,
                value: None,
                detail: String::new(),
                files: Vec::new(),
                keep: None,
                class: None,
            };
            let words = words(&found, &["a/b.jpg".to_owned()], &|_| Some("a".to_owned()));
            assert_eq!(words.is_none(), not_shown.contains(&kind), "{kind:?}");
        }
    }
}
