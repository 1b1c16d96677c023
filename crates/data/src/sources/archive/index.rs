//! Names of an archive's members, and the location of their bytes.

use std::cmp::Ordering;
use std::path::Path;

use super::super::names::{LONGEST, is_slash, joined, within};
use super::super::{SkipReason, Skipped};

/// The location of a member's bytes in the archive's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// Offset of the first byte in a tar archive, or of the local header in a zip archive.
    pub(super) at: u64,
    /// Length in the archive, in bytes.
    pub(super) stored: u64,
    pub(super) packing: Packing,
}

/// The storage method of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// Uncompressed in a tar archive.
    Plain,
    /// Uncompressed in a zip archive, with CRC-32.
    Stored(u32),
    /// Deflated in a zip archive, with the CRC-32 of the uncompressed data.
    Deflated(u32, Ratio),
}

/// The declared ratio of a member's uncompressed to its stored length, rounded up, in 64ths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ratio(u16);

impl Ratio {
    /// Deflate expands a byte to at most 1,032; a larger ratio is meaningless.
    pub(super) fn of(unpacked: u64, stored: u64) -> Self {
        let ratio = u128::from(unpacked) * 64;
        Self(ratio.div_ceil(u128::from(stored.max(1))).try_into().unwrap_or(u16::MAX))
    }

    /// The uncompressed length of `stored` bytes, or up to a 64th of them more.
    pub(super) fn unpacked(self, stored: u64) -> u64 {
        (u128::from(stored) * u128::from(self.0) / 64).try_into().unwrap_or(u64::MAX)
    }
}

/// Members sorted by name, with all names in one buffer.
#[derive(Debug, Default)]
pub(super) struct Index {
    names: Vec<u8>,
    members: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    content: Content,
    /// Start of its name; the next member's name starts at its end.
    name: u64,
}

impl Index {
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn name(&self, index: usize) -> &[u8] {
        let end = self.members.get(index + 1).map_or(self.names.len(), |next| next.name as usize);
        &self.names[self.members[index].name as usize..end]
    }

    pub(super) fn content(&self, index: usize) -> &Content {
        &self.members[index].content
    }

    /// The member of this name, if members are in path order.
    pub(super) fn find(&self, name: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match path_order(self.name(middle), name) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(middle),
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    pub(super) fn push(&mut self, name: &[u8], content: Content) {
        self.members.push(Entry { content, name: self.names.len() as u64 });
        self.names.extend_from_slice(name);
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.names.shrink_to_fit();
        self.members.shrink_to_fit();
    }
}

/// Collects the members of an archive.
pub(super) struct Builder<'a> {
    archive: &'a Path,
    found: Index,
    pub(super) skipped: Vec<Skipped>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(archive: &'a Path) -> Self {
        Self { archive, found: Index::default(), skipped: Vec::new() }
    }

    /// Adds a member; hidden ones are ignored, and those whose names cannot be paths within the archive are skipped.
    pub(super) fn add(&mut self, name: &[u8], content: Content) {
        match within(name) {
            Ok(Some(name)) => self.found.push(&name, content),
            Ok(None) => {}
            Err(bad) => self.skip_unchecked(name, bad.into()),
        }
    }

    /// Skips a member with a reason, unless it is hidden.
    pub(super) fn skip(&mut self, name: &[u8], reason: SkipReason) {
        match within(name) {
            Ok(Some(name)) => self.skip_unchecked(&name, reason),
            Ok(None) => {}
            Err(bad) => self.skip_unchecked(name, bad.into()),
        }
    }

    /// Records a problem with the archive itself.
    pub(super) fn note(&mut self, reason: String) {
        self.skipped.push(Skipped::new(self.archive, SkipReason::Incomplete { reason }));
    }

    fn skip_unchecked(&mut self, name: &[u8], reason: SkipReason) {
        let name = &name[..name.len().min(LONGEST)];
        self.skipped.push(Skipped::new(joined(self.archive, name), reason));
    }

    /// The members in path order. Of several with the same name, the last is kept, as when unpacking an archive; of
    /// those with overlapping bytes, the first.
    pub(super) fn finish(mut self) -> (Index, Vec<Skipped>) {
        let found = std::mem::take(&mut self.found);
        let overlapping = overlapping(&found);
        let mut order: Vec<usize> = (0..found.len()).collect();
        order.sort_by(|&a, &b| path_order(found.name(a), found.name(b)));
        let mut sorted = Index::default();
        for (place, &member) in order.iter().enumerate() {
            let name = found.name(member);
            if order.get(place + 1).is_some_and(|&next| found.name(next) == name) {
                self.skip_unchecked(name, SkipReason::Replaced);
            } else if overlapping.contains(&member) {
                self.skip_unchecked(name, SkipReason::Overlaps);
            } else {
                sorted.push(name, *found.content(member));
            }
        }
        (sorted, self.skipped)
    }
}

/// Members whose bytes start before those of another end.
fn overlapping(index: &Index) -> std::collections::HashSet<usize> {
    let mut order: Vec<usize> = (0..index.len()).filter(|&i| index.content(i).stored > 0).collect();
    order.sort_by_key(|&member| index.content(member).at);
    let mut free = 0;
    let overlaps = |&member: &usize| {
        let Content { at, stored, .. } = *index.content(member);
        let overlaps = at < free;
        free = free.max(at.saturating_add(stored));
        overlaps
    };
    order.into_iter().filter(overlaps).collect()
}

/// Compares names as paths, component by component.
fn path_order(a: &[u8], b: &[u8]) -> Ordering {
    a.split(is_slash).cmp(b.split(is_slash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_member_unpacks_to_is_known_closely() {
        for stored in [1, 2, 63, 64, 100, 12_345, 1 << 20, 1 << 40] {
            for unpacked in [0, 1, stored / 2, stored, stored + 1, stored * 3 + 7, stored * 1000] {
                let found = Ratio::of(unpacked, stored).unpacked(stored);
                let most = unpacked + stored / 64 + 1;
                assert!((unpacked..=most).contains(&found), "{unpacked} of {stored}: {found}");
            }
        }
        assert!(Ratio::of(u64::MAX, 10).unpacked(10) < 1032 * 10);
    }

    #[test]
    fn a_member_costs_32_bytes_and_its_name() {
        assert_eq!(size_of::<Entry>(), 32);
    }
}
