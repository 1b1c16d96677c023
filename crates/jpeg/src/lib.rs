//! JPEG, sequential and progressive, in full or to a part of the size (ITU-T T.81).
//!
//! ```
//! # fn run(file: &[u8]) -> Result<(), headstart_jpeg::Error> {
//! let jpeg = headstart_jpeg::Jpeg::new(file)?;
//! // As small as it may be and still have 320 columns and 240 rows.
//! let pixels = jpeg.decode(jpeg.reduction(320, 240))?;
//! assert_eq!(pixels.rgb.len(), pixels.width * pixels.height * 3);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod bits;
mod colour;
mod component;
mod error;
mod huffman;
mod picture;
mod scan;
mod structure;
mod tables;
mod transform;
mod upsample;

use crate::picture::Picture;
use crate::structure::Structure;
pub use error::Error;

/// How far width and height are reduced: each is divided, and rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Reduction {
    None,
    Half,
    Quarter,
    Eighth,
}

impl Reduction {
    /// 1, 2, 4 or 8.
    pub fn divisor(self) -> usize {
        1 << self as usize
    }
}

/// A picture: 8-bit red, green, blue, row by row from the top left, as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Columns, at least 1.
    pub width: usize,
    /// Rows, at least 1.
    pub height: usize,
    /// `height * width * 3` samples.
    pub rgb: Vec<u8>,
}

/// A JPEG whose header makes sense.
pub struct Jpeg<'a> {
    bytes: &'a [u8],
    structure: Structure<'a>,
}

impl<'a> Jpeg<'a> {
    /// Looks through the segments before the first scan; allocates next to nothing.
    ///
    /// # Errors
    /// When they are cut, contradict each other, or announce a kind that is not decoded.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        Ok(Self { bytes, structure: structure::header(bytes)? })
    }

    /// Columns as stored, at least 1.
    pub fn width(&self) -> usize {
        self.structure.frame.width
    }

    /// Rows as stored, at least 1.
    pub fn height(&self) -> usize {
        self.structure.frame.height
    }

    /// The first EXIF segment, from its TIFF header on.
    pub fn exif(&self) -> Option<&'a [u8]> {
        self.structure.exif
    }

    /// The last XMP packet before the first scan.
    pub fn xmp(&self) -> Option<&'a [u8]> {
        self.structure.xmp
    }

    /// How far the picture may be reduced and still have so many columns and rows, as stored.
    pub fn reduction(&self, width: usize, height: usize) -> Reduction {
        self.structure.reduction(width, height)
    }

    /// The bytes that decoding takes at its peak, the result included: the picture, a few rows, and
    /// the coefficients where several scans make them.
    pub fn memory(&self, reduction: Reduction) -> u64 {
        Picture::new(&self.structure, reduction).bytes()
    }

    /// Decodes the picture. Of a reduced one each pixel is the mean of those that it stands for.
    ///
    /// CMYK is taken as Adobe writes it, inverted, with or without its marker: what Pillow does.
    ///
    /// What is lost with a restart marker is grey, as with libjpeg, unless it is most of a scan.
    ///
    /// # Errors
    /// When the data is cut or otherwise damaged, so that a part of the picture would be made up.
    pub fn decode(&self, reduction: Reduction) -> Result<Pixels, Error> {
        picture::decode(self.bytes, &self.structure, reduction)
    }
}
