//! Folder structures, on disk and in archives: detection of folders that are sides of a split, and of those that are
//! classes.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::Subset;

/// A folder at the top level.
#[derive(Debug, Default)]
pub(super) struct Top {
    pub(super) name: String,
    /// The names of its subfolders. They may be missing if it also contains pictures and does not have a side's name.
    pub(super) folders: BTreeSet<String>,
}

/// The side of each of these folders; `None` if they are classes.
///
/// They are a split if one named like `train` contains folders, which are then the classes, and another is named like a
/// side. The other may have no folders: then it is unlabelled, and never a class. Other folders are beside the split.
pub(super) fn sides(tops: &[Top]) -> Option<Vec<Option<Subset>>> {
    let mut sides = vec![None; tops.len()];
    let called = |subset| {
        let mut named: Vec<usize> =
            (0..tops.len()).filter(|&i| Subset::named(&tops[i].name) == Some(subset)).collect();
        // If several match, one with classes.
        named.sort_by_key(|&i| tops[i].folders.is_empty());
        named.first().copied()
    };
    let train = called(Subset::Train).filter(|&i| !tops[i].folders.is_empty())?;
    let measured = [Subset::Validation, Subset::Test].map(|subset| (called(subset), subset));
    measured.iter().find(|(folder, _)| folder.is_some())?;
    sides[train] = Some(Subset::Train);
    for (folder, subset) in measured {
        if let Some(folder) = folder {
            sides[folder] = Some(subset);
        }
    }
    Some(sides)
}

/// Whether the only folder inside a side's folder is that side itself, repeated.
pub(super) fn is_inner_side(side: &[u8], inner: &[u8]) -> bool {
    side.eq_ignore_ascii_case(inner)
}

/// A line for people if class folders contain folders named like sides, which are not sides there.
pub(super) fn sides_within(tops: &[Top]) -> Option<String> {
    let has = |top: &Top, side| top.folders.iter().any(|name| Subset::named(name) == Some(side));
    let measured = [Subset::Validation, Subset::Test];
    let divided = |top: &&Top| has(top, Subset::Train) && measured.iter().any(|&s| has(top, s));
    let top = tops.iter().find(divided)?;
    let folders: Vec<&str> = top.folders.iter().map(String::as_str).collect();
    Some(format!(
        "{0}/ is a class, and its folders {1} are no sides: all its pictures are learned from",
        top.name,
        folders.join(", ")
    ))
}

/// The subfolders that all of these have in common, if each of several contains the same two or more and none is named
/// like a side: then either level may be the classes.
pub(super) fn either_may_be_classes(tops: &[Top]) -> Option<&BTreeSet<String>> {
    let [first, others @ ..] = tops else { return None };
    let alike = !others.is_empty()
        && first.folders.len() >= 2
        && others.iter().all(|top| top.folders == first.folders);
    alike.then_some(&first.folders)
}

/// A line for people on several folders, with these names, that are one class.
pub(super) fn merged<'a>(
    class: &str,
    folders: impl ExactSizeIterator<Item = Cow<'a, str>>,
) -> Option<String> {
    let count = folders.len();
    let names: Vec<String> = folders.map(|name| format!("{name:?}")).collect();
    (count > 1).then(|| {
        let names = names.join(" and ");
        format!(
            "the folders {names} are one class, {class}: their names differ in white space or Unicode's normalisation alone"
        )
    })
}

/// A line for people that describes a split.
pub(super) fn describe(tops: &[Top], sides: &[Option<Subset>]) -> String {
    let mut parts = Vec::new();
    let mut beside = Vec::new();
    for (Top { name, folders }, side) in tops.iter().zip(sides) {
        match side {
            Some(side) if folders.is_empty() => {
                parts.push(format!("{name}/ is called like {side}, but has no class folders"));
            }
            Some(Subset::Train) => parts.insert(0, format!("{name}/ to learn from")),
            Some(Subset::Validation) => parts.push(format!("{name}/ to measure on")),
            Some(Subset::Test) => parts.push(format!("{name}/ kept for testing")),
            None => beside.push(format!("{name}/")),
        }
    }
    if !beside.is_empty() {
        parts.push(format!("left out: {}", beside.join(", ")));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tops(text: &str) -> Vec<Top> {
        let top = |top: &str| {
            let (name, folders) = top.split_once('/').unwrap_or((top, ""));
            let folders = folders.split(',').filter(|name| !name.is_empty());
            Top { name: name.to_owned(), folders: folders.map(str::to_owned).collect() }
        };
        text.split_whitespace().map(top).collect()
    }

    #[test]
    fn a_folder_called_like_a_side_is_one_where_train_has_classes() {
        use Subset::{Test, Train, Validation};
        let cases: [(&str, Option<&[Option<Subset>]>); 12] = [
            ("train/a,b validation/a,b", Some(&[Some(Train), Some(Validation)])),
            ("Training/a,b Testing/a,b", Some(&[Some(Train), Some(Test)])),
            ("training_set/a,b test_set/a,b", Some(&[Some(Train), Some(Test)])),
            ("seg_pred seg_test/a,b seg_train/a,b", Some(&[None, Some(Test), Some(Train)])),
            ("train/a,b dev/a,b", Some(&[Some(Train), Some(Validation)])),
            ("train/a,b eval/a,b", Some(&[Some(Train), Some(Validation)])),
            ("train/a,b test", Some(&[Some(Train), Some(Test)])),
            ("single test/a,b train/a,b", Some(&[None, Some(Test), Some(Train)])),
            ("train/a,b test/a,b val/a,b", Some(&[Some(Train), Some(Test), Some(Validation)])),
            // Classes with these names.
            ("train val", None),
            ("train test/a,b", None),
            ("train/a,b bus/a", None),
        ];
        for (text, expected) in cases {
            assert_eq!(sides(&tops(text)).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn folders_with_the_same_folders_in_them_may_be_either() {
        for (text, may) in [
            ("batch1/a,b batch2/a,b", true),
            ("batch1/a,b", false),
            ("batch1/a batch2/a", false),
            ("batch1/a,b batch2/a,c", false),
            ("cat dog", false),
        ] {
            assert_eq!(either_may_be_classes(&tops(text)).is_some(), may, "{text}");
        }
    }

    #[test]
    fn sides_within_classes_are_told_of() {
        for (text, told) in [
            ("bottle/train,test cable/train", true),
            ("bottle/Training,val cable", true),
            ("bottle/train,other cable", false),
            ("bottle/test cable/train", false),
        ] {
            assert_eq!(sides_within(&tops(text)).is_some(), told, "{text}");
        }
    }

    #[test]
    fn a_split_is_told_in_a_line() {
        let tops = tops("pred test train/a,b val/a,b");
        let line = describe(&tops, &sides(&tops).unwrap());
        assert_eq!(
            line,
            "train/ to learn from; test/ is called like test, but has no class folders; \
             val/ to measure on; left out: pred/"
        );
    }
}
