//! Pictures within a page.

use std::io::Cursor;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use headstart::data::decode::MinSize;
use headstart::data::{DecodeError, Location, Reader, Rgb};
use image::codecs::jpeg::JpegEncoder;
use image::{ImageBuffer, imageops};

const QUALITY: u8 = 70;

/// What of a picture is enough for a thumbnail of this longer side.
pub(crate) fn enough(side: usize) -> MinSize {
    MinSize { width: side, height: side }
}

/// Reads a picture, and makes a thumbnail of it as a data URI.
///
/// # Errors
/// What is wrong with the picture.
pub(crate) fn thumbnail(
    reader: &Reader,
    at: &Location,
    side: usize,
) -> Result<String, DecodeError> {
    let picture = reader.decode(reader.with_room(at, reader.read(at)?)?)?;
    Ok(jpeg_uri(&smaller(&picture, side)))
}

/// The picture with its longer side of at most so many pixels.
pub(crate) fn smaller(picture: &Rgb, side: usize) -> Rgb {
    let longer = picture.width().max(picture.height());
    let scaled = |pixels: usize| (pixels * side.min(longer) / longer).max(1);
    let (width, height) = (scaled(picture.width()), scaled(picture.height()));
    let small = imageops::thumbnail(&view(picture), width as u32, height as u32);
    Rgb::new(width, height, small.into_raw()).expect("three bytes a pixel")
}

/// A picture as a JPEG in a data URI, to be within a page.
///
/// # Panics
/// When a side has more pixels than a JPEG may have, 65,535.
pub fn jpeg_uri(picture: &Rgb) -> String {
    let mut jpeg = Cursor::new(Vec::new());
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    // A vector takes whatever is written.
    view(picture).write_with_encoder(encoder).expect("it has pixels, and no more than a JPEG");
    format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg.into_inner()))
}

/// Where the picture is, whose memory is accounted for.
fn view(picture: &Rgb) -> ImageBuffer<image::Rgb<u8>, &[u8]> {
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    ImageBuffer::from_raw(width, height, picture.pixels()).expect("three bytes a pixel")
}
