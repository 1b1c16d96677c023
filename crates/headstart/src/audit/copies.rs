//! Copies of a picture: the same pixels, or nearly the same.

use headstart_data::facts::THUMBNAIL;
use headstart_data::{ContentHash, Facts, Groups};
use rayon::prelude::*;

use super::alignment::{in_part, pattern, whole};
use super::neighbours::{Neighbour, neighbours};

/// Correlation of thumbnails from which on pictures are the same, saved or coloured otherwise or
/// mirrored. Copies of 155 photographs have 0.999 and more, and 0.997 when JPEG's quality is 30;
/// different ones have up to 0.936, and different 28-pixel trousers up to 0.993.
const SAME: f32 = 0.998;
/// From which on they are where their features are also nearer than is usual, by [`NEARER`].
const ALMOST_SAME: f32 = 0.995;
const NEARER: f32 = 0.8;
/// Correlation of a thumbnail with a part of another from which on one may be cut from the other.
const PART: f32 = 0.93;
/// What the features of such pictures must be nearer by than is usual among neighbours.
const MUCH_NEARER: f32 = 0.35;
/// And their cosine.
const PART_COSINE: f32 = 0.8;
/// Pixels of the shorter side from which on parts are looked for, two for each cell of a thumbnail. Of 5
/// pairs among 5,000 pictures of 28 pixels 3 were told by a part, 2 of them of different garments.
const FINE: usize = 2 * THUMBNAIL;
/// The neighbour whose distance is the usual one. There may be as many copies but one of a picture, and
/// as few pictures of its class.
const USUAL: usize = 5;

/// Which pictures are copies of each other.
#[derive(Clone, Debug)]
pub(crate) struct Copies {
    /// The group of each picture; equal pixels are always of one.
    pub(crate) groups: Vec<usize>,
    /// Of each picture the place of its content among `firsts`.
    pub(super) equal: Vec<usize>,
    /// Pairs of pictures of different pixels that are copies, with the cosine of their features.
    pub(super) links: Vec<(usize, usize, f32)>,
    /// Of each picture the neighbours, as places among `firsts`.
    pub(super) neighbours: Vec<Vec<Neighbour>>,
    /// The first picture of each content; `neighbours` are of these.
    pub(super) firsts: Vec<usize>,
}

impl Copies {
    /// Finds copies by features, n x dim, and confirms them by thumbnails. `None` when `go_on`
    /// says no.
    pub(crate) fn find(
        features: &[f32],
        dim: usize,
        contents: &[ContentHash],
        facts: &[Facts],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Option<Self> {
        let groups = Groups::of_contents(contents.to_vec());
        let equal = groups.numbers().to_vec();
        let mut firsts = Vec::new();
        for (picture, &group) in equal.iter().enumerate() {
            if group == firsts.len() {
                firsts.push(picture);
            }
        }
        let distinct: Vec<f32> =
            firsts.iter().flat_map(|&p| &features[p * dim..][..dim]).copied().collect();
        let neighbours = neighbours(distinct, dim, go_on)?;
        let patterns: Vec<_> =
            firsts.par_iter().map(|&first| pattern(&facts[first].thumbnail)).collect();
        let usual = |at: usize| {
            let near = &neighbours[at];
            near.get(USUAL - 1).or(near.last()).map_or(0.0, |(_, cosine)| 1.0 - cosine)
        };
        let is_fine = |at: usize| {
            let Facts { width, height, .. } = facts[firsts[at]];
            width.min(height) as usize >= FINE
        };
        let is_copy = |a: usize, b: usize, cosine: f32| {
            let (Some(one), Some(other)) = (&patterns[a], &patterns[b]) else { return false };
            let distance = (1.0 - cosine) / usual(a).min(usual(b)).max(f32::MIN_POSITIVE);
            let alike = whole(one, other);
            alike >= SAME
                || (alike >= ALMOST_SAME && distance <= NEARER)
                || (distance <= MUCH_NEARER
                    && cosine >= PART_COSINE
                    && is_fine(a)
                    && is_fine(b)
                    && in_part(one, other) >= PART)
        };
        let links: Vec<(usize, usize, f32)> = (0..firsts.len())
            .into_par_iter()
            .flat_map_iter(|at| {
                let near = neighbours[at].iter().map(move |&(other, c)| (at, other as usize, c));
                // A pair that both have for a neighbour counts once.
                near.filter(|&(a, b, _)| {
                    a < b || !neighbours[b].iter().any(|&(back, _)| back as usize == a)
                })
                .filter(|&(a, b, cosine)| is_copy(a, b, cosine))
                .map(|(a, b, cosine)| (firsts[a], firsts[b], cosine))
                .collect::<Vec<_>>()
            })
            .collect();
        let groups = groups.link(links.iter().map(|&(a, b, _)| (a, b))).numbers().to_vec();
        Some(Self { groups, equal, links, neighbours, firsts })
    }

    /// The groups of several pictures, in the order of their first.
    pub(super) fn groups_of_several(&self) -> Vec<Group> {
        let mut groups = vec![Group::default(); self.firsts.len()];
        self.firsts.iter().for_each(|&first| groups[self.groups[first]].contents += 1);
        for (picture, &group) in self.groups.iter().enumerate() {
            groups[group].pictures.push(picture);
        }
        groups.retain(|group| group.pictures.len() > 1);
        groups.sort_by_key(|group| group.pictures[0]);
        groups
    }
}

/// Pictures that are copies of each other.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    /// Ascending.
    pub(super) pictures: Vec<usize>,
    /// Different pixels among them.
    contents: usize,
}

