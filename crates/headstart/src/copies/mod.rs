//! Copies of a picture: the same pixels, or nearly the same.

mod alignment;

use headstart_data::facts::THUMBNAIL;
use headstart_data::{ContentHash, Facts, Groups};
pub(crate) use headstart_neighbours::FEW;
use headstart_neighbours::{Bounds, Neighbour, Vectors, neighbours};
use rayon::prelude::*;

use alignment::{Pattern, in_part, pattern, whole};

/// Correlation of thumbnails from which pictures are copies: saved or coloured differently, or mirrored.
///
/// Copies of 155 photographs have 0.999 or more, and 0.997 at JPEG quality 30. Different photographs have up to
/// 0.936, and different trousers of 28 pixels up to 0.993.
const SAME: f32 = 0.998;
/// Correlation from which pictures are copies if their features are also nearer than usual, by [`NEARER`].
const ALMOST_SAME: f32 = 0.995;
const NEARER: f32 = 0.8;
/// Correlation of a thumbnail with a part of another from which one picture may be a crop of the other.
const PART: f32 = 0.93;
/// Largest distance of the features of a crop, relative to the usual distance of neighbours.
const MUCH_NEARER: f32 = 0.35;
/// Least cosine of the features of a crop.
const PART_COSINE: f32 = 0.8;
/// Length of the shorter side, in pixels, from which crops are searched for: two pixels per cell of a
/// thumbnail.
///
/// Among 5,000 pictures of 28 pixels, 3 of the 5 pairs found were found as crops, and 2 of these 3 show
/// different garments.
const FINE: usize = 2 * THUMBNAIL;
/// Pictures whose neighbours are compared between two calls of `go_on`.
const AT_ONCE: usize = 4096;
/// The neighbour whose distance counts as usual. A picture may have one copy less than this, and its class one
/// picture less, before that distance is affected.
const USUAL: usize = 5;

/// The copies in a set of pictures.
#[derive(Clone, Debug)]
pub(crate) struct Copies {
    /// The group of each picture. Pictures with equal pixels are always in one group.
    pub(crate) groups: Vec<usize>,
    /// For each picture, the index of its content in `firsts`.
    pub(crate) equal: Vec<usize>,
    /// Pairs of copies with different pixels, with the cosine of their features.
    pub(crate) links: Vec<(usize, usize, f32)>,
    /// The neighbours of each picture in `firsts`, as indices into `firsts`.
    pub(crate) neighbours: Vec<Vec<Neighbour>>,
    /// The first picture of each distinct content.
    pub(crate) firsts: Vec<usize>,
}

