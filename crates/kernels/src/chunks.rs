//! Division of ranges into parts.

use std::ops::Range;

/// The chunks of `inputs` inputs that end at `ends`.
///
/// # Panics
/// When `ends` does not increase up to `inputs`.
pub(crate) fn chunks(ends: &[usize], inputs: usize) -> Vec<Range<usize>> {
    let mut start = 0;
    let chunk = |&end: &usize| {
        assert!(start < end, "chunks out of order");
        std::mem::replace(&mut start, end)..end
    };
    let chunks = ends.iter().map(chunk).collect();
    assert_eq!(start, inputs, "chunks end elsewhere than the inputs");
    chunks
}

/// Divides `length` steps into tiles of at most `most` that are nearly equal, without a small one at the end. Returns
/// the larger size and the steps covered by its tiles, then the smaller size and the remaining steps.
#[inline(always)]
pub(crate) fn evenly(length: usize, most: usize) -> [(usize, Range<usize>); 2] {
    let count = length.div_ceil(most);
    let (size, larger) = (length / count, length % count);
    let smaller = larger * (size + 1);
    [(size + 1, 0..smaller), (size, smaller..length)]
}
