//! Archives split into several files, which must be joined to read the pictures.

use std::path::{Path, PathBuf};

use headstart_files::quoted;

use super::zip;

/// Endings of archives that are cut into pieces.
const CUT: [&str; 8] =
    [".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".7z"];

/// How to join a file that is part of an archive; `None` for other files. `is_archive` returns whether a file starts
/// like a whole archive.
pub(in super::super) fn joining(path: &Path, is_archive: &dyn Fn(&Path) -> bool) -> Option<String> {
    let word = |path: &Path| quoted(&path.display().to_string());
    let command = match Part::of(path, is_archive)? {
        Part::Volume { last } => {
            let whole = last.with_file_name("whole.zip");
            format!("zip -s 0 {} --out {}", word(&last), word(&whole))
        }
        Part::Piece { whole } => format!("cat {0}.* > {0}", word(&whole)),
    };
    Some(format!("a part of an archive: join the parts and give the whole: {command}"))
}

/// The kind of part.
enum Part {
    /// Part of an archive divided by `zip -s`: `NAME.z01`, `NAME.z02`, and `NAME.zip` as the last.
    Volume { last: PathBuf },
    /// Part of an archive cut into pieces: `NAME.zip.001`, `NAME.tar.aa`.
    Piece { whole: PathBuf },
}

impl Part {
    fn of(path: &Path, is_archive: &dyn Fn(&Path) -> bool) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let (stem, ending) = name.rsplit_once('.')?;
        let lower = ending.to_ascii_lowercase();
        let is_number = |text: &str| text.len() > 1 && text.bytes().all(|b| b.is_ascii_digit());
        if lower == "zip" {
            return zip::is_last_of_several(path).then(|| Self::Volume { last: path.to_owned() });
        }
        if lower.strip_prefix('z').is_some_and(is_number) {
            let last = if ending.starts_with('Z') { "ZIP" } else { "zip" };
            let last = path.with_file_name(format!("{stem}.{last}"));
            let is_volume = zip::is_first_of_several(path) || zip::is_last_of_several(&last);
            return is_volume.then_some(Self::Volume { last });
        }
        let is_letters = ending.len() == 2 && ending.bytes().all(|b| b.is_ascii_lowercase());
        let of_archive = CUT.iter().any(|cut| stem.to_ascii_lowercase().ends_with(cut));
        if !of_archive || !(is_number(ending) || is_letters) {
            return None;
        }
        // Whole archives may be numbered, too, but then all of them start like archives.
        let neighbours = [previous(ending), next(ending)].into_iter().flatten();
        let mut beside = neighbours
            .map(|ending| path.with_file_name(format!("{stem}.{ending}")))
            .filter(|path| path.is_file())
            .peekable();
        let is_cut =
            beside.peek().is_some() && (!is_archive(path) || beside.any(|path| !is_archive(&path)));
        is_cut.then(|| Self::Piece { whole: path.with_file_name(stem) })
    }
}

/// The ending of the next piece.
fn next(ending: &str) -> Option<String> {
    let (first, last) = counted_from(ending);
    step(ending, last, first, |byte| byte + 1)
}

/// The ending of the previous piece.
fn previous(ending: &str) -> Option<String> {
    let (first, last) = counted_from(ending);
    step(ending, first, last, |byte| byte - 1)
}

/// The first and last digit or letter used to number pieces.
fn counted_from(ending: &str) -> (u8, u8) {
    if ending.starts_with(|c: char| c.is_ascii_digit()) { (b'0', b'9') } else { (b'a', b'z') }
}

/// Counts by one: `full` becomes `empty` with a carry.
fn step(ending: &str, full: u8, empty: u8, by_one: fn(u8) -> u8) -> Option<String> {
    let mut bytes = ending.as_bytes().to_vec();
    for byte in bytes.iter_mut().rev() {
        if *byte != full {
            *byte = by_one(*byte);
            return String::from_utf8(bytes).ok();
        }
        *byte = empty;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_counted_in_digits_or_letters() {
        for (before, after) in
            [("001", "002"), ("009", "010"), ("aa", "ab"), ("az", "ba"), ("00", "01")]
        {
            assert_eq!(next(before).as_deref(), Some(after));
            assert_eq!(previous(after).as_deref(), Some(before));
        }
        assert_eq!((next("99"), previous("aa"), previous("000")), (None, None, None));
    }
}
