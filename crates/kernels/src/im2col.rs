//! The windows of a convolution laid out as rows of a matrix.

/// A square window sliding over a map with zeros around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Side of the kernel.
    pub kernel: usize,
    /// Step in both directions.
    pub stride: usize,
    /// Rows of zeros above the map.
    pub top: usize,
    /// Columns of zeros to the left of the map.
    pub left: usize,
}

/// A map `[height][width][channels]`.
#[derive(Clone, Copy, Debug)]
pub struct Map<'a> {
    /// Its values.
    pub values: &'a [f32],
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
}

/// Writes the windows of output row `y` to `out`, `[columns][kernel][kernel][channels]`; as many
/// columns as `out` has room for.
pub fn row(map: Map<'_>, window: Window, y: usize, out: &mut [f32]) {
    let Map { values, height, width, channels } = map;
    let side = window.kernel * channels;
    for (x, out) in out.chunks_exact_mut(window.kernel * side).enumerate() {
        for (i, out) in out.chunks_exact_mut(side).enumerate() {
            let row = (y * window.stride + i).wrapping_sub(window.top);
            if row >= height {
                out.fill(0.0);
                continue;
            }
            // Columns of the kernel that lie on the map.
            let first = x * window.stride;
            let from = window.left.saturating_sub(first).min(window.kernel);
            let to = (width + window.left).saturating_sub(first).clamp(from, window.kernel);
            let (zeros, rest) = out.split_at_mut(from * channels);
            let (inside, after) = rest.split_at_mut((to - from) * channels);
            zeros.fill(0.0);
            after.fill(0.0);
            if !inside.is_empty() {
                let start = (row * width + first + from - window.left) * channels;
                inside.copy_from_slice(&values[start..][..inside.len()]);
            }
        }
    }
}
