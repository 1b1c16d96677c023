//! Decodes a picture from its scans, at full or reduced size.

use pulp::{Simd, WithSimd};

use crate::bits::Bits;
use crate::colour::to_rgb;
use crate::component::Component;
use crate::error::{Error, damaged};
use crate::scan::{Band, Coding, Memory};
use crate::structure::{Segments, Structure, marker};
use crate::tables::{Colour, FrameComponent, Tables};
use crate::{Pixels, Reduction};

/// More scans than encoders write. Each scan visits all blocks of the picture, even if it has almost no data for them,
/// so without a limit a small file could take very long.
const MOST_SCANS: usize = 100;

/// Decodes a picture.
pub(crate) fn decode(
    bytes: &[u8],
    structure: &Structure<'_>,
    reduction: Reduction,
) -> Result<Pixels, Error> {
    let mut segments = Segments::new(bytes);
    let mut tables = Tables::default();
    let mut picture = Picture::new(structure, reduction);
    let mut scans = 0;
    while let Some(segment) = segments.next()? {
        if segment.marker == marker::SOS {
            scans += 1;
            if scans > MOST_SCANS {
                return Err(damaged(&format!("it has more than {MOST_SCANS} scans")));
            }
            picture.scan(segment.payload, segment.rest, &tables)?;
        } else {
            tables.set(&segment)?;
        }
    }
    picture.finish(&tables)
}

/// A picture that is being decoded.
pub(crate) struct Picture {
    progressive: bool,
    /// Whether the coefficients of all rows are kept, because there are several scans.
    whole: bool,
    /// Width and height of the result.
    width: usize,
    height: usize,
    /// MCUs, horizontally and vertically.
    mcus: (usize, usize),
    /// Columns and rows of the result in an MCU.
    mcu: (usize, usize),
    components: Vec<Component>,
    /// The result; empty until its first rows are decoded.
    pixels: Vec<u8>,
}

impl Picture {
    /// Creates a picture that has not allocated memory yet.
    pub(crate) fn new(structure: &Structure<'_>, reduction: Reduction) -> Self {
        let reduction = reduction.divisor();
        let Structure { frame, several_scans: whole, .. } = structure;
        let most = |factor: fn(&FrameComponent) -> usize| {
            frame.components.iter().map(factor).max().unwrap_or(1)
        };
        let (h, v) = (most(|c| c.h), most(|c| c.v));
        let mcus = (frame.width.div_ceil(8 * h), frame.height.div_ceil(8 * v));
        let held = (mcus.0, if *whole { mcus.1 } else { 1 });
        let side = 8 / reduction;
        let component = |c| Component::new(c, frame, held, (h, v), side);
        Self {
            progressive: frame.progressive,
            whole: *whole,
            width: frame.width.div_ceil(reduction),
            height: frame.height.div_ceil(reduction),
            mcus,
            mcu: (h * side, v * side),
            components: frame.components.iter().map(component).collect(),
            pixels: Vec::new(),
        }
    }

    /// The bytes that it will allocate.
    pub(crate) fn bytes(&self) -> u64 {
        let components: usize = self.components.iter().map(Component::bytes).sum();
        (self.width * self.height * 3 + components) as u64
    }

    /// Reads a scan: its header, and the data at the start of `data`.
    fn scan(&mut self, header: &[u8], data: &[u8], tables: &Tables) -> Result<(), Error> {
        let scanned = self.scan_header(header, tables)?;
        for &(component, _) in &scanned {
            self.components[component].begin_scan(tables)?;
        }
        let mut restarts = Restarts::new(tables.restart_interval);
        let mut bits = Bits::new(data, restarts.interval > 0);
        if !self.whole {
            if scanned.len() < self.components.len() || !self.pixels.is_empty() {
                return Err(damaged("it has a scan too many"));
            }
            let colour = self.begin_pixels(tables)?;
            for row in 0..self.mcus.1 {
                self.components.iter_mut().for_each(Component::clear);
                self.read_row(&scanned, &mut bits, &mut restarts, 0)?;
                self.make_row(row, 0, colour);
            }
        } else if let [(component, coding)] = &*scanned {
            let component = &mut self.components[*component];
            if component.is_means() && !coding.has_mean() {
                return Ok(());
            }
            // The blocks of a single component are stored row by row, without those that fill up MCUs.
            for y in 0..component.blocks.1 {
                for x in 0..component.blocks.0 {
                    if restarts.before_mcu(&mut bits)? {
                        component.memory = Memory::default();
                    }
                    if restarts.has_mcu(&mut bits)? {
                        component.read(&mut bits, coding, (x, y))?;
                    }
                }
            }
        } else {
            for row in 0..self.mcus.1 {
                self.read_row(&scanned, &mut bits, &mut restarts, row)?;
            }
        }
        bits.finish()?;
        restarts.finish()
    }

