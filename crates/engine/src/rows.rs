//! Work on rows, on several threads if available.

/// Calls `work` with each chunk of `from` and the corresponding chunk of `to`; all chunks except the last have the
/// given lengths. With the feature `threads` they are divided among the threads of the current rayon pool; a single
/// chunk runs on the calling thread.
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
