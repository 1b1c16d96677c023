//! Prefetching of data needed next during other computations.

/// Data that is prefetched into L2 in equal parts. A processor keeps only a dozen lines in flight, so a steady pace
/// matters; L1 has no room for them beside the data in use.
#[derive(Clone, Copy)]
pub(crate) struct Prefetch {
    next: *const f32,
    last: *const f32,
    /// Lines of each part.
    lines: usize,
}

/// f32 values per cache line.
const LINE: usize = 16;

impl Prefetch {
    /// `values` in at most `parts` parts.
    pub(crate) fn new(values: &[f32], parts: usize) -> Self {
        let next = values.as_ptr();
        Self {
            next,
            last: next.wrapping_add(values.len().saturating_sub(1)),
            lines: values.len().div_ceil(LINE).div_ceil(parts.max(1)),
        }
    }

    /// Prefetches the next part; after the last line, prefetches that again, which costs less than a branch.
    #[inline(always)]
    pub(crate) fn fetch(&mut self) {
        for _ in 0..self.lines {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: prefetching is a hint that is allowed for any address; nothing is read.
            unsafe {
                use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
                _mm_prefetch::<_MM_HINT_T1>(self.next.cast());
            }
            self.next = self.next.wrapping_add(LINE).min(self.last);
        }
    }
}

/// Prefetches all of `values` in order into L2; worthwhile before accesses with strides that the processor cannot
/// predict.
pub fn fetch(values: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(LINE) {
        // SAFETY: prefetching is a hint that is allowed for any address; nothing is read.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}
