//! The bytes of a picture's file, decoded and resized up to the network's input.

use headstart_data::decode::{MinSize, decode_at_least, estimated_bytes, header};
use headstart_data::{Limits, Resizer, decode};
use headstart_model::{Fit, Interpolation, Preprocessing, Scaling};

/// Small enough that no header can make a run slow.
const LIMITS: Limits = Limits { max_pixels: 1 << 18, max_bytes: 8 << 20, max_file_bytes: 1 << 20 };

pub(crate) fn run(bytes: &[u8]) {
    let at_least = MinSize { width: 5, height: 4 };
    let reduced = decode_at_least(bytes, &LIMITS, at_least);
    let estimated = estimated_bytes(bytes, &LIMITS);
    let Ok(picture) = decode(bytes, &LIMITS) else { return };
    let header = header(bytes, &LIMITS).expect("what has pixels has a header");
    let sides = (header.width as usize, header.height as usize);
    assert_eq!(sides, (picture.width(), picture.height()));
    // Reduced decoding may skip some of the data, but must not fail where full decoding succeeds.
    let reduced = reduced.expect("what is decoded in full is decoded in part");
    assert!(reduced.width() >= sides.0.min(at_least.width), "{reduced:?} of {picture:?}");
    assert!(reduced.height() >= sides.1.min(at_least.height), "{reduced:?} of {picture:?}");
    assert!(picture.pixels().len() as u64 <= estimated, "{picture:?} in {estimated} bytes");
    let mut resizer = Resizer::new();
    for (interpolation, fit) in [
        (Interpolation::Bilinear, Fit::Stretch),
        (Interpolation::Bicubic, Fit::Crop),
        (Interpolation::Area, Fit::Pad),
        (Interpolation::Tensorflow, Fit::Stretch),
    ] {
        let scaling = Scaling::minus_one_to_one();
        let to = Preprocessing { height: 9, width: 14, interpolation, fit, scaling };
        resizer.resize(&picture, &to);
        resizer.resize(&reduced, &to);
    }
}
