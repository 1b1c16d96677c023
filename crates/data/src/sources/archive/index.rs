//! Names of an archive's members, and where their bytes lie.

use std::cmp::Ordering;
use std::path::Path;

use super::super::names::{LONGEST, is_slash, joined, within};
use super::super::{SkipReason, Skipped};

/// Where a member's bytes lie in the archive's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// Of a tar archive the first byte, of a zip archive the local header before it.
    pub(super) at: u64,
    /// Bytes in the archive.
    pub(super) stored: u64,
    pub(super) packing: Packing,
}

/// How a member's bytes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// In a tar archive: as they are.
    Plain,
    /// In a zip archive, as they are, with their CRC-32.
    Stored(u32),
    /// In a zip archive, by deflate, with the CRC-32 of what comes out.
    Deflated(u32, Ratio),
}

/// How many times as long as they are stored a member's bytes are said to be, rounded up, in 64ths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ratio(u16);

impl Ratio {
    /// Deflate makes at most 1,032 bytes of one; what says more says nothing.
    pub(super) fn of(unpacked: u64, stored: u64) -> Self {
        let ratio = u128::from(unpacked) * 64;
        Self(ratio.div_ceil(u128::from(stored.max(1))).try_into().unwrap_or(u16::MAX))
    }

    /// Bytes that come out of so many, or up to a 64th of these more.
    pub(super) fn unpacked(self, stored: u64) -> u64 {
        (u128::from(stored) * u128::from(self.0) / 64).try_into().unwrap_or(u64::MAX)
    }
}

/// Members by the order of their names, of which all lie behind each other.
#[derive(Debug, Default)]
pub(super) struct Index {
    names: Vec<u8>,
    members: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    content: Content,
    /// Where its name begins; it ends where the next one does.
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

    /// The member of this name, where members lie in the order of their paths.
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

/// Gathers what an archive lists.
pub(super) struct Builder<'a> {
    archive: &'a Path,
    found: Index,
    pub(super) skipped: Vec<Skipped>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(archive: &'a Path) -> Self {
        Self { archive, found: Index::default(), skipped: Vec::new() }
    }

    /// Adds a member; one that is hidden is passed over, and one whose name cannot be a path
    /// within the archive is skipped.
    pub(super) fn add(&mut self, name: &[u8], content: Content) {
        match within(name) {
            Ok(Some(name)) => self.found.push(&name, content),
            Ok(None) => {}
            Err(bad) => self.skip_unchecked(name, bad.into()),
        }
    }

    /// Leaves a member out with a reason, unless it is hidden.
    pub(super) fn skip(&mut self, name: &[u8], reason: SkipReason) {
        match within(name) {
            Ok(Some(name)) => self.skip_unchecked(&name, reason),
            Ok(None) => {}
            Err(bad) => self.skip_unchecked(name, bad.into()),
        }
    }

    /// Something is wrong with the archive itself.
    pub(super) fn note(&mut self, reason: String) {
        self.skipped.push(Skipped::new(self.archive, SkipReason::Incomplete { reason }));
    }

    fn skip_unchecked(&mut self, name: &[u8], reason: SkipReason) {
        let name = &name[..name.len().min(LONGEST)];
        self.skipped.push(Skipped::new(joined(self.archive, name), reason));
    }

    /// The members in the order of their paths. Of several with one name the last counts, as it
    /// does when an archive is unpacked; of those whose bytes overlap, the first.
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

/// Members whose bytes begin before those of another end.
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

/// As paths are ordered: part by part.
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
