//! Findings about files: unreadable, skipped or misnamed.

use std::borrow::Cow;
use std::path::Path;

use headstart_data::decode::{Format, UNREAD_ENDINGS};
use headstart_data::sources::class_name;
use headstart_data::{DecodeError, Location, SkipReason, Skipped};

use super::{Finding, FindingKind};

/// Findings for what was skipped when the pictures were listed, except for files that are clearly not pictures.
pub(super) fn of_skipped(skipped: &[Skipped]) -> Vec<Finding> {
    skipped.iter().filter_map(of_one_skipped).collect()
}

fn of_one_skipped(skipped: &Skipped) -> Option<Finding> {
    let Skipped { path, reason } = skipped;
    let kind = match reason {
        SkipReason::Content(DecodeError::NotAPicture { .. }) if !named_like_a_picture(path) => {
            return None;
        }
        SkipReason::EmptyClass => return Some(of_empty_class(path)),
        SkipReason::Content(error) => kind_of(error),
        SkipReason::ListedInPart { .. } => FindingKind::Inaccessible,
        SkipReason::Unlisted { .. } => FindingKind::Unreadable,
        _ => FindingKind::LeftOut,
    };
    Some(of_file(kind, path.into(), reason.to_string()))
}

fn of_empty_class(folder: &Path) -> Finding {
    let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy();
    let name = class_name(&name).map_or_else(|_| name.clone().into_owned(), Cow::into_owned);
    Finding {
        value: Some(0.0),
        class: Some(name.clone()),
        ..of_file(FindingKind::FewPictures, folder.into(), format!("{name} has no pictures"))
    }
}

/// The finding for a picture that could not be decoded.
pub(super) fn of_error(at: Location, error: &DecodeError) -> Finding {
    of_file(kind_of(error), at, error.to_string())
}

fn kind_of(error: &DecodeError) -> FindingKind {
    match error {
        DecodeError::Truncated { .. } => FindingKind::Truncated,
        DecodeError::NotAPicture { .. } => FindingKind::NotAPicture,
        DecodeError::Io { .. } => FindingKind::Inaccessible,
        _ => FindingKind::Unreadable,
    }
}

fn of_file(kind: FindingKind, at: Location, detail: String) -> Finding {
    Finding { kind, value: None, detail, files: vec![at], keep: None, class: None }
}

/// Describes the actual format, if the extension of the file is that of another format.
pub(super) fn misnamed(path: &Path, format: Format) -> Option<String> {
    let ending = ending(path)?;
    let is_right = format.endings().contains(&ending.as_str());
    (!is_right && is_of_a_picture(&ending)).then(|| format!("a {format} that is called .{ending}"))
}

fn named_like_a_picture(path: &Path) -> bool {
    ending(path).is_some_and(|ending| is_of_a_picture(&ending))
}

fn ending(path: &Path) -> Option<String> {
    path.extension().map(|ending| ending.to_string_lossy().to_lowercase())
}

fn is_of_a_picture(ending: &str) -> bool {
    UNREAD_ENDINGS.contains(&ending) || Format::of_ending(ending.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_was_left_out_is_told_but_what_nobody_takes_for_a_picture() {
        let denied = || std::io::Error::from(std::io::ErrorKind::PermissionDenied).into();
        let in_part = SkipReason::ListedInPart { reason: "Input/output error".to_owned() };
        let text = || DecodeError::NotAPicture { what: "text" }.into();
        let pipe = DecodeError::NotAPicture { what: "no regular file" };
        for (path, reason, kind) in [
            (
                "a/x.heic",
                DecodeError::Unsupported { what: "HEIC", ending: "heic" }.into(),
                Some(FindingKind::Unreadable),
            ),
            ("a", SkipReason::Content(denied()), Some(FindingKind::Inaccessible)),
            ("a", in_part, Some(FindingKind::Inaccessible)),
            ("a", SkipReason::EmptyClass, Some(FindingKind::FewPictures)),
            ("x.jpg", SkipReason::NoClass, Some(FindingKind::LeftOut)),
            ("a.zip/x.jpg", SkipReason::Encrypted, Some(FindingKind::LeftOut)),
            ("a/x.jpg", pipe.into(), Some(FindingKind::NotAPicture)),
            ("a/readme.txt", text(), None),
            ("a/LICENSE", text(), None),
        ] {
            let skipped = Skipped::new(path, reason);
            let found = of_skipped(std::slice::from_ref(&skipped));
            assert_eq!(found.first().map(|f| f.kind), kind, "{skipped}");
            assert!(found.iter().all(|f| f.files == [Location::from(path)]));
        }
    }

    #[test]
    fn only_the_ending_of_another_format_is_wrong() {
        let misnamed = |name: &str| misnamed(Path::new(name), Format::Jpeg);
        for right in ["a.jpg", "a.JPEG", "a", "0", "a.b/c", "2020.10.01", "a.dat", ".jpg"] {
            assert_eq!(misnamed(right), None, "{right}");
        }
        assert_eq!(misnamed("a.PNG").as_deref(), Some("a JPEG that is called .png"));
        assert_eq!(misnamed("a.heic").as_deref(), Some("a JPEG that is called .heic"));
    }
}
