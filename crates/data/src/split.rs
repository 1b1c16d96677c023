//! Which pictures are learned from and which are held back to measure on.
//!
//! Pictures with the same pixels form a **group**, and a group is never divided: otherwise
//! the measure would reward remembering. The split depends on the pixels, the labels and
//! the seed alone: not on names, paths or order. Which side a picture falls on is decided
//! by a keyed hash of its content, so adding pictures to a folder moves few of the others
//! (only those near the boundary that the share sets).

use std::collections::HashMap;
use std::hash::Hash;

use crate::DataError;
use crate::decode::ContentHash;

/// How to split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SplitConfig {
    /// Share of each class that is held back for validation, in `0..1`.
    pub validation: f64,
    /// Another seed holds other pictures back.
    pub seed: u64,
}

impl Default for SplitConfig {
    /// A fifth, seed 0.
    fn default() -> Self {
        Self { validation: 0.2, seed: 0 }
    }
}

/// Both sides, as indices into the pictures that were split, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// To learn from.
    pub train: Vec<usize>,
    /// To measure on.
    pub validation: Vec<usize>,
    /// On neither side; see [`SplitWarning::Straddling`]. Empty unless a split was given.
    pub left_out: Vec<usize>,
    /// What whoever owns the pictures should know.
    pub warnings: Vec<SplitWarning>,
}

/// Something about the pictures that makes the split less than one would wish.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SplitWarning {
    /// A class is only learned from: it has too few different pictures to hold one back.
    NotValidated {
        /// Index of the class.
        class: usize,
        /// How many different pictures it has that are in no other class.
        distinct: usize,
    },
    /// The same pixels carry different labels.
    Contradiction {
        /// The pictures, ascending.
        pictures: Vec<usize>,
    },
    /// A picture of the given validation side lies on the training side too, where it was
    /// left out.
    Straddling {
        /// How many pictures were left out of the training side.
        left_out: usize,
    },
}

impl SplitWarning {
    /// One line for people, with the classes' names. For several see [`describe_all`].
    pub fn describe(&self, classes: &[String]) -> String {
        match self {
            SplitWarning::NotValidated { class, distinct } => {
                let name = classes.get(*class).map_or("?", String::as_str);
                let s = if *distinct == 1 { "" } else { "s" };
                format!(
                    "class \"{name}\" is not validated: {distinct} distinct picture{s} of its own, 2 are needed"
                )
            }
            SplitWarning::Contradiction { pictures } => {
                format!("{} pictures have the same pixels and different labels", pictures.len())
            }
            SplitWarning::Straddling { left_out } => {
                format!(
                    "{left_out} training pictures left out: the same pixels are in the validation folder"
                )
            }
        }
    }
}

/// All warnings for people, one line for all of a kind, with the classes' names.
///
/// `labels` are the classes of the pictures that were split, and `name_of` names one of them.
pub fn describe_all(
    warnings: &[SplitWarning],
    classes: &[String],
    labels: &[usize],
    name_of: impl Fn(usize) -> String,
) -> Vec<String> {
    let mut lines = Vec::new();
    let groups: Vec<&Vec<usize>> = warnings
        .iter()
        .filter_map(|warning| match warning {
            SplitWarning::Contradiction { pictures } => Some(pictures),
            _ => None,
        })
        .collect();
    lines.extend(contradictions(&groups, labels, name_of));
    let unvalidated: Vec<&SplitWarning> =
        warnings.iter().filter(|w| matches!(w, SplitWarning::NotValidated { .. })).collect();
    match unvalidated[..] {
        [] => {}
        [only] => lines.push(only.describe(classes)),
        _ => {
            let names: Vec<&str> = unvalidated
                .iter()
                .filter_map(|warning| match warning {
                    SplitWarning::NotValidated { class, .. } => classes.get(*class),
                    _ => None,
                })
                .map(String::as_str)
                .collect();
            lines.push(format!(
                "{} classes are not validated, for want of 2 distinct pictures of their own: {}",
                unvalidated.len(),
                first_few(&names)
            ));
        }
    }
    let straddling = warnings.iter().filter(|w| matches!(w, SplitWarning::Straddling { .. }));
    lines.extend(straddling.map(|warning| warning.describe(classes)));
    lines
}

