//! Files that are not what they should be.

use std::path::Path;

use headstart_data::decode::Format;
use headstart_data::{DecodeError, Location, Skipped};

use super::{Finding, Kind};

/// What was left out when the pictures were listed, but for what nobody takes for a picture.
pub(super) fn of_skipped(skipped: &[Skipped]) -> Vec<Finding> {
    skipped.iter().filter_map(of_one_skipped).collect()
}

fn of_one_skipped(skipped: &Skipped) -> Option<Finding> {
    let Skipped { path, reason } = skipped;
    // A listing says its reasons in words.
    let is = |start: &str| reason.starts_with(start);
    let kind = match () {
        () if skipped.is_no_picture() && !named_like_a_picture(path) => return None,
        () if is("a class folder without pictures") => return Some(of_empty_class(path)),
        () if skipped.is_no_picture() => Kind::NotAPicture,
        () if is("cannot be read (") || is("cannot be listed") => Kind::Inaccessible,
        () if reason.contains("cannot be read") => Kind::Unreadable,
        () => Kind::LeftOut,
    };
    Some(of_file(kind, path.into(), reason.clone()))
}

fn of_empty_class(folder: &Path) -> Finding {
    let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
    Finding {
        value: Some(0.0),
        class: Some(name.clone()),
        ..of_file(Kind::FewPictures, folder.into(), format!("{name} has no pictures"))
    }
}

/// A picture that could not be decoded.
pub(super) fn of_error(at: Location, error: &DecodeError) -> Finding {
    let kind = match error {
        DecodeError::Truncated { .. } => Kind::Truncated,
        DecodeError::NotAPicture { .. } => Kind::NotAPicture,
        DecodeError::Io(_) => Kind::Inaccessible,
        _ => Kind::Unreadable,
    };
    of_file(kind, at, error.to_string())
}

fn of_file(kind: Kind, at: Location, detail: String) -> Finding {
    Finding { kind, value: None, detail, files: vec![at], keep: None, class: None }
}

/// What a file is, if its ending says that it is another kind of picture.
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
    use Format::{Bmp, Gif, Jpeg, Png, Tiff, WebP};
    /// Of formats that are not read.
    const OTHERS: [&str; 12] =
        ["heic", "heif", "hif", "avif", "jxl", "jp2", "j2k", "psd", "ico", "qoi", "exr", "svg"];
    OTHERS.contains(&ending)
        || [Jpeg, Png, WebP, Gif, Bmp, Tiff].iter().any(|f| f.endings().contains(&ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_was_left_out_is_told_but_what_nobody_takes_for_a_picture() {
        for (path, reason, kind) in [
            ("a/x.heic", "HEIC pictures cannot be read; convert to JPEG", Some(Kind::Unreadable)),
            ("a", "cannot be read (Permission denied)", Some(Kind::Inaccessible)),
            ("a", "cannot be listed in full (Input/output error)", Some(Kind::Inaccessible)),
            ("a", "a class folder without pictures", Some(Kind::FewPictures)),
            ("x.jpg", "lies in no class's folder", Some(Kind::LeftOut)),
            ("a.zip/x.jpg", "encrypted: unpack the archive", Some(Kind::LeftOut)),
            ("a/x.jpg", "not a picture (no regular file)", Some(Kind::NotAPicture)),
            ("a/readme.txt", "not a picture (text)", None),
            ("a/LICENSE", "not a picture (text)", None),
        ] {
            let skipped = Skipped { path: path.into(), reason: reason.to_owned() };
            let found = of_skipped(&[skipped]);
            assert_eq!(found.first().map(|f| f.kind), kind, "{path}: {reason}");
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
