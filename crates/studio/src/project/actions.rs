//! Converts the user's actions on classes and pictures to steps.

use std::collections::HashSet;
use std::path::Path;

use serde::Deserialize;

use crate::StudioError;
use crate::folder::deed::Deed;
use crate::folder::names::{file_name, free_path, new_class_name};
use crate::folder::{Class, Listing, Step, TRASH};
use crate::wording::pictures;

/// A user's action on classes and pictures.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase", deny_unknown_fields)]
pub enum Action {
    /// Creates a class.
    AddClass {
        /// Its name.
        name: String,
    },
    /// Renames a class.
    RenameClass {
        /// Its current name.
        from: String,
        /// Its new name.
        to: String,
    },
    /// Moves all pictures of a class to another, and removes it.
    MergeClass {
        /// The class whose pictures are moved.
        from: String,
        /// The class that they are moved to.
        into: String,
    },
    /// Removes a class with its pictures.
    DeleteClass {
        /// Its name.
        name: String,
    },
    /// Moves pictures to a class, or to no class.
    Move {
        /// The pictures.
        paths: Vec<String>,
        /// The class.
        to: Option<String>,
    },
    /// Removes pictures.
    Delete {
        /// The pictures.
        paths: Vec<String>,
    },
    /// Sets a finding aside.
    Keep {
        /// Its id.
        finding: String,
    },
    /// Applies a fix that a finding proposes.
    Fix {
        /// The finding's id.
        finding: String,
        /// The id of the fix.
        fix: String,
    },
}

/// The plan for an action: a deed, and a message for when it is done.
pub(super) struct Plan {
    pub(super) deed: Deed,
    /// The message, with the number of pictures.
    pub(super) said: String,
}

/// Plans a deed: where to put pictures, and which names are taken.
pub(super) struct Planner<'a> {
    root: &'a Path,
    listing: &'a Listing,
    /// A folder in the trash for this deed only.
    trash: String,
    taken: HashSet<String>,
    steps: Vec<Step>,
}

impl<'a> Planner<'a> {
    /// A planner for the deed of this number.
    pub(super) fn new(root: &'a Path, listing: &'a Listing, number: u64) -> Self {
        let (taken, steps) = (HashSet::new(), Vec::new());
        Self { root, listing, trash: format!("{TRASH}/{number}"), taken, steps }
    }

    /// Plans an action.
    ///
    /// # Errors
    /// If the action is invalid, or its objects no longer exist.
    pub(super) fn plan(mut self, action: &Action) -> Result<Plan, StudioError> {
        let mut counted = None;
        let (title, said) = match action {
            Action::AddClass { name } => {
                let name = self.new_class(name)?;
                self.steps.push(Step::Make { folder: name.clone() });
                (format!("Add the class {name}"), format!("{name} added"))
            }
            Action::RenameClass { from, to } => {
                let class = self.listing.class(from)?;
                let to = self.new_class(to)?;
                self.rename(class, &to);
                (format!("Rename {from} to {to}"), format!("{from} is called {to} now"))
            }
            Action::MergeClass { from, into } => {
                let (class, into) = (self.listing.class(from)?, self.listing.class(into)?);
                if class.name == into.name {
                    return Err(StudioError::Request(format!("{from} is the class itself")));
                }
                self.empty(class, &into.folders[0]);
                let count = pictures(class.pictures.len());
                let title = format!("Merge {from} into {}", into.name);
                (title, format!("{count} of {from} moved to {}", into.name))
            }
            Action::DeleteClass { name } => {
                let class = self.listing.class(name)?;
                class.folders.iter().for_each(|folder| self.discard(folder));
                let count = pictures(class.pictures.len());
                (format!("Delete the class {name}"), format!("{name} deleted, with {count}"))
            }
            Action::Move { paths, to } => {
                let target = to.as_deref().map(|to| self.listing.class(to)).transpose()?;
                let folder = target.map_or("", |class| &*class.folders[0]);
                for path in unique(paths) {
                    let (picture, class) = self.listing.find(path)?;
                    if class.map(|class| &class.name) != target.map(|class| &class.name) {
                        self.put(&picture.path, folder);
                    }
                }
                let count = pictures(*counted.insert(self.steps.len()));
                let to = to.as_deref().unwrap_or("the inbox");
                (format!("Move {{}} to {to}"), format!("{count} moved to {to}"))
            }
            Action::Delete { paths } => {
                for path in unique(paths) {
                    self.listing.find(path)?;
                    self.discard(path);
                }
                let count = pictures(*counted.insert(self.steps.len()));
                ("Delete {}".to_owned(), format!("{count} deleted"))
            }
            Action::Keep { finding } => {
                self.steps.push(Step::Keep { finding: finding.clone() });
                ("Set a finding aside".to_owned(), "The finding is set aside".to_owned())
            }
            Action::Fix { .. } => unreachable!("a fix is another action by now"),
        };
        let deed = Deed { title, pictures: counted, batch: None, steps: self.steps };
        Ok(Plan { deed, said })
    }

    /// Checks the name of a class that is to be created.
    fn new_class(&self, name: &str) -> Result<String, StudioError> {
        let name = new_class_name(name)?;
        let is_there =
            self.listing.class(&name).is_ok() || self.root.join(&name).symlink_metadata().is_ok();
        if is_there { Err(StudioError::ClassExists { name }) } else { Ok(name) }
    }

    fn rename(&mut self, class: &Class, to: &str) {
        let [first, others @ ..] = &class.folders[..] else { return };
        self.steps.push(Step::Move { from: first.clone(), to: to.to_owned() });
        // Several folders whose names denote the same class become one.
        for picture in &class.pictures {
            if let Some(folder) = others.iter().find(|folder| lies_in(&picture.path, folder)) {
                let name = picture.path[folder.len() + 1..].replace('/', "-");
                let target = free_path(self.root, first, &name, &mut self.taken);
                let to = format!("{to}/{}", file_name(&target));
                self.steps.push(Step::Move { from: picture.path.to_string(), to });
            }
        }
        others.iter().for_each(|folder| self.discard(folder));
    }

    /// Moves all pictures of a class to a folder, and what remains of the class to the trash.
    fn empty(&mut self, class: &Class, into: &str) {
        class.pictures.iter().for_each(|picture| self.put(&picture.path, into));
        class.folders.iter().for_each(|folder| self.discard(folder));
    }

    fn put(&mut self, path: &str, folder: &str) {
        let to = free_path(self.root, folder, file_name(path), &mut self.taken);
        self.steps.push(Step::Move { from: path.to_owned(), to });
    }

    fn discard(&mut self, path: &str) {
        let trash = self.trash.clone();
        self.put(path, &trash);
    }
}

/// Each path once, in order of first appearance.
fn unique(paths: &[String]) -> impl Iterator<Item = &str> {
    let mut seen = HashSet::new();
    paths.iter().map(String::as_str).filter(move |path| seen.insert(*path))
}

fn lies_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}
