//! Which rows are learned from and which are held back, without holding more than a few bytes of each.

use headstart_data::{ContentHash, SplitConfig};

use super::rows::Rows;

/// Both sides, as places among [`Rows::rows`], ascending.
pub(super) struct Sides {
    pub(super) train: Vec<u32>,
    pub(super) validation: Vec<u32>,
    /// Rows that are on neither side, since the same picture is held back.
    pub(super) left_out: usize,
}

/// Divides rows: as a column says, or by a hash of each row's group, or else of its picture.
pub(super) fn divide(
    rows: &Rows,
    contents: &[ContentHash],
    groups: Option<&[u64]>,
    split: &SplitConfig,
) -> Sides {
    let n = rows.rows.len();
    let held_back = match &rows.held_back {
        Some(given) => given.clone(),
        None => by_hash(rows, contents, groups, split),
    };
    let content = |place: usize| short(&contents[rows.rows[place] as usize]);
    let mut kept: Vec<u64> = (0..n).filter(|&place| held_back[place]).map(content).collect();
    kept.sort_unstable();
    let mut sides = Sides { train: Vec::new(), validation: Vec::new(), left_out: 0 };
    for (place, &is_held_back) in held_back.iter().enumerate() {
        if is_held_back {
            sides.validation.push(place as u32);
        } else if kept.binary_search(&content(place)).is_ok() {
            sides.left_out += 1;
        } else {
            sides.train.push(place as u32);
        }
    }
    sides
}

/// The groups of some places, in the order in which they first appear; nothing where each place is its
/// own.
pub(super) fn groups(
    places: &[u32],
    rows: &Rows,
    contents: &[ContentHash],
    groups: Option<&[u64]>,
) -> Option<Vec<usize>> {
    let key = |place: u32| key(rows.rows[place as usize], contents, groups);
    let mut keys: Vec<(u64, u32)> =
        places.iter().zip(0..).map(|(&place, index)| (key(place), index)).collect();
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0].0 == pair[1].0).then(|| {
        let mut numbers = vec![0; places.len()];
        for same in keys.chunk_by(|a, b| a.0 == b.0) {
            same.iter().for_each(|&(_, index)| numbers[index as usize] = same[0].1 as usize);
        }
        numbers
    })
}

fn by_hash(
    rows: &Rows,
    contents: &[ContentHash],
    groups: Option<&[u64]>,
    split: &SplitConfig,
) -> Vec<bool> {
    // Below this, as a share of all 64 bits.
    let limit = (split.validation * 2_f64.powi(64)) as u64;
    let seed = mixed(split.seed);
    let is_held_back = |&row: &u32| mixed(key(row, contents, groups) ^ seed) < limit;
    let mut held_back: Vec<bool> = rows.rows.iter().map(is_held_back).collect();
    // A class always has something to learn from.
    let sets = rows.sets.as_ref().map(|sets| sets.as_slice());
    let each = |label: u32, class: &mut dyn FnMut(usize)| match sets {
        Some(sets) => sets[label as usize].iter().for_each(|&own| class(own)),
        None => class(label as usize),
    };
    let mut is_learned = vec![false; rows.classes.len()];
    for (&label, held_back) in rows.labels.iter().zip(&held_back) {
        each(label, &mut |class| is_learned[class] |= !held_back);
    }
    if is_learned.contains(&false) {
        for (&label, held_back) in rows.labels.iter().zip(&mut held_back) {
            each(label, &mut |class| *held_back &= is_learned[class]);
        }
    }
    held_back
}

/// What decides the side of a row: its group, or its picture.
fn key(row: u32, contents: &[ContentHash], groups: Option<&[u64]>) -> u64 {
    let of_group = groups.map_or(0, |groups| groups[row as usize]);
    if of_group == 0 { short(&contents[row as usize]) } else { of_group }
}

fn short(content: &ContentHash) -> u64 {
    u64::from_le_bytes(*content.0.first_chunk().expect("a hash has 16 bytes"))
}

/// A key of a group's name; 0 where there is none.
pub(super) fn key_of_name(name: &str) -> u64 {
    let name = name.trim();
    if name.is_empty() {
        return 0;
    }
    let hash = blake3::derive_key("headstart 2026 key of a group", name.as_bytes());
    u64::from_le_bytes(*hash.first_chunk().expect("a hash has 32 bytes")).max(1)
}

/// Bits that look drawn (Steele, Lea & Flood 2014, splitmix64).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
