//! The augmentation of one picture.

use super::warp::Map;
use super::{Adjustment, Region, Scratch};

/// The augmentation of a picture, in this order: flip, crop, resize to the picture's size, rotation, colour
/// adjustments.
///
/// Flip, crop and rotation form one affine map, and the picture is sampled once (bilinear). Samples outside the crop,
/// due to the rotation or to the half pixel around the outermost samples, are therefore taken from the picture there;
/// torchvision's `resized_crop` repeats the crop's edge instead. Outside the picture is its reflection, which repeats
/// the outermost pixels (Keras's `reflect`, PyTorch's `reflection` with `align_corners=False`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// Whether to flip horizontally.
    pub flip: bool,
    /// The angle of the rotation about the picture's centre, ((width - 1) / 2, (height - 1) / 2), in radians. As in
    /// Keras, positive angles turn the content counter-clockwise.
    pub angle: f64,
    /// The part of the flipped picture that is kept.
    pub crop: Region,
    /// The colour adjustments, in order.
    pub colour: [Adjustment; 3],
}

impl Draw {
    /// The identity for a `height` x `width` picture.
    pub fn nothing(height: usize, width: usize) -> Self {
        Self {
            flip: false,
            angle: 0.0,
            crop: Region::whole(height, width),
            colour: [
                Adjustment::Brightness(1.0),
                Adjustment::Contrast(1.0),
                Adjustment::Saturation(1.0),
            ],
        }
    }

    /// Applies the augmentation to `pixels` and writes the result to `out`; both have shape (height, width, 3).
    ///
    /// # Panics
    /// When a slice has another length, or the picture has no pixels.
    pub fn apply(
        &self,
        height: usize,
        width: usize,
        pixels: &[u8],
        scratch: &mut Scratch,
        out: &mut [u8],
    ) {
        assert_eq!(pixels.len(), height * width * 3, "the picture has another size");
        assert_eq!(out.len(), height * width * 3, "the output has another size");
        assert!(!out.is_empty(), "the picture has no pixels");
        if self.moves(height, width) {
            self.map(height, width).sample(pixels, (height, width), &mut scratch.packed, out);
        } else {
            out.copy_from_slice(pixels);
        }
        for adjustment in self.colour {
            adjustment.apply(out);
        }
    }

    /// Whether any pixel moves.
    fn moves(&self, height: usize, width: usize) -> bool {
        self.flip || self.angle != 0.0 || self.crop != Region::whole(height, width)
    }

    /// The map from each output pixel to its source.
    fn map(&self, height: usize, width: usize) -> Map {
        let map = Map::rotation(self.angle, height, width).then_crop(self.crop, height, width);
        if self.flip { map.then_flip(width) } else { map }
    }
}
