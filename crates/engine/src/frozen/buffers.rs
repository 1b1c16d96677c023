//! What steps work on.

use headstart_kernels::AlignedBuffer;
use headstart_kernels::elementwise::Normalize;

/// The whole map that a step reads.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Values(&'a [f32]),
    /// Rows from `first` on as [`super::conv::Conv::prepare`] made them.
    Rounded {
        pixels: &'a [u16],
        first: usize,
    },
    /// A picture and how it is normalised; only for convolutions that pad.
    Picture(&'a [u8], &'a Normalize),
}

/// Why 1x1 convolutions and copies never meet a picture.
pub(super) const PICTURE: &str = "pictures are read by convolutions that pad";

/// What a step reads and writes.
pub(super) struct Buffers<'a> {
    pub(super) input: Source<'a>,
    pub(super) residual: Option<&'a [f32]>,
    pub(super) out: &'a mut [f32],
    /// A buffer for each thread that works on the step.
    pub(super) scratch: &'a mut [AlignedBuffer],
    /// Weights that are needed after the step's.
    pub(super) ahead: &'a [f32],
}
