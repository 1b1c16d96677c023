//! Members of an archive that belong together by name.

use std::collections::HashMap;

use super::index::Index;
use super::named_like_a_picture;

/// Members with the same key in the sense of WebDataset: the path up to the first dot of the file name. They are
/// consecutive.
///
/// Names may contain other dots, in which case they share the part before the first: a picture is labelled by a `.cls`
/// file with the same name up to its extension.
pub(super) struct Sample {
    /// The index after the last member.
    pub(super) end: usize,
    start: usize,
    /// For each member, its relation to the pictures, and the `.cls` file that labels it.
    members: Vec<(Relation, Option<usize>)>,
    /// A picture whose label matches beyond the first dot of its name.
    pub(super) dotted: Option<usize>,
}

/// The relation of a member to the pictures of its sample, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// Named like a picture, or no other member is.
    Own,
    /// Not named like a picture, while another is.
    WithPicture,
    /// Not a picture, although it may look like one.
    Beside,
}

impl Sample {
    /// The sample that starts with the member `start`.
    pub(super) fn at(index: &Index, start: usize) -> Self {
        let key = key(index.name(start)).0;
        let of_key = |&member: &usize| self::key(index.name(member)).0 == key;
        let end = (start + 1..index.len()).find(|member| !of_key(member)).unwrap_or(index.len());
        let ending = |member: usize| self::key(index.name(member)).1;
        let class = (start..end).find(|&member| ending(member).eq_ignore_ascii_case(b"cls"));
        let classes: HashMap<&[u8], usize> = (start..end)
            .filter_map(|member| {
                let (stem, ending) = stem(index.name(member));
                ending.eq_ignore_ascii_case(b"cls").then_some((stem, member))
            })
            .collect();
        let pictured = (start..end).any(|member| named_like_a_picture(index.name(member)));
        let mut dotted = None;
        let mut relation = |member| {
            let name = index.name(member);
            let picture = named_like_a_picture(name);
            let (stem, own_ending) = stem(name);
            if picture && let Some(&own) = classes.get(stem) {
                if Some(own) != class {
                    dotted.get_or_insert(member);
                }
                return (Relation::Own, Some(own));
            }
            // `KEY.seg.png` is a mask of the picture `KEY.png` if classes are given by `.cls`.
            let other = !picture || ending(member).contains(&b'.');
            let is_label = own_ending.eq_ignore_ascii_case(b"cls");
            match (pictured, class.is_some()) {
                (true, true) if other => (Relation::Beside, None),
                (true, false) if is_label => (Relation::Beside, None),
                (true, false) if !picture => (Relation::WithPicture, None),
                _ => (Relation::Own, class),
            }
        };
        let members = (start..end).map(&mut relation).collect();
        Self { end, start, members, dotted }
    }

    pub(super) fn relation(&self, member: usize) -> Relation {
        self.members[member - self.start].0
    }

    /// The `.cls` file of a picture.
    pub(super) fn class(&self, member: usize) -> Option<usize> {
        self.members[member - self.start].1
    }
}

/// A name's key, and the part after its dot: the first one in the file name.
pub(super) fn key(name: &[u8]) -> (&[u8], &[u8]) {
    let file = file(name);
    parted(name, name[file..].iter().position(|&b| b == b'.').map(|dot| file + dot))
}

/// A name without its extension, and the extension, which follows the last dot.
pub(super) fn stem(name: &[u8]) -> (&[u8], &[u8]) {
    let file = file(name);
    parted(name, name[file..].iter().rposition(|&b| b == b'.').map(|dot| file + dot))
}

/// The start of the file name.
fn file(name: &[u8]) -> usize {
    name.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1)
}

fn parted(name: &[u8], dot: Option<usize>) -> (&[u8], &[u8]) {
    dot.map_or((name, &[]), |dot| (&name[..dot], &name[dot + 1..]))
}
