//! Placement of the values and gradients of pictures in memory, and their lifetimes.

use std::ops::Range;

use headstart_kernels::Clamp;

use super::bands::Chain;
use super::layout::Layout;
use super::program::{Program, ValueId};
use headstart_engine::arena::{Request, place};

/// Ranges of an arena, each for the pictures of a task.
pub(crate) struct Memory {
    pub(crate) values: Vec<Range<usize>>,
    /// Empty where no gradient is needed.
    pub(crate) gradients: Vec<Range<usize>>,
    /// Gradients with room for one picture only: all operations that use them process pictures one by one.
    pub(crate) single: Vec<bool>,
    /// Gradients with room for a band of one picture only.
    pub(crate) passing: Vec<bool>,
    /// f32 values of the arena.
    pub(crate) len: usize,
}

/// The backward pass of an operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backward {
    /// Whether it runs at all: something trainable is at or before the operation.
    pub(crate) runs: bool,
    pub(crate) input: Contribution,
    pub(crate) second: Contribution,
    pub(crate) residual: Contribution,
    /// Whether it applies the clamp of the operation that computed its input to the gradient, as the only reader of
    /// that input.
    pub(crate) gates: bool,
    /// Whether the gradient of its output has already passed its clamp.
    pub(crate) gated: bool,
}

/// The contribution of an operation to the gradient of a value it reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Contribution {
    /// None: there is no such value, or its gradient is not needed.
    #[default]
    None,
    /// The gradient.
    First,
    /// An addition to the contributions of other readers.
    Another,
    /// The gradient of another reader's output, plus an addition.
    After(ValueId),
    /// None for now: the next reader starts with the gradient of this operation's output.
    Left,
}

impl Contribution {
    /// Whether the operation writes to the gradient.
    pub(crate) fn is_wanted(self) -> bool {
        !matches!(self, Self::None | Self::Left)
    }
}

/// The values that need gradients: those that depend on trainable weights.
pub(crate) fn needed(program: &Program) -> Vec<bool> {
    let mut needed = vec![false; program.values.len()];
    for (index, op) in program.ops.iter().enumerate() {
        let trains = match op.kind {
            super::program::OpKind::BatchNorm(norm) => norm.trains(&program.parameters),
            kind => kind.folded().is_some_and(|folded| folded.trains(&program.parameters)),
        };
        let before = op.reads().any(|read| needed[read]);
        needed[index + 1] = trains || before;
    }
    needed
}

/// The backward pass of each operation.
pub(crate) fn backward(program: &Program, needed: &[bool]) -> Vec<Backward> {
    let ops = &program.ops;
    let mut so_far = vec![Contribution::None; program.values.len()];
    let mut plan = vec![Backward::default(); ops.len()];
    for (index, op) in ops.iter().enumerate().rev() {
        if !needed[index + 1] {
            continue;
        }
        plan[index].runs = true;
        if let Some(residual) = op.residual.filter(|&residual| needed[residual]) {
            // A sum passes its gradient on unchanged: a pointwise convolution that also reads the value, and is the
            // next to do so in the backward pass, can start with it.
            let mut others = ops[..index]
                .iter()
                .rev()
                .filter(|other| other.reads().any(|read| read == residual));
            let next =
                others.next().filter(|other| other.input == residual && other.reads().count() == 1);
            let begins = next.is_some_and(|next| next.kind.is_pointwise());
            let alike = program.gradients[index + 1] == program.gradients[residual];
            plan[index].residual = match so_far[residual] {
                Contribution::None if begins && alike && op.input != residual => {
                    so_far[residual] = Contribution::After(index + 1);
                    Contribution::Left
                }
                Contribution::None => {
                    so_far[residual] = Contribution::Another;
                    Contribution::First
                }
                other => {
                    so_far[residual] = Contribution::Another;
                    other
                }
            };
        }
        if let Some(second) = op.second.filter(|&second| needed[second]) {
            let before = std::mem::replace(&mut so_far[second], Contribution::Another);
            plan[index].second =
                if before == Contribution::None { Contribution::First } else { before };
        }
        if needed[op.input] {
            let before = std::mem::replace(&mut so_far[op.input], Contribution::Another);
            plan[index].input =
                if before == Contribution::None { Contribution::First } else { before };
            let reads = ops.iter().flat_map(|other| other.reads());
            let alone = reads.filter(|&read| read == op.input).count() == 1;
            if let Some(producer) = op.input.checked_sub(1).filter(|_| alone) {
                plan[index].gates = ops[producer].clamp != Clamp::NONE;
                plan[producer].gated = plan[index].gates;
            }
        }
    }
    plan
}

