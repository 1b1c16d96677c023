//! The labels of a picture: one or several.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::hash::Hash;
use std::slice;
use std::sync::Arc;

use super::{Listed, Listing, Location, Subset};
use crate::decode::Limits;

/// The labels of a picture in a [`Listing`].
///
/// Readers return [`Labels::One`] if the form of the source gives a picture one class, and [`Labels::Set`] if it may
/// have any number. One `Set` in a listing makes all of it multi-label: then `One` is a set of one, and an empty set
/// means that the picture is of no class, whereas [`Labels::None`] means that nothing is known. Equal sets should be
/// shared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Labels {
    /// Unknown.
    #[default]
    None,
    /// The name of its class.
    One(Arc<str>),
    /// The names of all of its classes, in alphabetical (byte) order, each once; may be empty.
    Set(Arc<[Arc<str>]>),
}

/// The separator of names in a set written as text.
const SEPARATOR: char = '|';
/// The escape character for a separator, or itself, in a name.
const ESCAPE: char = '\\';

impl Labels {
    /// Creates a set of any number of classes, in any order.
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

    /// The name of the class, if it is a single label.
    pub fn as_deref(&self) -> Option<&str> {
        match self {
            Self::One(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the labels are unknown.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Whether the labels are known.
    pub fn is_some(&self) -> bool {
        !self.is_none()
    }

    /// Formats as a cell of a table: the names of a set separated by `|`, a single one preceded by `|`, an empty set as
    /// `|`; `|` and `\` in names are escaped by `\`. So a set differs from a class name and from an empty cell;
    /// [`Labels::from_cell`] parses it.
    pub fn to_cell(&self) -> String {
        let names = match self {
            Self::None => return String::new(),
            Self::One(name) => return name.to_string(),
            Self::Set(names) => names,
        };
        set_to_cell(names.iter().map(|name| &**name))
    }

    /// Parses a cell of a label column: a set if it contains an unescaped `|`, or is a list in brackets as in Python
    /// and JSON; otherwise one class. Spaces around names are ignored.
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

/// The cell for a set of names: see [`Labels::to_cell`].
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

/// A single class.
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

    /// Converts sets to single labels if each contains one class: for sources in which both have the same form.
    pub(super) fn settle(&mut self) {
        let single = |picture: &Listed| picture.label.is_none() || picture.label.names().len() == 1;
        if self.pictures.iter().all(single) {
            for picture in &mut self.pictures {
                picture.label = picture.label.names().first().cloned().into();
            }
        }
    }

    /// Converts labels to sets, and merges pictures of one side that are the same file, or have the same bytes, into
    /// the first, with all of their labels.
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
        // Only files of the same length can be equal, and only these are read.
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

    /// Moves the labels of repeated pictures to the first occurrence, and removes the repetitions.
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

/// For each picture with the same key as an earlier one of its side, that earlier one.
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

/// The length of a file; `None` if it is not a separate file.
fn length(at: &Location) -> Option<u64> {
    let Location::File(path) = at else { return None };
    fs::metadata(path).ok().map(|metadata| metadata.len())
}

/// The hash of its bytes; `None` if they cannot be read, which decoding will report.
fn hash(at: &Location) -> Option<blake3::Hash> {
    at.read(&Limits::default()).ok().map(|bytes| blake3::hash(&bytes))
}

/// The distinct sets of classes in a multi-label data set. A picture's label is the index of its set, so that code that
/// only compares or passes on labels need not know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSets {
    sets: Vec<Vec<usize>>,
    numbers: HashMap<Vec<usize>, usize>,
}

impl LabelSets {
    /// The index of a set, which is added if it is new.
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

    /// Gives pictures with the same key the union of their classes.
    ///
    /// # Panics
    /// When a label is missing, or is not the index of a set.
    pub fn unite<K: Eq + Hash>(&mut self, labels: &mut [usize], keys: &[K]) {
        let mut same: HashMap<&K, Vec<usize>> = HashMap::new();
        for (picture, key) in keys.iter().enumerate() {
            same.entry(key).or_default().push(picture);
        }
        // In picture order, so that indices of new sets are reproducible.
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

    /// All sets by index, each ascending.
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
