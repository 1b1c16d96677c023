//! Inputs and outputs of steps.

use headstart_kernels::AlignedBuffer;
use headstart_kernels::elementwise::Normalize;
use headstart_kernels::reduced::Pixels;

/// The whole map that a step reads.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Values(&'a [f32]),
    /// Rows from `first` on, as prepared by [`super::conv::Conv::prepare`].
    Reduced {
        pixels: Pixels<'a>,
        first: usize,
    },
    /// A picture and its normalisation; only for padded convolutions.
    Picture(&'a [u8], &'a Normalize),
}

/// The reason why 1x1 convolutions and copies never read a picture.
pub(super) const PICTURE: &str = "pictures are read by convolutions that pad";

/// The data that a step reads and writes.
pub(super) struct Buffers<'a> {
    pub(super) input: Source<'a>,
    pub(super) residual: Option<&'a [f32]>,
    pub(super) out: &'a mut [f32],
    /// One buffer for each thread that works on the step.
    pub(super) scratch: &'a mut [AlignedBuffer],
    /// Weights to prefetch for the next step.
    pub(super) ahead: &'a [f32],
}
