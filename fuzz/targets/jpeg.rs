//! A JPEG, decoded in full and reduced.

use headstart_jpeg::{Jpeg, Reduction};

/// Small enough that no header can make a run slow.
const MEMORY: u64 = 8 << 20;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(jpeg) = Jpeg::new(bytes) else { return };
    let (width, height) = (jpeg.width(), jpeg.height());
    assert!(width > 0 && height > 0);
    let sizes = [Reduction::None, Reduction::Half, Reduction::Quarter, Reduction::Eighth];
    let mut is_whole = false;
    for reduction in sizes {
        if jpeg.memory(reduction) > MEMORY {
            continue;
        }
        let decoded = jpeg.decode(reduction);
        // Reduced decoding may skip some of the data, but must not fail where full decoding
        // succeeds.
        assert!(decoded.is_ok() || !is_whole, "{reduction:?}: {:?}", decoded.err());
        let Ok(pixels) = decoded else { continue };
        is_whole |= reduction == Reduction::None;
        let divisor = reduction.divisor();
        let size = (width.div_ceil(divisor), height.div_ceil(divisor));
        assert_eq!((pixels.width, pixels.height), size, "{reduction:?}");
        assert_eq!(pixels.rgb.len(), size.0 * size.1 * 3);
        assert!(pixels.rgb.len() as u64 <= jpeg.memory(reduction));
    }
    for at_least in [(1, 1), (width, height), (usize::MAX, 1)] {
        let divisor = jpeg.reduction(at_least.0, at_least.1).divisor();
        let enough =
            width.div_ceil(divisor) >= at_least.0 && height.div_ceil(divisor) >= at_least.1;
        assert!(divisor == 1 || enough, "{divisor} of {width} x {height}");
    }
}
