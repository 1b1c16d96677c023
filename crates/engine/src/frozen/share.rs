//! Sharing of one picture among threads.

use std::ops::Range;
#[cfg(feature = "threads")]
use std::sync::atomic::{AtomicBool, Ordering};

use headstart_kernels::AlignedBuffer;

/// Divides the work on `range` among as many threads as there are scratch buffers, one buffer each. `data` belongs to
/// the range and is divided along with it: `split` receives the length of the range before the cut. With one buffer,
/// everything runs on this thread.
///
/// The threads are those of the current rayon pool.
pub(super) fn divide<D: Send>(
    range: Range<usize>,
    data: D,
    scratch: &mut [AlignedBuffer],
    split: &(impl Fn(D, usize) -> (D, D) + Sync),
    run: &(impl Fn(Range<usize>, D, &mut [f32]) + Sync),
) {
    let threads = scratch.len().min(range.len());
    let (own_scratch, others) = scratch[..threads].split_first_mut().expect("a buffer at least");
    if threads == 1 {
        return run(range, data, own_scratch);
    }
    scope(|scope| {
        let (mut start, mut rest) = (range.start, data);
        for (index, scratch) in others.iter_mut().enumerate() {
            let length = (range.end - start).div_ceil(threads - index);
            let (own, remaining) = split(rest, length);
            let part = start..start + length;
            scope.spawn(move |_| run(part, own, scratch));
            (start, rest) = (start + length, remaining);
        }
        // This thread takes the last part, which is never the longest, as the others start later.
        run(start..range.end, rest, own_scratch);
    });
}

#[cfg(feature = "threads")]
use rayon::scope;

/// A substitute for rayon's scope that runs spawned work immediately.
#[cfg(not(feature = "threads"))]
struct Scope;

#[cfg(not(feature = "threads"))]
impl Scope {
    fn spawn(&self, work: impl FnOnce(&Self)) {
        work(self);
    }
}

#[cfg(not(feature = "threads"))]
fn scope<R>(work: impl FnOnce(&Scope) -> R) -> R {
    work(&Scope)
}

/// Without threads there are none to keep awake.
#[cfg(not(feature = "threads"))]
pub(super) fn keep_awake<R>(_: usize, run: impl FnOnce() -> R) -> R {
    run()
}

/// Calls `run` while all threads of the current pool stay awake looking for work, since steps are shorter than waking
/// up takes.
#[cfg(feature = "threads")]
pub(super) fn keep_awake<R: Send>(threads: usize, run: impl FnOnce() -> R + Send) -> R {
    if threads == 1 {
        return run();
    }
    let done = AtomicBool::new(false);
    rayon::scope(|scope| {
        let own = rayon::current_thread_index();
        for _ in 1..threads {
            let done = &done;
            scope.spawn(move |_| {
                // This thread arrives here if the others are too busy to be kept awake. It must not be kept while it
                // waits for a part.
                while rayon::current_thread_index() != own && !done.load(Ordering::Acquire) {
                    if rayon::yield_now() == Some(rayon::Yield::Idle) {
                        std::hint::spin_loop();
                    }
                }
            });
        }
        let _guard = SetOnDrop(&done);
        run()
    })
}

/// Releases the threads, also on a panic.
#[cfg(feature = "threads")]
struct SetOnDrop<'a>(&'a AtomicBool);

#[cfg(feature = "threads")]
impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The residual rows, added before clamping, and the output rows.
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

/// [`divide`]s the positions of a map of `channels`: `run` receives its range of values and the output for them.
pub(super) fn divide_positions(
    channels: usize,
    (residual, out): RowValues<'_>,
    scratch: &mut [AlignedBuffer],
    run: &(impl Fn(Range<usize>, RowValues<'_>) + Sync),
) {
    divide_rows(out.len() / channels, (residual, out), scratch, &|positions, values, _| {
        run(positions.start * channels..positions.end * channels, values);
    });
}

/// Cuts both at a number of values of the output, or at its end.
pub(super) fn split_rows<'a>(
    (residual, out): RowValues<'a>,
    cut: usize,
) -> (RowValues<'a>, RowValues<'a>) {
    let (out, out_rest) = out.split_at_mut(cut);
    let (residual, residual_rest) = residual.map(|r| r.split_at(cut)).unzip();
    ((residual, out), (residual_rest, out_rest))
}

/// Cuts the next `len` values off a buffer, rounded up to whole cache lines.
pub(super) fn carve<'a>(buffer: &mut &'a mut [f32], len: usize) -> &'a mut [f32] {
    let (taken, rest) = std::mem::take(buffer).split_at_mut(padded(len));
    *buffer = rest;
    &mut taken[..len]
}

/// The number of values that [`carve`] takes for `len`.
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