impl Copies {
    /// Finds copies by their features, `[n][dim]`, and confirms them by thumbnails.
    ///
    /// `go_on` is called from time to time with the number of pictures compared and their total. Returns `None`
    /// if it returns false.
    pub(crate) fn find(
        features: &[f32],
        dim: usize,
        contents: &[ContentHash],
        facts: &[Facts],
        go_on: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Option<Self> {
        Self::find_within(&Bounds::default(), (features, dim), contents, facts, go_on)
    }

    fn find_within(
        bounds: &Bounds,
        (features, dim): (&[f32], usize),
        contents: &[ContentHash],
        facts: &[Facts],
        go_on: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Option<Self> {
        let groups = Groups::of_contents(contents.to_vec());
        let equal = groups.numbers().to_vec();
        let mut firsts = Vec::new();
        for (picture, &group) in equal.iter().enumerate() {
            if group == firsts.len() {
                firsts.push(picture);
            }
        }
        let n = firsts.len();
        let vectors = Vectors::new(features, dim, &firsts);
        // Each picture is visited twice: to find its neighbours, and to see which of them are copies.
        let neighbours = neighbours(bounds, &vectors, &mut |found| go_on(found / 2, n))?;
        let confirm = Confirm { facts, firsts: &firsts, neighbours: &neighbours };
        let mut links = Vec::new();
        for start in (0..n).step_by(AT_ONCE) {
            if !go_on((n + start) / 2, n) {
                return None;
            }
            let some = (start..n.min(start + AT_ONCE)).into_par_iter();
            links.par_extend(some.flat_map_iter(|at| confirm.links(at)));
        }
        go_on(n, n);
        let groups = groups.link(links.iter().map(|&(a, b, _)| (a, b))).numbers().to_vec();
        Some(Self { groups, equal, links, neighbours, firsts })
    }

    /// The groups of more than one picture, in the order of their first pictures.
    pub(crate) fn groups_of_several(&self) -> Vec<Group> {
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

/// Confirms which neighbours are copies.
struct Confirm<'a> {
    facts: &'a [Facts],
    firsts: &'a [usize],
    neighbours: &'a [Vec<Neighbour>],
}

impl Confirm<'_> {
    /// The copies among a picture's neighbours, as pairs of pictures with the cosine of their features. If both
    /// pictures of a pair are neighbours of each other, only the first reports the pair.
    fn links(&self, at: usize) -> Vec<(usize, usize, f32)> {
        let Some(own) = self.pattern(at) else { return Vec::new() };
        let near = self.neighbours[at].iter().map(|&(other, cosine)| (other as usize, cosine));
        let is_first = |other: usize| {
            at < other || !self.neighbours[other].iter().any(|&(back, _)| back as usize == at)
        };
        near.filter(|&(other, cosine)| is_first(other) && self.is_copy((at, &own), other, cosine))
            .map(|(other, cosine)| (self.firsts[at], self.firsts[other], cosine))
            .collect()
    }

    fn is_copy(&self, (at, own): (usize, &Pattern), other: usize, cosine: f32) -> bool {
        let Some(pattern) = self.pattern(other) else { return false };
        let usual = self.usual(at).min(self.usual(other));
        let distance = (1.0 - cosine) / usual.max(f32::MIN_POSITIVE);
        let alike = whole(own, &pattern);
        alike >= SAME
            || (alike >= ALMOST_SAME && distance <= NEARER)
            || (distance <= MUCH_NEARER
                && cosine >= PART_COSINE
                && self.is_fine(at)
                && self.is_fine(other)
                && in_part(own, &pattern) >= PART)
    }

    /// The pattern of a picture. It is computed when needed: all patterns together are as large as the
    /// features.
    fn pattern(&self, at: usize) -> Option<Pattern> {
        pattern(&self.facts[self.firsts[at]].thumbnail)
    }

    /// The usual distance of a picture's neighbours.
    fn usual(&self, at: usize) -> f32 {
        let near = &self.neighbours[at];
        near.get(USUAL - 1).or(near.last()).map_or(0.0, |(_, cosine)| 1.0 - cosine)
    }

    fn is_fine(&self, at: usize) -> bool {
        let Facts { width, height, .. } = self.facts[self.firsts[at]];
        width.min(height) as usize >= FINE
    }
}

/// Pictures that are copies of each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    /// The pictures, in ascending order.
    pub(crate) pictures: Vec<usize>,
    /// The number of distinct contents among them.
    contents: usize,
}

impl Group {
    /// Whether all have the same pixels.
    pub(crate) fn is_exact(&self) -> bool {
        self.contents == 1
    }

    /// The index in `pictures` of one whose label is right; `None` if it cannot be inferred.
    ///
    /// It can if all would have the same class once each suspected label is replaced by the suggested one.
    pub(crate) fn right(&self, labels: &[usize], suspects: &[Option<usize>]) -> Option<usize> {
        if self.differ(|picture| suspects[picture].unwrap_or(labels[picture])) {
            return None;
        }
        self.pictures.iter().position(|&picture| suspects[picture].is_none())
    }

    /// Whether the pictures differ in a property.
    pub(crate) fn differ<T: PartialEq>(&self, of: impl Fn(usize) -> T) -> bool {
        self.pictures.iter().any(|&picture| of(picture) != of(self.pictures[0]))
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use headstart_data::Location;
    use headstart_data::decode::{Format, Header};
    use image::imageops::{self, FilterType};

    use super::alignment::tests::thumbnail;
    use super::*;
    use crate::{Base, Context, ExtractConfig, Extractor};

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
            // The second picture is like the first, and the others are like none.
            let mut features = vec![0.01; DIM * DIM];
            (0..DIM).for_each(|picture| features[picture * DIM + picture] = 1.0);
            features[DIM] = 10.0;
            let contents: Vec<_> = (0..DIM).map(|i| ContentHash([i as u8; 16])).collect();
            let facts: Vec<_> = facts.collect();
            let copies = Copies::find(&features, DIM, &contents, &facts, &mut |_, _| true).unwrap();
            copies.links.iter().map(|&(a, b, _)| (a.min(b), a.max(b))).collect::<Vec<_>>()
        };
        assert_eq!(found(200), [(0, 1)]);
        assert_eq!(found(28), []);
    }