impl Group {
    /// Whether all have the same pixels.
    pub(super) fn is_exact(&self) -> bool {
        self.contents == 1
    }

    /// The place among them of one whose label is right, where all would be of one class if those that
    /// are suspected were of the class that they are suspected to be of.
    pub(super) fn right(&self, labels: &[usize], suspects: &[Option<usize>]) -> Option<usize> {
        if self.differ(|picture| suspects[picture].unwrap_or(labels[picture])) {
            return None;
        }
        self.pictures.iter().position(|&picture| suspects[picture].is_none())
    }

    /// Whether they are not all alike in something.
    pub(super) fn differ<T: PartialEq>(&self, of: impl Fn(usize) -> T) -> bool {
        self.pictures.iter().any(|&picture| of(picture) != of(self.pictures[0]))
    }
}

#[cfg(test)]
mod tests {
    use headstart_data::decode::{Format, Header};

    use super::super::alignment::tests::thumbnail;
    use super::*;

    #[test]
    fn a_part_is_a_copy_unless_there_is_too_little_to_tell() {
        const DIM: usize = 12;
        let found = |side: u32| {
            let file = Header { format: Format::Png, width: side, height: side, orientation: 1 };
            let facts = (0..DIM).map(|picture| {
                let mut facts = Facts::new(&file, &[0; 3], 1);
                facts.thumbnail = match picture {
                    1 => thumbnail(0.0, 0.8, 1.5),
                    other => thumbnail(other as f32, 1.0, 0.0),
                };
                facts
            });
            // The second is like the first, the others like none.
            let mut features = vec![0.01; DIM * DIM];
            (0..DIM).for_each(|picture| features[picture * DIM + picture] = 1.0);
            features[DIM] = 10.0;
            let contents: Vec<_> = (0..DIM).map(|i| ContentHash([i as u8; 16])).collect();
            let facts: Vec<_> = facts.collect();
            let copies = Copies::find(&features, DIM, &contents, &facts, &mut || true).unwrap();
            copies.links.iter().map(|&(a, b, _)| (a.min(b), a.max(b))).collect::<Vec<_>>()
        };
        assert_eq!(found(200), [(0, 1)]);
        assert_eq!(found(28), []);
    }

    #[test]
    fn a_label_is_right_where_all_others_are_suspected_to_be_wrong() {
        let group = Group { pictures: vec![2, 4, 5], contents: 1 };
        let labels = [9, 9, 0, 9, 1, 0];
        let right = |suspects: [Option<usize>; 6]| group.right(&labels, &suspects);
        assert_eq!(right([None; 6]), None);
        assert_eq!(right([None, None, Some(1), None, None, Some(1)]), Some(1));
        assert_eq!(right([None, None, None, None, Some(0), None]), Some(0));
        // Not when it would be of a third, or when one of several is left.
        assert_eq!(right([None, None, Some(2), None, Some(2), Some(2)]), None);
        assert_eq!(right([None, None, Some(1), None, None, None]), None);
    }
}
