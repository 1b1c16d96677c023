//! Placement of values in the arena.

use std::ops::Range;

/// A buffer and the steps during which its content must be kept.
#[derive(Debug)]
pub struct Request {
    /// f32 values.
    pub len: usize,
    /// The first step.
    pub first: usize,
    /// The last one.
    pub last: usize,
}

/// f32 values per cache line, to which every buffer is aligned.
pub const LINE: usize = 16;

/// Places the requests so that no two live at the same time overlap: the largest first, each at the lowest free offset.
/// Returns the ranges and the length of the arena.
pub fn place(requests: &[Request]) -> (Vec<Range<usize>>, usize) {
    let mut order: Vec<usize> = (0..requests.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(requests[i].len));
    let mut places: Vec<Range<usize>> = vec![0..0; requests.len()];
    let mut placed: Vec<usize> = Vec::new();
    let mut arena = 0;
    for i in order {
        let request = &requests[i];
        let mut taken: Vec<_> = placed
            .iter()
            .filter(|&&j| requests[j].first <= request.last && request.first <= requests[j].last)
            .map(|&j| places[j].clone())
            .collect();
        taken.sort_by_key(|place| place.start);
        let mut start = 0;
        for place in taken {
            if start + request.len <= place.start {
                break;
            }
            start = start.max(place.end.next_multiple_of(LINE));
        }
        places[i] = start..start + request.len;
        arena = arena.max(places[i].end);
        placed.push(i);
    }
    (places, arena)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_that_live_at_once_never_overlap_and_others_share() {
        let lengths = [100, 30, 70, 16, 1, 200, 64];
        let requests: Vec<Request> = lengths
            .iter()
            .enumerate()
            .map(|(i, &len)| Request { len, first: i, last: i + 1 })
            .collect();
        let (places, arena) = place(&requests);
        for (i, a) in places.iter().enumerate() {
            assert_eq!(a.len(), lengths[i]);
            assert_eq!(a.start % LINE, 0);
            for (j, b) in places.iter().enumerate().skip(i + 1) {
                let alive = requests[i].last >= requests[j].first;
                assert!(!alive || a.end <= b.start || b.end <= a.start, "{i} and {j} overlap");
            }
        }
        assert!(arena < lengths.iter().sum(), "nothing was shared: {arena}");
    }
}
