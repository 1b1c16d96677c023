//! Names of the output files for pictures and classes.

use std::collections::HashSet;
use std::path::Path;

/// Maximum length of each part of a name, in bytes. File systems allow 255 in all.
const LONGEST: usize = 100;

/// File names `PICTURE.CLASS` that are valid on every system, each given only once.
pub(super) struct Names {
    /// The part of the name for each class.
    classes: Vec<String>,
    /// The picture parts used so far, in lower case: some file systems ignore case.
    stems: HashSet<String>,
    /// The names given so far, in lower case.
    given: HashSet<String>,
}

impl Names {
    pub(super) fn new(classes: &[String]) -> Self {
        let mut given = HashSet::new();
        let free = |name: &String| numbered(&safe(name), |name| given.insert(name.to_lowercase()));
        Self {
            classes: classes.iter().map(free).collect(),
            stems: HashSet::new(),
            given: HashSet::new(),
        }
    }

    /// Reserves a name, without its extension, because a file of this name exists.
    pub(super) fn keep(&mut self, name: &str) {
        self.given.insert(name.to_lowercase());
    }

    /// The names for these classes of a picture. All have the same picture part, which no other picture gets.
    pub(super) fn of(&mut self, picture: &Path, classes: &[usize]) -> Vec<String> {
        let stem = picture.file_stem().unwrap_or_default().to_string_lossy();
        let names = |stem: &str| -> Vec<String> {
            classes.iter().map(|&class| format!("{stem}.{}", self.classes[class])).collect()
        };
        let is_free = |stem: &str| {
            let is_given = |name: &String| self.given.contains(&name.to_lowercase());
            !self.stems.contains(&stem.to_lowercase()) && !names(stem).iter().any(is_given)
        };
        let stem = numbered(&safe(&stem), is_free);
        let names = names(&stem);
        self.stems.insert(stem.to_lowercase());
        self.given.extend(names.iter().map(|name| name.to_lowercase()));
        names
    }
}

/// `name`, or the first of `name-2`, `name-3`, … that is free.
fn numbered(name: &str, mut is_free: impl FnMut(&str) -> bool) -> String {
    let later = (2..).map(|n| format!("{name}-{n}"));
    let mut names = std::iter::once(name.to_owned()).chain(later);
    names.find(|name| is_free(name)).expect("there is no end of numbers")
}

/// `text` as a part of a file name: path separators and characters with a special meaning on some system
/// become `_`.
fn safe(text: &str) -> String {
    let plain = |c: char| match c {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
        c if c.is_control() => '_',
        c => c,
    };
    let mut name: String = text.trim().chars().map(plain).collect();
    let mut end = name.len().min(LONGEST);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    // A leading dot would hide the file.
    match name.trim_end().trim_start_matches('.') {
        "" => "_".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(classes: &[&str]) -> Names {
        Names::new(&classes.iter().map(|&class| class.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn no_two_pictures_or_classes_share_a_name_on_any_system() {
        let mut names = names(&["a/b", "a_b", "A:B", "c", "x.c"]);
        let all = [0, 1, 2];
        assert_eq!(names.of(Path::new("p/one.jpg"), &all), ["one.a_b", "one.a_b-2", "one.A_B-3"]);
        assert_eq!(names.of(Path::new("q/ONE.png"), &[3]), ["ONE-2.c"]);
        assert_eq!(names.of(Path::new("one"), &[3]), ["one-3.c"]);
        // The position of the dot between picture and class does not make names different.
        assert_eq!(names.of(Path::new("y.jpg"), &[4]), ["y.x.c"]);
        assert_eq!(names.of(Path::new("y.x.jpg"), &[3]), ["y.x-2.c"]);
    }

    #[test]
    fn names_lead_nowhere_else_and_are_no_longer_than_systems_take() {
        for (class, name) in [
            ("..", "_"),
            ("../../etc/passwd", "_.._etc_passwd"),
            ("a\nb\u{1b}", "a_b_"),
            (" Äpfel, grün ", "Äpfel, grün"),
            (".hidden", "hidden"),
            ("what?", "what_"),
        ] {
            assert_eq!(safe(class), name, "{class:?}");
        }
        let long = safe(&"ä".repeat(200));
        assert_eq!(long, "ä".repeat(50));
    }
}
