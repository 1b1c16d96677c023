//! What is known of pictures that were read: their features, by their files.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use headstart::PictureFeatures;
use headstart::data::DecodeError;

use crate::folder::{Listing, Stamp};

/// A picture that was read, or why it could not be.
pub(crate) type Known = Result<Arc<PictureFeatures>, DecodeError>;

/// Pictures that were read.
#[derive(Debug, Default)]
pub(crate) struct Store(RwLock<HashMap<Stamp, Known>>);

/// How many more than there are pictures are kept: what is undone need not be read again.
const SPARE: usize = 2_000;

impl Store {
    /// What is known of a picture.
    pub(crate) fn get(&self, stamp: &Stamp) -> Option<Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(stamp).cloned()
    }

    /// Keeps what became of pictures.
    pub(super) fn put(&self, read: Vec<(Stamp, Known)>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).extend(read);
    }

    /// The pictures of a listing that nothing is known of: each class's in turn, so that something can be
    /// learned soon, and then those without a class.
    pub(super) fn unknown_of(&self, listing: &Listing) -> Vec<(Stamp, Arc<str>)> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut unknown: Vec<_> = Vec::new();
        let of_classes =
            listing.classes.iter().enumerate().map(|(at, class)| (at, &class.pictures));
        for (class, pictures) in of_classes.chain([(usize::MAX, &listing.inbox)]) {
            let new = pictures.iter().filter(|picture| !known.contains_key(&picture.stamp));
            unknown.extend(new.enumerate().map(|(at, picture)| {
                let turn = if class == usize::MAX { usize::MAX } else { at };
                ((turn, class, at), (picture.stamp, picture.path.clone()))
            }));
        }
        unknown.sort_by_key(|(turn, _)| *turn);
        unknown.into_iter().map(|(_, picture)| picture).collect()
    }

    /// Forgets what is of no listing, if that is much.
    pub(super) fn forget_all_but(&self, listing: &Listing) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let there = listing.labelled() + listing.inbox.len();
        if known.len() > there + there / 4 + SPARE {
            let stamps: std::collections::HashSet<Stamp> =
                listing.all().map(|(_, picture)| picture.stamp).collect();
            known.retain(|stamp, _| stamps.contains(stamp));
        }
    }
}
