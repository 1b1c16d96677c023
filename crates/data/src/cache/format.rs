//! The format of a segment's files.

use super::Fingerprint;
use crate::Facts;

/// The magic bytes at the start of both files.
pub(super) const MAGIC: [u8; 8] = *b"hstfeat\n";
pub(super) const VERSION: u32 = 2;
pub(super) const SUM: usize = 8;
/// Magic, version, dim, fingerprint, checksum.
pub(super) const HEADER: usize = 8 + 4 + 4 + 32 + SUM;
/// Key, content, checksum.
pub(super) const KEY_RECORD: usize = 16 + 16 + SUM;

/// Bytes of a record of data: features, facts, checksum.
pub(super) fn data_record(dim: usize) -> usize {
    dim * 4 + Facts::BYTES + SUM
}

/// Bytes of an entry on disk.
pub(super) fn entry_len(dim: usize) -> u64 {
    (data_record(dim) + KEY_RECORD) as u64
}

/// Maximum bytes of a segment besides its entries, including the namespace's note.
pub(super) const SEGMENT_LEN: u64 = 2 * HEADER as u64 + 512;

pub(super) fn checksum(parts: &[&[u8]]) -> [u8; SUM] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let mut sum = [0; SUM];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..SUM]);
    sum
}

pub(super) fn header(fingerprint: &Fingerprint, dim: usize) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..16].copy_from_slice(&(dim as u32).to_le_bytes());
    header[16..48].copy_from_slice(&fingerprint.0);
    let sum = checksum(&[&header[..48]]);
    header[48..].copy_from_slice(&sum);
    header
}

/// Parses the header of a file; `None` if it is damaged.
pub(super) fn parse_header(bytes: &[u8]) -> Option<(u32, Fingerprint, usize)> {
    let (head, sum) = bytes.get(..HEADER)?.split_at(48);
    let version = u32::from_le_bytes(*head[8..].first_chunk()?);
    let dim = u32::from_le_bytes(*head[12..].first_chunk()?) as usize;
    let fingerprint = Fingerprint(*head[16..].first_chunk()?);
    (head.starts_with(&MAGIC) && checksum(&[head]) == *sum).then_some((version, fingerprint, dim))
}

/// The extension of the `.keys` of an incomplete segment.
pub(super) const UNFINISHED: &str = "part";
