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
pub(crate) mod layout;
mod lower;
mod memory;
mod parameters;
mod pass;
mod profile;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Mutex;

use headstart_kernels::{AlignedBuffer, Isa};
use headstart_model::{LayerId, Network, Weights};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::TrainError;
use super::layers::batch_normalization::{self, Moments, Sums};
use super::layers::maps::WeightGradients;
use bands::Chain;
use headstart_engine::arena::LINE;
use lower::{OpKind, Program};
use memory::{Backward, Contribution, Memory};
use parameters::FoldedWeights;
pub use parameters::Parameter;
use pass::{BatchStatistics, Kernel, Pass};
pub use profile::OpTime;

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
        let place = |op: &lower::Op| {
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
        let kernel = |(op, plan): (&lower::Op, &Backward)| {
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

    /// Runs a forward and a backward pass over a batch of `pictures` pictures: leaves the gradients of all trainable
    /// weights in the parameters, and updates the moving statistics in training mode.
    ///
    /// `input` writes the input of a picture. `objective` receives the features of some pictures,
    /// `[pictures][features]`, and writes the gradient of the loss with respect to them; its results are returned in
    /// order.
    ///
    /// # Errors
    /// Errors of `input`.
    ///
    /// # Panics
    /// When there is no picture.
    pub fn step<E: Send, P: Send>(
        &mut self,
        pictures: usize,
        input: impl Fn(usize, &mut [f32]) -> Result<(), E> + Sync,
        objective: impl Fn(Range<usize>, &[f32], &mut [f32]) -> P + Sync,
    ) -> Result<Vec<P>, E> {
        assert!(pictures > 0, "a batch of no pictures has no gradient");
        let tasks: Vec<Range<usize>> = (0..pictures)
            .step_by(self.pictures)
            .map(|first| first..(first + self.pictures).min(pictures))
            .collect();
        let norms: Vec<usize> = (0..self.program.ops.len())
            .filter(|&index| matches!(self.program.ops[index].kind, OpKind::BatchNorm(_)))
            .collect();
        let (results, gradients) = if norms.is_empty() {
            self.independent(&tasks, &input, &objective)?
        } else {
            self.in_step(&tasks, &norms, &input, &objective)?
        };
        self.collect(gradients);
        Ok(results)
    }

    /// Runs every task independently: no operation needs the whole batch.
    fn independent<E: Send, P: Send>(
        &self,
        tasks: &[Range<usize>],
        input: &(impl Fn(usize, &mut [f32]) -> Result<(), E> + Sync),
        objective: &(impl Fn(Range<usize>, &[f32], &mut [f32]) -> P + Sync),
    ) -> Result<(Vec<P>, Vec<AlignedBuffer>), E> {
        let ops = self.program.ops.len();
        let run = |task: &Range<usize>| {
            let mut arena = self.arena();
            let mut gradients = self.task_gradients();
            let mut pass = self.forward(&mut arena, task.clone(), input)?;
            let (features, d_features) = pass.features();
            let result = objective(task.clone(), features, d_features);
            self.backward(&mut pass, &mut gradients, self.together..ops, false);
            for picture in 0..task.len() {
                let mut pass = self.pass(&mut arena, picture..picture + 1);
                self.backward(&mut pass, &mut gradients, 0..self.together, picture > 0);
            }
            self.give_back(&self.arenas, arena);
            Ok((result, gradients))
        };
        let results: Result<Vec<_>, E> = tasks.par_iter().map(run).collect();
        Ok(results?.into_iter().unzip())
    }

    /// Runs the whole forward pass for a range of pictures.
    fn forward<'a, E>(
        &'a self,
        arena: &'a mut AlignedBuffer,
        task: Range<usize>,
        input: &impl Fn(usize, &mut [f32]) -> Result<(), E>,
    ) -> Result<Pass<'a>, E> {
        for picture in 0..task.len() {
            let mut pass = self.pass(arena, picture..picture + 1);
            pass.load(|_, to| input(task.start + picture, to))?;
            self.run(&mut pass, 0..self.together);
        }
        let mut pass = self.pass(arena, 0..task.len());
        self.run(&mut pass, self.together..self.program.ops.len());
        Ok(pass)
    }

    /// Computes operations that do not need the whole batch.
    fn run(&self, pass: &mut Pass<'_>, ops: Range<usize>) {
        let chains = self.chains.iter().filter(|chain| ops.contains(&chain.ops.start));
        chains.for_each(|chain| Self::forward_chain(pass, chain));
    }

    /// Runs the backward pass of operations that do not need the whole batch.
    fn backward(&self, pass: &mut Pass<'_>, gradients: &mut [f32], ops: Range<usize>, add: bool) {
        let runs =
            |chain: &&Chain| ops.contains(&chain.ops.start) && self.plan[chain.ops.end - 1].runs;
        for chain in self.chains.iter().rev().filter(runs) {
            self.backward_chain(pass, gradients, chain, add);
        }
    }

    /// The part of a task's gradients that belongs to an operation.
    fn weights<'g>(
        &self,
        index: usize,
        gradients: &'g mut [f32],
        add: bool,
    ) -> Option<WeightGradients<'g>> {
        let place = self.places[index].clone()?;
        let channels = self.program.ops[index].kind.folded()?.channels;
        let own = &mut gradients[place];
        let (kernel, bias) = own.split_at_mut(own.len() - channels);
        Some(WeightGradients { kernel, bias, add })
    }

    /// Runs all tasks in lockstep from one BatchNormalization to the next.
    fn in_step<E: Send, P: Send>(
        &mut self,
        tasks: &[Range<usize>],
        norms: &[usize],
        input: &(impl Fn(usize, &mut [f32]) -> Result<(), E> + Sync),
        objective: &(impl Fn(Range<usize>, &[f32], &mut [f32]) -> P + Sync),
    ) -> Result<(Vec<P>, Vec<AlignedBuffer>), E> {
        let ops = self.program.ops.len();
        let batch = tasks.last().map_or(0, |last| last.end);
        let mut states: Vec<_> =
            tasks.iter().map(|task| (task.clone(), self.arena(), self.task_gradients())).collect();
        let mut statistics = Vec::new();
        states.par_iter_mut().try_for_each(|(task, arena, _)| {
            let mut pass = self.pass(arena, 0..task.len());
            pass.load(|index, to| input(task.start + index, to))
        })?;
        let mut from = 0;
        for &norm in norms {
            let sums = add_up(states.par_iter_mut().map(|(task, arena, _)| {
                let mut pass = self.pass(arena, 0..task.len());
                self.run(&mut pass, from..norm);
                pass.moment_sums(norm)
            }));
            let layout = &self.program.values[self.program.ops[norm].input];
            let positions = batch * layout.height * layout.width;
            let moments = Moments::new(&sums, positions);
            self.move_statistics(norm, &moments);
            self.kernels[norm] =
                Kernel::normalization(&moments, &self.program.ops[norm], &self.program.parameters);
            statistics.push(BatchStatistics { moments, sums: Sums::default(), positions });
            from = norm;
        }
        let results: Vec<P> = states
            .par_iter_mut()
            .map(|(task, arena, _)| {
                let mut pass = self.pass(arena, 0..task.len());
                self.run(&mut pass, from..ops);
                let (features, d_features) = pass.features();
                objective(task.clone(), features, d_features)
            })
            .collect();
        let mut to = ops;
        let mut after: Option<BatchStatistics> = None;
        let mut part = |own: &Self, to: usize, from: usize, after: &Option<BatchStatistics>| {
            add_up(states.par_iter_mut().map(|(task, arena, gradients)| {
                let mut pass = own.pass(arena, 0..task.len());
                if let Some(statistics) = after {
                    pass.backward(to, None, Some(statistics), None);
                }
                own.backward(&mut pass, gradients, from + 1..to, false);
                if own.plan[from].runs { pass.gradient_sums(from) } else { Sums::default() }
            }))
        };
        for &norm in norms.iter().rev() {
            let mut own = statistics.pop().expect("statistics of each");
            own.sums = part(self, to, norm, &after);
            let OpKind::BatchNorm(layer) = self.program.ops[norm].kind else { continue };
            let (d_gamma, d_beta) =
                batch_normalization::weight_gradients(&own.sums, &own.moments, layer.epsilon);
            let list = &mut self.program.parameters.list;
            list[layer.gamma()].gradient = Some(d_gamma);
            list[layer.beta()].gradient = Some(d_beta);
            (to, after) = (norm, Some(own));
        }
        states.par_iter_mut().for_each(|(task, arena, gradients)| {
            let mut pass = self.pass(arena, 0..task.len());
            if let Some(statistics) = &after {
                pass.backward(to, None, Some(statistics), None);
            }
            self.backward(&mut pass, gradients, 0..to, false);
        });
        // From here on, inference uses the updated moving statistics.
        for &norm in norms {
            let op = &self.program.ops[norm];
            self.kernels[norm] = Kernel::new(self.isa, op, &self.program.parameters, false);
        }
        let mut all = Vec::new();
        for (_, arena, gradients) in states {
            self.give_back(&self.arenas, arena);
            all.push(gradients);
        }
        Ok((results, all))
    }

    /// Updates the moving statistics with those of a batch (Keras 3: with the population variance).
    fn move_statistics(&mut self, index: usize, moments: &Moments) {
        let OpKind::BatchNorm(norm) = self.program.ops[index].kind else { return };
        let momentum = f64::from(norm.momentum);
        let list = &mut self.program.parameters.list;
        for (id, batch) in
            [(norm.moving_mean(), &moments.mean), (norm.moving_variance(), &moments.variance)]
        {
            for (moving, batch) in list[id].values.iter_mut().zip(batch) {
                *moving = (f64::from(*moving) * momentum + batch * (1.0 - momentum)) as f32;
            }
        }
    }

    /// Adds the tasks' gradients in order, and converts them to those of the weights.
    fn collect(&mut self, tasks: Vec<AlignedBuffer>) {
        const CHUNK: usize = 1 << 14;
        let mut tasks = tasks.into_iter();
        let Some(mut total) = tasks.next() else { return };
        let rest: Vec<AlignedBuffer> = tasks.collect();
        total.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, total)| {
            for task in &rest {
                for (sum, d) in total.iter_mut().zip(&task[chunk * CHUNK..]) {
                    *sum += d;
                }
            }
        });
        for (index, place) in self.places.iter().enumerate() {
            let (Some(place), Some(folded)) =
                (place.clone(), self.program.ops[index].kind.folded().copied())
            else {
                continue;
            };
            let own = &total[place];
            let (d_kernel, d_bias) = own.split_at(own.len() - folded.channels);
            folded.unfold(&mut self.program.parameters, d_kernel, d_bias);
        }
        for gradients in rest.into_iter().chain([total]) {
            self.give_back(&self.gradients, gradients);
        }
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

/// Adds sums in the order of the tasks.
fn add_up(sums: impl IndexedParallelIterator<Item = Sums>) -> Sums {
    let parts: Vec<Sums> = sums.collect();
    let mut total = Sums::default();
    parts.iter().for_each(|part| total.add(part));
    total
}
