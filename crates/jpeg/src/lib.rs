//! A decoder of sequential and progressive JPEG, at full or reduced size (ITU-T T.81).
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

/// How much width and height are reduced: each is divided and rounded up.
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

/// A JPEG with a valid header.
pub struct Jpeg<'a> {
    bytes: &'a [u8],
    structure: Structure<'a>,
}

impl<'a> Jpeg<'a> {
    /// Parses the segments before the first scan. Allocates next to nothing.
    ///
    /// # Errors
    /// If they are truncated, contradict each other, or declare an unsupported kind.
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

    /// The first EXIF segment, beginning with its TIFF header.
    pub fn exif(&self) -> Option<&'a [u8]> {
        self.structure.exif
    }

    /// The last XMP packet before the first scan.
    pub fn xmp(&self) -> Option<&'a [u8]> {
        self.structure.xmp
    }

    /// The largest reduction that leaves at least this many columns and rows, as stored.
    pub fn reduction(&self, width: usize, height: usize) -> Reduction {
        self.structure.reduction(width, height)
    }

    /// The peak memory of decoding in bytes, including the result: the picture, a few rows, and all
    /// coefficients if there are several scans.
    pub fn memory(&self, reduction: Reduction) -> u64 {
        Picture::new(&self.structure, reduction).bytes()
    }

    /// Decodes the picture. Each pixel of a reduced picture is the mean of the pixels it replaces.
    ///
    /// CMYK is assumed to be inverted, as Adobe writes it, with or without its marker; Pillow does
    /// the same.
    ///
    /// Areas lost with a restart marker are grey, as in libjpeg, unless most of a scan is lost.
    ///
    /// # Errors
    /// If the data is truncated or otherwise damaged, so that a part of the picture would be
    /// invented.
    pub fn decode(&self, reduction: Reduction) -> Result<Pixels, Error> {
        picture::decode(self.bytes, &self.structure, reduction)
    }
}
