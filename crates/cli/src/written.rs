//! Checks on the files that commands write.

use std::fs;
use std::path::{Path, PathBuf};

use crate::output::path_text;
use crate::usage;

/// Checks that a file to be written beside a model is not the model itself.
///
/// # Errors
/// If writing `file` would overwrite `model`.
pub(crate) fn check_is_not_model(file: &Path, model: &Path) -> anyhow::Result<()> {
    match is_same(file, model) {
        true => {
            Err(usage(format_args!("{} is the model itself; choose another file", path_text(file))))
        }
        false => Ok(()),
    }
}

/// Whether both paths refer to the same file, even if it does not exist yet.
fn is_same(a: &Path, b: &Path) -> bool {
    matches!((resolved(a), resolved(b)), (Some(a), Some(b)) if a == b)
}

fn resolved(file: &Path) -> Option<PathBuf> {
    if let Ok(there) = fs::canonicalize(file) {
        return Some(there);
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
    Some(folder.join(file.file_name()?))
}
