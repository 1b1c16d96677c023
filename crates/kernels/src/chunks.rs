//! Cutting a range into parts.

use std::ops::Range;

/// The chunks of `inputs` inputs that end at `ends`.
///
/// # Panics
/// When they do not end, in order, at the last input.
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

/// `length` steps in tiles of at most `most`, of one size, or nearly, rather than with a small one at
/// the end: the larger size and the steps that tiles of it fill, then the smaller one and the rest.
#[inline(always)]
pub(crate) fn evenly(length: usize, most: usize) -> [(usize, Range<usize>); 2] {
    let count = length.div_ceil(most);
    let (size, larger) = (length / count, length % count);
    let smaller = larger * (size + 1);
    [(size + 1, 0..smaller), (size, smaller..length)]
}
