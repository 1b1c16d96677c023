//! What happens to one picture.

use super::warp::Map;
use super::{Adjustment, Region, Scratch};

/// What happens to a picture, in this order: it is flipped, cropped, the crop is resized to
/// the picture's size, that is rotated, and its colours are adjusted.
///
/// Flip, crop and rotation are one affine map, and the picture is sampled once (bilinear).
/// What lies outside the crop and is reached by the rotation, or by the half pixel around
/// the outermost samples, is therefore the picture there; torchvision's `resized_crop`
/// repeats the crop's own edge instead. Outside the picture is its reflection, in which the
/// outermost pixels come twice (Keras's `reflect`, PyTorch's `reflection` with
/// `align_corners=False`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// Whether left and right are exchanged.
    pub flip: bool,
    /// The angle of the rotation about the picture's middle, ((width - 1) / 2,
    /// (height - 1) / 2), in radians. As in Keras, positive turns what one sees
    /// counter-clockwise.
    pub angle: f64,
    /// The part of the flipped picture that is kept.
    pub crop: Region,
    /// What is done to the colours, first to last.
    pub colour: [Adjustment; 3],
}

impl Draw {
    /// What leaves a `height` x `width` picture as it is.
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

    /// Carries it out on `pixels`, into `out`; both are of shape (height, width, 3).
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

    /// Whether any pixel comes from another place.
    fn moves(&self, height: usize, width: usize) -> bool {
        self.flip || self.angle != 0.0 || self.crop != Region::whole(height, width)
    }

    /// From where in the picture each pixel of the output comes.
    fn map(&self, height: usize, width: usize) -> Map {
        let map = Map::rotation(self.angle, height, width).then_crop(self.crop, height, width);
        if self.flip { map.then_flip(width) } else { map }
    }
}
