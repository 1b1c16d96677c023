use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::{Layout, look_through, unreadable as not_a_folder};
use super::kind::{FileKind, joining};
use super::shards::{Shards, is_sharded};
use super::shared_names::Names;
#[cfg(feature = "parquet")]
use super::table;
use super::walk::Walker;
use super::{
    ColumnNames, Labels, Listed, Listing, ListingProblem, SkipReason, Skipped, Subset, archive,
    manifest,
};
use crate::DataError;

/// Lists files, the pictures in folders, and those of manifests, with labels if available.
///
/// A file given by name is always listed, of any type, so that its decoding error is reported. Archives and tables with
/// a column of pictures, detected by content, are replaced by their pictures, and so is a folder that contains only
/// such files. A folder's pictures are labelled as by [`Dataset`](super::Dataset), but without its requirements (two
/// classes, nothing outside them), and the pictures of a `test` folder beside `train` are listed with the others, as
/// [`Subset::Test`], so that their features can be computed. Within one given folder, a file reachable by several links
/// is listed once, under the first label.
pub fn list_pictures<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Listing {
    list_pictures_as(paths, &ColumnNames::default())
}

/// Lists like [`list_pictures`], with some columns of tables specified.
pub fn list_pictures_as<P: AsRef<Path>>(
    paths: impl IntoIterator<Item = P>,
    columns: &ColumnNames,
) -> Listing {
    let mut listing = Listing::default();
    for path in paths {
        let path = path.as_ref();
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => add_folder(&mut listing, path, columns),
            Ok(metadata) if metadata.is_file() => add_file(&mut listing, path, columns),
            Ok(_) => listing.pictures.push(Listed::new(path, Labels::None, None)),
            Err(e) => listing.skipped.push(Skipped::unreadable(path, &e)),
        }
    }
    listing
}

/// Lists the pictures of one source, a folder or a file that contains pictures, like [`list_pictures`].
///
/// # Errors
/// When the path does not exist, or is a file that contains none.
pub fn list_source(root: &Path) -> Result<Listing, DataError> {
    list_source_as(root, &ColumnNames::default())
}

/// Lists like [`list_source`], with some columns of tables specified.
pub(super) fn list_source_as(root: &Path, columns: &ColumnNames) -> Result<Listing, DataError> {
    let path = root.to_owned();
    match fs::metadata(root) {
        Ok(metadata) if metadata.is_dir() => {
            if !columns.is_empty() && !is_sharded(root) {
                return Err(DataError::NoColumns { path });
            }
            Ok(list_pictures_as([root], columns))
        }
        Ok(metadata) if metadata.is_file() => match contents(root, columns) {
            Some(listing) => listing.map_err(|reason| DataError::Contents { path, reason }),
            None => Err(DataError::NotAFolder { path }),
        },
        Ok(_) => Err(DataError::NotAFolder { path }),
        Err(cause) => Err(not_a_folder(root, cause)),
    }
}

/// Whether a path may contain several pictures: a folder, a manifest, an archive or a table.
pub fn is_source(path: &Path) -> bool {
    path.is_dir()
        || (path.is_file()
            && (manifest::is_manifest(path) || FileKind::of(path) != FileKind::Other))
}

/// Whether a file is a table that lists or contains pictures.
pub fn is_table(path: &Path) -> bool {
    path.is_file() && (manifest::is_manifest(path) || FileKind::of(path) == FileKind::Table)
}

/// The contents of an archive or a table, or the reason why it cannot be listed; `None` if the file is neither.
fn contents(path: &Path, columns: &ColumnNames) -> Option<Result<Listing, ListingProblem>> {
    Some(match FileKind::of(path) {
        FileKind::Archive(kind) => archive::list(path, kind, columns).map_err(Into::into),
        #[cfg(feature = "parquet")]
        FileKind::Table => table::list(path, columns),
        #[cfg(not(feature = "parquet"))]
        FileKind::Table => Err(super::kind::not_in_this_build().into()),
        FileKind::Packed(packer) => Err(format!(
            "packed by {packer}, which is not read: unpack it, a .tar or .zip is enough"
        )
        .into()),
        FileKind::Part => Err(joining(path)?.into()),
        FileKind::Other => return None,
    })
}

