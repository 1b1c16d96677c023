//! The trainable part of a network: everything after the last layer that alone feeds it.
//!
//! Earlier layers are frozen and belong to a [compiled plan](headstart_engine::frozen). Layers here keep their values
//! for the backward pass. In inference mode, a BatchNormalization is an affine map, and is folded into the convolution
//! before it as in a plan; the chain rule converts the gradients of the folded kernel and bias to those of kernel,
//! gamma and beta.
//!
//! A batch is divided into tasks of a few pictures, whose gradients are added in order: results are bitwise the same
//! for any number of threads.

pub(crate) mod bands;
mod kernel;
pub(crate) mod layout;
mod lower;
mod memory;
mod parameters;
mod pass;
mod profile;
mod program;
mod step;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Mutex;

use headstart_kernels::{AlignedBuffer, Isa};
use headstart_model::{LayerId, Network, Weights};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::TrainError;
use bands::Chain;
use headstart_engine::arena::LINE;
use kernel::Kernel;
use memory::{Backward, Contribution, Memory};
use parameters::FoldedWeights;
pub use parameters::Parameter;
use pass::Pass;
pub use profile::OpTime;
use program::{Op, OpKind, Program};

/// The mode of trainable BatchNormalization layers; frozen ones always use inference mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchNorm {
    /// Uses the moving statistics, which never change (Keras's `training=False`).
    #[default]
    Inference,
    /// Uses the statistics of the batch, and updates the moving statistics (`training=True`).
    Train,
}

/// The trainable end of a network, with its weights.
pub struct TrainableNetwork {
    isa: Isa,
    boundary: LayerId,
    program: Program,
    plan: Vec<Backward>,
    memory: Memory,
    kernels: Vec<Kernel>,
    /// The range of the gradients of each operation's folded kernel and bias within those of a task.
    places: Vec<Option<Range<usize>>>,
    /// Pictures per task.
    pictures: usize,
    /// The first operation that processes all pictures of a task at once, since from there on maps are small and
    /// weights large. Earlier operations process one picture at a time.
    together: usize,
    /// All operations, in order.
    chains: Vec<Chain>,
    /// Arenas and gradients that no task is using.
    arenas: Mutex<Vec<AlignedBuffer>>,
    gradients: Mutex<Vec<AlignedBuffer>>,
}

/// Bytes of the values and gradients of a task's pictures.
const TASK_BYTES: usize = 64 << 20;
/// Maximum pictures per task: the gradients of the weights are written once for all of them.
const MOST_PICTURES: usize = 4;
/// Number of values of the largest map that counts as small: several of them fit in L2.
const SMALL: usize = 64 << 10;

impl TrainableNetwork {
    /// Creates the trainable part of `network`, with `weights`.
    ///
    /// # Errors
    /// When no layer is trainable, or one is of a kind that no base has.
    pub fn new(
        network: &Network,
        weights: &Weights,
        bn: BatchNorm,
        isa: Isa,
    ) -> Result<Self, TrainError> {
        Self::in_bands(network, weights, bn, isa, bands::BAND)
    }

    /// [`TrainableNetwork::new`] with bands of `bytes`.
    fn in_bands(
        network: &Network,
        weights: &Weights,
        bn: BatchNorm,
        isa: Isa,
        band: usize,
    ) -> Result<Self, TrainError> {
        let boundary = lower::boundary(network)?;
        let program = lower::lower(network, weights, (boundary, bn), isa.lanes())?;
        let needed = memory::needed(&program);
        let plan = memory::backward(&program, &needed);
        let in_step = program.ops.iter().any(|op| matches!(op.kind, OpKind::BatchNorm(_)));
        let large = program.values.iter().rposition(|layout| layout.len() > SMALL);
        // Operation `i` reads large values up to value `i`, and writes value `i + 1`.
        let large = large.map_or(0, |value| (value + 1).min(program.ops.len()));
        // Batch statistics need all pictures at once.
        let together = if in_step { 0 } else { large };
        let chains = bands::chains(&program, together, band);
        let memory = |pictures| memory::layout(&program, &plan, &chains, (pictures, together));
        let one = memory(1).len * size_of::<f32>();
        let pictures = (TASK_BYTES / one.max(1)).clamp(1, MOST_PICTURES);
        let memory = memory(pictures);
        let mut len = 0;
        let place = |op: &Op| {
            let folded = op.kind.folded().filter(|folded| folded.trains(&program.parameters))?;
            let start = len;
            let end = start + folded.kernel_len(&program.parameters) + folded.channels;
            len = end.next_multiple_of(LINE);
            Some(start..end)
        };
        let places = program.ops.iter().map(place).collect();
        let mut own = Self {
            isa,
            boundary,
            kernels: Vec::new(),
            program,
            plan,
            memory,
            places,
            pictures,
            together,
            chains,
            arenas: Mutex::default(),
            gradients: Mutex::default(),
        };
        let kernel = |(op, plan): (&Op, &Backward)| {
            let wanted = plan.input != Contribution::None;
            Kernel::new(isa, op, &own.program.parameters, wanted)
        };
        own.kernels = own.program.ops.iter().zip(&own.plan).map(kernel).collect();
        Ok(own)
    }

