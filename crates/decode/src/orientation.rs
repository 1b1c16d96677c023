//! The orientation of a picture, found in the same way as by Pillow's `ImageOps.exif_transpose`.

use crate::directory::Directory;

/// How stored pixels must be turned: the position of each upright pixel among the stored ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Orientation {
    exif: u8,
}

impl Orientation {
    pub(crate) const UPRIGHT: Self = Self { exif: 1 };

    /// The orientation with this EXIF number, 1 to 8.
    pub(crate) fn from_exif(exif: u8) -> Option<Self> {
        (1..=8).contains(&exif).then_some(Self { exif })
    }

    /// Its EXIF number.
    pub(crate) fn to_exif(self) -> u8 {
        self.exif
    }

    /// Whether columns become rows.
    pub(crate) fn turns(self) -> bool {
        self.exif > 4
    }

    /// Whether columns are read from right to left.
    pub(crate) fn flips_columns(self) -> bool {
        matches!(self.exif, 2 | 3 | 7 | 8)
    }

    /// Whether rows are read from bottom to top.
    pub(crate) fn flips_rows(self) -> bool {
        matches!(self.exif, 3 | 4 | 6 | 7)
    }

    /// How many copies of the picture turning allocates; all other orientations are applied in
    /// place.
    pub(crate) fn copies(self) -> u64 {
        u64::from(self.turns())
    }

    /// Turns a picture with rows of `width` pixels.
    pub(crate) fn apply(self, mut pixels: Vec<u8>, width: usize) -> Vec<u8> {
        let stored = pixels.as_chunks_mut::<3>().0;
        let height = stored.len() / width;
        if self.flips_columns() {
            stored.chunks_exact_mut(width).for_each(<[_]>::reverse);
        }
        if !self.turns() {
            if self.flips_rows() {
                let (above, below) = stored.split_at_mut(height / 2 * width);
                let below = below.rchunks_exact_mut(width);
                above.chunks_exact_mut(width).zip(below).for_each(|(a, b)| a.swap_with_slice(b));
            }
            return pixels;
        }
        let mut turned = vec![0; pixels.len()];
        let stored = pixels.as_chunks::<3>().0;
        for (x, line) in turned.as_chunks_mut::<3>().0.chunks_exact_mut(height).enumerate() {
            let column = stored[x..].iter().step_by(width);
            if self.flips_rows() {
                line.iter_mut().zip(column.rev()).for_each(|(to, from)| *to = *from);
            } else {
                line.iter_mut().zip(column).for_each(|(to, from)| *to = *from);
            }
        }
        turned
    }
}

/// The orientation tag of EXIF and TIFF.
const ORIENTATION: u64 = 274;

/// The orientation in EXIF, with or without its prefix, or in XMP if EXIF has none.
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

/// [`orientation`] for EXIF that was already parsed.
pub(crate) fn of_directory(exif: Option<&Directory<'_>>, xmp: Option<&[u8]>) -> Orientation {
    let said = exif.and_then(|exif| exif.integer(ORIENTATION));
    said.or_else(|| xmp.and_then(of_xmp).map(u64::from))
        .and_then(|said| Orientation::from_exif(u8::try_from(said).ok()?))
        .unwrap_or(Orientation::UPRIGHT)
}

/// The digit after the first `tiff:Orientation` that has one, as an attribute or an element.
fn of_xmp(xmp: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    xmp.windows(NAME.len()).enumerate().filter(|(_, name)| *name == NAME).find_map(|(at, _)| {
        let rest = &xmp[at + NAME.len()..];
        let value = rest.strip_prefix(b"=\"").or_else(|| rest.strip_prefix(b">"))?;
        value.first().filter(|digit| digit.is_ascii_digit()).map(|digit| digit - b'0')
    })
}
