//! A limit on the memory that a file's tensors may take.

/// The remaining bytes that a file's tensors may expand to. A damaged or malicious file can claim
/// any size in a few bytes.
pub(crate) struct Budget(pub(crate) u64);

impl Budget {
    /// The budget of a file of this many bytes. Real weights do not compress to a sixteenth.
    pub(crate) fn of(file_size: usize) -> Self {
        Self((64 << 20) + 16 * file_size as u64)
    }

    /// Deducts a tensor of `shape` with elements of `size` bytes, and returns its axes.
    pub(crate) fn tensor(
        &mut self,
        name: &str,
        shape: impl IntoIterator<Item = u64>,
        size: u64,
    ) -> Result<Vec<usize>, String> {
        let mut axes = Vec::new();
        let mut bytes = size.max(4);
        let claims = || format!("its tensor '{name}' claims more values than the file can hold");
        for axis in shape {
            bytes = bytes.checked_mul(axis).ok_or_else(claims)?;
            axes.push(usize::try_from(axis).map_err(|_| claims())?);
        }
        self.0 = self.0.checked_sub(bytes).ok_or_else(claims)?;
        Ok(axes)
    }
}
