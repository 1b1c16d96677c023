//! Files that are not what they should be.

use std::path::Path;

use headstart_data::decode::Format;
use headstart_data::{DecodeError, Location, Skipped};

use super::{Finding, Kind};

/// What was left out when the folder was listed, as far as it is about single files.
pub(super) fn of_skipped(skipped: &[Skipped]) -> Vec<Finding> {
    let finding = |skipped: &Skipped| {
        let kind = match () {
            () if skipped.is_no_picture() => Kind::NotAPicture,
            () if skipped.path.is_dir() => return None,
            () if skipped.reason.starts_with("cannot be read") => Kind::Unreadable,
            () => return None,
        };
        Some(of_file(kind, (&skipped.path).into(), skipped.reason.clone()))
    };
    skipped.iter().filter_map(finding).collect()
}

/// A picture that could not be decoded.
pub(super) fn of_error(at: Location, error: &DecodeError) -> Finding {
    let kind = match error {
        DecodeError::Truncated { .. } => Kind::Truncated,
        DecodeError::NotAPicture { .. } => Kind::NotAPicture,
        _ => Kind::Unreadable,
    };
    of_file(kind, at, error.to_string())
}

fn of_file(kind: Kind, at: Location, detail: String) -> Finding {
    Finding { kind, value: None, detail, files: vec![at], class: None }
}

/// What a file is, if its ending says that it is something else.
pub(super) fn misnamed(path: &Path, format: Format) -> Option<String> {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    match ending {
        Some(ending) if format.endings().contains(&ending.as_str()) => None,
        Some(ending) => Some(format!("a {format} that is called .{ending}")),
        None => Some(format!("a {format} without ending")),
    }
}
