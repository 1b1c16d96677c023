//! A component of a picture that is being decoded: its blocks and their samples.

use crate::bits::Bits;
use crate::error::Error;
use crate::error::damaged;
use crate::scan::{Coding, Memory};
use crate::tables::{Frame, FrameComponent, Tables};
use crate::transform::{Block, LANES, Tile, Transform};
use crate::upsample::Upsampling;

/// Rows of MCUs whose samples are kept: interpolation reads the lines above and below.
const HELD: usize = 3;

pub(crate) struct Component {
    pub(crate) id: u8,
    /// Blocks of an MCU, horizontally and vertically.
    pub(crate) h: usize,
    pub(crate) v: usize,
    /// Blocks that contain a part of the picture, horizontally and vertically.
    pub(crate) blocks: (usize, usize),
    /// Blocks in a row, including those that fill up MCUs.
    columns: usize,
    /// Rows of blocks whose coefficients are kept.
    rows: usize,
    quantisation: usize,
    /// Samples made from a block, horizontally and vertically.
    size: (usize, usize),
    /// Size of the component in samples, horizontally and vertically.
    width: usize,
    height: usize,
    /// Set by the component's first scan.
    transform: Option<Transform>,
    /// The coefficients of all blocks kept. Unused if only the means of blocks matter.
    tiles: Vec<Tile>,
    /// [`Block::coded`] of each block.
    coded: Vec<u64>,
    /// The first coefficient of all blocks kept, if no other matters.
    means: Vec<i16>,
    /// A ring buffer of the samples of [`HELD`] rows of MCUs.
    samples: Vec<u8>,
    upsampling: Upsampling,
    pub(crate) memory: Memory,
}

impl Component {
    /// Creates a component.
    ///
    /// The frame is `columns` MCUs wide, and the coefficients of `rows` rows of MCUs are kept.
    /// `most` is the largest sampling factors in the frame. A block of a component with these
    /// factors becomes `side` x `side` samples.
    pub(crate) fn new(
        c: &FrameComponent,
        frame: &Frame,
        (columns, rows): (usize, usize),
        most: (usize, usize),
        side: usize,
    ) -> Self {
        let of_picture = |pixels: usize, factor: usize, most: usize, size: usize| {
            (pixels * factor * size).div_ceil(most * 8)
        };
        let blocks = |pixels, factor, most| of_picture(pixels, factor, most, 8).div_ceil(8);
        let size = (samples(side, c.h, most.0), samples(side, c.v, most.1));
        Self {
            id: c.id,
            h: c.h,
            v: c.v,
            blocks: (blocks(frame.width, c.h, most.0), blocks(frame.height, c.v, most.1)),
            columns: columns * c.h,
            rows: rows * c.v,
            quantisation: c.quantisation,
            size,
            width: of_picture(frame.width, c.h, most.0, size.0),
            height: of_picture(frame.height, c.v, most.1, size.1),
            transform: None,
            tiles: Vec::new(),
            coded: Vec::new(),
            means: Vec::new(),
            samples: Vec::new(),
            upsampling: Upsampling::new(
                (most.0 * side, c.h * size.0),
                (most.1 * side, c.v * size.1),
                side == 8,
            ),
            memory: Memory::default(),
        }
    }

    /// Whether only the means of blocks matter.
    pub(crate) fn is_means(&self) -> bool {
        self.size == (1, 1)
    }

    /// Tiles in a row of blocks.
    fn tiles_across(&self) -> usize {
        self.columns.div_ceil(LANES)
    }

    /// Bytes from one line of samples to the next.
    fn stride(&self) -> usize {
        self.tiles_across() * LANES * self.size.0
    }

    /// Lines of samples in a row of MCUs.
    fn lines(&self) -> usize {
        self.v * self.size.1
    }

    /// The bytes that it will allocate.
    pub(crate) fn bytes(&self) -> usize {
        let blocks = self.rows * self.tiles_across() * LANES;
        let coefficients = if self.is_means() { blocks * 2 } else { blocks * (64 * 2 + 8) };
        coefficients + HELD * self.lines() * self.stride() + self.upsampling.bytes(self.width)
    }

