//! The contents of the project's folder.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use headstart::data::sources::{ClassFolder, ClassFolders};

use super::Stamp;
use crate::StudioError;

/// The file of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// The path relative to the project's folder, with `/` on every system. It identifies the picture.
    pub(crate) path: Arc<str>,
    pub(crate) stamp: Stamp,
}

/// A class, which is a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) name: Arc<str>,
    /// Its folders, relative to the project's; several folders if their names denote the same class.
    pub(crate) folders: Vec<String>,
    pub(crate) pictures: Vec<Picture>,
}

/// A snapshot of the contents of the project's folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    pub(crate) classes: Vec<Class>,
    /// Pictures that are in no class.
    pub(crate) inbox: Vec<Picture>,
    /// Files that were skipped, with the reasons.
    pub(crate) passed_over: Vec<(String, String)>,
    /// The class of each picture, and its index in the class.
    places: HashMap<Arc<str>, (Option<usize>, usize)>,
    /// The folders that were listed, with their modification times.
    folders: Vec<(PathBuf, Option<SystemTime>)>,
}

impl PartialEq for Listing {
    fn eq(&self, other: &Self) -> bool {
        (&self.classes, &self.inbox, &self.passed_over)
            == (&other.classes, &other.inbox, &other.passed_over)
    }
}

impl Listing {
    /// Lists a folder, without decoding anything.
    ///
    /// # Errors
    /// If it cannot be listed.
    pub(crate) fn of(root: &Path) -> Result<Self, StudioError> {
        // Taken before listing, so that anything that changes from now on is detected.
        let mut folders = vec![changed(root)];
        let ClassFolders { classes, loose, skipped } = ClassFolders::list(root)?;
        for folder in classes.iter().flat_map(|class| &class.folders) {
            folders.push(changed(folder));
        }
        let mut listing = Self::default();
        for ClassFolder { name, folders, pictures } in classes {
            let own = folders.iter().filter_map(|folder| within(root, folder)).collect();
            let pictures = listing.pictures(root, pictures);
            listing.classes.push(Class { name: name.into(), folders: own, pictures });
        }
        listing.inbox = listing.pictures(root, loose);
        for skipped in skipped.iter().filter(|skipped| !skipped.is_no_picture()) {
            let path = within(root, &skipped.path);
            let path = path.unwrap_or_else(|| skipped.path.display().to_string());
            listing.passed_over.push((path, skipped.reason.to_string()));
        }
        let of_classes = listing.classes.iter().enumerate();
        let all = of_classes.map(|(at, class)| (Some(at), &class.pictures));
        for (class, pictures) in all.chain([(None, &listing.inbox)]) {
            let paths = pictures.iter().enumerate();
            let places = paths.map(|(at, picture)| (picture.path.clone(), (class, at)));
            listing.places.extend(places);
            // Subfolders of classes, as far as they contain pictures.
            for picture in pictures {
                let parent = root.join(picture.path.as_ref());
                let parent = parent.parent().unwrap_or(root);
                if folders.last().is_none_or(|(last, _)| last != parent) {
                    folders.push(changed(parent));
                }
            }
        }
        listing.folders = folders;
        Ok(listing)
    }

    fn pictures(&mut self, root: &Path, paths: Vec<PathBuf>) -> Vec<Picture> {
        let mut pictures = Vec::with_capacity(paths.len());
        for path in paths {
            let Some(own) = within(root, &path) else {
                let reason = "has a name that is not UTF-8".to_owned();
                self.passed_over.push((path.display().to_string(), reason));
                continue;
            };
            // The file has been removed meanwhile.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            pictures.push(Picture { path: own.into(), stamp: Stamp::of(&metadata) });
        }
        pictures
    }

    /// Whether files were added or removed since. Files that were overwritten in place are not detected.
    pub(crate) fn is_outdated(&self) -> bool {
        self.folders.iter().any(|(folder, before)| changed(folder).1 != *before)
    }

    /// Finds a picture, and its class if it has one.
    ///
    /// # Errors
    /// If there is no such picture. A path outside the listing is never found.
    pub(crate) fn find(&self, path: &str) -> Result<(&Picture, Option<&Class>), StudioError> {
        let place = self.places.get(path);
        let (class, at) = *place
            .ok_or_else(|| StudioError::NoSuchPicture { path: path.escape_debug().to_string() })?;
        Ok(match class {
            Some(class) => (&self.classes[class].pictures[at], Some(&self.classes[class])),
            None => (&self.inbox[at], None),
        })
    }

    /// Finds a class by its name.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn class(&self, name: &str) -> Result<&Class, StudioError> {
        let class = self.classes.iter().find(|class| *class.name == *name);
        class.ok_or_else(|| StudioError::NoSuchClass { name: name.to_owned() })
    }

    /// All pictures, each with the index of its class.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Option<usize>, &Picture)> {
        let of_classes = self.classes.iter().enumerate();
        let labelled = of_classes
            .flat_map(|(at, class)| class.pictures.iter().map(move |picture| (Some(at), picture)));
        labelled.chain(self.inbox.iter().map(|picture| (None, picture)))
    }

    /// The number of pictures that have a class.
    pub(crate) fn labelled(&self) -> usize {
        self.classes.iter().map(|class| class.pictures.len()).sum()
    }
}

/// A folder and its modification time.
fn changed(folder: &Path) -> (PathBuf, Option<SystemTime>) {
    (folder.to_owned(), fs::metadata(folder).and_then(|metadata| metadata.modified()).ok())
}

/// A path relative to the project's folder; `None` if it is not UTF-8.
pub(crate) fn within(root: &Path, path: &Path) -> Option<String> {
    let parts = path.strip_prefix(root).ok()?.iter().map(|part| part.to_str());
    Some(parts.collect::<Option<Vec<_>>>()?.join("/"))
}