    /// The components in a scan, and their coding (T.81, B.2.3).
    fn scan_header<'t>(
        &self,
        header: &[u8],
        tables: &'t Tables,
    ) -> Result<Vec<(usize, Coding<'t>)>, Error> {
        let bad = || damaged("the header of a scan makes no sense");
        let (&count, rest) = header.split_first().ok_or_else(bad)?;
        let (list, rest) = rest.split_at_checked(2 * usize::from(count)).ok_or_else(bad)?;
        let &[first, last, position, ..] = rest else { return Err(bad()) };
        let (high, low) = (position >> 4, u32::from(position & 15));
        let refines = high > 0;
        if self.progressive {
            let one_kind = if first == 0 { last == 0 } else { first <= last && count == 1 };
            if !one_kind || last > 63 || low > 13 || (refines && u32::from(high) != low + 1) {
                return Err(bad());
            }
        }
        let band = Band { first: first.into(), last: last.into(), low };
        let mut scanned: Vec<(usize, Coding<'t>)> = Vec::new();
        for &[id, numbers] in list.as_chunks().0 {
            let component = self.components.iter().position(|c| c.id == id).ok_or_else(bad)?;
            if scanned.last().is_some_and(|&(before, _)| before >= component) {
                return Err(bad());
            }
            let dc = || tables.dc(numbers >> 4);
            let ac = || tables.ac(numbers & 15);
            let coding = match (self.progressive, first, refines) {
                (false, ..) => Coding::Sequential { dc: dc()?, ac: ac()? },
                (true, 0, false) => Coding::Dc { table: dc()?, low },
                (true, 0, true) => Coding::RefineDc { low },
                (true, _, false) => Coding::Ac { table: ac()?, band },
                (true, _, true) => Coding::RefineAc { table: ac()?, band },
            };
            scanned.push((component, coding));
        }
        if scanned.is_empty() { Err(bad()) } else { Ok(scanned) }
    }

    /// Reads a row of MCUs into the kept row `held`.
    fn read_row(
        &mut self,
        scanned: &[(usize, Coding<'_>)],
        bits: &mut Bits<'_>,
        restarts: &mut Restarts,
        held: usize,
    ) -> Result<(), Error> {
        for mcu in 0..self.mcus.0 {
            if restarts.before_mcu(bits)? {
                self.components.iter_mut().for_each(|c| c.memory = Memory::default());
            }
            if !restarts.has_mcu(bits)? {
                continue;
            }
            for (component, coding) in scanned {
                let component = &mut self.components[*component];
                let (h, v) = (component.h, component.v);
                for y in held * v..(held + 1) * v {
                    for x in mcu * h..(mcu + 1) * h {
                        component.read(bits, coding, (x, y))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn begin_pixels(&mut self, tables: &Tables) -> Result<Colour, Error> {
        if !self.components.iter().all(Component::is_begun) {
            return Err(damaged("it has no data for one of its components"));
        }
        let ids: Vec<u8> = self.components.iter().map(|c| c.id).collect();
        let colour = tables.colour(&ids)?;
        self.pixels = Vec::with_capacity(self.width * self.height * 3);
        Ok(colour)
    }

    /// Makes the samples of MCU row `row` from the kept row `held`, and the pixels that this completes: those of the
    /// row before, whose interpolation reads this row, and those of the last row.
    fn make_row(&mut self, row: usize, held: usize, colour: Colour) {
        pulp::Arch::new().dispatch(MakeRow { picture: self, row, held, colour });
    }

    /// Makes the pixels of a row of MCUs.
    #[inline(always)]
    fn write_row(&mut self, row: usize, colour: Colour) {
        let first = row * self.mcu.1;
        for y in first..self.height.min(first + self.mcu.1) {
            let mut lines: [&[u8]; 4] = [&[]; 4];
            for (line, component) in lines.iter_mut().zip(&mut self.components) {
                *line = component.line(y);
            }
            let end = self.pixels.len();
            // Growing line by line writes to memory that is in the cache.
            self.pixels.resize(end + self.width * 3, 0);
            to_rgb(colour, &lines, &mut self.pixels[end..]);
        }
    }

    /// The result.
    fn finish(mut self, tables: &Tables) -> Result<Pixels, Error> {
        if self.whole {
            let colour = self.begin_pixels(tables)?;
            for row in 0..self.mcus.1 {
                self.make_row(row, row, colour);
            }
        }
        if self.pixels.is_empty() {
            return Err(damaged("it is empty"));
        }
        Ok(Pixels { width: self.width, height: self.height, rgb: self.pixels })
    }
}

/// [`Picture::make_row`], compiled for each instruction set together with everything that is inlined into it.
struct MakeRow<'a> {
    picture: &'a mut Picture,
    row: usize,
    held: usize,
    colour: Colour,
}

impl WithSimd for MakeRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { picture, row, held, colour } = self;
        picture.components.iter_mut().for_each(|c| c.transform(row, held));
        let end = if row + 1 == picture.mcus.1 { row + 1 } else { row };
        for row in row.saturating_sub(1)..end {
            picture.write_row(row, colour);
        }
    }
}

/// Counts the MCUs between restarts.
struct Restarts {
    /// MCUs between restarts; 0 if there are none.
    interval: usize,
    mcus: usize,
    /// The number of MCUs without data.
    lost: usize,
}

impl Restarts {
    fn new(interval: usize) -> Self {
        Self { interval, mcus: 0, lost: 0 }
    }

    /// Whether a restart precedes the next MCU. If so, reads its marker.
    #[inline(always)]
    fn before_mcu(&mut self, bits: &mut Bits<'_>) -> Result<bool, Error> {
        let due = self.interval > 0 && self.mcus > 0 && self.mcus.is_multiple_of(self.interval);
        if due {
            bits.restart(self.mcus / self.interval - 1)?;
        }
        self.mcus += 1;
        Ok(due)
    }

    /// Whether there is data for the current MCU. If a restart marker was lost, there is none until the next marker,
    /// and the coefficients stay zero: grey, as in libjpeg.
    #[inline(always)]
    fn has_mcu(&mut self, bits: &mut Bits<'_>) -> Result<bool, Error> {
        let lost = self.interval > 0 && bits.is_exhausted()?;
        self.lost += usize::from(lost);
        Ok(!lost)
    }

    /// Checks at the end of a scan that most of its data was present.
    fn finish(&self) -> Result<(), Error> {
        if self.lost > self.mcus / 2 {
            return Err(damaged("most of a scan is lost with its restart markers"));
        }
        Ok(())
    }
}
