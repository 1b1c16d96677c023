//! How a picture is to be turned, as Pillow's `ImageOps.exif_transpose` finds it.

use image::metadata::Orientation;

use crate::directory::Directory;

/// The tag of EXIF and of TIFF.
const ORIENTATION: u64 = 274;

/// What EXIF says, with or without its prefix; of XMP only where EXIF has no orientation at all.
pub(crate) fn orientation(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> Orientation {
    let exif = exif.and_then(|exif| {
        let mut tiff = exif;
        for _ in 0..2 {
            tiff = tiff.strip_prefix(b"Exif\0\0").unwrap_or(tiff);
        }
        Directory::first(tiff)
    });
    of_directory(exif.as_ref(), xmp)
}

/// As [`orientation`], of EXIF that was read.
pub(crate) fn of_directory(exif: Option<&Directory<'_>>, xmp: Option<&[u8]>) -> Orientation {
    let said = exif.and_then(|exif| exif.integer(ORIENTATION));
    said.or_else(|| xmp.and_then(of_xmp).map(u64::from))
        .and_then(|said| Orientation::from_exif(u8::try_from(said).ok()?))
        .unwrap_or(Orientation::NoTransforms)
}

/// The digit behind the first `tiff:Orientation` that has one, as an attribute or an element.
fn of_xmp(xmp: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    xmp.windows(NAME.len()).enumerate().filter(|(_, name)| *name == NAME).find_map(|(at, _)| {
        let rest = &xmp[at + NAME.len()..];
        let value = rest.strip_prefix(b"=\"").or_else(|| rest.strip_prefix(b">"))?;
        value.first().filter(|digit| digit.is_ascii_digit()).map(|digit| digit - b'0')
    })
}

/// Whether rows become columns.
pub(crate) fn turns(orientation: Orientation) -> bool {
    !matches!(
        orientation,
        Orientation::NoTransforms
            | Orientation::FlipHorizontal
            | Orientation::FlipVertical
            | Orientation::Rotate180
    )
}

/// How many copies of a picture turning it needs: the rest is done in place.
pub(crate) fn copies(orientation: Orientation) -> u64 {
    u64::from(turns(orientation))
}
