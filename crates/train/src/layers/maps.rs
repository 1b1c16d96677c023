//! Maps of a range of pictures, as layers read and write them.

use headstart_kernels::elementwise::clamp_gradient;
use headstart_kernels::{Clamp, Isa};

use crate::network::layout::{Layout, runs};

/// Maps of the same layout, picture after picture.
#[derive(Clone, Copy)]
pub(crate) struct Maps<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) layout: &'a Layout,
}

impl<'a> Maps<'a> {
    pub(crate) fn pictures(self) -> impl Iterator<Item = &'a [f32]> {
        self.values.chunks_exact(self.layout.len())
    }
}

/// Maps of the same layout to write.
pub(crate) struct MapsMut<'a> {
    pub(crate) values: &'a mut [f32],
    pub(crate) layout: &'a Layout,
}

impl MapsMut<'_> {
    pub(crate) fn pictures(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.values.chunks_exact_mut(self.layout.len())
    }

    /// Zeroes everything outside pixels; see [`Layout::clear`].
    pub(crate) fn clear(&mut self) {
        let layout = self.layout;
        self.pictures().for_each(|picture| layout.clear(picture));
    }

    /// Copies maps of the same size, and zeroes everything outside pixels.
    pub(crate) fn copy_from(&mut self, from: Maps<'_>) {
        self.clear();
        let layouts = [from.layout, self.layout];
        for (from_map, to_map) in from.pictures().zip(self.pictures()) {
            runs(layouts, |[from, to]| to_map[to].copy_from_slice(&from_map[from]));
        }
    }
}

/// Destination of the gradients of a layer's kernel or scale, and bias.
pub(crate) struct WeightGradients<'a> {
    pub(crate) kernel: &'a mut [f32],
    pub(crate) bias: &'a mut [f32],
    /// Whether to add to the gradients or overwrite them.
    pub(crate) add: bool,
}

/// Destination of the gradient of a layer's input.
pub(crate) struct Gradient<'a> {
    pub(crate) maps: MapsMut<'a>,
    pub(crate) before: Before<'a>,
    /// The gate it passes through at the end.
    pub(crate) gate: Option<Gate<'a>>,
}

/// A clamp and its output.
#[derive(Clone, Copy)]
pub(crate) struct Gate<'a> {
    pub(crate) isa: Isa,
    pub(crate) y: Maps<'a>,
    pub(crate) clamp: Clamp,
}

impl Gate<'_> {
    /// Keeps the gradients of values that the clamp left unchanged.
    pub(crate) fn apply(&self, d: &mut MapsMut<'_>) {
        let Self { isa, y, clamp } = *self;
        let layouts = [y.layout, d.layout];
        for (y, d) in y.pictures().zip(d.pictures()) {
            runs(layouts, |[from, to]| clamp_gradient(isa, &y[from], clamp, &mut d[to]));
        }
    }
}

/// The contribution of other readers of the same value to its gradient.
#[derive(Clone, Copy)]
pub(crate) enum Before<'a> {
    /// There is none.
    Nothing,
    /// It is at the destination: add to it.
    There,
    /// It is this one: write the sum.
    Is(&'a [f32]),
}

impl Gradient<'_> {
    /// Calls `write` to write a gradient, adds the earlier contribution, and applies the gate.
    pub(crate) fn write(self, write: impl FnOnce(MapsMut<'_>)) {
        let Self { maps: MapsMut { values, layout }, before, gate } = self;
        let own = match before {
            Before::There => Some(values.to_vec()),
            Before::Nothing | Before::Is(_) => None,
        };
        write(MapsMut { values: &mut *values, layout });
        let before = match before {
            Before::Nothing => &[][..],
            Before::There => own.as_deref().unwrap_or_default(),
            Before::Is(other) => other,
        };
        for (to, before) in values.iter_mut().zip(before) {
            *to += before;
        }
        if let Some(gate) = gate {
            gate.apply(&mut MapsMut { values, layout });
        }
    }
}
