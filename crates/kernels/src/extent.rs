//! How far strided access reaches, without overflow.

/// One more than the index of the last value that is read when each `(count, stride)` takes
/// `count` steps of `stride`, and a run of `length` values begins at each.
///
/// Kernels that read without further checks rely on this bound.
///
/// # Panics
/// When a count is 0, or the reach is more than any slice can have.
#[inline]
pub(crate) fn extent(steps: &[(usize, usize)], length: usize) -> usize {
    let reach = steps.iter().try_fold(length, |reach, &(count, stride)| {
        count.checked_sub(1)?.checked_mul(stride)?.checked_add(reach)
    });
    reach.expect("strides reach further than any slice")
}
