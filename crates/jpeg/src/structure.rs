//! Walks the segments of a JPEG without decoding. Markers and segments: ITU-T T.81, annex B.

use crate::Reduction;
use crate::error::{Error, TRUNCATED, damaged};
use crate::tables::Frame;

pub(crate) mod marker {
    pub(crate) const DHT: u8 = 0xC4;
    pub(crate) const EOI: u8 = 0xD9;
    pub(crate) const SOS: u8 = 0xDA;
    pub(crate) const DQT: u8 = 0xDB;
    pub(crate) const DRI: u8 = 0xDD;
    pub(crate) const APP0: u8 = 0xE0;
    pub(crate) const APP1: u8 = 0xE1;
    pub(crate) const APP14: u8 = 0xEE;

    /// Whether a segment describes a frame. The exceptions in the range are tables and a reserved marker.
    pub(crate) fn is_frame(marker: u8) -> bool {
        matches!(marker, 0xC0..=0xCF) && !matches!(marker, DHT | 0xC8 | 0xCC)
    }

    /// Whether a marker is a restart marker within the data of a scan.
    pub(crate) fn is_restart(marker: u8) -> bool {
        matches!(marker, 0xD0..=0xD7)
    }

    /// Whether a marker may begin a segment. Lower values are reserved, and occur only in damaged files.
    pub(crate) fn is_known(marker: u8) -> bool {
        marker >= 0xC0
    }
}

/// The prefix of a segment with an XMP packet (XMP specification, part 3, 1.1.3).
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// The content of the segments before the first scan.
pub(crate) struct Structure<'a> {
    pub(crate) frame: Frame,
    /// Whether there are several scans: coefficients are then kept until the last one.
    pub(crate) several_scans: bool,
    pub(crate) exif: Option<&'a [u8]>,
    pub(crate) xmp: Option<&'a [u8]>,
}

impl Structure<'_> {
    /// The largest reduction that leaves at least this many columns and rows, as stored.
    pub(crate) fn reduction(&self, width: usize, height: usize) -> Reduction {
        let fits = |&by: &Reduction| {
            let by = by.divisor();
            self.frame.width.div_ceil(by) >= width && self.frame.height.div_ceil(by) >= height
        };
        let reductions = [Reduction::Eighth, Reduction::Quarter, Reduction::Half];
        reductions.into_iter().find(fits).unwrap_or(Reduction::None)
    }
}

/// A marker with its data.
pub(crate) struct Segment<'a> {
    pub(crate) marker: u8,
    /// The payload without marker and length.
    pub(crate) payload: &'a [u8],
    /// The rest of the file. After a start-of-scan segment, it begins with entropy-coded data.
    pub(crate) rest: &'a [u8],
}

/// Iterates over the segments up to the end-of-image marker. Data after it is ignored.
pub(crate) struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether entropy-coded data follows.
    in_scan: bool,
}

impl<'a> Segments<'a> {
    /// Creates an iterator for a file that begins with a start-of-image marker.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2, in_scan: false }
    }

    /// The next segment; `None` at the end of the image.
    ///
    /// # Errors
    /// If the file ends first.
    pub(crate) fn next(&mut self) -> Result<Option<Segment<'a>>, Error> {
        if self.in_scan {
            self.at += scan_length(&self.bytes[self.at..])?;
        }
        let marker = self.marker()?;
        self.in_scan = marker == marker::SOS;
        if marker == marker::EOI {
            return Ok(None);
        }
        let &[l1, l0] = self.bytes[self.at..].first_chunk().ok_or(TRUNCATED)?;
        let length = usize::from(u16::from_be_bytes([l1, l0]));
        if length < 2 {
            return Err(damaged("a segment's length is below 2"));
        }
        let payload = self.bytes.get(self.at + 2..self.at + length).ok_or(TRUNCATED)?;
        self.at += length;
        Ok(Some(Segment { marker, payload, rest: &self.bytes[self.at..] }))
    }

    /// The next marker that begins a segment. Bytes before it that belong to no segment are skipped, as they do no
    /// harm.
    fn marker(&mut self) -> Result<u8, Error> {
        loop {
            let rest = &self.bytes[self.at..];
            let stray = memchr::memchr(0xFF, rest).ok_or(TRUNCATED)?;
            let fill = rest[stray..].iter().position(|&b| b != 0xFF).ok_or(TRUNCATED)?;
            let marker = rest[stray + fill];
            self.at += stray + fill + 1;
            // Stuffing, TEM, restarts and another start of image.
            if !matches!(marker, 0x00 | 0x01 | 0xD0..=0xD8) {
                return Ok(marker);
            }
        }
    }
}

/// The length of the entropy-coded data at the start of `bytes`, up to the marker that ends it.
fn scan_length(bytes: &[u8]) -> Result<usize, Error> {
    let mut at = 0;
    loop {
        at += memchr::memchr(0xFF, &bytes[at..]).ok_or(TRUNCATED)?;
        match *bytes.get(at + 1).ok_or(TRUNCATED)? {
            0xFF => at += 1,
            follower if !marker::is_known(follower) || marker::is_restart(follower) => at += 2,
            _ => return Ok(at),
        }
    }
}

/// Parses the segments up to the first scan. They give the size of the picture and the memory that decoding needs,
/// before anything is allocated.
pub(crate) fn header(bytes: &[u8]) -> Result<Structure<'_>, Error> {
    let mut segments = Segments::new(bytes);
    let (mut exif, mut xmp) = (None, None);
    let mut frame = None;
    while let Some(segment) = segments.next()? {
        match segment.marker {
            marker::APP1 => {
                exif = exif.or(segment.payload.strip_prefix(b"Exif\0\0"));
                xmp = segment.payload.strip_prefix(XMP).or(xmp);
            }
            marker::SOS => {
                let frame: Frame = frame.ok_or_else(|| damaged("it has no frame header"))?;
                let in_scan = usize::from(segment.payload.first().copied().unwrap_or(0));
                let several_scans = frame.progressive || in_scan < frame.components.len();
                return Ok(Structure { frame, several_scans, exif, xmp });
            }
            marker if marker::is_frame(marker) => {
                let earlier = frame.replace(Frame::parse(&segment)?);
                if earlier.is_some() {
                    return Err(damaged("it has two frames"));
                }
            }
            _ => {}
        }
    }
    Err(damaged("it has no picture data"))
}
