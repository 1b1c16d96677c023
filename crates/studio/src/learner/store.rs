//! The features of pictures that were read, by the stamps of their files.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use headstart::PictureFeatures;
use headstart::data::DecodeError;

use crate::folder::{Listing, Stamp};

/// The features of a picture, or the reason why it cannot be read.
pub(crate) type Known = Result<Arc<PictureFeatures>, DecodeError>;

/// The pictures that were read.
#[derive(Debug, Default)]
pub(crate) struct Store(RwLock<HashMap<Stamp, Known>>);

/// The number of spare entries, so that pictures need not be read again after undo.
const SPARE: usize = 2_000;

impl Store {
    /// The entry of a picture.
    pub(crate) fn get(&self, stamp: &Stamp) -> Option<Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(stamp).cloned()
    }

    /// Adds pictures that were read.
    pub(super) fn put(&self, read: Vec<(Stamp, Known)>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).extend(read);
    }

    /// The pictures of a listing that were not read yet: one of each class in turn, so that a head can be fitted soon,
    /// and then those without a class.
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

    /// Forgets pictures that are not in the listing, if there are many.
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
