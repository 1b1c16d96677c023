//! Allocates memory for intermediate values; the memory of a value is reused once it is freed.

/// An allocator of places in an arena.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    /// The start and end of each place in use, in ascending order.
    taken: Vec<(u32, u32)>,
    end: u32,
}

const ALIGNMENT: u32 = 64;

impl Arena {
    /// Reserves the first place with enough free bytes, and returns its start.
    pub(crate) fn take(&mut self, bytes: usize) -> u32 {
        let bytes = (bytes as u32).next_multiple_of(ALIGNMENT);
        let mut at = 0;
        let mut index = 0;
        for &(start, end) in &self.taken {
            if at + bytes <= start {
                break;
            }
            at = end;
            index += 1;
        }
        self.taken.insert(index, (at, at + bytes));
        self.end = self.end.max(at + bytes);
        at
    }

    /// Frees a place.
    pub(crate) fn free(&mut self, at: u32) {
        self.taken.retain(|&(start, _)| start != at);
    }

    /// The size of the arena in bytes: the highest end of all places so far.
    pub(crate) fn bytes(&self) -> u32 {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_is_taken_again_and_nothing_that_lives() {
        let mut arena = Arena::default();
        assert_eq!([100, 64, 10].map(|bytes| arena.take(bytes)), [0, 128, 192]);
        arena.free(128);
        assert_eq!(arena.take(65), 256);
        assert_eq!(arena.take(64), 128);
        arena.free(0);
        assert_eq!([1, 1].map(|bytes| arena.take(bytes)), [0, 64]);
        assert_eq!(arena.bytes(), 384);
    }
}