/// The line for all groups of the same pixels and different labels, if there are any.
fn contradictions(
    groups: &[&Vec<usize>],
    labels: &[usize],
    name_of: impl Fn(usize) -> String,
) -> Option<String> {
    let group = groups.first()?;
    let pictures: usize = groups.iter().map(|group| group.len()).sum();
    let label = |picture: usize| labels.get(picture);
    // Copies within a class would be no example.
    let (first, last) = (*group.first()?, *group.last()?);
    let other = group.iter().copied().find(|&p| label(p) != label(first)).unwrap_or(last);
    let (a, b) = (name_of(first), name_of(other));
    Some(match groups.len() {
        1 if pictures == 2 => format!("{a} and {b} have the same pixels and different labels"),
        1 => format!(
            "{pictures} pictures have the same pixels and different labels, such as {a} and {b}"
        ),
        n => format!(
            "{pictures} pictures in {n} groups have the same pixels and different labels, such as {a} and {b}"
        ),
    })
}

fn first_few(names: &[&str]) -> String {
    const SHOWN: usize = 8;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

/// Numbers the groups of pictures with the same pixels: for each picture its group, in the
/// order in which groups first appear, from 0.
pub fn groups(contents: &[ContentHash]) -> Vec<usize> {
    numbered(contents)
}

/// Numbers equal values alike, in the order in which they first appear, from 0.
fn numbered<T: Eq + Hash>(values: &[T]) -> Vec<usize> {
    let mut numbers = HashMap::new();
    values
        .iter()
        .map(|value| {
            let next = numbers.len();
            *numbers.entry(value).or_insert(next)
        })
        .collect()
}

/// Splits each class by itself, keeping pictures of the same content on one side.
///
/// `classes` and `contents` hold a picture each at the same index. Of a class with `n`
/// pictures, `validation * n` are held back, to the nearest whole group. With a share above
/// zero, a class that has at least two different pictures of its own gets at least one on
/// each side; one that has fewer is only learned from, with a warning. Pictures whose
/// content carries several labels are learned from and reported, since nothing can be
/// measured on them.
///
/// # Errors
/// [`DataError::Share`] when the share is not in `0..1`.
///
/// # Panics
/// When `classes` and `contents` differ in length.
pub fn stratified(
    classes: &[usize],
    contents: &[ContentHash],
    config: &SplitConfig,
) -> Result<Split, DataError> {
    stratified_in_groups(classes, contents, &groups(contents), config)
}

/// [`stratified`], keeping the pictures of the same group number on one side, whatever their
/// contents. Pictures of equal contents must be of one group.
///
/// # Errors
/// As [`stratified`].
///
/// # Panics
/// When the slices differ in length.
pub fn stratified_in_groups(
    classes: &[usize],
    contents: &[ContentHash],
    together: &[usize],
    config: &SplitConfig,
) -> Result<Split, DataError> {
    assert_eq!(classes.len(), contents.len(), "a class and a content for each picture");
    assert_eq!(classes.len(), together.len(), "a class and a group for each picture");
    let share = config.validation;
    if !(0.0..1.0).contains(&share) {
        return Err(DataError::Share { share });
    }
    let equal = Groups::new(classes, groups(contents));
    let mut split = Split { warnings: equal.contradictions(), ..Split::default() };
    let groups = Groups::new(classes, numbered(together));
    let mut held_back = vec![false; classes.len()];
    if share > 0.0 {
        for (class, mut own) in groups.by_class() {
            if own.len() < 2 {
                split.warnings.push(SplitWarning::NotValidated { class, distinct: own.len() });
                continue;
            }
            // By what a group holds, not by what comes first: names do not matter.
            own.sort_by_cached_key(|group| {
                let smallest = group.iter().map(|&picture| contents[picture]).min();
                priority(config.seed, &smallest.expect("a group has pictures"))
            });
            for group in hold_back(&own, share) {
                group.iter().for_each(|&picture| held_back[picture] = true);
            }
        }
    }
    (split.validation, split.train) = (0..classes.len()).partition(|&picture| held_back[picture]);
    Ok(split)
}

/// Keeps a split that was given, except that no pixels are on both sides: the training
/// side's copies are left out, so that the validation side remains what others measured on.
///
/// `validation` says for each picture whether it was given to that side.
///
/// # Panics
/// When the slices differ in length.
pub fn keep_given(classes: &[usize], contents: &[ContentHash], validation: &[bool]) -> Split {
    assert_eq!(classes.len(), contents.len(), "a class and a content for each picture");
    assert_eq!(classes.len(), validation.len(), "a class and a side for each picture");
    let groups = Groups::new(classes, groups(contents));
    let mut split = Split { warnings: groups.contradictions(), ..Split::default() };
    for group in &groups.members {
        let straddles = group.iter().any(|&picture| validation[picture]);
        for &picture in group {
            match (validation[picture], straddles) {
                (true, _) => split.validation.push(picture),
                (false, true) => split.left_out.push(picture),
                (false, false) => split.train.push(picture),
            }
        }
    }
    for side in [&mut split.train, &mut split.validation, &mut split.left_out] {
        side.sort_unstable();
    }
    if !split.left_out.is_empty() {
        split.warnings.push(SplitWarning::Straddling { left_out: split.left_out.len() });
    }
    split
}

struct Groups<'a> {
    classes: &'a [usize],
    /// The pictures of each group, ascending; groups by their first picture.
    members: Vec<Vec<usize>>,
}

