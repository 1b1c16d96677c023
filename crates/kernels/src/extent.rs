//! Extent of strided accesses, computed without overflow.

/// The index after the last value that is read when each `(count, stride)` takes `count` steps of `stride`, and a run
/// of `length` values starts at each.
///
/// Kernels that read without further checks rely on this bound.
///
/// # Panics
/// When a count is 0, or the extent exceeds the maximum length of a slice.
#[inline]
pub(crate) fn extent(steps: &[(usize, usize)], length: usize) -> usize {
    let reach = steps.iter().try_fold(length, |reach, &(count, stride)| {
        count.checked_sub(1)?.checked_mul(stride)?.checked_add(reach)
    });
    reach.expect("strides reach further than any slice")
}
