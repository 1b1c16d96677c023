//! Inputs that come a part at a time.

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