impl<'a> Groups<'a> {
    /// Of each picture's number, which count from 0 in the order of first appearance.
    fn new(classes: &'a [usize], numbers: Vec<usize>) -> Self {
        let mut members: Vec<Vec<usize>> = Vec::new();
        for (picture, group) in numbers.into_iter().enumerate() {
            if group == members.len() {
                members.push(Vec::new());
            }
            members[group].push(picture);
        }
        Self { classes, members }
    }

    /// The one class of a group, if it has one.
    fn class(&self, group: &[usize]) -> Option<usize> {
        let class = self.classes[group[0]];
        group.iter().all(|&picture| self.classes[picture] == class).then_some(class)
    }

    fn contradictions(&self) -> Vec<SplitWarning> {
        let contradicting = self.members.iter().filter(|group| self.class(group).is_none());
        contradicting.map(|group| SplitWarning::Contradiction { pictures: group.clone() }).collect()
    }

    /// The groups of each class's own, classes ascending; every class is there.
    fn by_class(&self) -> Vec<(usize, Vec<&[usize]>)> {
        let mut classes: Vec<usize> = self.classes.to_vec();
        classes.sort_unstable();
        classes.dedup();
        let mut own: Vec<(usize, Vec<&[usize]>)> =
            classes.into_iter().map(|c| (c, Vec::new())).collect();
        for group in &self.members {
            if let Some(at) =
                self.class(group).and_then(|c| own.binary_search_by_key(&c, |(c, _)| *c).ok())
            {
                own[at].1.push(group);
            }
        }
        own
    }
}

/// The groups to hold back of one class's, at least one and never all. `groups` are in
/// order of preference, two or more.
fn hold_back<'a>(groups: &[&'a [usize]], share: f64) -> Vec<&'a [usize]> {
    let pictures: usize = groups.iter().map(|group| group.len()).sum();
    let target = share * pictures as f64;
    let mut count = 0;
    let mut chosen = vec![false; groups.len()];
    for (group, chosen) in groups.iter().zip(&mut chosen) {
        // Only what brings the count nearer to the target.
        if count as f64 + group.len() as f64 / 2.0 <= target {
            *chosen = true;
            count += group.len();
        }
    }
    let smallest = (0..groups.len()).min_by_key(|&i| groups[i].len()).unwrap_or(0);
    if !chosen.contains(&true) {
        chosen[smallest] = true;
    } else if !chosen.contains(&false) {
        chosen[smallest] = false;
    }
    groups.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(group, _)| *group).collect()
}

/// A uniformly distributed key of a content and a seed; ties do not occur.
fn priority(seed: u64, content: &ContentHash) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("headstart 2025 split priority");
    hasher.update(&seed.to_le_bytes());
    hasher.update(&content.0);
    *hasher.finalize().as_bytes()
}
