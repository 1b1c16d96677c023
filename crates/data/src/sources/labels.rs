//! One label of a picture, or several.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::hash::Hash;
use std::slice;
use std::sync::Arc;

use super::{Listed, Listing, Location, Subset};
use crate::decode::Limits;

/// What a picture of a [`Listing`] is labelled.
///
/// A reader gives [`Labels::One`] where a picture has one class by the form of the source, and
/// [`Labels::Set`] where it may have any number. One `Set` in a listing makes all of it multi-label: a
/// `One` beside it is a set of one, and a picture without any class is one that is of none, where
/// [`Labels::None`] is a picture of which nothing is known. Sets that are equal should be shared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Labels {
    /// Nothing is known.
    #[default]
    None,
    /// The name of its class.
    One(Arc<str>),
    /// The names of all its classes, in alphabetical (byte) order, each once; maybe none.
    Set(Arc<[Arc<str>]>),
}

/// What stands between the names of a set where it is text.
const SEPARATOR: char = '|';
/// What stands before a separator, or itself, that is part of a name.
const ESCAPE: char = '\\';

impl Labels {
    /// Any number of classes, in any order.
    pub fn set(names: impl IntoIterator<Item = Arc<str>>) -> Self {
        let mut names: Vec<Arc<str>> = names.into_iter().collect();
        names.sort_unstable();
        names.dedup();
        Self::Set(names.into())
    }

    /// All names.
    pub fn names(&self) -> &[Arc<str>] {
        match self {
            Self::None => &[],
            Self::One(name) => slice::from_ref(name),
            Self::Set(names) => names,
        }
    }

    /// The name of the one class, unless there may be others.
    pub fn as_deref(&self) -> Option<&str> {
        match self {
            Self::One(name) => Some(name),
            _ => None,
        }
    }

    /// Whether nothing is known.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Whether something is known.
    pub fn is_some(&self) -> bool {
        !self.is_none()
    }

    /// As a cell of a table. The names of a set stand with `|` between them, one alone before it, and no
    /// name is `|`; a `|` or `\` in a name stands after a `\`. So a set can be told from the name of a
    /// class, and from nothing; [`Labels::from_cell`] reads it.
    pub fn to_cell(&self) -> String {
        let names = match self {
            Self::None => return String::new(),
            Self::One(name) => return name.to_string(),
            Self::Set(names) => names,
        };
        set_to_cell(names.iter().map(|name| &**name))
    }

    /// What a cell of a column of labels means: a set where there is a `|` that is not after a `\`, or where
    /// it is a list in brackets, as Python and JSON write them; or else one class. Spaces around names do
    /// not count.
    pub fn from_cell(text: &str, mut shared: impl FnMut(&str) -> Option<Arc<str>>) -> Self {
        let (mut names, mut name, mut escaped) = (Vec::new(), String::new(), false);
        for c in text.chars() {
            match c {
                _ if escaped => {
                    if !matches!(c, SEPARATOR | ESCAPE) {
                        name.push(ESCAPE);
                    }
                    name.push(c);
                    escaped = false;
                }
                ESCAPE => escaped = true,
                SEPARATOR => names.push(std::mem::take(&mut name)),
                _ => name.push(c),
            }
        }
        if escaped {
            name.push(ESCAPE);
        }
        if names.is_empty() {
            return match in_brackets(text.trim()) {
                Some(names) => Self::set(names.into_iter().filter_map(shared)),
                None => shared(text.trim()).map_or(Self::None, Self::One),
            };
        }
        names.push(name);
        Self::set(names.iter().filter_map(|name| shared(name.trim())))
    }
}

/// The elements of a list in brackets, without their quotes.
pub(super) fn in_brackets(text: &str) -> Option<Vec<&str>> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?.trim();
    let (mut elements, mut start, mut quote) = (Vec::new(), 0, None);
    for (at, c) in inner.char_indices() {
        match (quote, c) {
            (None, '\'' | '"') if inner[start..at].trim().is_empty() => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, ',') => {
                elements.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    elements.push(&inner[start..]);
    Some(elements.into_iter().map(unquoted).filter(|element| !element.is_empty()).collect())
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('\'').or_else(|| inner('"')).unwrap_or(text)
}

/// The cell of a set of names: see [`Labels::to_cell`].
pub(super) fn set_to_cell<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<String> = names
        .map(|name| {
            let escape = |c| matches!(c, SEPARATOR | ESCAPE).then_some(ESCAPE);
            name.chars().flat_map(|c| escape(c).into_iter().chain([c])).collect()
        })
        .collect();
    if names.len() < 2 {
        names.push(String::new());
    }
    match names[..] {
        [_] => SEPARATOR.to_string(),
        _ => names.join(&SEPARATOR.to_string()),
    }
}

