//! Splits rows into training and held-back rows, with only a few bytes of memory per row.

use headstart_data::{ContentHash, SplitConfig};

use super::rows::Rows;

/// Both sides of the split, as ascending indices into [`Rows::rows`].
pub(super) struct Sides {
    pub(super) train: Vec<u32>,
    pub(super) validation: Vec<u32>,
    /// The number of rows on neither side, because the same picture is held back.
    pub(super) left_out: usize,
}

/// Splits the rows: as specified by a column, or so that each class has its share on both sides. Rows of the
/// same group or, without groups, of the same picture stay together.
pub(super) fn divide(
    rows: &Rows,
    contents: &[ContentHash],
    groups: Option<&[u64]>,
    split: &SplitConfig,
) -> Sides {
    let n = rows.rows.len();
    let held_back = match &rows.held_back {
        Some(given) => given.clone(),
        None => by_share(rows, contents, groups, split),
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

/// The groups of some rows, numbered by their first row; `None` if every row is its own group.
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

/// Visits groups and pictures in the order of a keyed hash, and holds back those that bring classes nearer to
/// their share.
fn by_share(
    rows: &Rows,
    contents: &[ContentHash],
    groups: Option<&[u64]>,
    split: &SplitConfig,
) -> Vec<bool> {
    let mut held_back = vec![false; rows.rows.len()];
    if split.validation <= 0.0 {
        return held_back;
    }
    let seed = mixed(split.seed);
    let hash = |&row: &u32| mixed(key(row, contents, groups) ^ seed);
    let mut hashed: Vec<(u64, u32)> = rows.rows.iter().map(hash).zip(0..).collect();
    hashed.sort_unstable();
    let units = || hashed.chunk_by(|a, b| a.0 == b.0);
    let strata = Strata::new(rows);
    let mut shares = vec![Share::default(); strata.count()];
    for unit in units() {
        for (stratum, rows) in strata.of(unit) {
            shares[stratum].rows += rows;
            shares[stratum].units += 1;
        }
    }
    for share in &mut shares {
        share.wanted = match share.units {
            // The only group of a class is always trained on.
            0 | 1 => 0.0,
            _ => (split.validation * share.rows as f64).clamp(1.0, (share.rows - 1) as f64),
        };
    }
    for unit in units() {
        let own = strata.of(unit);
        // Gains are relative to the size of a class, so rare classes weigh more.
        let gain: f64 = own.iter().map(|&(stratum, rows)| shares[stratum].gain(rows)).sum();
        if gain > 0.0 {
            own.iter().for_each(|&(stratum, rows)| shares[stratum].held_back += rows);
            unit.iter().for_each(|&(_, place)| held_back[place as usize] = true);
        }
    }
    // Every class keeps some rows to train on.
    let nothing_left = |share: &Share| share.rows > 0 && share.held_back == share.rows;
    if shares.iter().any(nothing_left) {
        for unit in units() {
            if strata.of(unit).iter().any(|&(stratum, _)| nothing_left(&shares[stratum])) {
                unit.iter().for_each(|&(_, place)| held_back[place as usize] = false);
            }
        }
    }
    held_back
}

/// How many rows of a class are held back, and how many should be.
#[derive(Clone, Copy, Default)]
struct Share {
    rows: usize,
    units: usize,
    held_back: usize,
    wanted: f64,
}

impl Share {
    /// How much nearer `rows` more held-back rows bring the class to its share, relative to its size.
    fn gain(&self, rows: usize) -> f64 {
        let distance = |held_back: usize| (held_back as f64 - self.wanted).abs();
        (distance(self.held_back) - distance(self.held_back + rows)) / self.rows as f64
    }
}

/// The classes of the rows, and one for rows without a class.
struct Strata<'a> {
    rows: &'a Rows,
    sets: Option<&'a [Vec<usize>]>,
}

impl<'a> Strata<'a> {
    fn new(rows: &'a Rows) -> Self {
        Self { rows, sets: rows.sets.as_ref().map(|sets| sets.as_slice()) }
    }

    fn count(&self) -> usize {
        self.rows.classes.len() + 1
    }

    /// The strata of a group or picture, with the number of its rows in each.
    fn of(&self, unit: &[(u64, u32)]) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = Vec::new();
        let mut count = |stratum| match found.iter_mut().find(|(known, _)| *known == stratum) {
            Some((_, rows)) => *rows += 1,
            None => found.push((stratum, 1)),
        };
        for &(_, place) in unit {
            let label = self.rows.labels[place as usize] as usize;
            match self.sets.map(|sets| &sets[label][..]) {
                None => count(label),
                Some([]) => count(self.rows.classes.len()),
                Some(several) => several.iter().for_each(|&class| count(class)),
            }
        }
        found
    }
}

/// The key that decides the side of a row: that of its group, or else of its picture.
fn key(row: u32, contents: &[ContentHash], groups: Option<&[u64]>) -> u64 {
    let of_group = groups.map_or(0, |groups| groups[row as usize]);
    if of_group == 0 { short(&contents[row as usize]) } else { of_group }
}

fn short(content: &ContentHash) -> u64 {
    u64::from_le_bytes(*content.0.first_chunk().expect("a hash has 16 bytes"))
}

/// The key of a group by its name; 0 for an empty name.
pub(super) fn key_of_name(name: &str) -> u64 {
    let name = name.trim();
    if name.is_empty() {
        return 0;
    }
    let hash = blake3::derive_key("headstart 2026 key of a group", name.as_bytes());
    u64::from_le_bytes(*hash.first_chunk().expect("a hash has 32 bytes")).max(1)
}

/// A pseudorandom hash (splitmix64; Steele, Lea & Flood 2014).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
