//! Folders of archives and tables.

use std::path::{Path, PathBuf};

use super::kind::FileKind;
use super::walk::{entries, look, named_like_a_picture};
use super::{SkipReason, Skipped};

/// The contents of a folder of archives or tables.
pub(super) struct Shards {
    pub(super) files: Vec<PathBuf>,
    pub(super) skipped: Vec<Skipped>,
}

impl Shards {
    /// Examines a folder; `None` unless it contains archives or tables, and neither folders nor pictures beside them.
    pub(super) fn of(root: &Path) -> Option<Self> {
        let found = entries(root).ok()?;
        let named = |path: &Path| named_like_a_picture(path.as_os_str().as_encoded_bytes());
        if !found.folders.is_empty() || found.files.iter().any(|(path, _)| named(path)) {
            return None;
        }
        let holds =
            |path: &PathBuf| matches!(FileKind::of(path), FileKind::Archive(_) | FileKind::Table);
        let files = found.files.into_iter().map(|(path, _)| path);
        let (files, others): (Vec<_>, Vec<_>) = files.partition(holds);
        let mut left_out = found.skipped;
        left_out.extend(others.into_iter().map(|path| {
            let reason = look(&path).err().map_or(SkipReason::BesideArchives, SkipReason::Content);
            Skipped::new(path, reason)
        }));
        (!files.is_empty()).then_some(Self { files, skipped: left_out })
    }
}

/// Whether a folder contains only archives or tables of pictures.
pub(super) fn is_sharded(root: &Path) -> bool {
    Shards::of(root).is_some()
}
