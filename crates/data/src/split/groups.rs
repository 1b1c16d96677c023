//! Groups of pictures that belong together.

use std::collections::HashMap;
use std::hash::Hash;

use crate::decode::ContentHash;

/// Pictures that must not be separated: those with the same pixels, and those grouped otherwise, transitively.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    contents: Vec<ContentHash>,
    /// The key that determines the side of each picture's group: its pixels, or its group's name.
    keys: Vec<ContentHash>,
    /// Whether any group has a name.
    named: bool,
    numbers: Vec<usize>,
}

impl Groups {
    /// Groups pictures by the hashes of their decoded pixels.
    pub fn of_contents(contents: Vec<ContentHash>) -> Self {
        let numbers = number(contents.iter());
        Self { keys: contents.clone(), contents, named: false, numbers }
    }

    /// Also groups pictures by name; those without a name stay separate. The name then determines the group's side, so
    /// that a subject's pictures may come and go.
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
        // Each picture without a name is a separate group.
        let numbers = names.iter().zip(of_name).enumerate();
        let numbers: Vec<usize> = numbers
            .map(|(picture, (name, number))| name.map_or(others + picture, |_| number))
            .collect();
        self.join(&numbers)
    }

    /// Also groups pictures by number.
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

    /// Also groups both pictures of each pair.
    ///
    /// # Panics
    /// When there is no such picture.
    #[must_use]
    pub fn link(mut self, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        // Union-find over the previous groups; each points to the lowest it is joined with.
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

    /// The groups of a subset of the pictures, in this order.
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

    /// The group of each picture, numbered from 0 in order of first appearance.
    pub fn numbers(&self) -> &[usize] {
        &self.numbers
    }

    /// The number of groups.
    pub fn len(&self) -> usize {
        self.numbers.iter().max().map_or(0, |last| last + 1)
    }

    /// Whether there are no pictures.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The number of pictures with the same pixels as an earlier one.
    pub fn duplicates(&self) -> usize {
        let distinct = number(self.contents.iter()).into_iter().max().map_or(0, |last| last + 1);
        self.contents.len() - distinct
    }

    /// Whether any pictures are grouped by name.
    pub fn are_named(&self) -> bool {
        self.named
    }

    /// The pictures of each group, ascending; groups ordered by first picture.
    pub(super) fn members(&self) -> Vec<Vec<usize>> {
        collect(&self.numbers)
    }

    /// The pictures with the same pixels, ascending; contents ordered by first picture.
    pub(super) fn of_same_pixels(&self) -> Vec<Vec<usize>> {
        collect(&number(self.contents.iter()))
    }

    /// A uniformly distributed hash of a group and a seed. It uses only the lowest of the group's keys, so adding a
    /// picture seldom changes it.
    pub(super) fn priority(&self, seed: u64, group: &[usize]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("headstart 2025 split priority");
        hasher.update(&seed.to_le_bytes());
        if let Some(key) = group.iter().map(|&picture| self.keys[picture]).min() {
            hasher.update(&key.0);
        }
        *hasher.finalize().as_bytes()
    }
}

/// Numbers the distinct values from 0 in order of first appearance, and returns the number of each value.
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

/// The lowest group that `group` is joined with; halves the path to it.
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
