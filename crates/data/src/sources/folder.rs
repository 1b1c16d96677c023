use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dataset::is_learned_from;
use super::layout::{self, Top, is_inner_side};
use super::leftovers::hidden;
use super::metadata::Metadata;
use super::names::text_of;
use super::shards::is_sharded;
use super::walk::{Walker, entries, look};
use super::{Dataset, Listed, SkipReason, Skipped, Source, Subset};
use crate::DataError;
use headstart_model::class_name::{class_name, plain};

impl Dataset {
    /// Finds the pictures of a folder, or of any other [`Source`], and their classes. Decodes nothing.
    ///
    /// A folder that contains only one folder with subfolders represents that one. Three forms are supported:
    /// - `ROOT/CLASS/**/picture`: the first folder is the class, deeper ones are irrelevant;
    /// - `ROOT/{train,validation}/CLASS/**/picture`: the split is given. [`Subset::named`] lists the names of sides. A
    ///   side without class folders is unlabelled, and left out.
    ///
    /// - `ROOT/metadata.csv` or `.jsonl` labels the pictures, unless there are several folders beside it.
    ///
    /// The pictures of a folder `test` beside `train` are [`Dataset::tests`]. With `train` and `test` but no validation
    /// folder, the pictures of `train` have no given side. Folders beside the sides are left out. A note explains how
    /// the split was interpreted.
    ///
    /// # Errors
    /// When there is nothing to train on: see [`DataError`].
    pub fn open(root: impl AsRef<Path>) -> Result<Self, DataError> {
        let root = root.as_ref();
        if root.is_file() || Metadata::labels(root).is_some() || is_sharded(root) {
            return Self::from_listing(root, Source::new(root).list()?);
        }
        let inner = look_through(root);
        match Layout::of(&inner)? {
            Layout::Classes { classes, tops } => {
                if let Some(folders) = layout::either_may_be_classes(&tops) {
                    return Err(DataError::EitherClasses {
                        path: inner,
                        outer: tops.iter().map(|top| top.name.clone()).collect(),
                        inner: folders.iter().cloned().collect(),
                    });
                }
                let note = layout::sides_within(&tops);
                let mut folder = collect(root, vec![(None, classes)])?;
                folder.notes.extend(note.map(Into::into));
                folder.notes.extend(Metadata::of(root).map(|metadata| metadata.note().into()));
                Ok(folder)
            }
            Layout::Split { train, validation, test, others, loose, skipped: left_out, note } => {
                let classes_of =
                    |side: Option<PathBuf>| side.as_deref().map(Classes::of).transpose();
                let (validation, test) = (classes_of(validation)?, classes_of(test)?);
                let measured = validation.as_ref().is_some_and(|side| !side.folders.is_empty());
                let subset = measured.then_some(Subset::Train);
                let mut sides = vec![(subset, Classes::of(&train)?)];
                sides.extend(validation.map(|side| (Some(Subset::Validation), side)));
                sides.extend(test.map(|side| (Some(Subset::Test), side)));
                let mut folder = collect(root, sides)?;
                let other = |path| Skipped::new(path, SkipReason::NoSide);
                folder.skipped.extend(left_out);
                folder.skipped.extend(others.into_iter().map(other));
                folder.skipped.extend(loose.into_iter().map(outside));
                folder.skipped.sort_by(|a, b| a.path.cmp(&b.path));
                folder.notes.push(note.into());
                Ok(folder)
            }
        }
    }

    /// Takes training and validation pictures from two folders, each with a folder per class.
    ///
    /// # Errors
    /// As for [`Dataset::open`].
    pub fn open_split(
        train: impl AsRef<Path>,
        validation: impl AsRef<Path>,
    ) -> Result<Self, DataError> {
        let sides = vec![
            (Some(Subset::Train), Classes::of(train.as_ref())?),
            (Some(Subset::Validation), Classes::of(validation.as_ref())?),
        ];
        collect(train.as_ref(), sides)
    }
}

/// The contents of a folder of class folders.
pub(super) struct Classes {
    /// Class folders by name, which sides of a split have in common.
    pub(super) folders: BTreeMap<String, Vec<PathBuf>>,
    /// Pictures outside classes.
    pub(super) loose: Vec<PathBuf>,
    pub(super) skipped: Vec<Skipped>,
}

impl Classes {
    /// The top-level folders, in order.
    fn tops(&self) -> Vec<Top> {
        let folders = self.folders.values().flatten();
        let top = |path: &PathBuf| {
            let own = name(path);
            let folders = match Subset::named(&own) {
                Some(_) => {
                    entries(&inner_side(path)).map(|found| found.folders).unwrap_or_default()
                }
                None => return Top { name: own, folders: only_folders(path) },
            };
            Top { name: own, folders: folders.iter().map(|path| name(path)).collect() }
        };
        folders.map(top).collect()
    }

    pub(super) fn of(root: &Path) -> Result<Self, DataError> {
        let found = entries(root).map_err(|cause| unreadable(root, cause))?;
        let mut classes =
            Self { folders: BTreeMap::new(), loose: Vec::new(), skipped: found.skipped };
        for path in found.folders {
            match class_name(&own_name(&path)) {
                Ok(name) => classes.folders.entry(name.into_owned()).or_default().push(path),
                Err(bad) => {
                    classes.skipped.push(Skipped::new(path, SkipReason::FolderName(bad)));
                }
            }
        }
        for (path, _) in found.files {
            match look(&path) {
                Ok(()) => classes.loose.push(path),
                Err(error) => classes.skipped.push(Skipped::new(path, error)),
            }
        }
        Ok(classes)
    }
}