    /// Prepares for a scan.
    pub(crate) fn begin_scan(&mut self, tables: &Tables) -> Result<(), Error> {
        self.memory = Memory::default();
        if self.transform.is_none() {
            let table = tables.quantisation.get(self.quantisation).and_then(Option::as_ref);
            let table = table.ok_or_else(|| damaged("a quantisation table is missing"))?;
            self.transform = Some(Transform::new(table));
            if self.is_means() {
                self.means = vec![0; self.rows * self.columns];
            } else {
                self.tiles = vec![[[0; LANES]; 64]; self.rows * self.tiles_across()];
                self.coded = vec![0; self.rows * self.columns];
            }
            self.samples = vec![0; HELD * self.lines() * self.stride()];
            self.upsampling.begin(self.width);
        }
        Ok(())
    }

    /// Whether a scan of the component has begun.
    pub(crate) fn is_begun(&self) -> bool {
        self.transform.is_some()
    }

    /// Sets all coefficients to zero.
    pub(crate) fn clear(&mut self) {
        self.means.fill(0);
        self.tiles.as_flattened_mut().as_flattened_mut().fill(0);
    }

    /// Reads a scan's data of the block at column `x` and row `y` of the blocks kept.
    #[inline(always)]
    pub(crate) fn read(
        &mut self,
        bits: &mut Bits<'_>,
        coding: &Coding<'_>,
        (x, y): (usize, usize),
    ) -> Result<(), Error> {
        let mut reader = bits.begin_block()?;
        let block = y * self.columns + x;
        let read = if self.is_means() {
            let mean = &mut self.means[block];
            coding.read_mean(&mut reader, &mut self.memory, mean)
        } else {
            let tile = y * self.tiles_across() + x / LANES;
            let mut block = Block {
                tile: &mut self.tiles[tile],
                lane: x % LANES,
                coded: &mut self.coded[block],
            };
            coding.read(&mut reader, &mut self.memory, &mut block)
        };
        let state = reader.state;
        if let Err(error) = read {
            return bits.end_bad_block(state, error);
        }
        bits.end_block(state);
        Ok(())
    }

    /// Makes the samples of MCU row `row` from the coefficients of the kept row `held`.
    #[inline(always)]
    pub(crate) fn transform(&mut self, row: usize, held: usize) {
        let (stride, lines, across) = (self.stride(), self.lines(), self.tiles_across());
        let transform = self.transform.as_mut().expect("a scan was begun");
        let out = &mut self.samples[row % HELD * lines * stride..][..lines * stride];
        if self.size == (1, 1) {
            let means = self.means[held * self.v * self.columns..].chunks_exact(self.columns);
            for (out, means) in out.chunks_exact_mut(stride).zip(means) {
                for (sample, &mean) in out.iter_mut().zip(means) {
                    *sample = transform.mean(mean);
                }
            }
            return;
        }
        let tiles = self.tiles[held * self.v * across..].chunks_exact(across);
        for (out, tiles) in out.chunks_exact_mut(stride * self.size.1).zip(tiles) {
            for (i, tile) in tiles.iter().enumerate() {
                transform.apply(tile, self.size, &mut out[i * LANES * self.size.0..], stride);
            }
        }
    }

    /// Line `y` of the result, at least as long as the result is wide.
    #[inline(always)]
    pub(crate) fn line(&mut self, y: usize) -> &[u8] {
        let (stride, ring) = (self.stride(), HELD * self.lines());
        let (samples, width, last) = (&self.samples, self.width, self.height - 1);
        let line = |y: usize| &samples[y.min(last) % ring * stride..][..width];
        self.upsampling.line(y, line)
    }
}

/// How many samples, per axis, a block of a component with this sampling factor becomes if one with
/// the largest factor becomes `side`. It is more than `side` if that avoids upsampling.
fn samples(side: usize, factor: usize, most: usize) -> usize {
    let mut samples = side;
    while samples < 8 && samples * 2 * factor <= side * most {
        samples *= 2;
    }
    samples
}
