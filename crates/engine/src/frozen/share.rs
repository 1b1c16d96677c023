//! One picture on several threads.

use std::ops::Range;

use headstart_kernels::AlignedBuffer;

/// Divides the work on `range` among as many threads as there are buffers of scratch, each of which
/// gets one. `data` belongs to the range and is divided with it: `split` is told how much of the
/// range comes before the cut. With one buffer, all runs on this thread.
///
/// The threads are those of the rayon pool that this is called in.
pub(super) fn divide<D: Send>(
    range: Range<usize>,
    data: D,
    scratch: &mut [AlignedBuffer],
    split: &(impl Fn(D, usize) -> (D, D) + Sync),
    run: &(impl Fn(Range<usize>, D, &mut [f32]) + Sync),
) {
    let threads = scratch.len();
    if threads == 1 || range.len() == 1 {
        return run(range, data, &mut scratch[0]);
    }
    let (first_scratch, second_scratch) = scratch.split_at_mut(threads.div_ceil(2));
    let length = (range.len() * first_scratch.len()).div_ceil(threads).min(range.len() - 1);
    let (first, second) = split(data, length);
    let cut = range.start + length;
    rayon::join(
        || divide(range.start..cut, first, first_scratch, split, run),
        || divide(cut..range.end, second, second_scratch, split, run),
    );
}

/// The rows of a map to add before clamping, and of the map to write.
pub(super) type RowValues<'a> = (Option<&'a [f32]>, &'a mut [f32]);

/// [`divide`]s the `rows` of a map.
pub(super) fn divide_rows(
    rows: usize,
    (residual, out): RowValues<'_>,
    scratch: &mut [AlignedBuffer],
    run: &(impl Fn(Range<usize>, RowValues<'_>, &mut [f32]) + Sync),
) {
    let row = out.len() / rows;
    divide(0..rows, (residual, out), scratch, &|values, rows| split_rows(values, rows * row), run);
}

fn split_rows<'a>((residual, out): RowValues<'a>, cut: usize) -> (RowValues<'a>, RowValues<'a>) {
    let (out, out_rest) = out.split_at_mut(cut);
    let (residual, residual_rest) = residual.map(|r| r.split_at(cut)).unzip();
    ((residual, out), (residual_rest, out_rest))
}

/// Cuts the next `len` values off a buffer, up to a whole number of cache lines.
pub(super) fn carve<'a>(buffer: &mut &'a mut [f32], len: usize) -> &'a mut [f32] {
    let (taken, rest) = std::mem::take(buffer).split_at_mut(padded(len));
    *buffer = rest;
    &mut taken[..len]
}

/// What [`carve`] takes for `len` values.
pub(super) fn padded(len: usize) -> usize {
    const LINE: usize = 16;
    len.next_multiple_of(LINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_range_is_run_once_with_its_data_and_a_buffer_of_its_own() {
        for threads in 1..=5 {
            for len in 1..=12 {
                let mut scratch = vec![AlignedBuffer::new(1); threads];
                let mut out = vec![0; len];
                divide(
                    0..len,
                    &mut out[..],
                    &mut scratch,
                    &|out, length| out.split_at_mut(length),
                    &|range, out, scratch| {
                        scratch[0] += 1.0;
                        for (index, out) in range.zip(out) {
                            *out += index + 1;
                        }
                    },
                );
                assert!(out.iter().copied().eq(1..=len), "{threads} threads: {out:?}");
                assert!(scratch.iter().all(|scratch| scratch[0] <= 1.0));
                let used = scratch.iter().filter(|scratch| scratch[0] == 1.0).count();
                assert_eq!(used, threads.min(len), "{threads} threads, {len}");
            }
        }
    }
}
