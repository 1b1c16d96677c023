//! Work on rows, on several threads where there are any.

/// Calls `work` with each chunk of `from` and that of `to` which belongs to it; chunks have the lengths
/// given, but for the last. With the feature `threads` they are divided among those of the rayon pool
/// that this is called in; a single chunk is done on the calling thread.
pub(crate) fn for_each_chunk(
    (from, from_len): (&[f32], usize),
    (to, to_len): (&mut [f32], usize),
    work: impl Fn(&[f32], &mut [f32]) + Sync,
) {
    #[cfg(feature = "threads")]
    if from.len() > from_len {
        use rayon::prelude::*;
        let chunks = from.par_chunks(from_len).zip(to.par_chunks_mut(to_len));
        return chunks.for_each(|(from, to)| work(from, to));
    }
    for (from, to) in from.chunks(from_len).zip(to.chunks_mut(to_len)) {
        work(from, to);
    }
}