fn add_file(listing: &mut Listing, path: &Path, columns: &ColumnNames) {
    let listed = match manifest::is_manifest_of(path, columns) {
        true => Some(manifest::list(path, columns)),
        false => contents(path, columns),
    };
    match listed {
        None => listing.pictures.push(Listed::new(path, Labels::None, None)),
        Some(Ok(mut listed)) => {
            listing.pictures.append(&mut listed.pictures);
            listing.skipped.append(&mut listed.skipped);
            // Tables of one folder are interpreted alike.
            listed.notes.retain(|note| !listing.notes.contains(note));
            listing.notes.append(&mut listed.notes);
        }
        Some(Err(reason)) => {
            listing.skipped.push(Skipped::new(path, SkipReason::Unlisted { reason }));
        }
    }
}

fn add_folder(listing: &mut Listing, root: &Path, columns: &ColumnNames) {
    if let Some(shards) = Shards::of(root) {
        shards.files.iter().for_each(|path| add_file(listing, path, columns));
        return listing.skipped.extend(shards.skipped);
    }
    let root = &look_through(root);
    match Layout::of(root) {
        Ok(Layout::Classes { .. }) => add_classes(listing, root, None),
        Ok(Layout::Split { train, validation, test, others, loose, skipped, note }) => {
            listing.notes.push(note.into());
            let mut folders = vec![(train, Some(Subset::Train))];
            folders.extend(validation.map(|folder| (folder, Some(Subset::Validation))));
            folders.extend(test.map(|folder| (folder, Some(Subset::Test))));
            folders.extend(others.into_iter().map(|folder| (folder, None)));
            folders.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            for (folder, subset) in &folders {
                match subset {
                    Some(_) => add_classes(listing, folder, *subset),
                    None => add_unlabelled(listing, folder),
                }
            }
            listing
                .pictures
                .extend(loose.into_iter().map(|path| Listed::new(path, Labels::None, None)));
            listing.skipped.extend(skipped);
        }
        Err(e) => {
            let reason = ListingProblem::Other(e.to_string());
            listing.skipped.push(Skipped::new(root, SkipReason::Unlisted { reason }));
        }
    }
}

/// The pictures in a folder at any depth; other files are skipped.
fn below(listing: &mut Listing, root: &Path) -> Vec<PathBuf> {
    let mut walker = Walker::default();
    walker.enter(root);
    let (paths, skipped) = walker.finish();
    listing.skipped.extend(skipped);
    paths
}

fn add_unlabelled(listing: &mut Listing, root: &Path) {
    let paths = below(listing, root);
    listing.pictures.extend(paths.into_iter().map(|path| Listed::new(path, Labels::None, None)));
}

fn add_classes(listing: &mut Listing, root: &Path, subset: Option<Subset>) {
    let paths = below(listing, root);
    let mut known = Names::default();
    // The pictures of a folder are consecutive.
    let mut last: Option<(OsString, Option<Arc<str>>)> = None;
    for path in paths {
        let inside = path.strip_prefix(root).unwrap_or(&path);
        let folder = inside.iter().next().filter(|_| inside.iter().count() > 1);
        let label = folder.and_then(|folder| match &last {
            Some((own, label)) if own == folder => label.clone(),
            _ => {
                let label = known.folder(folder.as_encoded_bytes()).map_err(|bad| {
                    let reason = SkipReason::FolderName(bad);
                    listing.skipped.push(Skipped::new(root.join(folder), reason));
                });
                last.insert((folder.to_owned(), label.ok())).1.clone()
            }
        });
        listing.pictures.push(Listed::new(path, label, subset));
    }
}
