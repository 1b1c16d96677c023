//! Pictures in a page.

use std::io::Cursor;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use headstart::data::decode::MinSize;
use headstart::data::{DecodeError, Location, Reader, Rgb};
use image::codecs::jpeg::JpegEncoder;
use image::{ImageBuffer, imageops};

const QUALITY: u8 = 70;

/// The decoded size that suffices for a thumbnail with this longer side.
pub(crate) fn enough(side: usize) -> MinSize {
    MinSize { width: side, height: side }
}

/// Reads a picture and makes a thumbnail of it, as a data URI.
///
/// # Errors
/// If the picture cannot be read.
pub(crate) fn thumbnail(
    reader: &Reader,
    at: &Location,
    side: usize,
) -> Result<String, DecodeError> {
    let picture = reader.decode(reader.with_room(at, reader.read(at)?)?)?;
    Ok(jpeg_uri(&smaller(&picture, side)))
}

/// The picture reduced so that its longer side has at most `side` pixels.
pub(crate) fn smaller(picture: &Rgb, side: usize) -> Rgb {
    let longer = picture.width().max(picture.height());
    let scaled = |pixels: usize| (pixels * side.min(longer) / longer).max(1);
    let (width, height) = (scaled(picture.width()), scaled(picture.height()));
    let small = imageops::thumbnail(&view(picture), width as u32, height as u32);
    Rgb::new(width, height, small.into_raw()).expect("three bytes a pixel")
}

/// A picture as a JPEG in a data URI, for embedding in a page.
///
/// # Panics
/// If a side has more than 65,535 pixels, JPEG's limit.
pub fn jpeg_uri(picture: &Rgb) -> String {
    let mut jpeg = Cursor::new(Vec::new());
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    // Writing to a vector cannot fail.
    view(picture).write_with_encoder(encoder).expect("it has pixels, and no more than a JPEG");
    format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg.into_inner()))
}

/// The pixels without a copy, so that no memory beyond the accounted amount is used.
fn view(picture: &Rgb) -> ImageBuffer<image::Rgb<u8>, &[u8]> {
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    ImageBuffer::from_raw(width, height, picture.pixels()).expect("three bytes a pixel")
}
