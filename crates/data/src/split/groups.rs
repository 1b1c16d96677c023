//! Which pictures belong together.

use std::collections::HashMap;
use std::hash::Hash;

use crate::decode::ContentHash;

/// Pictures that must not be parted: those with the same pixels, and whatever else is said to
/// belong together, transitively.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    contents: Vec<ContentHash>,
    /// What decides the side of each picture's group: its pixels, or its group's name.
    keys: Vec<ContentHash>,
    /// Whether any group has a name.
    named: bool,
    numbers: Vec<usize>,
}

impl Groups {
    /// Pictures whose decoded pixels have these hashes; the same pixels belong together.
    pub fn of_contents(contents: Vec<ContentHash>) -> Self {
        let numbers = number(contents.iter());
        Self { keys: contents.clone(), contents, named: false, numbers }
    }

    /// Pictures of one name belong together, too; those without one, to nobody. The name then
    /// decides the group's side, so that a subject's pictures may come and go.
    ///
    /// # Panics
    /// Unless there is an element for each picture.
    #[must_use]
    pub fn named<S: AsRef<str>>(mut self, names: &[Option<S>]) -> Self {
        assert_eq!(names.len(), self.contents.len(), "a name or none for each picture");
        let names: Vec<Option<&str>> =
            names.iter().map(|name| name.as_ref().map(AsRef::as_ref)).collect();
        for (key, name) in self.keys.iter_mut().zip(&names) {
            if let Some(name) = name {
                *key = key_of_name(name);
            }
        }
        self.named |= names.iter().any(Option::is_some);
        let others = names.len();
        let of_name = number(names.iter());
        // Each picture without a name is a group of its own.
        let numbers = names.iter().zip(of_name).enumerate();
        let numbers: Vec<usize> = numbers
            .map(|(picture, (name, number))| name.map_or(others + picture, |_| number))
            .collect();
        self.join(&numbers)
    }

    /// Pictures of one number belong together, too.
    ///
    /// # Panics
    /// Unless there is a number for each picture.
    #[must_use]
    pub fn join(self, numbers: &[usize]) -> Self {
        assert_eq!(numbers.len(), self.contents.len(), "a number for each picture");
        let mut first = HashMap::new();
        let with_first = |(picture, number)| (picture, *first.entry(number).or_insert(picture));
        self.link(numbers.iter().enumerate().map(with_first))
    }

    /// Both pictures of each pair belong together, too.
    ///
    /// # Panics
    /// When there is no such picture.
    #[must_use]
    pub fn link(mut self, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        // Union-find: the groups as they were, each with the least that it is joined with.
        let mut parents: Vec<usize> = (0..self.len()).collect();
        for (a, b) in pairs {
            let (a, b) = (self.numbers[a], self.numbers[b]);
            let (a, b) = (root(&mut parents, a), root(&mut parents, b));
            parents[a.max(b)] = a.min(b);
        }
        let roots: Vec<usize> = self.numbers.iter().map(|&g| root(&mut parents, g)).collect();
        self.numbers = number(roots.iter());
        self
    }

    /// Those of some of the pictures, in this order.
    pub(super) fn of(&self, pictures: &[usize]) -> Self {
        let each = || pictures.iter().copied();
        Self {
            contents: each().map(|picture| self.contents[picture]).collect(),
            keys: each().map(|picture| self.keys[picture]).collect(),
            named: self.named,
            numbers: number(each().map(|picture| self.numbers[picture])),
        }
    }

    /// The hash of the decoded pixels of each picture.
    pub fn contents(&self) -> &[ContentHash] {
        &self.contents
    }

    /// The group of each picture, in the order in which groups first appear, from 0.
    pub fn numbers(&self) -> &[usize] {
        &self.numbers
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.numbers.iter().max().map_or(0, |last| last + 1)
    }

    /// Whether there are no pictures.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// How many pictures have the pixels of an earlier one.
    pub fn duplicates(&self) -> usize {
        let distinct = number(self.contents.iter()).into_iter().max().map_or(0, |last| last + 1);
        self.contents.len() - distinct
    }

    /// Whether any pictures belong together by a name.
    pub fn are_named(&self) -> bool {
        self.named
    }

    /// The pictures of each group, ascending; groups by their first picture.
    pub(super) fn members(&self) -> Vec<Vec<usize>> {
        collect(&self.numbers)
    }

    /// The pictures of each content, ascending; contents by their first picture.
    pub(super) fn of_same_pixels(&self) -> Vec<Vec<usize>> {
        collect(&number(self.contents.iter()))
    }

    /// A uniformly distributed key of a group and a seed. It is of the least of the group's keys:
    /// adding a picture seldom changes it.
    pub(super) fn priority(&self, seed: u64, group: &[usize]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("headstart 2025 split priority");
        hasher.update(&seed.to_le_bytes());
        if let Some(key) = group.iter().map(|&picture| self.keys[picture]).min() {
            hasher.update(&key.0);
        }
        *hasher.finalize().as_bytes()
    }
}

/// For each value the number of its kind, in the order in which kinds first appear, from 0.
fn number<T: Eq + Hash>(values: impl Iterator<Item = T>) -> Vec<usize> {
    let mut numbers = HashMap::new();
    values
        .map(|value| {
            let next = numbers.len();
            *numbers.entry(value).or_insert(next)
        })
        .collect()
}

/// The pictures of each number.
fn collect(numbers: &[usize]) -> Vec<Vec<usize>> {
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (picture, &group) in numbers.iter().enumerate() {
        if group == members.len() {
            members.push(Vec::new());
        }
        members[group].push(picture);
    }
    members
}

/// The least group that `group` is joined with; paths to it are halved on the way.
fn root(parents: &mut [usize], mut group: usize) -> usize {
    while parents[group] != group {
        parents[group] = parents[parents[group]];
        group = parents[group];
    }
    group
}

fn key_of_name(name: &str) -> ContentHash {
    let mut hasher = blake3::Hasher::new_derive_key("headstart 2026 name of a group");
    hasher.update(name.as_bytes());
    ContentHash::from_blake3(&hasher.finalize())
}
