//! Valid names of classes and files.

use std::collections::HashSet;
use std::path::Path;

use headstart::data::sources::{class_name, is_hidden};

use crate::StudioError;

/// The longest name of a class or a file in bytes: what file systems allow, with room for ` (2)`.
const LONGEST: usize = 200;

/// Checks the name of a class whose folder is to be created. It must be valid on every system, must not lead to another
/// folder, and must not be one that listings skip.
///
/// # Errors
/// [`StudioError::ClassName`], with the problem.
pub(crate) fn new_class_name(text: &str) -> Result<String, StudioError> {
    let refuse = |problem: &str| {
        let name: String = text.chars().take(60).collect();
        Err(StudioError::ClassName { name, problem: problem.to_owned() })
    };
    let name = match class_name(text) {
        Ok(name) => name.into_owned(),
        Err(bad) => return refuse(&format!("it contains {}", bad.problem)),
    };
    match () {
        () if name.contains(['/', '\\']) => refuse("a slash would lead to another folder"),
        () if name.starts_with('.') => refuse("names that begin with a dot are hidden"),
        () if is_hidden(&name) => refuse("folders of this name are passed over"),
        () if name.len() > LONGEST => refuse("it is too long"),
        () => Ok(name),
    }
}

/// The file name for a file that is received under a name, which may be a path: a name that does not lead to another
/// folder and that listings do not skip. `None` if there is no such name.
pub(crate) fn new_file_name(text: &str) -> Option<String> {
    let name = text.rsplit(['/', '\\']).next().unwrap_or(text);
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let name = name.trim();
    if name.is_empty() || is_hidden(name) {
        return None;
    }
    let (stem, ending) = parts(name);
    let ending = if ending.len() > 20 { "" } else { ending };
    let end = stem.floor_char_boundary(LONGEST - ending.len());
    Some(format!("{}{ending}", &stem[..end]))
}

/// A path in a folder of the project that neither exists nor is in `taken`: with the requested name, or with a number
/// after it. Adds it to `taken`.
pub(crate) fn free_path(
    root: &Path,
    folder: &str,
    name: &str,
    taken: &mut HashSet<String>,
) -> String {
    let (stem, ending) = parts(name);
    let numbered = (2..).map(|number| format!("{stem} ({number}){ending}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    let path = names.find_map(|name| {
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        // A dangling link exists, too.
        let is_free = !taken.contains(&path) && root.join(&path).symlink_metadata().is_err();
        is_free.then_some(path)
    });
    let path = path.expect("some number is free");
    taken.insert(path.clone());
    path
}

/// The last part of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Splits a name into the part before the extension, and the extension with its dot.
fn parts(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_a_folder_of_the_project_and_no_other() {
        for (text, name) in [
            ("Apple", "Apple"),
            (" Apple ", "Apple"),
            ("<script>alert(1)</script>".replace('/', "").as_str(), "<script>alert(1)<script>"),
            ("cafe\u{301}", "caf\u{e9}"),
            ("a.b", "a.b"),
        ] {
            assert_eq!(new_class_name(text).ok().as_deref(), Some(name));
        }
        for text in [
            "",
            " ",
            ".",
            "..",
            ".headstart",
            "a/b",
            "../a",
            "a\\b",
            "a\nb",
            "Thumbs.db",
            "lost+found",
        ] {
            let error = new_class_name(text).expect_err(text).to_string();
            assert!(error.contains("is not a valid class name"), "{error}");
        }
        assert!(new_class_name(&"a".repeat(LONGEST)).is_ok());
        assert!(new_class_name(&"a".repeat(LONGEST + 1)).is_err());
    }

    #[test]
    fn a_file_is_called_by_the_last_part_of_its_path() {
        for (text, name) in [
            ("IMG_1.jpg", Some("IMG_1.jpg")),
            ("Apple/IMG_1.jpg", Some("IMG_1.jpg")),
            ("C:\\pictures\\a.png", Some("a.png")),
            ("../../etc/passwd", Some("passwd")),
            ("a\u{0}b.png", Some("ab.png")),
            ("..", None),
            (".hidden.png", None),
            ("Thumbs.db", None),
            ("a/", None),
        ] {
            assert_eq!(new_file_name(text).as_deref(), name, "{text}");
        }
        let long = new_file_name(&format!("{}.jpeg", "ü".repeat(300))).expect("it has a name");
        assert!(long.len() <= LONGEST && long.ends_with(".jpeg"), "{long}");
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("Apple")).expect("room");
        std::fs::write(folder.path().join("Apple/a.jpg"), "").expect("room");
        let mut taken = HashSet::new();
        let mut free = |name| free_path(folder.path(), "Apple", name, &mut taken);
        assert_eq!(free("b.jpg"), "Apple/b.jpg");
        assert_eq!(free("a.jpg"), "Apple/a (2).jpg");
        assert_eq!(free("a.jpg"), "Apple/a (3).jpg");
        assert_eq!(free_path(folder.path(), "", "Apple", &mut taken), "Apple (2)");
    }
}
