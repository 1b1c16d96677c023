//! Depthwise convolutions: each channel is convolved separately, one row at a time.

use headstart_engine::frozen::{Clamp, Sides};

use super::{F32_BYTES, LANES, clamped, tiles};
use crate::code::{Body, Expr, I32, V128, Var};
use crate::data::Data;

/// The largest number of pixels that are summed at a time.
const PIXELS: usize = 4;

/// A depthwise convolution with its weights in memory.
#[derive(Clone, Debug)]
pub(crate) struct Depthwise {
    pub(crate) sides: Sides,
    pub(crate) channels: usize,
    clamp: Clamp,
    kernel: u32,
    bias: u32,
}

/// A row of the input, and how its outputs are divided into tiles.
struct Row {
    /// Pixels of the input.
    width: usize,
    /// For each run of equal tiles: the first pixel, the pixels of a tile, and the number of tiles.
    tiles: Vec<(usize, usize, usize)>,
}

impl Depthwise {
    /// The supported kernel sizes; kernels are square.
    pub(crate) const SIDES: [usize; 2] = [3, 5];

    pub(crate) fn new(
        data: &mut Data,
        (kernel, bias): (&[f32], &[f32]),
        sides: Sides,
        clamp: Clamp,
    ) -> Self {
        let (kernel, own_bias) = (data.exact(kernel), data.exact(bias));
        Self { sides, channels: bias.len(), clamp, kernel, bias: own_bias }
    }

    /// A function of the address of the output, followed by the address of each input row under the kernel. It computes
    /// a row of `outputs` pixels from rows of `width` pixels.
    pub(crate) fn body(&self, width: usize, outputs: usize, fused: bool) -> Body {
        match self.sides.kernel {
            3 => self.of_rows::<4>(width, outputs, fused),
            5 => self.of_rows::<6>(width, outputs, fused),
            side => unreachable!("{side} is none of the sides"),
        }
    }

    fn of_rows<const PARAMS: usize>(&self, width: usize, outputs: usize, fused: bool) -> Body {
        let (mut body, params) = Body::taking::<PARAMS>(fused);
        let (output, rows) = (params[0], &params[1..]);
        for (first, size, count) in self.divided(width, outputs).tiles {
            // The addresses at which the tiles begin.
            let left = (first * self.sides.stride) as isize - self.sides.margins.left as isize;
            let pixel = (self.channels * F32_BYTES) as isize;
            let offset = |base: Var<I32>, by: isize| base.get() + Expr::int((by * pixel) as u32);
            let tile_rows: Vec<_> = rows.iter().map(|&row| body.var(offset(row, left))).collect();
            let tile_output = body.var(offset(output, first as isize));
            body.repeat(count, |body| {
                let row_at: Vec<_> = tile_rows.iter().map(|row| body.var(row.get())).collect();
                let out_at = body.var(tile_output.get());
                let kernel = body.var(Expr::int(self.kernel));
                let bias = body.var(Expr::int(self.bias));
                body.repeat(self.channels / LANES, |body| {
                    self.vector(body, (&row_at, out_at), (kernel, bias), (first, size, width));
                    for at in row_at.iter().chain([&out_at, &kernel, &bias]) {
                        body.step(*at, (LANES * F32_BYTES) as u32);
                    }
                });
                for row in &tile_rows {
                    body.step(*row, (size * self.sides.stride) as u32 * pixel as u32);
                }
                body.step(tile_output, size as u32 * pixel as u32);
            });
        }
        body
    }

    /// Computes four channels of some pixels.
    fn vector(
        &self,
        body: &mut Body,
        (rows, output): (&[Var<I32>], Var<I32>),
        (kernel, bias): (Var<I32>, Var<I32>),
        (first, size, width): (usize, usize, usize),
    ) {
        let Sides { kernel: side, stride, margins } = self.sides;
        let pixel = self.channels * F32_BYTES;
        let bias = body.var(bias.get().vector_at(0));
        let sums: Vec<Var<V128>> = (0..size).map(|_| body.var(bias.get())).collect();
        // Whether a column of the tile's window is inside the picture, not in its margins.
        let inside = |column: usize| {
            let column = first * stride + column;
            column >= margins.left && column < margins.left + width
        };
        for (y, row) in rows.iter().enumerate() {
            let columns = (size - 1) * stride + side;
            let inputs: Vec<Option<Var<V128>>> = (0..columns)
                .map(|column| {
                    let is_read =
                        (0..size).any(|p| (p * stride..p * stride + side).contains(&column));
                    let offset = (column * pixel) as u32;
                    (is_read && inside(column)).then(|| body.var(row.get().vector_at(offset)))
                })
                .collect();
            for x in 0..side {
                let weights = ((y * side + x) * pixel) as u32;
                let weights = body.var(kernel.get().vector_at(weights));
                for (p, &sum) in sums.iter().enumerate() {
                    if let Some(input) = inputs[p * stride + x] {
                        body.add_product(sum, input.get(), weights.get());
                    }
                }
            }
        }
        for (p, sum) in sums.iter().enumerate() {
            body.store(output.get(), (p * pixel) as u32, clamped(sum.get(), self.clamp));
        }
    }

    /// Divides a row into tiles. Tiles that read nothing beyond the ends of the row share their code, and run in a
    /// loop.
    fn divided(&self, width: usize, outputs: usize) -> Row {
        let Sides { kernel, stride, margins } = self.sides;
        let mut row = Row { width, tiles: Vec::new() };
        let sizes = tiles(outputs, PIXELS).into_iter().flat_map(|(count, size)| vec![size; count]);
        let mut first = 0;
        let is_inner = |first: usize, size: usize| {
            let end = (first + size - 1) * stride + kernel;
            first * stride >= margins.left && end <= margins.left + row.width
        };
        let mut divided: Vec<(usize, usize, usize)> = Vec::new();
        for size in sizes {
            match divided.last_mut() {
                Some((of, same, count))
                    if *same == size && is_inner(*of, size) && is_inner(first, size) =>
                {
                    *count += 1;
                }
                _ => divided.push((first, size, 1)),
            }
            first += size;
        }
        row.tiles = divided;
        row
    }
}