    /// Bundled pictures, and typical copies of some of them: mirrored, brighter, cropped, as a JPEG.
    fn pictures_with_copies(folder: &Path) -> Vec<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/assets/fashion-mnist");
        let mut pictures = Vec::new();
        for class in ["Bag", "Sneaker", "Dress", "Coat"] {
            let files = std::fs::read_dir(root.join(class)).unwrap();
            let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
            paths.sort();
            for (n, path) in paths.iter().take(60).enumerate() {
                let picture = image::open(path).unwrap().to_rgb8();
                let large = imageops::resize(&picture, 96, 96, FilterType::CatmullRom);
                let copy = match n % 8 {
                    0 => Some(imageops::flip_horizontal(&large)),
                    1 => Some(imageops::brighten(&large, 20)),
                    2 => Some(imageops::crop_imm(&large, 3, 3, 90, 90).to_image()),
                    3 => Some(large.clone()),
                    _ => None,
                };
                for (ending, picture) in [("png", Some(large)), ("jpg", copy)] {
                    let Some(picture) = picture else { continue };
                    let to = folder.join(format!("{class}-{n}.{ending}"));
                    picture.save(&to).unwrap();
                    pictures.push(to);
                }
            }
        }
        pictures
    }

    #[test]
    fn in_cells_the_same_copies_are_found_as_among_all() {
        let temp = tempfile::tempdir().unwrap();
        let pictures: Vec<Location> =
            pictures_with_copies(temp.path()).iter().map(Location::from).collect();
        let base = Base::bundled("mobilenetv2").unwrap();
        let extractor = Extractor::new(&base, &ExtractConfig::default());
        let read = extractor.extract(&pictures, &mut Context::default()).unwrap();
        let find = |few: usize| {
            let bounds = Bounds { few, cell: 16, candidates: 80 };
            let features = (&read.features[..], extractor.features());
            let go_on = &mut |_, _| true;
            Copies::find_within(&bounds, features, &read.contents, &read.facts, go_on).unwrap()
        };
        let (all, in_cells) = (find(usize::MAX), find(0));
        assert!(all.links.len() >= 90, "{}", all.links.len());
        let pairs = |copies: &Copies| {
            let pairs = copies.links.iter().map(|&(a, b, _)| (a.min(b), a.max(b)));
            pairs.collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(pairs(&in_cells), pairs(&all));
        assert_eq!(in_cells.groups, all.groups);
    }

    #[test]
    fn who_says_stop_while_copies_are_looked_for_or_confirmed_gets_none() {
        let file = Header { format: Format::Png, width: 200, height: 200, orientation: 1 };
        let facts = vec![Facts::new(&file, &[0; 3], 1); 40];
        let features: Vec<f32> = (0..40 * 8).map(|i| (i as f32).sin()).collect();
        let contents: Vec<_> = (0..40).map(|i| ContentHash([i as u8; 16])).collect();
        let stop_after = |questions: usize| {
            let mut said = Vec::new();
            let mut go_on = |done, total| {
                said.push((done, total));
                said.len() < questions
            };
            let found = Copies::find(&features, 8, &contents, &facts, &mut go_on);
            (found.is_some(), said)
        };
        let (found, said) = stop_after(usize::MAX);
        assert!(found && said.is_sorted(), "{said:?}");
        assert_eq!((said.first(), said.last()), (Some(&(0, 40)), Some(&(40, 40))));
        // The result of the last call is ignored.
        for questions in 1..said.len() {
            assert_eq!(stop_after(questions), (false, said[..questions].to_vec()));
        }
    }

    #[test]
    fn a_label_is_right_where_all_others_are_suspected_to_be_wrong() {
        let group = Group { pictures: vec![2, 4, 5], contents: 1 };
        let labels = [9, 9, 0, 9, 1, 0];
        let right = |suspects: [Option<usize>; 6]| group.right(&labels, &suspects);
        assert_eq!(right([None; 6]), None);
        assert_eq!(right([None, None, Some(1), None, None, Some(1)]), Some(1));
        assert_eq!(right([None, None, None, None, Some(0), None]), Some(0));
        // Not if it were of a third class, or if one of several suspects remained.
        assert_eq!(right([None, None, Some(2), None, Some(2), Some(2)]), None);
        assert_eq!(right([None, None, Some(1), None, None, None]), None);
    }
}
