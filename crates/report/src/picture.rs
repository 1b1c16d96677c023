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
    Ok(data_uri(&smaller(&picture, side)))
}

/// The picture with its longer side of at most so many pixels.
pub(crate) fn smaller(picture: &Rgb, side: usize) -> Rgb {
    let longer = picture.width().max(picture.height());
    let scaled = |pixels: usize| (pixels * side.min(longer) / longer).max(1);
    let (width, height) = (scaled(picture.width()), scaled(picture.height()));
    let small = imageops::thumbnail(&view(picture), width as u32, height as u32);
    Rgb::new(width, height, small.into_raw()).expect("three bytes a pixel")
}

/// As a JPEG within the page.
pub(crate) fn data_uri(picture: &Rgb) -> String {
    let mut jpeg = Cursor::new(Vec::new());
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    // A vector takes whatever is written, and a thumbnail is no larger than a JPEG may be.
    view(picture).write_with_encoder(encoder).expect("it has pixels");
    format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg.into_inner()))
}

/// Where the picture is, whose memory is accounted for.
fn view(picture: &Rgb) -> ImageBuffer<image::Rgb<u8>, &[u8]> {
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    ImageBuffer::from_raw(width, height, picture.pixels()).expect("three bytes a pixel")
}
