//! Reads blocks of coefficients from scans: sequential (T.81, F.2.2) and progressive (G.2).

use crate::bits::Reader;
use crate::error::Error;
use crate::error::damaged;
use crate::huffman::{Huffman, Run};
use crate::transform::{Block, ZIGZAG};

/// The spectral band that a scan codes, and which bits of its coefficients (T.81, G.1.1.1).
#[derive(Clone, Copy)]
pub(crate) struct Band {
    /// The first and the last coefficient in coding order.
    pub(crate) first: usize,
    pub(crate) last: usize,
    /// Lower bits than this one are in later scans.
    pub(crate) low: u32,
}

/// The part of a block that a scan contains, and its Huffman tables.
#[derive(Clone, Copy)]
pub(crate) enum Coding<'a> {
    /// All coefficients.
    Sequential { dc: &'a Huffman, ac: &'a Huffman },
    /// The first coefficient without its low bits.
    Dc { table: &'a Huffman, low: u32 },
    /// One more bit of the first coefficient.
    RefineDc { low: u32 },
    /// The high bits of other coefficients.
    Ac { table: &'a Huffman, band: Band },
    /// One more bit of other coefficients.
    RefineAc { table: &'a Huffman, band: Band },
}

/// State between the blocks of a component in a scan.
#[derive(Default)]
pub(crate) struct Memory {
    /// The first coefficient of the previous block.
    dc: i32,
    /// The number of following blocks without coefficients.
    ended: u32,
}

impl Coding<'_> {
    /// Reads the scan's part of a block.
    #[inline(always)]
    pub(crate) fn read(
        &self,
        bits: &mut Reader<'_>,
        memory: &mut Memory,
        block: &mut Block<'_>,
    ) -> Result<(), Error> {
        match *self {
            Self::Sequential { dc, ac } => {
                *block.at(0) = read_dc(bits, dc, memory, 0)?;
                read_ac(bits, ac, block)
            }
            Self::Ac { table, band } => read_first(bits, table, band, memory, block),
            Self::RefineAc { table, band } => read_more(bits, table, band, memory, block),
            Self::Dc { .. } | Self::RefineDc { .. } => self.read_mean(bits, memory, block.at(0)),
        }
    }

    /// Reads the scan's part of a block's first coefficient, and skips the others.
    #[inline(always)]
    pub(crate) fn read_mean(
        &self,
        bits: &mut Reader<'_>,
        memory: &mut Memory,
        mean: &mut i16,
    ) -> Result<(), Error> {
        match *self {
            Self::Sequential { dc, ac } => {
                *mean = read_dc(bits, dc, memory, 0)?;
                pass_ac(bits, ac)?;
            }
            Self::Dc { table, low } => *mean = read_dc(bits, table, memory, low)?,
            Self::RefineDc { low } => {
                bits.refill();
                *mean |= i16::from(bits.take_bit()) << low;
            }
            Self::Ac { .. } | Self::RefineAc { .. } => {}
        }
        Ok(())
    }

    /// Whether the scan has data of the first coefficients.
    pub(crate) fn has_mean(&self) -> bool {
        !matches!(self, Self::Ac { .. } | Self::RefineAc { .. })
    }
}

fn beyond() -> Error {
    damaged("a block has more than 64 coefficients")
}

/// Checks that the index of a coefficient is within the block.
#[inline(always)]
fn within(k: usize, last: usize) -> Result<usize, Error> {
    if k > last { Err(beyond()) } else { Ok(k & 63) }
}

/// Reads the first coefficient, which is coded as the difference from the previous block's.
#[inline(always)]
fn read_dc(
    bits: &mut Reader<'_>,
    table: &Huffman,
    memory: &mut Memory,
    low: u32,
) -> Result<i16, Error> {
    let Run { zeros, value, .. } = table.run(bits)?;
    if zeros > 0 {
        return Err(damaged("a difference has more than 15 bits"));
    }
    memory.dc = memory.dc.wrapping_add(value);
    Ok((memory.dc << low) as i16)
}

/// Reads all other coefficients of a sequential block, which must be zero before. As in libjpeg, a
/// run of zeros may extend beyond the last coefficient, but no value may.
#[inline(always)]
fn read_ac(bits: &mut Reader<'_>, table: &Huffman, block: &mut Block) -> Result<(), Error> {
    let mut k = 1;
    while k < 64 {
        let run = table.run(bits)?;
        if run.ends_block() {
            break;
        }
        k += run.zeros;
        if run.size > 0 {
            *block.at(ZIGZAG[within(k, 63)?]) = run.value as i16;
        }
        k += 1;
    }
    Ok(())
}

/// Skips what [`read_ac`] reads.
#[inline(always)]
fn pass_ac(bits: &mut Reader<'_>, table: &Huffman) -> Result<(), Error> {
    let mut k = 1;
    while k < 64 {
        k += table.pass(bits, 64 - k)?;
    }
    if k > 64 { Err(beyond()) } else { Ok(()) }
}

/// Reads the high bits of coefficients `band.first` to `band.last`.
#[inline(always)]
fn read_first(
    bits: &mut Reader<'_>,
    table: &Huffman,
    band: Band,
    memory: &mut Memory,
    block: &mut Block<'_>,
) -> Result<(), Error> {
    if memory.ended > 0 {
        memory.ended -= 1;
        return Ok(());
    }
    let mut k = band.first;
    while k <= band.last {
        let run = table.run(bits)?;
        if run.ends_block() {
            memory.ended = (1 << run.zeros) - 1 + bits.take(run.zeros as u32);
            break;
        }
        k += run.zeros;
        if run.size > 0 {
            block.set(within(k, band.last)?, (run.value << band.low) as i16);
        }
        k += 1;
    }
    Ok(())
}

/// Reads one more bit of coefficients `band.first` to `band.last`: of those that are nonzero, and
/// of those that become nonzero.
#[inline(always)]
fn read_more(
    bits: &mut Reader<'_>,
    table: &Huffman,
    band: Band,
    memory: &mut Memory,
    block: &mut Block<'_>,
) -> Result<(), Error> {
    let bit = 1_i16 << band.low;
    let mut k = band.first;
    while k <= band.last && memory.ended == 0 {
        let symbol = table.symbol(bits)?;
        let (mut zeros, size) = (usize::from(symbol >> 4), symbol & 15);
        let mut new = 0;
        match size {
            0 if zeros < 15 => {
                memory.ended = (1 << zeros) + bits.take(zeros as u32);
                break;
            }
            0 => {}
            1 => new = if bits.take_bit() { bit } else { -bit },
            _ => return Err(damaged("a refined coefficient has more than one bit")),
        }
        // Nonzero coefficients on the way get their bit.
        while let Some(next) = block.next_coded(k, band.last).filter(|next| next - k <= zeros) {
            zeros -= next - k;
            refine(bits, block.at(ZIGZAG[next & 63]), bit);
            k = next + 1;
        }
        k += zeros;
        if new != 0 {
            block.set(within(k, band.last)?, new);
        }
        k += 1;
    }
    if memory.ended > 0 {
        memory.ended -= 1;
        while let Some(next) = block.next_coded(k, band.last) {
            refine(bits, block.at(ZIGZAG[next & 63]), bit);
            k = next + 1;
        }
    }
    Ok(())
}

/// Reads one bit, and adds it to a nonzero coefficient.
#[inline(always)]
fn refine(bits: &mut Reader<'_>, coefficient: &mut i16, bit: i16) {
    bits.refill();
    if bits.take_bit() && *coefficient & bit == 0 {
        let away = if *coefficient > 0 { bit } else { -bit };
        *coefficient = coefficient.wrapping_add(away);
    }
}
