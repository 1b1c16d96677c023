//! Forward and backward passes of the operations for the pictures of a task.

use std::ops::Range;

use headstart_kernels::{AlignedBuffer, Clamp, Isa, fetch};

use super::bands::Rows;
use super::kernel::Kernel;
use super::layout::Layout;
use super::memory::{Backward, Contribution, Memory};
use super::program::{OpKind, Program, ValueId};
use crate::layers::affine::residual_backward;
use crate::layers::batch_normalization::{self, Moments, Sums};
use crate::layers::maps::{Before, Gate, Gradient, Maps, MapsMut, WeightGradients};
use crate::layers::{
    activation, concatenate, global_average_pooling2d, max_pooling2d, multiply, zero_padding2d,
};

/// Data over the whole batch for the backward pass of BatchNormalization in training mode.
pub(super) struct BatchStatistics {
    pub(super) moments: Moments,
    pub(super) sums: Sums,
    pub(super) positions: usize,
}

/// The pictures of a task in an arena.
pub(super) struct Pass<'a> {
    pub(super) isa: Isa,
    pub(super) program: &'a Program,
    pub(super) plan: &'a [Backward],
    pub(super) memory: &'a Memory,
    pub(super) kernels: &'a [Kernel],
    pub(super) arena: &'a mut AlignedBuffer,
    /// The range of the task's pictures to process.
    pub(super) pictures: Range<usize>,
}

