use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::folder::{Layout, name};
use super::walk::{Walker, entries, skipped, unreadable};
use super::{Location, Skipped, Subset, manifest};

/// A picture of a [`Listing`].
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Where it is.
    pub at: Location,
    /// Its label: the name of its class's folder; none when it lies in none.
    pub label: Option<Arc<str>>,
    /// The side it is given to, where the source itself is split.
    pub subset: Option<Subset>,
    /// See [`Item::group`](super::Item::group).
    pub group: Option<Arc<str>>,
    /// See [`Item::weight`](super::Item::weight).
    pub weight: f32,
}

impl Listed {
    /// A picture that counts like any other.
    pub fn new(at: impl Into<Location>, label: Option<Arc<str>>, subset: Option<Subset>) -> Self {
        Self { at: at.into(), label, subset, group: None, weight: 1.0 }
    }
}

impl AsRef<Location> for Listed {
    fn as_ref(&self) -> &Location {
        &self.at
    }
}

/// What [`list_pictures`] found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// The pictures, in the order of the paths given; those of a folder in path order.
    pub pictures: Vec<Listed>,
    /// What was left out: paths that do not exist, and what folders hold beside pictures.
    pub skipped: Vec<Skipped>,
}

/// Lists files, the pictures below folders, and those of manifests, with labels where there are any.
///
/// A file given by name is always listed, whatever it is: that it cannot be decoded is an
/// answer to whoever named it. A folder's pictures are labelled as [`Dataset`](super::Dataset)
/// labels them; none of its demands (two classes, nothing outside them) are made here, and
/// the pictures of a `test` folder beside `train` are listed with the others, as
/// [`Subset::Test`], so that features can be had of all of them. Within one folder given, a file that links lead to
/// several times is listed once, under the first label.
pub fn list_pictures<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Listing {
    let mut listing = Listing::default();
    for path in paths {
        let path = path.as_ref();
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => add_folder(&mut listing, path),
            Ok(_) if manifest::is_manifest(path) => match manifest::list(path) {
                Ok(mut listed) => {
                    listing.pictures.append(&mut listed.pictures);
                    listing.skipped.append(&mut listed.skipped);
                }
                Err(reason) => listing.skipped.push(skipped(path.to_owned(), &reason)),
            },
            Ok(_) => listing.pictures.push(Listed::new(path, None, None)),
            Err(e) => listing.skipped.push(unreadable(path.to_owned(), &e)),
        }
    }
    listing
}

fn add_folder(listing: &mut Listing, root: &Path) {
    match Layout::of(root) {
        Ok(Layout::Classes(_)) => add_classes(listing, root, None),
        Ok(Layout::Split { train, validation, test, .. }) => match entries(root) {
            Ok(found) => {
                for side in found.folders {
                    let subset = if side == train {
                        Some(Subset::Train)
                    } else if Some(&side) == validation.as_ref() {
                        Some(Subset::Validation)
                    } else {
                        (Some(&side) == test.as_ref()).then_some(Subset::Test)
                    };
                    add_classes(listing, &side, subset);
                }
            }
            Err(e) => listing.skipped.push(unreadable(root.to_owned(), &e)),
        },
        Err(e) => listing.skipped.push(Skipped { path: root.to_owned(), reason: e.to_string() }),
    }
}

fn add_classes(listing: &mut Listing, root: &Path, subset: Option<Subset>) {
    let mut walker = Walker::default();
    walker.enter(root);
    let (paths, skipped) = walker.finish();
    listing.skipped.extend(skipped);
    // A class's pictures follow each other, and share its name.
    let mut last: Option<Arc<str>> = None;
    listing.pictures.extend(paths.into_iter().map(|path| {
        let inside = path.strip_prefix(root).unwrap_or(&path);
        let first = inside.iter().next().filter(|_| inside.iter().count() > 1);
        let label = first.map(|first| {
            let name = name(Path::new(first));
            let label = last.take().filter(|last| **last == *name).unwrap_or_else(|| name.into());
            last = Some(label.clone());
            label
        });
        Listed::new(path, label, subset)
    }));
}