/// Places everything for `pictures` pictures. Time runs forward through the chains and back; those before `together`
/// process one picture after another, all others all pictures at once.
pub(crate) fn layout(
    program: &Program,
    plan: &[Backward],
    chains: &[Chain],
    (pictures, together): (usize, usize),
) -> Memory {
    let (ops, values) = (&program.ops, program.values.len());
    let last = ops.len();
    // The operations of a chain alternate: the data of each must stay until all are done.
    let mut spans = vec![0..0; last];
    chains.iter().for_each(|chain| spans[chain.ops.clone()].fill(chain.ops.clone()));
    let (begins, ends) = (|op: usize| spans[op].start, |op: usize| spans[op].end - 1);
    let back = |op: usize| 2 * last - op;
    let (begins_back, ends_back) = (|op| back(ends(op)), |op| back(begins(op)));
    let mut requests: Vec<Request> = Vec::with_capacity(2 * values);
    for (value, layout) in program.values.iter().enumerate() {
        let first = value.checked_sub(1).map_or(0, begins);
        requests.push(Request { len: pictures * layout.len(), first, last: first });
    }
    for layout in &program.gradients {
        requests.push(Request { len: pictures * layout.len(), first: usize::MAX, last: 0 });
    }
    let gradient = |value: ValueId| values + value;
    let passing = || chains.iter().filter_map(Chain::passing);
    for (value, height) in passing() {
        let band = Layout { height, ..program.gradients[value] };
        requests[gradient(value)].len = pictures * band.len();
    }
    for (index, op) in ops.iter().enumerate() {
        let runs = plan[index].runs;
        let reads = if runs { ends_back(index) } else { ends(index) };
        for read in [Some(op.input), op.second].into_iter().flatten() {
            requests[read].last = requests[read].last.max(reads);
        }
        if let Some(residual) = op.residual {
            requests[residual].last = requests[residual].last.max(ends(index));
        }
        if runs {
            // Clamps need their outputs.
            requests[index + 1].last = requests[index + 1].last.max(ends_back(index));
            let own = &mut requests[gradient(index + 1)];
            own.first = own.first.min(begins_back(index));
            own.last = own.last.max(ends_back(index));
        }
        let contributions = [
            (Some(op.input), plan[index].input),
            (op.second, plan[index].second),
            (op.residual, plan[index].residual),
        ];
        for (value, contribution) in contributions {
            let Some(value) = value else { continue };
            match contribution {
                Contribution::None | Contribution::Left => continue,
                Contribution::After(other) => {
                    let other = &mut requests[gradient(other)];
                    other.last = other.last.max(ends_back(index));
                }
                Contribution::First | Contribution::Another => {}
            }
            let request = &mut requests[gradient(value)];
            request.first = request.first.min(begins_back(index));
        }
    }
    // The features are read, and their gradient is written, between the two passes.
    requests[values - 1].last = requests[values - 1].last.max(last);
    requests[gradient(values - 1)].first = last;
    // The data of one picture must survive while another passes through the same operations.
    let begin = back(together) + 1;
    let mut single = vec![false; values];
    for (index, request) in requests.iter_mut().enumerate() {
        if request.first == usize::MAX {
            continue;
        }
        if index >= values && request.first >= begin {
            single[index - values] = true;
            request.len /= pictures;
            continue;
        }
        if request.first < together {
            request.first = 0;
            request.last = request.last.max(together);
        }
        if request.last >= begin {
            request.last = back(0);
        }
    }
    for request in &mut requests[values..] {
        if request.first == usize::MAX || request.last == 0 {
            *request = Request { len: 0, first: 0, last: 0 };
        }
    }
    let (mut places, len) = place(&requests);
    let gradients = places.split_off(values);
    let passing = (0..values).map(|value| passing().any(|(of, _)| of == value)).collect();
    Memory { values: places, gradients, single, passing, len }
}