    /// The layer whose output is the input: 0 is the normalised picture.
    pub fn boundary(&self) -> LayerId {
        self.boundary
    }

    /// Number of values of an input.
    pub fn input_len(&self) -> usize {
        let layout = self.program.values[0];
        layout.height * layout.width * layout.channels
    }

    /// Length of a feature vector.
    pub fn features(&self) -> usize {
        self.program.values[self.program.values.len() - 1].channels
    }

    /// The weights, in the order of the layers.
    pub fn parameters(&self) -> &[Parameter] {
        &self.program.parameters.list
    }

    /// The weights, mutable: call [`TrainableNetwork::refresh`] after changing them.
    pub fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.program.parameters.list
    }

    /// Applies changes of the weights.
    pub fn refresh(&mut self) {
        let (isa, program) = (self.isa, &self.program);
        let all = self.kernels.par_iter_mut().zip(&program.ops);
        all.for_each_init(FoldedWeights::default, |folded, (kernel, op)| {
            kernel.refresh((isa, op), &program.parameters, folded);
        });
    }

    /// Multiply-adds per picture: forward and backward.
    pub fn multiply_adds(&self) -> (usize, usize) {
        let all = (0..self.program.ops.len()).map(|index| self.multiply_adds_of(index));
        all.fold((0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1))
    }

    /// Computes the features of `pictures` pictures in inference mode; `input` writes the input of one.
    ///
    /// # Errors
    /// Errors of `input`.
    ///
    /// # Panics
    /// When `features` is not `[pictures][features]`.
    pub fn infer<E: Send>(
        &self,
        pictures: usize,
        input: impl Fn(usize, &mut [f32]) -> Result<(), E> + Sync,
        features: &mut [f32],
    ) -> Result<(), E> {
        let dim = self.features();
        assert_eq!(features.len(), pictures * dim, "room for the features");
        features.par_chunks_mut(self.pictures * dim).enumerate().try_for_each(|(task, features)| {
            let mut arena = self.arena();
            let first = task * self.pictures;
            let mut pass = self.forward(&mut arena, first..first + features.len() / dim, &input)?;
            features.copy_from_slice(pass.features().0);
            self.give_back(&self.arenas, arena);
            Ok(())
        })
    }

    fn pass<'a>(&'a self, arena: &'a mut AlignedBuffer, pictures: Range<usize>) -> Pass<'a> {
        Pass {
            isa: self.isa,
            program: &self.program,
            plan: &self.plan,
            memory: &self.memory,
            kernels: &self.kernels,
            arena,
            pictures,
        }
    }

    fn arena(&self) -> AlignedBuffer {
        let idle = self.arenas.lock().expect("nobody panics while holding it").pop();
        idle.unwrap_or_else(|| AlignedBuffer::new(self.memory.len))
    }

    /// Room for the gradients of a task, to be overwritten.
    fn task_gradients(&self) -> AlignedBuffer {
        let idle = self.gradients.lock().expect("nobody panics while holding it").pop();
        idle.unwrap_or_else(|| {
            let end = self.places.iter().flatten().map(|place| place.end).max();
            AlignedBuffer::new(end.unwrap_or(0))
        })
    }

    fn give_back(&self, pool: &Mutex<Vec<AlignedBuffer>>, buffer: AlignedBuffer) {
        pool.lock().expect("nobody panics while holding it").push(buffer);
    }
}