/// The name of its class.
impl From<&str> for Labels {
    fn from(name: &str) -> Self {
        Self::One(name.into())
    }
}

impl From<Option<Arc<str>>> for Labels {
    fn from(name: Option<Arc<str>>) -> Self {
        name.map_or(Self::None, Self::One)
    }
}

impl Listing {
    /// Whether pictures may have any number of labels.
    pub fn is_multi_label(&self) -> bool {
        self.pictures.iter().any(|picture| matches!(picture.label, Labels::Set(_)))
    }

    /// Takes sets for single labels, if each of them is of one class: for sources where the same form has
    /// either.
    pub(super) fn settle(&mut self) {
        let single = |picture: &Listed| picture.label.is_none() || picture.label.names().len() == 1;
        if self.pictures.iter().all(single) {
            for picture in &mut self.pictures {
                picture.label = picture.label.names().first().cloned().into();
            }
        }
    }

    /// Takes each label as a set of one, and pictures of one side that are the same file, or files of the
    /// same bytes, as one with all their labels: the first.
    pub(super) fn make_multi_label(&mut self) {
        let mut known: HashMap<Arc<str>, Labels> = HashMap::new();
        for picture in &mut self.pictures {
            if let Labels::One(name) = &picture.label {
                let set = known.entry(name.clone());
                picture.label = set.or_insert_with(|| Labels::set([name.clone()])).clone();
            }
        }
        let places = self.pictures.iter().map(|picture| Some(&picture.at));
        let repeated = repeated(self, places.collect());
        self.merge(&repeated);
        // Only files of equal length can be the same, and are read.
        let lengths: Vec<Option<u64>> = self.pictures.iter().map(|p| length(&p.at)).collect();
        let mut count: HashMap<u64, usize> = HashMap::new();
        lengths.iter().flatten().for_each(|&length| *count.entry(length).or_default() += 1);
        let bytes = self.pictures.iter().zip(&lengths).map(|(picture, length)| {
            let may_be_another = length.is_none_or(|length| count[&length] > 1);
            may_be_another.then(|| hash(&picture.at)).flatten()
        });
        let repeated = self::repeated(self, bytes.collect());
        self.merge(&repeated);
    }

    /// Gives the labels of pictures to the first ones that they repeat, and leaves them out.
    fn merge(&mut self, repeated: &BTreeMap<usize, usize>) {
        let mut names: HashMap<usize, Vec<Arc<str>>> = HashMap::new();
        for (&index, &first) in repeated {
            let own = &self.pictures[index].label;
            if own.is_some() {
                names.entry(first).or_default().extend(own.names().iter().cloned());
            }
        }
        for (first, names) in names {
            let own = self.pictures[first].label.names().iter().cloned();
            self.pictures[first].label = Labels::set(own.chain(names));
        }
        let mut indices = 0..;
        self.pictures.retain(|_| indices.next().is_some_and(|at| !repeated.contains_key(&at)));
    }
}

/// Of each picture that an earlier one of its side has the key of, that earlier one.
fn repeated<K: Eq + Hash>(listing: &Listing, keys: Vec<Option<K>>) -> BTreeMap<usize, usize> {
    let mut firsts: HashMap<(K, Option<Subset>), usize> = HashMap::new();
    let mut repeated = BTreeMap::new();
    for (index, (picture, key)) in listing.pictures.iter().zip(keys).enumerate() {
        let Some(key) = key else { continue };
        let first = *firsts.entry((key, picture.subset)).or_insert(index);
        if first != index {
            repeated.insert(index, first);
        }
    }
    repeated
}

/// The bytes of a file; nothing of what is no file of its own.
fn length(at: &Location) -> Option<u64> {
    let Location::File(path) = at else { return None };
    fs::metadata(path).ok().map(|metadata| metadata.len())
}

