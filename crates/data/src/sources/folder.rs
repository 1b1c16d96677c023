use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dataset::is_learned_from;
use super::names::{text_of, trimmed};
use super::shards::is_sharded;
use super::walk::{Walker, entries, look};
use super::{Dataset, Listed, SkipReason, Skipped, Source, Subset};
use crate::DataError;

impl Dataset {
    /// Finds the pictures of a folder, or of any other [`Source`], and their classes.
    /// Decodes nothing.
    ///
    /// Two forms of a folder are known:
    /// - `ROOT/CLASS/**/picture`: the first folder names the class, deeper ones do not matter;
    /// - `ROOT/{train,validation}/CLASS/**/picture`: the split is given. `train` may be called
    ///   `training`, and `validation` `val` or `valid`, in any case of letters.
    ///
    /// The pictures of a folder `test` (or `testing`) beside `train` are [`Dataset::tests`]. With
    /// `train` and `test` but no validation folder, the pictures of `train` come without a given side.
    ///
    /// # Errors
    /// When there is nothing to learn from: see [`DataError`].
    pub fn open(root: impl AsRef<Path>) -> Result<Self, DataError> {
        let root = root.as_ref();
        if root.is_file() || is_sharded(root) {
            return Self::from_listing(root, Source::new(root).list()?);
        }
        match Layout::of(root)? {
            Layout::Classes(found) => collect(root, vec![(None, found)]),
            Layout::Split { train, validation, test, others, loose, skipped: left_out } => {
                let subset = validation.is_some().then_some(Subset::Train);
                let mut sides = vec![(subset, Classes::of(&train)?)];
                for (folder, subset) in [(validation, Subset::Validation), (test, Subset::Test)] {
                    if let Some(folder) = folder {
                        sides.push((Some(subset), Classes::of(&folder)?));
                    }
                }
                let mut folder = collect(root, sides)?;
                let other = |path| Skipped::new(path, SkipReason::NoSide);
                folder.skipped.extend(left_out);
                folder.skipped.extend(others.into_iter().map(other));
                folder.skipped.extend(loose.into_iter().map(outside));
                folder.skipped.sort_by(|a, b| a.path.cmp(&b.path));
                Ok(folder)
            }
        }
    }

    /// Takes the pictures to train on and those to measure on from two folders, each with
    /// a folder per class.
    ///
    /// # Errors
    /// As [`Dataset::open`].
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

/// What lies in a folder whose folders are classes.
pub(super) struct Classes {
    /// By name, which is how the sides of a split agree on their classes.
    pub(super) folders: BTreeMap<String, Vec<PathBuf>>,
    /// Pictures that lie in no class.
    pub(super) loose: Vec<PathBuf>,
    skipped: Vec<Skipped>,
}

impl Classes {
    fn of(root: &Path) -> Result<Self, DataError> {
        let found = entries(root).map_err(|cause| unreadable(root, cause))?;
        let mut classes =
            Self { folders: BTreeMap::new(), loose: Vec::new(), skipped: found.skipped };
        for path in found.folders {
            classes.folders.entry(name(&path)).or_default().push(path);
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
    Classes(Classes),
    Split {
        train: PathBuf,
        validation: Option<PathBuf>,
        test: Option<PathBuf>,
        /// Folders beside these.
        others: Vec<PathBuf>,
        /// Pictures beside these.
        loose: Vec<PathBuf>,
        skipped: Vec<Skipped>,
    },
}

impl Layout {
    pub(super) fn of(root: &Path) -> Result<Self, DataError> {
        let classes = Classes::of(root)?;
        let side = |side| {
            let named = classes.folders.iter().filter(|(name, _)| Subset::named(name) == side);
            let mut paths = named.flat_map(|(_, paths)| paths);
            // A class may be called "train": a side of a split holds folders.
            paths.find(|path| entries(path).is_ok_and(|e| !e.folders.is_empty())).cloned()
        };
        let [train, validation, test] =
            [Subset::Train, Subset::Validation, Subset::Test].map(|subset| side(Some(subset)));
        let (known, total) = (
            [&train, &validation, &test].into_iter().flatten().count(),
            classes.folders.values().map(Vec::len).sum::<usize>(),
        );
        // Both sides are a split whatever lies beside them; train and test only alone.
        let Some(train) =
            train.filter(|_| validation.is_some() || (test.is_some() && known == total))
        else {
            return Ok(Layout::Classes(classes));
        };
        let Classes { folders, loose, skipped } = classes;
        let is_side = |path: &PathBuf| {
            [Some(&train), validation.as_ref(), test.as_ref()].contains(&Some(path))
        };
        let others = folders.into_values().flatten().filter(|path| !is_side(path)).collect();
        Ok(Layout::Split { train, validation, test, others, loose, skipped })
    }
}

fn outside(path: PathBuf) -> Skipped {
    Skipped::new(path, SkipReason::NoClass)
}

/// Walks the classes of all sides, the training side (or the only one) first.
fn collect(root: &Path, sides: Vec<(Option<Subset>, Classes)>) -> Result<Dataset, DataError> {
    let mut loose = 0;
    let mut left_out = Vec::new();
    let mut pictures: Vec<Listed> = Vec::new();
    for (subset, classes) in sides {
        left_out.extend(classes.skipped);
        loose += classes.loose.len();
        left_out.extend(classes.loose.into_iter().map(outside));
        for (class, folders) in classes.folders {
            let mut walker = Walker::default();
            folders.iter().for_each(|folder| walker.enter(folder));
            let (paths, skips) = walker.finish();
            if paths.is_empty() {
                // What is said of a folder already is not said again.
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
    Dataset::new(root, pictures, left_out)
}

pub(super) fn name(path: &Path) -> String {
    let name = text_of(path.file_name().unwrap_or(path.as_os_str()).as_encoded_bytes());
    trimmed(&name).to_owned()
}

/// Why a folder cannot be listed.
pub(super) fn unreadable(path: &Path, cause: io::Error) -> DataError {
    let path = path.to_owned();
    match fs::metadata(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => DataError::Missing { path },
        Ok(metadata) if !metadata.is_dir() => DataError::NotAFolder { path },
        _ => DataError::Unreadable { path, cause },
    }
}