impl Pass<'_> {
    /// The location of a value of these pictures.
    fn value(&self, value: ValueId) -> Range<usize> {
        let (start, len) = (self.memory.values[value].start, self.program.values[value].len());
        start + self.pictures.start * len..start + self.pictures.end * len
    }

    fn gradient(&self, value: ValueId) -> Range<usize> {
        let (place, len) = (&self.memory.gradients[value], self.program.gradients[value].len());
        if self.memory.passing[value] {
            return place.clone();
        }
        let single = self.memory.single[value];
        let Range { start, end } = if single { 0..1 } else { self.pictures.clone() };
        if place.is_empty() { 0..0 } else { place.start + start * len..place.start + end * len }
    }

    /// Calls `write` for each picture of the input, with contiguous pixels.
    pub(super) fn load<E>(
        &mut self,
        mut write: impl FnMut(usize, &mut [f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let layout = self.program.values[0];
        let dense = layout.unpadded();
        let mut own = if layout.is_dense() { Vec::new() } else { vec![0.0; dense.len()] };
        let place = self.value(0);
        for (index, to_map) in self.arena[place].chunks_exact_mut(layout.len()).enumerate() {
            if layout.is_dense() {
                write(index, to_map)?;
                continue;
            }
            write(index, &mut own)?;
            let from = Maps { values: &own, layout: &dense };
            MapsMut { values: to_map, layout: &layout }.copy_from(from);
        }
        Ok(())
    }

    /// The features, `[pictures][features]`, and the destination of their gradient.
    pub(super) fn features(&mut self) -> (&[f32], &mut [f32]) {
        let last = self.program.values.len() - 1;
        let (value, gradient) = (self.value(last), self.gradient(last));
        let parts = self.arena.get_disjoint_mut([value, gradient]);
        let [value, gradient] = parts.expect("places do not overlap");
        (value, gradient)
    }

    /// Computes an operation, or a range of its output rows if it is part of a [chain](super::bands).
    pub(super) fn forward(&mut self, index: usize, rows: Option<Range<usize>>) {
        let op = &self.program.ops[index];
        // No operation has both a residual and a second operand.
        let other = op.second.or(op.residual).filter(|&other| other != op.input);
        let parts = [
            self.value(op.input),
            other.map_or(0..0, |other| self.value(other)),
            self.value(index + 1),
        ];
        let parts = self.arena.get_disjoint_mut(parts).expect("places do not overlap");
        let [x, other, y] = parts;
        let (of_x, of_y) = (&self.program.values[op.input], &self.program.values[index + 1]);
        if let Kernel::Depthwise(depthwise) = &self.kernels[index] {
            let rows = rows.unwrap_or(0..of_y.height);
            let y = MapsMut { values: y, layout: of_y };
            return depthwise.forward(Maps { values: x, layout: of_x }, y, rows);
        }
        if let Some(second) = op.second {
            let values = if second == op.input { &*x } else { &*other };
            let second = Maps { values, layout: &self.program.values[second] };
            let (x, y) = (Maps { values: x, layout: of_x }, MapsMut { values: y, layout: of_y });
            return match op.kind {
                OpKind::Multiply => multiply::forward(self.isa, x, second, y),
                _ => concatenate::forward(x, second, y),
            };
        }
        let residual = op.residual.map(|r| if r == op.input { &*x } else { &*other });
        let (of_x, in_x) = part(of_x, x.len(), rows.as_ref());
        let (of_y, in_y) = part(of_y, y.len(), rows.as_ref());
        let residual = residual.map(|residual| &residual[in_y.clone()]);
        if rows.is_some() {
            fetch(&y[in_y.clone()]);
        }
        let x = Maps { values: &x[in_x], layout: &of_x };
        let y = MapsMut { values: &mut y[in_y], layout: &of_y };
        match (&op.kind, &self.kernels[index]) {
            (_, Kernel::Conv(conv)) => conv.forward(x, residual, y),
            (_, Kernel::Depthwise(_)) => unreachable!("it has been run"),
            (_, Kernel::Grouped(grouped)) => grouped.forward(x, y),
            (_, Kernel::Affine(affine)) => affine.forward(x, residual, y),
            (_, Kernel::LayerNorm(norm)) => norm.forward(self.isa, x, y),
            (OpKind::MaxPool(pooling), _) => max_pooling2d::forward(self.isa, *pooling, x, y),
            (OpKind::Activate(function), _) => activation::forward(self.isa, *function, x, y),
            (OpKind::Pad(margins), Kernel::None) => zero_padding2d::forward(*margins, x, y),
            (_, Kernel::None) => global_average_pooling2d::forward(self.isa, x, y),
        }
    }

    /// A BatchNormalization's sums of its input.
    pub(super) fn moment_sums(&self, index: usize) -> Sums {
        let input = self.program.ops[index].input;
        let values = &self.arena[self.value(input)];
        batch_normalization::moment_sums(Maps { values, layout: &self.program.values[input] })
    }

    /// Applies an operation's clamp to the gradient of its output, and returns a BatchNormalization's sums of the
    /// result.
    pub(super) fn gradient_sums(&mut self, index: usize) -> Sums {
        self.unclamp(index);
        let input = self.program.ops[index].input;
        let x =
            Maps { values: &self.arena[self.value(input)], layout: &self.program.values[input] };
        let d_y = Maps {
            values: &self.arena[self.gradient(index + 1)],
            layout: &self.program.gradients[index + 1],
        };
        batch_normalization::gradient_sums(x, d_y)
    }

    /// Applies an operation's clamp to the gradient of its output, unless its reader has done so.
    fn unclamp(&mut self, index: usize) {
        let clamp = self.program.ops[index].clamp;
        if clamp == Clamp::NONE || self.plan[index].gated {
            return;
        }
        let (value, gradient) = (self.value(index + 1), self.gradient(index + 1));
        let [y, d] = self.arena.get_disjoint_mut([value, gradient]).expect("no overlap");
        let (of_y, of_d) = (&self.program.values[index + 1], &self.program.gradients[index + 1]);
        let gate = Gate { isa: self.isa, y: Maps { values: y, layout: of_y }, clamp };
        gate.apply(&mut MapsMut { values: d, layout: of_d });
    }

    /// Runs the backward pass of an operation, or of a range of its rows if it is part of a [chain](super::bands),
    /// including the gradients of its folded weights if there is room for them. `statistics` are those of a
    /// BatchNormalization, whose gradient has already passed its clamp.
    pub(super) fn backward(
        &mut self,
        index: usize,
        weights: Option<WeightGradients<'_>>,
        statistics: Option<&BatchStatistics>,
        rows: Option<&Rows>,
    ) {
        if rows.is_none_or(|rows| rows.output.start == 0) {
            if statistics.is_none() {
                self.unclamp(index);
            }
            self.residual_backward(index);
        }
        if self.program.ops[index].second.is_some() {
            return self.pair_backward(index);
        }
        let (op, plan) = (&self.program.ops[index], &self.plan[index]);
        let input_wanted = plan.input.is_wanted();
        // The initial gradient of the input is that of this operation's own output if it is the sum of its input with
        // itself, which occurs in no network.
        let other = match plan.input {
            Contribution::After(other) => self.gradient(other),
            _ => 0..0,
        };
        let parts = [
            self.value(op.input),
            self.gradient(index + 1),
            if input_wanted { self.gradient(op.input) } else { 0..0 },
            other,
        ];
        let parts = self.arena.get_disjoint_mut(parts).expect("no overlap");
        let [x, d_y, d_x, other] = parts;
        let (of_x, of_d_y) = (&self.program.values[op.input], &self.program.gradients[index + 1]);
        let (input, output) = (rows.map(|rows| &rows.input), rows.map(|rows| &rows.output));
        let (of_part, in_x) = part(of_x, x.len(), input);
        let x_part = Maps { values: &x[in_x], layout: &of_part };
        let (of_d_x, mut in_d_x) = part(&self.program.gradients[op.input], d_x.len(), input);
        if self.memory.passing[op.input] {
            in_d_x = 0..of_d_x.len();
        }
        let gate = plan.gates.then(|| Gate {
            isa: self.isa,
            y: x_part,
            clamp: self.program.ops[op.input - 1].clamp,
        });
        let d_x = input_wanted.then(|| {
            let before = match plan.input {
                Contribution::Another => Before::There,
                Contribution::After(_) => Before::Is(&other[in_d_x.clone()]),
                _ => Before::Nothing,
            };
            let maps = MapsMut { values: &mut d_x[in_d_x], layout: &of_d_x };
            Gradient { maps, before, gate }
        });
        if let Kernel::Depthwise(depthwise) = &self.kernels[index] {
            let all = Rows { input: 0..of_x.height, output: 0..of_d_y.height };
            let (x, d_y) = (Maps { values: x, layout: of_x }, Maps { values: d_y, layout: of_d_y });
            return depthwise.backward(x, d_y, weights, d_x, rows.unwrap_or(&all));
        }
        let (of_d_y, mut in_d_y) = part(of_d_y, d_y.len(), output);
        if self.memory.passing[index + 1] {
            in_d_y = 0..of_d_y.len();
        }
        let (x, d_y) = (x_part, Maps { values: &d_y[in_d_y], layout: &of_d_y });
        match (&op.kind, &self.kernels[index]) {
            (OpKind::BatchNorm(norm), _) => {
                let statistics = statistics.expect("a BatchNormalization has statistics");
                let BatchStatistics { moments, sums, positions } = statistics;
                let gamma = self.program.parameters.values(norm.gamma());
                if let Some(d_x) = d_x {
                    let (sums, by) = ((sums, *positions), (moments, gamma, norm.epsilon));
                    batch_normalization::backward(x, d_y, sums, by, d_x);
                }
            }
            (_, Kernel::Conv(conv)) => conv.backward(x, d_y, weights, d_x),
            (_, Kernel::Depthwise(_)) => unreachable!("it has been run"),
            (_, Kernel::Grouped(grouped)) => grouped.backward(x, d_y, weights, d_x),
            (_, Kernel::Affine(affine)) => affine.backward(x, d_y, weights, d_x),
            (_, Kernel::LayerNorm(norm)) => norm.backward(self.isa, x, d_y, weights, d_x),
            (OpKind::MaxPool(pooling), _) => {
                if let Some(d_x) = d_x {
                    max_pooling2d::backward(self.isa, *pooling, x, d_y, d_x);
                }
            }
            (OpKind::Activate(function), _) => {
                if let Some(d_x) = d_x {
                    activation::backward(self.isa, *function, x, d_y, d_x);
                }
            }
            (OpKind::Pad(margins), Kernel::None) => {
                if let Some(d_x) = d_x {
                    zero_padding2d::backward(*margins, d_y, d_x);
                }
            }
            (_, Kernel::None) => {
                if let Some(d_x) = d_x {
                    global_average_pooling2d::backward(d_y, d_x);
                }
            }
        }
    }

    /// Runs the backward pass of an operation with two inputs.
    fn pair_backward(&mut self, index: usize) {
        let (op, plan) = (&self.program.ops[index], &self.plan[index]);
        let second = op.second.expect("it has two operands");
        debug_assert!(
            second != op.input,
            "no network multiplies a value by itself, nor doubles it"
        );
        let gradient = |value: ValueId, contribution: Contribution| {
            if contribution.is_wanted() { self.gradient(value) } else { 0..0 }
        };
        let parts = [
            self.value(op.input),
            self.value(second),
            self.gradient(index + 1),
            gradient(op.input, plan.input),
            gradient(second, plan.second),
        ];
        let parts = self.arena.get_disjoint_mut(parts).expect("no overlap");
        let [x, other, d_y, d_x, d_other] = parts;
        let (values, gradients) = (&self.program.values, &self.program.gradients);
        let x = Maps { values: x, layout: &values[op.input] };
        let other = Maps { values: other, layout: &values[second] };
        let d_y = Maps { values: d_y, layout: &gradients[index + 1] };
        let before = |contribution| match contribution {
            Contribution::Another => Before::There,
            Contribution::After(_) => unreachable!("only pointwise convolutions begin with others"),
            _ => Before::Nothing,
        };
        let clamp = plan.gates.then(|| self.program.ops[op.input - 1].clamp);
        let gate = clamp.map(|clamp| Gate { isa: self.isa, y: x, clamp });
        let d_x = plan.input.is_wanted().then(|| Gradient {
            maps: MapsMut { values: d_x, layout: &gradients[op.input] },
            before: before(plan.input),
            gate,
        });
        let d_other = plan.second.is_wanted().then(|| Gradient {
            maps: MapsMut { values: d_other, layout: &gradients[second] },
            before: before(plan.second),
            gate: None,
        });
        if let OpKind::Multiply = op.kind {
            return multiply::backward(self.isa, (x, other), d_y, d_x, d_other);
        }
        for (first, gradient) in [(0, d_x), (x.layout.channels, d_other)] {
            if let Some(gradient) = gradient {
                concatenate::backward(d_y, first, gradient);
            }
        }
    }

    /// Passes the gradient of a sum on to its residual.
    fn residual_backward(&mut self, index: usize) {
        let (op, plan) = (&self.program.ops[index], &self.plan[index]);
        let Some(residual) = op.residual.filter(|_| plan.residual.is_wanted()) else { return };
        let parts = [self.gradient(index + 1), self.gradient(residual)];
        let [d_y, d_residual] = self.arena.get_disjoint_mut(parts).expect("no overlap");
        let gradients = &self.program.gradients;
        let before = match plan.residual {
            Contribution::Another => Before::There,
            _ => Before::Nothing,
        };
        residual_backward(
            Maps { values: d_y, layout: &gradients[index + 1] },
            Gradient {
                maps: MapsMut { values: d_residual, layout: &gradients[residual] },
                before,
                gate: None,
            },
        );
    }
}

/// The layout and location of a range of rows of a picture, or of all pictures, which have `len` values.
fn part(layout: &Layout, len: usize, rows: Option<&Range<usize>>) -> (Layout, Range<usize>) {
    rows.map_or((*layout, 0..len), |rows| layout.part(rows))
}