/// Of what its bytes are; nothing where they cannot be read, which is told when it is decoded.
fn hash(at: &Location) -> Option<blake3::Hash> {
    at.read(&Limits::default()).ok().map(|bytes| blake3::hash(&bytes))
}

/// The different sets of classes that pictures of a multi-label data set have. A picture's label is the
/// number of its set, so that what only compares labels, or hands them on, need not know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSets {
    sets: Vec<Vec<usize>>,
    numbers: HashMap<Vec<usize>, usize>,
}

impl LabelSets {
    /// The number of a set, a new one if it is new.
    pub fn number(&mut self, mut set: Vec<usize>) -> usize {
        set.sort_unstable();
        set.dedup();
        if let Some(&number) = self.numbers.get(&set) {
            return number;
        }
        self.sets.push(set.clone());
        self.numbers.insert(set, self.sets.len() - 1);
        self.sets.len() - 1
    }

    /// Gives pictures that are the same, by their `keys`, all the classes that any of them has.
    ///
    /// # Panics
    /// When there is no label for a key, or a label is not that of a set.
    pub fn unite<K: Eq + Hash>(&mut self, labels: &mut [usize], keys: &[K]) {
        let mut same: HashMap<&K, Vec<usize>> = HashMap::new();
        for (picture, key) in keys.iter().enumerate() {
            same.entry(key).or_default().push(picture);
        }
        // In the order of the pictures, so that numbers of new sets do not change from run to run.
        let mut groups: Vec<Vec<usize>> = same.into_values().filter(|g| g.len() > 1).collect();
        groups.sort_unstable();
        for pictures in groups {
            let first = labels[pictures[0]];
            if pictures.iter().all(|&picture| labels[picture] == first) {
                continue;
            }
            let all = pictures.iter().flat_map(|&picture| self.sets[labels[picture]].clone());
            let united = self.number(all.collect());
            pictures.iter().for_each(|&picture| labels[picture] = united);
        }
    }

    /// All sets by their numbers, each ascending.
    pub fn as_slice(&self) -> &[Vec<usize>] {
        &self.sets
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cell_tells_a_set_from_a_class_and_from_nothing() {
        let set = |names: &[&str]| Labels::set(names.iter().map(|&name| name.into()));
        let cases = [
            (Labels::None, ""),
            (Labels::One("cat".into()), "cat"),
            (set(&[]), "|"),
            (set(&["cat"]), "cat|"),
            (set(&["dog", "cat"]), "cat|dog"),
            (set(&["a|b", r"c\d"]), r"a\|b|c\\d"),
        ];
        for (labels, cell) in cases {
            assert_eq!(labels.to_cell(), cell);
            assert_eq!(Labels::from_cell(cell, text), labels);
        }
        assert_eq!(Labels::from_cell(" dog | cat ", text), set(&["cat", "dog"]));
        for (cell, names) in [
            ("['cat', 'big, dog']", &["cat", "big, dog"][..]),
            (r#"["cat","it's"]"#, &["cat", "it's"]),
            ("[ dog ]", &["dog"]),
            ("[]", &[]),
        ] {
            assert_eq!(Labels::from_cell(cell, text), set(names), "{cell}");
        }
    }

    #[test]
    fn pictures_that_are_the_same_get_each_others_classes() {
        let mut sets = LabelSets::default();
        let mut labels = [vec![0], vec![1], vec![], vec![2], vec![1]].map(|set| sets.number(set));
        sets.unite(&mut labels, &["x", "y", "x", "x", "y"]);
        let found = labels.map(|label| sets.as_slice()[label].clone());
        assert_eq!(found, [vec![0, 2], vec![1], vec![0, 2], vec![0, 2], vec![1]]);
    }

    fn text(text: &str) -> Option<Arc<str>> {
        (!text.is_empty()).then(|| text.into())
    }

    proptest! {
        #[test]
        fn any_set_comes_back(names in prop::collection::vec(r"[a-c|\\é ]{0,4}", 0..4)) {
            let names = names.iter().filter_map(|name| text(name.trim()));
            let set = Labels::set(names);
            prop_assert_eq!(Labels::from_cell(&set.to_cell(), text), set);
        }
    }
}
