//! The pictures to fit to, with their features.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use headstart::data::sources::Labels;
use headstart::data::{self, DataError, Listed, Skipped};
use headstart::{Audit, Extraction, FindingKind, Pictures};

use super::store::Store;
use crate::folder::{Listing, Stamp, within};

/// Pictures with classes in the form that the library takes, with their features.
pub(super) struct Set {
    pub(super) pictures: Result<Pictures, DataError>,
    pub(super) extraction: Extraction,
}

impl Set {
    /// Gathers the pictures that were read; with `unreadable`, also the others with their errors.
    pub(super) fn gather(
        root: &Path,
        listing: &Listing,
        store: &Store,
        copies: &Copies,
        unreadable: bool,
    ) -> Self {
        let mut extraction = Extraction::default();
        let mut listed = data::Listing::default();
        for class in &listing.classes {
            let label: Arc<str> = class.name.clone();
            for picture in &class.pictures {
                let Some(known) = store.get(&picture.stamp) else { continue };
                let at = root.join(&*picture.path);
                match known {
                    Ok(known) => {
                        extraction.kept.push(listed.pictures.len());
                        extraction.features.extend(&known.features);
                        extraction.contents.push(known.content);
                        extraction.facts.push(known.facts);
                    }
                    Err(error) if unreadable => {
                        extraction.skipped.push(Skipped::new(&at, error));
                    }
                    Err(_) => continue,
                }
                let group = copies.0.get(&picture.stamp).cloned();
                let own = Listed::new(at, Labels::One(label.clone()), None);
                listed.pictures.push(Listed { group, ..own });
            }
        }
        let pictures = Pictures::from_listing(root, listed);
        Self { pictures: pictures.map(|pictures| pictures.with_validation(0.0, 0)), extraction }
    }
}

/// Pictures that have copies, each with a name for the group of copies.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Copies(HashMap<Stamp, Arc<str>>);

/// The copies that an audit has found.
pub(super) fn copies(root: &Path, listing: &Listing, audit: &Audit) -> Copies {
    let mut copies = HashMap::new();
    let of_several = audit.findings.iter().filter(|found| {
        use FindingKind::{ConflictingLabels, Duplicate, NearDuplicate, Straddling};
        matches!(found.kind, ConflictingLabels | Duplicate | NearDuplicate | Straddling)
    });
    for found in of_several {
        let paths = found.files.iter().filter_map(|at| within(root, &at.path()));
        let pictures = paths.filter_map(|path| Some(listing.find(&path).ok()?.0.clone()));
        let pictures: Vec<_> = pictures.collect();
        let Some(first) = pictures.first() else { continue };
        let name: Arc<str> = first.path.clone();
        copies.extend(pictures.iter().map(|picture| (picture.stamp, name.clone())));
    }
    Copies(copies)
}

/// A hash of the pictures to fit to; it changes when they do.
pub(super) fn fingerprint(listing: &Listing, store: &Store) -> u64 {
    let mut hash = DefaultHasher::new();
    for class in &listing.classes {
        for picture in &class.pictures {
            if matches!(store.get(&picture.stamp), Some(Ok(_))) {
                (&class.name, &picture.path, picture.stamp).hash(&mut hash);
            }
        }
    }
    hash.finish()
}
