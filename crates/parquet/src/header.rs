//! Page headers.

use parquet::basic::Encoding;
use parquet::column::page::PageMetadata;

use crate::thrift::{Result, Thrift};

/// The header of a page.
pub(crate) struct Header {
    pub(crate) stored: u64,
    pub(crate) unfolded: u64,
    pub(crate) page: PageKind,
}

pub(crate) enum PageKind {
    Data { values: u32, encoding: Encoding, definition: Encoding, repetition: Encoding },
    DataV2 { counts: [u32; 3], encoding: Encoding, definition: u32, repetition: u32, packed: bool },
    Dictionary { values: u32, encoding: Encoding, is_sorted: bool },
    Other,
}

impl Header {
    pub(crate) fn read(left: &mut Thrift) -> Result<Self> {
        const LACKS: &str = "the header of a page in it is damaged";
        let mut own = [None; 4];
        let (mut data, mut dictionary, mut data_v2) = ([None; 5], [None; 4], [None; 8]);
        left.all_fields(&mut |left, id, wire| {
            match id {
                1..=3 => own[id as usize] = Some(left.int(wire)?),
                5 => data = left.numbers(wire)?,
                7 => dictionary = left.numbers(wire)?,
                8 => data_v2 = left.numbers(wire)?,
                _ => left.pass(wire)?,
            }
            Ok(())
        })?;
        // All numbers have 32 bits and none is negative.
        let number = |field: Option<i64>| -> Result<u32> {
            field.and_then(|n| i32::try_from(n).ok()?.try_into().ok()).ok_or(LACKS)
        };
        let encoding = |field| encoding(number(field)?).ok_or(LACKS);
        let page = match own[1] {
            Some(0) => PageKind::Data {
                values: number(data[1])?,
                encoding: encoding(data[2])?,
                definition: encoding(data[3])?,
                repetition: encoding(data[4])?,
            },
            Some(2) => PageKind::Dictionary {
                values: number(dictionary[1])?,
                encoding: encoding(dictionary[2])?,
                is_sorted: dictionary[3] == Some(1),
            },
            Some(3) => PageKind::DataV2 {
                counts: [number(data_v2[1])?, number(data_v2[2])?, number(data_v2[3])?],
                encoding: encoding(data_v2[4])?,
                definition: number(data_v2[5])?,
                repetition: number(data_v2[6])?,
                packed: data_v2[7] != Some(0),
            },
            _ => PageKind::Other,
        };
        Ok(Self { unfolded: number(own[2])?.into(), stored: number(own[3])?.into(), page })
    }

    /// The number of values, including nulls.
    pub(crate) fn values(&self) -> u64 {
        match self.page {
            PageKind::Data { values, .. } | PageKind::DataV2 { counts: [values, ..], .. } => {
                values.into()
            }
            PageKind::Dictionary { .. } | PageKind::Other => 0,
        }
    }

    /// The offset at which compressed data begins, if there is any.
    pub(crate) fn packed_from(&self) -> Option<usize> {
        match self.page {
            PageKind::DataV2 { packed: false, .. } => None,
            PageKind::DataV2 { definition, repetition, .. } => {
                Some(definition as usize + repetition as usize)
            }
            _ => Some(0),
        }
    }

    /// The metadata that the library requests before reading a page; `None` for unknown kinds of
    /// pages.
    pub(crate) fn metadata(&self) -> Option<PageMetadata> {
        let (num_rows, num_levels, is_dict) = match self.page {
            PageKind::Data { values, .. } => (None, Some(values as usize), false),
            PageKind::DataV2 { counts: [values, _, rows], .. } => {
                (Some(rows as usize), Some(values as usize), false)
            }
            PageKind::Dictionary { .. } => (None, None, true),
            PageKind::Other => return None,
        };
        Some(PageMetadata { num_rows, num_levels, is_dict })
    }
}

/// The encoding with this number.
#[expect(deprecated, reason = "files of before still have packed bits")]
fn encoding(number: u32) -> Option<Encoding> {
    const ALL: [Encoding; 9] = [
        Encoding::PLAIN,
        Encoding::PLAIN_DICTIONARY,
        Encoding::RLE,
        Encoding::BIT_PACKED,
        Encoding::DELTA_BINARY_PACKED,
        Encoding::DELTA_LENGTH_BYTE_ARRAY,
        Encoding::DELTA_BYTE_ARRAY,
        Encoding::RLE_DICTIONARY,
        Encoding::BYTE_STREAM_SPLIT,
    ];
    ALL.into_iter().find(|&encoding| encoding as u32 == number)
}
