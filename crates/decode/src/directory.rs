//! The first directory of a TIFF or of EXIF, which has the same format. Values are read in place.
//!
//! Layout: TIFF 6.0, section 2; BigTIFF has wider counts and offsets.

/// The first directory of `bytes`.
#[derive(Clone, Copy)]
pub(crate) struct Directory<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    /// Size of an offset in bytes: 4, or 8 in BigTIFF.
    wide: usize,
    /// The offset of its first entry, and the number of entries.
    first: u64,
    entries: u64,
}

/// The values of an entry. Some may be beyond the end of the file.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a> {
    directory: Directory<'a>,
    kind: u64,
    /// The offset of the first value.
    at: u64,
    pub(crate) count: u64,
}

impl<'a> Directory<'a> {
    /// The first directory; `None` if there is none.
    pub(crate) fn first(bytes: &'a [u8]) -> Option<Self> {
        let big_endian = match bytes.get(..2)? {
            b"II" => false,
            b"MM" => true,
            _ => return None,
        };
        let mut directory = Self { bytes, big_endian, wide: 4, first: 0, entries: 0 };
        // The size of the entry count in bytes.
        let counted = match directory.number(2, 2)? {
            42 => 2,
            43 => {
                directory.wide = 8;
                8
            }
            _ => return None,
        };
        let at = directory.number(directory.wide as u64, directory.wide)?;
        directory.first = at.checked_add(counted as u64)?;
        directory.entries = directory.number(at, counted)?;
        Some(directory)
    }

    /// Whether the file contains all entries, and the values of those whose tags are `needed`.
    #[cfg(feature = "tiff")]
    pub(crate) fn is_whole(&self, needed: impl Fn(u64) -> bool) -> bool {
        (0..self.entries).all(|index| {
            let is_there = |(tag, values): (u64, Values<'_>)| !needed(tag) || values.are_there();
            self.entry(index).is_some_and(is_there)
        })
    }

    #[cfg(feature = "tiff")]
    pub(crate) fn is_big_endian(&self) -> bool {
        self.big_endian
    }

    /// The unsigned number of `length` bytes at an offset.
    fn number(&self, at: u64, length: usize) -> Option<u64> {
        let field = self.bytes.get(usize::try_from(at).ok()?..)?.get(..length)?;
        let push = |number, byte: &u8| number << 8 | u64::from(*byte);
        Some(match self.big_endian {
            true => field.iter().fold(0, push),
            false => field.iter().rev().fold(0, push),
        })
    }

    /// The tag and the values of an entry.
    fn entry(&self, index: u64) -> Option<(u64, Values<'a>)> {
        let length = 4 + 2 * self.wide as u64;
        let at = self.first.checked_add(index.checked_mul(length)?)?;
        let (tag, kind) = (self.number(at, 2)?, self.number(at + 2, 2)?);
        let (count, place) = (self.number(at + 4, self.wide)?, at + 4 + self.wide as u64);
        let value = self.number(place, self.wide)?;
        let within = count.checked_mul(size(kind) as u64).is_some_and(|n| n <= self.wide as u64);
        let at = if within { place } else { value };
        Some((tag, Values { directory: *self, kind, at, count }))
    }

    /// The values of the first entry with a tag.
    pub(crate) fn values(&self, tag: u64) -> Option<Values<'a>> {
        (0..self.entries)
            .map_while(|index| self.entry(index))
            .find(|entry| entry.0 == tag)
            .map(|e| e.1)
    }

    /// The first value of an entry, if it is an integer.
    pub(crate) fn integer(&self, tag: u64) -> Option<u64> {
        self.values(tag)?.integer(0)
    }
}

impl<'a> Values<'a> {
    /// Whether the file contains all values.
    #[cfg(feature = "tiff")]
    fn are_there(&self) -> bool {
        let end =
            self.count.checked_mul(size(self.kind) as u64).and_then(|n| n.checked_add(self.at));
        end.is_some_and(|end| end <= self.directory.bytes.len() as u64)
    }

    /// The value at an index, if it is an integer that the file contains.
    pub(crate) fn integer(&self, index: u64) -> Option<u64> {
        let is_integer = matches!(self.kind, 1 | 3 | 4 | 6 | 8 | 9 | 13 | 16..=18);
        let size = size(self.kind);
        let at = self.at.checked_add(index.checked_mul(size as u64)?)?;
        (is_integer && index < self.count).then(|| self.directory.number(at, size))?
    }

    /// All values as bytes, if their type is bytes.
    #[cfg(feature = "tiff")]
    pub(crate) fn bytes(&self) -> Option<&'a [u8]> {
        let start = usize::try_from(self.at).ok()?;
        let end = start.checked_add(usize::try_from(self.count).ok()?)?;
        (size(self.kind) == 1).then(|| self.directory.bytes.get(start..end))?
    }
}

/// The size of a value of a type, in bytes.
fn size(kind: u64) -> usize {
    match kind {
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16..=18 => 8,
        _ => 1,
    }
}
