//! Guards against panics of third-party decoders, which run on arbitrary files.

use headstart_guard::guarded;

use crate::{DecodeError, Format};

/// Runs a decoder and turns a panic into [`DecodeError::Damaged`].
///
/// One broken file among a million must not end a run of hours, and a decoder may index out of bounds on unexpected
/// bytes. Nothing that the decoder touched is used afterwards. This cannot catch a stack overflow or running out of
/// memory. Panics of our own decoder are not caught while fuzzing, so that they are found.
pub(crate) fn caught<T>(
    format: Format,
    decode: impl FnOnce() -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    if cfg!(fuzzing) && format == Format::Jpeg {
        return decode();
    }
    guarded(decode).unwrap_or_else(|said| {
        let detail = format!("its decoder gave up ({said})");
        Err(DecodeError::Damaged { format, detail })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_decoder_is_a_damaged_picture_and_others_are_left_alone() {
        let decode = |n: usize| caught(Format::Tiff, || Ok([1, 2, 3][n]));
        assert_eq!(decode(2).unwrap(), 3);
        let error = decode(std::hint::black_box(3)).unwrap_err().to_string();
        let says = "damaged TIFF: its decoder gave up (index out of bounds";
        assert!(error.starts_with(says) && !error.contains('\n'), "{error}");
        let error = caught::<()>(Format::Gif, || panic!("two\nlines")).unwrap_err();
        assert_eq!(error.to_string(), "damaged GIF: its decoder gave up (two)");
    }
}
