//! Labels from the names of an archive's members.

use std::collections::{BTreeMap, BTreeSet};

use super::super::layout::{self, Top, is_inner_side};
use super::super::names::{is_slash, text_of};
use crate::Subset;
use headstart_model::class_name::plain;

/// The folder structure of the pictures in an archive.
pub(super) struct Layout {
    /// Length of the folder that contains everything, including its slash.
    root: usize,
    /// Whether the first folder is the side of a split, and the second the class.
    split: Option<Sides>,
    labelled: bool,
}

/// The folders of a split.
struct Sides {
    /// Each with the number of times its name is repeated inside it, as in `train/train/cat`.
    folders: Vec<(Vec<u8>, Subset, usize)>,
    /// How they were interpreted, for people.
    note: String,
}

/// The information in a picture's name.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Place<'a> {
    /// The path of the class's folder within the archive, whose last component is the label.
    pub(super) folder: Option<&'a [u8]>,
    pub(super) subset: Option<Subset>,
}

impl<'a> Place<'a> {
    pub(super) fn label(&self) -> Option<&'a [u8]> {
        self.folder.and_then(|folder| folder.rsplit(is_slash).next())
    }
}

impl Layout {
    /// A layout without information in the names.
    pub(super) fn none() -> Self {
        Self { root: 0, split: None, labelled: false }
    }

    /// Determines the layout of pictures with these names.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a [u8]> + Clone) -> Self {
        let root = root(names.clone());
        let split = Sides::of(names.map(|name| &name[root..]));
        Self { root, split, labelled: true }
    }

    /// How sides were interpreted, if there are any.
    pub(super) fn note(&self) -> Option<&str> {
        self.split.as_ref().map(|sides| &*sides.note)
    }

    pub(super) fn place<'a>(&self, name: &'a [u8]) -> Place<'a> {
        if !self.labelled {
            return Place::default();
        }
        let mut at = self.root;
        let mut subset = None;
        if let Some(sides) = &self.split
            && let Some((first, _)) = split(&name[at..])
        {
            // Members beside the split have no place.
            let Some((side, repeated)) = sides.of_folder(first) else { return Place::default() };
            subset = Some(side);
            at += (first.len() + 1) * (1 + repeated);
        }
        let folder = split(&name[at..]).map(|(class, _)| &name[..at + class.len()]);
        Place { folder, subset }
    }
}

/// A folder's name, normalised for comparison.
fn compared(name: &[u8]) -> String {
    plain(&text_of(name)).into_owned()
}

/// The first folder of a name, and the rest.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let slash = name.iter().position(|&b| b == b'/')?;
    Some((&name[..slash], &name[slash + 1..]))
}

/// Length of the folder that contains everything, and up to which names agree. If all members are directly in it, it is
/// their class, and the result is the folder above it.
fn root<'a>(mut names: impl Iterator<Item = &'a [u8]>) -> usize {
    let folder = |name: &[u8]| name.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
    let Some(first) = names.next() else { return 0 };
    let mut common = folder(first);
    let mut deepest = common;
    for name in names {
        let same = first[..common].iter().zip(name).take_while(|(a, b)| a == b).count();
        common = folder(&first[..same]);
        deepest = deepest.max(folder(name));
    }
    let direct = deepest == common;
    if direct { folder(&first[..common.saturating_sub(1)]) } else { common }
}

impl Sides {
    fn of<'a>(names: impl Iterator<Item = &'a [u8]> + Clone) -> Option<Self> {
        let mut repeated: BTreeMap<&[u8], usize> = BTreeMap::new();
        for (first, below) in names.clone().filter_map(split) {
            let own = repeats(first, below);
            repeated.entry(first).and_modify(|least| *least = own.min(*least)).or_insert(own);
        }
        let mut tops: BTreeMap<&[u8], BTreeSet<&[u8]>> = BTreeMap::new();
        for (first, below) in names.filter_map(split) {
            let folders = tops.entry(first).or_default();
            let below = &below[(first.len() + 1) * repeated[first]..];
            folders.extend(split(below).map(|(second, _)| second));
        }
        let folders: Vec<Top> = tops
            .iter()
            .map(|(name, folders)| Top {
                name: compared(name),
                folders: folders.iter().map(|name| compared(name)).collect(),
            })
            .collect();
        let sides = layout::sides(&folders)?;
        let note = layout::describe(&folders, &sides);
        let folders = repeated.into_iter().zip(sides);
        let folders = folders.filter_map(|((name, own), side)| Some((name.to_vec(), side?, own)));
        Some(Self { folders: folders.collect(), note })
    }

    /// The side that a folder represents, and the number of times its name is repeated inside it.
    fn of_folder(&self, name: &[u8]) -> Option<(Subset, usize)> {
        let found = self.folders.iter().find(|(folder, ..)| folder == name);
        found.map(|(_, side, repeated)| (*side, *repeated))
    }
}

/// The number of nested folders inside a side that have a side's name, too.
fn repeats(side: &[u8], mut below: &[u8]) -> usize {
    if Subset::named(&compared(side)).is_none() {
        return 0;
    }
    let mut count = 0;
    while let Some((_, rest)) = split(below).filter(|(first, _)| is_inner_side(side, first)) {
        count += 1;
        below = rest;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_folder_below_the_common_one_is_the_label() {
        let cases: [(&[&str], &[&str]); 9] = [
            (&["cat/a.jpg", "dog/b.jpg"], &["cat", "dog"]),
            (&["cat/a.jpg", "cat/b.jpg"], &["cat", "cat"]),
            (&["set/cat/a.jpg", "set/dog/x/b.jpg"], &["cat", "dog"]),
            (&["home/me/set/cat/a.jpg", "home/me/set/dog/b.jpg"], &["cat", "dog"]),
            (&["home/me/cat/a.jpg"], &["cat"]),
            (&["set/cat/a.jpg", "set/loose.jpg"], &["cat", ""]),
            (&["cat/a.jpg", "loose.jpg"], &["cat", ""]),
            (&["catalogue/a.jpg", "cat/b.jpg"], &["catalogue", "cat"]),
            (&["loose.jpg"], &[""]),
        ];
        for (names, labels) in cases {
            let layout = Layout::of(names.iter().map(|name| name.as_bytes()));
            let found: Vec<_> = names
                .iter()
                .map(|name| layout.place(name.as_bytes()).label().unwrap_or_default())
                .collect();
            let labels: Vec<_> = labels.iter().map(|label| label.as_bytes()).collect();
            assert_eq!(found, labels, "{names:?}");
        }
    }
}
