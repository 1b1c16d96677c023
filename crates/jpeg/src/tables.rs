//! The state that segments between scans set: tables, and how scans are read.

use crate::error::{Error, damaged};
use crate::huffman::Huffman;
use crate::structure::{Segment, marker};
use crate::transform::ZIGZAG;

/// How components form colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Grey,
    Rgb,
    YCbCr,
    /// Inverted, as Adobe writes it.
    Cmyk,
    /// The first three components encode inverted C, M and Y.
    Ycck,
}

/// The current state of everything that segments set.
#[derive(Default)]
pub(crate) struct Tables {
    /// In row-major order of increasing frequency.
    pub(crate) quantisation: [Option<[u16; 64]>; 4],
    dc: [Option<Huffman>; 4],
    pub(crate) ac: [Option<Huffman>; 4],
    /// MCUs between two restarts; 0 if there are no restarts.
    pub(crate) restart_interval: usize,
    jfif: bool,
    /// The colour transform of an Adobe segment.
    adobe: Option<u8>,
}

impl Tables {
    /// Applies a segment, if it is one that sets something.
    pub(crate) fn set(&mut self, segment: &Segment<'_>) -> Result<(), Error> {
        match (segment.marker, segment.payload) {
            (marker::DQT, payload) => self.set_quantisation(payload),
            (marker::DHT, payload) => self.set_huffman(payload),
            (marker::DRI, &[n1, n0, ..]) => {
                self.restart_interval = usize::from(u16::from_be_bytes([n1, n0]));
                Ok(())
            }
            (marker::DRI, _) => Err(damaged("its restart interval is missing")),
            (marker::APP0, payload) => {
                self.jfif |= payload.starts_with(b"JFIF\0");
                Ok(())
            }
            (marker::APP14, payload) => {
                if payload.starts_with(b"Adobe") && payload.len() >= 12 {
                    self.adobe = Some(payload[11]);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn set_quantisation(&mut self, mut payload: &[u8]) -> Result<(), Error> {
        let short = || damaged("a quantisation table is too short");
        while let [head, rest @ ..] = payload {
            let bytes = if head >> 4 == 0 { 1 } else { 2 };
            let (values, rest) = rest.split_at_checked(64 * bytes).ok_or_else(short)?;
            let mut table = [0; 64];
            for (place, value) in ZIGZAG.into_iter().zip(values.chunks_exact(bytes)) {
                table[usize::from(place)] =
                    value.iter().fold(0, |value, &byte| value << 8 | u16::from(byte));
            }
            let slot = self.quantisation.get_mut(usize::from(head & 15));
            *slot.ok_or_else(|| damaged("it has more than 4 quantisation tables"))? = Some(table);
            payload = rest;
        }
        Ok(())
    }

    fn set_huffman(&mut self, mut payload: &[u8]) -> Result<(), Error> {
        let short = || damaged("a Huffman table is too short");
        while let [head, rest @ ..] = payload {
            let (counts, rest) = rest.split_first_chunk().ok_or_else(short)?;
            let symbols = counts.iter().map(|&n| usize::from(n)).sum();
            let (symbols, rest) = rest.split_at_checked(symbols).ok_or_else(short)?;
            let class = if head >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            let slot = class.get_mut(usize::from(head & 15));
            *slot.ok_or_else(|| damaged("it has more than 4 Huffman tables of a kind"))? =
                Some(Huffman::new(counts, symbols)?);
            payload = rest;
        }
        Ok(())
    }

    /// The Huffman table with this number for the first coefficients.
    pub(crate) fn dc(&self, number: u8) -> Result<&Huffman, Error> {
        find(&self.dc, number)
    }

    /// The Huffman table with this number for all other coefficients.
    pub(crate) fn ac(&self, number: u8) -> Result<&Huffman, Error> {
        find(&self.ac, number)
    }

    /// The colours formed by components with these identifiers.
    pub(crate) fn colour(&self, ids: &[u8]) -> Result<Colour, Error> {
        Ok(match (ids, self.adobe) {
            ([_], _) => Colour::Grey,
            ([_, _, _], _) if self.jfif => Colour::YCbCr,
            ([_, _, _], Some(0)) => Colour::Rgb,
            ([_, _, _], Some(_)) => Colour::YCbCr,
            (b"RGB", None) => Colour::Rgb,
            ([_, _, _], None) => Colour::YCbCr,
            ([_, _, _, _], Some(2)) => Colour::Ycck,
            ([_, _, _, _], _) => Colour::Cmyk,
            _ => return Err(unsupported("its number of components")),
        })
    }
}

fn find(tables: &[Option<Huffman>; 4], number: u8) -> Result<&Huffman, Error> {
    let table = tables.get(usize::from(number)).and_then(Option::as_ref);
    table.ok_or_else(|| damaged("a Huffman table is missing"))
}

pub(crate) fn unsupported(detail: &str) -> Error {
    Error::Unsupported(detail.to_owned())
}

/// A frame header (T.81, B.2.2).
pub(crate) struct Frame {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) progressive: bool,
    pub(crate) components: Vec<FrameComponent>,
}

pub(crate) struct FrameComponent {
    pub(crate) id: u8,
    /// Sampling factors, across and down, 1 to 4.
    pub(crate) h: usize,
    pub(crate) v: usize,
    /// The number of its quantisation table.
    pub(crate) quantisation: usize,
}

impl Frame {
    pub(crate) fn parse(segment: &Segment<'_>) -> Result<Self, Error> {
        let progressive = match segment.marker {
            0xC0 | 0xC1 => false,
            0xC2 => true,
            0xC3 | 0xC7 | 0xCB | 0xCF => return Err(unsupported("lossless")),
            0xC9 | 0xCA | 0xCD | 0xCE => return Err(unsupported("arithmetic coding")),
            _ => return Err(unsupported("hierarchical")),
        };
        let &[precision, h1, h0, w1, w0, count, ref rest @ ..] = segment.payload else {
            return Err(damaged("its frame header is too short"));
        };
        if precision != 8 {
            return Err(unsupported(&format!("{precision} bits a sample")));
        }
        if rest.len() < 3 * usize::from(count) {
            return Err(damaged("its frame header is too short"));
        }
        let mut components: Vec<FrameComponent> = rest
            .chunks_exact(3)
            .take(usize::from(count))
            .map(|c| FrameComponent {
                id: c[0],
                h: usize::from(c[1] >> 4),
                v: usize::from(c[1] & 15),
                quantisation: usize::from(c[2]),
            })
            .collect();
        if components.iter().any(|c| !(1..=4).contains(&c.h) || !(1..=4).contains(&c.v)) {
            return Err(damaged("its sampling factors are not 1 to 4"));
        }
        if let [only] = &mut *components {
            // A single component is not sampled relative to any other.
            (only.h, only.v) = (1, 1);
        }
        let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
        if width == 0 || height == 0 {
            return Err(damaged("it is empty"));
        }
        Ok(Self { width: width.into(), height: height.into(), progressive, components })
    }
}
