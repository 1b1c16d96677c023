//! Fetching what is needed next into the cache while something else is computed.

/// Cache lines that are fetched one at a time.
#[derive(Clone, Copy)]
pub(crate) struct Prefetch {
    next: *const f32,
    last: *const f32,
}

/// Values to a cache line.
pub(crate) const LINE: usize = 16;

impl Prefetch {
    pub(crate) fn new(values: &[f32]) -> Self {
        let next = values.as_ptr();
        Self { next, last: next.wrapping_add(values.len().saturating_sub(1)) }
    }

    /// How many there are to ask for.
    pub(crate) fn lines(&self) -> usize {
        (self.last as usize - self.next as usize) / (LINE * size_of::<f32>()) + 1
    }

    /// Asks for the next line, and for the last one again when all have been asked for: that costs
    /// less than a branch.
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

/// Asks for all of `values` in order, to be brought into the second cache: worth it before going
/// through them at strides that the processor does not foresee.
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
