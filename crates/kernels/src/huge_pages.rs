//! Huge pages for the heap.

/// Bytes of the heap that get huge pages: enough for a small network, its packed weights and what is copied meanwhile.
/// The largest size of a block that glibc takes from the heap is 32 MiB.
#[cfg(target_os = "linux")]
const BYTES: usize = 31 << 20;

/// Prepares the heap for a program that soon fills much of it, such as with a network's weights, and spends as much time
/// on page faults as on its work.
///
/// On Linux with glibc, the first allocations of up to 31 MiB together come from memory in huge pages, if the system has
/// them for programs that ask, and memory that is freed is reused instead of returned to the system. With other
/// allocators this has no effect. It takes microseconds; memory that is not used later is not touched.
pub fn prepare_heap() {
    #[cfg(target_os = "linux")]
    {
        // Freeing a block teaches glibc that blocks up to this size come and go, so that it takes the next ones from
        // the heap rather than mapping each on its own.
        drop(block(BYTES + (BYTES >> 6)));
        let Some(block) = block(BYTES) else { return };
        advise(&block);
        // Dropped, the block is free memory at the end of the heap, still with the advice.
    }
}

/// An allocated block whose memory is not touched, if there is room for it.
#[cfg(target_os = "linux")]
fn block(bytes: usize) -> Option<Vec<u8>> {
    let mut block = Vec::new();
    block.try_reserve_exact(bytes).ok()?;
    // Otherwise the compiler might remove the allocation.
    Some(std::hint::black_box(block))
}

/// Asks for huge pages for the whole pages of a block.
#[cfg(target_os = "linux")]
fn advise(block: &Vec<u8>) {
    use std::ffi::{c_int, c_void};

    unsafe extern "C" {
        /// <https://man7.org/linux/man-pages/man2/madvise.2.html>
        fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
    }
    const MADV_HUGEPAGE: c_int = 14;
    /// A multiple of every size of pages.
    const PAGE: usize = 64 << 10;

    let start = block.as_ptr() as usize;
    let first = start.next_multiple_of(PAGE);
    let Some(length) = (start + block.capacity()).checked_sub(first) else { return };
    let address = block.as_ptr().wrapping_add(first - start).cast_mut();
    // SAFETY: the range lies within the block's memory, and this advice changes neither its content nor its access. An
    // error, as on systems without huge pages, has no consequences.
    unsafe {
        madvise(address.cast(), length / PAGE * PAGE, MADV_HUGEPAGE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_allocated_as_before() {
        prepare_heap();
        let blocks: Vec<Vec<usize>> = (0..40).map(|i| vec![i; 200_000]).collect();
        assert!(blocks.iter().enumerate().all(|(i, block)| block.iter().all(|x| *x == i)));
        prepare_heap();
        assert!(blocks.iter().enumerate().all(|(i, block)| block.iter().all(|x| *x == i)));
    }
}
