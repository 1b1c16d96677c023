//! JPEG XL, decoded by the library of the format's authors.

use jxl::api::{
    AlphaMode, Event, ExtraChannel, JxlDecoder, JxlDecoderOptions, JxlOutputBuffer, JxlPixelFormat,
    ProfileLevel,
};
use jxl::error::Error;

use crate::samples::Samples;
use crate::{DecodeError, Format, Limits, Rgb};

/// A picture whose header has been read.
struct Opened<'a> {
    decoder: JxlDecoder,
    rest: &'a [u8],
    /// The size of the upright picture: the decoder applies the orientation.
    width: usize,
    height: usize,
    /// All channels except the colours.
    extra_channels: usize,
    has_alpha: bool,
}

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Rgb, DecodeError> {
    let Opened { mut decoder, mut rest, width, height, extra_channels, has_alpha } =
        open(bytes, limits)?;
    let (channels, pixels) = match has_alpha {
        true => (4, JxlPixelFormat::rgba8(extra_channels)),
        false => (3, JxlPixelFormat::rgb8(extra_channels)),
    };
    decoder.set_pixel_format(pixels).map_err(damaged)?;
    let line = width * channels;
    let mut buffer = vec![0; line * height];
    loop {
        let mut out = [JxlOutputBuffer::new(&mut buffer, height, line)];
        match decoder.process(&mut rest, Some(&mut out), None).map_err(damaged)? {
            // Of an animation, only the first frame is decoded.
            Event::FrameComplete { .. } | Event::Complete => break,
            Event::NeedMoreInput { .. } => return Err(truncated()),
            Event::BasicInfo | Event::FrameHeader => {}
        }
    }
    let rgb = Samples { channels, bytes: 1 }.to_rgb(buffer);
    let empty =
        || DecodeError::Damaged { format: Format::JpegXl, detail: "it is empty".to_owned() };
    Rgb::new(width, height, rgb).ok_or_else(empty)
}

/// Width and height of the upright picture.
pub(crate) fn header(bytes: &[u8], limits: &Limits) -> Result<(u32, u32), DecodeError> {
    let Opened { width, height, .. } = open(bytes, limits)?;
    // The limits ensure that sides fit in 32 bits.
    Ok((width as u32, height as u32))
}

/// The peak memory of decoding, in bytes: channels in f32, and the result.
pub(crate) fn estimate(bytes: &[u8], limits: &Limits) -> Result<u64, DecodeError> {
    let Opened { width, height, extra_channels, .. } = open(bytes, limits)?;
    let of_pixel = 4 * (3 + extra_channels as u64) + 4 + 3;
    Ok(width as u64 * height as u64 * of_pixel)
}

fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Opened<'a>, DecodeError> {
    let mut options = JxlDecoderOptions::default();
    options.alpha_mode = AlphaMode::Unpremultiplied;
    options.max_profile_level = ProfileLevel::Main10;
    // Frames may be larger than the picture.
    let samples = limits.max_pixels.saturating_mul(4);
    options.sample_limit = Some(usize::try_from(samples).unwrap_or(usize::MAX));
    let (mut decoder, mut rest) = (JxlDecoder::new(options), bytes);
    while decoder.basic_info().is_none() {
        let event = decoder.process(&mut rest, None, None).map_err(damaged)?;
        if let Event::NeedMoreInput { .. } | Event::Complete = event {
            return Err(truncated());
        }
    }
    let info = decoder.basic_info().ok_or_else(truncated)?;
    let ((width, height), extra_channels) = (info.size, info.extra_channels.len());
    let has_alpha = info.extra_channels.iter().any(|extra| extra.ec_type == ExtraChannel::Alpha);
    limits.check(width as u64, height as u64)?;
    let needed = (width as u64 * height as u64).saturating_mul(4 * (3 + extra_channels as u64));
    if needed > limits.max_bytes {
        return Err(DecodeError::TooMuchMemory { limit: limits.max_bytes });
    }
    Ok(Opened { decoder, rest, width, height, extra_channels, has_alpha })
}

fn damaged(error: Error) -> DecodeError {
    let reason = error.to_string();
    let detail = reason.lines().next().unwrap_or_default().to_owned();
    DecodeError::Damaged { format: Format::JpegXl, detail }
}

fn truncated() -> DecodeError {
    DecodeError::Truncated { format: Format::JpegXl }
}
