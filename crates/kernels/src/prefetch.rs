//! Prefetching of data needed next during other computations.

/// Cache lines that are prefetched one at a time.
#[derive(Clone, Copy)]
pub(crate) struct Prefetch {
    next: *const f32,
    last: *const f32,
}

/// f32 values per cache line.
pub(crate) const LINE: usize = 16;

impl Prefetch {
    pub(crate) fn new(values: &[f32]) -> Self {
        let next = values.as_ptr();
        Self { next, last: next.wrapping_add(values.len().saturating_sub(1)) }
    }

    /// The number of lines.
    pub(crate) fn lines(&self) -> usize {
        (self.last as usize - self.next as usize) / (LINE * size_of::<f32>()) + 1
    }

    /// Prefetches the next line; after the last one, prefetches that again, which costs less than a branch.
    #[inline(always)]
    pub(crate) fn fetch(&mut self) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: prefetching is a hint that is allowed for any address; nothing is read.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(self.next.cast());
        }
        self.next = self.next.wrapping_add(LINE).min(self.last);
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