/// The form of a folder.
pub(super) enum Layout {
    Classes {
        classes: Classes,
        tops: Vec<Top>,
    },
    Split {
        train: PathBuf,
        validation: Option<PathBuf>,
        test: Option<PathBuf>,
        /// Folders beside these.
        others: Vec<PathBuf>,
        /// Pictures beside these.
        loose: Vec<PathBuf>,
        skipped: Vec<Skipped>,
        /// How it was interpreted, for people.
        note: String,
    },
}

impl Layout {
    pub(super) fn of(root: &Path) -> Result<Self, DataError> {
        let classes = Classes::of(root)?;
        let tops = classes.tops();
        let Some(sides) = layout::sides(&tops) else {
            return Ok(Layout::Classes { classes, tops });
        };
        let note = layout::describe(&tops, &sides);
        let Classes { folders, loose, skipped } = classes;
        let (mut train, mut validation, mut test, mut others) = (None, None, None, Vec::new());
        for (path, side) in folders.into_values().flatten().zip(sides) {
            match side {
                Some(Subset::Train) => train = Some(path),
                Some(Subset::Validation) => validation = Some(path),
                Some(Subset::Test) => test = Some(path),
                None => others.push(path),
            }
        }
        let train = inner_side(&train.expect("a split has a side to learn from"));
        let [validation, test] = [validation, test].map(|side| side.map(|side| inner_side(&side)));
        Ok(Layout::Split { train, validation, test, others, loose, skipped, note })
    }
}

/// Maximum depth of nested folders that are looked through.
const DEEPEST: usize = 16;

/// Descends from a folder that contains only one folder to the first that contains several: the contents of an archive
/// often have such a wrapper. A folder whose only folder has no subfolders is the result itself, and that only folder a
/// class.
pub(super) fn look_through(root: &Path) -> PathBuf {
    let mut root = root.to_owned();
    for _ in 0..DEEPEST {
        let Ok(found) = entries(&root) else { break };
        let ([only], []) = (&found.folders[..], &found.files[..]) else { break };
        match entries(only) {
            Ok(below) if !below.folders.is_empty() => root = only.clone(),
            _ => break,
        }
    }
    root
}

/// Descends from a side that contains only a folder of its own name, as unpacked from archives named like their
/// content: `train/train`.
fn inner_side(side: &Path) -> PathBuf {
    let mut side = side.to_owned();
    for _ in 0..DEEPEST {
        let Ok(found) = entries(&side) else { break };
        match (&found.folders[..], &found.files[..]) {
            ([only], []) if is_inner_side(name(&side).as_bytes(), name(only).as_bytes()) => {
                side = only.clone();
            }
            _ => break,
        }
    }
    side
}

/// The names of the subfolders of a folder without pictures beside them; empty if there are pictures.
fn only_folders(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if hidden(entry.file_name().as_encoded_bytes()) {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            names.insert(name(&path));
        } else if look(&path).is_ok() {
            return BTreeSet::new();
        }
    }
    names
}

fn outside(path: PathBuf) -> Skipped {
    Skipped::new(path, SkipReason::NoClass)
}

/// Collects the classes of all sides, the training side (or the only one) first.
fn collect(root: &Path, sides: Vec<(Option<Subset>, Classes)>) -> Result<Dataset, DataError> {
    let mut loose = 0;
    let mut left_out = Vec::new();
    let mut pictures: Vec<Listed> = Vec::new();
    let mut notes = Vec::new();
    for (subset, classes) in sides {
        left_out.extend(classes.skipped);
        loose += classes.loose.len();
        left_out.extend(classes.loose.into_iter().map(outside));
        for (class, folders) in classes.folders {
            let names = folders.iter().map(|path| own_name(path));
            notes.extend(layout::merged(&class, names).map(Into::into));
            let mut walker = Walker::default();
            folders.iter().for_each(|folder| walker.enter(folder));
            let (paths, skips) = walker.finish();
            if paths.is_empty() {
                // A folder that is already reported is not reported again.
                let new = folders.into_iter().filter(|f| !skips.iter().any(|s| s.path == *f));
                left_out.extend(new.map(|f| Skipped::new(f, SkipReason::EmptyClass)));
            }
            left_out.extend(skips);
            let class: Arc<str> = class.into();
            let listed = |path| Listed::new(path, Some(class.clone()), subset);
            pictures.extend(paths.into_iter().map(listed));
        }
    }
    if loose > 0 && !pictures.iter().any(|picture| is_learned_from(picture.subset)) {
        return Err(DataError::NoClasses { path: root.to_owned(), pictures: loose });
    }
    Ok(Dataset { notes, ..Dataset::new(root, pictures, left_out)? })
}

/// The name of a file or folder, normalised for comparison.
fn name(path: &Path) -> String {
    plain(&own_name(path)).into_owned()
}

fn own_name(path: &Path) -> Cow<'_, str> {
    text_of(path.file_name().unwrap_or(path.as_os_str()).as_encoded_bytes())
}

/// The error for a folder that cannot be listed.
pub(super) fn unreadable(path: &Path, cause: io::Error) -> DataError {
    let path = path.to_owned();
    match fs::metadata(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => DataError::Missing { path },
        Ok(metadata) if !metadata.is_dir() => DataError::NotAFolder { path },
        _ => DataError::Unreadable { path, cause },
    }
}
