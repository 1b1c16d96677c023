//! Converts a decoder's samples to 8-bit RGB.

/// The layout of a decoder's pixels.
#[derive(Clone, Copy)]
pub(crate) struct Samples {
    /// 1: grey; 2: grey and alpha; 3: red, green, blue; 4: red, green, blue and alpha.
    pub(crate) channels: usize,
    /// Bytes per sample: 1, or 2 in native byte order.
    pub(crate) bytes: usize,
}

impl Samples {
    /// Whether a pixel is at least as large as 8-bit RGB, so that it can be converted in place.
    pub(crate) fn in_place(self) -> bool {
        self.channels * self.bytes >= 3
    }

    /// Converts to 8-bit RGB: 16-bit samples keep their high byte, and transparency is composed on
    /// white. Works in place if possible, so that a large picture is not held twice.
    pub(crate) fn to_rgb(self, mut buffer: Vec<u8>) -> Vec<u8> {
        match (self.channels, self.bytes) {
            (1, 1) => expand(&mut buffer, |[v]: [u8; 1]| [v; 3]),
            (2, 1) => expand(&mut buffer, |[v, a]: [u8; 2]| [over_white(v, a); 3]),
            (1, _) => expand(&mut buffer, |[v0, v1]: [u8; 2]| [high([v0, v1]); 3]),
            (2, _) => shrink(&mut buffer, |[v0, v1, a0, a1]: [u8; 4]| {
                [over_white(high([v0, v1]), high([a0, a1])); 3]
            }),
            (3, 1) => {}
            (3, _) => shrink(&mut buffer, |[r0, r1, g0, g1, b0, b1]: [u8; 6]| {
                [high([r0, r1]), high([g0, g1]), high([b0, b1])]
            }),
            (_, 1) => {
                shrink(&mut buffer, |[r, g, b, a]: [u8; 4]| [r, g, b].map(|v| over_white(v, a)))
            }
            _ => shrink(&mut buffer, |[r0, r1, g0, g1, b0, b1, a0, a1]: [u8; 8]| {
                [[r0, r1], [g0, g1], [b0, b1]].map(|v| over_white(high(v), high([a0, a1])))
            }),
        }
        buffer
    }
}

/// Converts pixels of `N` bytes to three bytes each, in a new buffer.
fn expand<const N: usize>(buffer: &mut Vec<u8>, pixel: impl Fn([u8; N]) -> [u8; 3]) {
    *buffer = buffer.as_chunks().0.iter().flat_map(|&bytes| pixel(bytes)).collect();
}

/// Converts pixels of `N` bytes, at least three, to three bytes each, in place.
fn shrink<const N: usize>(buffer: &mut Vec<u8>, pixel: impl Fn([u8; N]) -> [u8; 3]) {
    let pixels = buffer.len() / N;
    for i in 0..pixels {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&buffer[i * N..][..N]);
        buffer[i * 3..][..3].copy_from_slice(&pixel(bytes));
    }
    buffer.truncate(pixels * 3);
    buffer.shrink_to_fit();
}

/// The high byte of a sample in native byte order.
fn high(sample: [u8; 2]) -> u8 {
    (u16::from_ne_bytes(sample) >> 8) as u8
}

/// `(value * alpha + 255 * (255 - alpha)) / 255`, rounded to nearest.
pub(crate) fn over_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}
