//! Shards: fixed parts of a list of pictures.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A fixed part of a list of pictures: part `index`, counted from 1, of `count` parts.
///
/// Lists have the same order on every machine: entries of a folder by the bytes of their paths, members of an
/// archive and rows of a table in their order there, and other places in the order given. A part is a
/// contiguous range of the list, and all parts in order make up the whole list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    index: usize,
    count: usize,
}

impl Shard {
    /// Part `index` of `count`; `None` unless `index` is from 1 to `count`.
    pub fn new(index: usize, count: usize) -> Option<Self> {
        (1..=count).contains(&index).then_some(Self { index, count })
    }

    /// The number of the part, counted from 1.
    pub fn index(self) -> usize {
        self.index
    }

    /// The number of parts.
    pub fn count(self) -> usize {
        self.count
    }

    /// The range of the part in a list of length `len`: from `len * (index - 1) / count` up to, but not
    /// including, `len * index / count`, both rounded down.
    pub fn range(self, len: usize) -> Range<usize> {
        let at = |part: usize| (len as u128 * part as u128 / self.count as u128) as usize;
        at(self.index - 1)..at(self.index)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(index, count)| {
            Self::new(index.trim().parse().ok()?, count.trim().parse().ok()?)
        });
        parts.ok_or_else(|| "give a part and how many there are, such as 3/16".to_owned())
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_one_after_the_other_are_the_list() {
        for (len, count) in [(0, 3), (1, 3), (3, 3), (7, 3), (100, 16), (5, 1), (usize::MAX, 7)] {
            let mut end = 0;
            for index in 1..=count {
                let range = Shard::new(index, count).unwrap().range(len);
                assert_eq!(range.start, end);
                assert!(range.len() <= len.div_ceil(count) && range.len() >= len / count);
                end = range.end;
            }
            assert_eq!(end, len);
        }
    }

    #[test]
    fn a_part_is_from_1_to_how_many_there_are() {
        assert_eq!("3/16".parse(), Ok(Shard { index: 3, count: 16 }));
        assert_eq!("3/16".parse::<Shard>().unwrap().to_string(), "3/16");
        for wrong in ["", "3", "0/16", "17/16", "1/0", "-1/2", "a/b", "1/2/3"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
