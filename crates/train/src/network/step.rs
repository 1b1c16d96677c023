//! A step over a batch: tasks that are independent, or in lockstep where an operation needs the whole batch.

use std::ops::Range;

use headstart_kernels::AlignedBuffer;
use rayon::prelude::*;

use super::TrainableNetwork;
use super::bands::Chain;
use super::kernel::Kernel;
use super::pass::{BatchStatistics, Pass};
use super::program::OpKind;
use crate::layers::batch_normalization::{self, Moments, Sums};
use crate::layers::maps::WeightGradients;

impl TrainableNetwork {
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
    pub(super) fn forward<'a, E>(
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
    pub(super) fn backward(
        &self,
        pass: &mut Pass<'_>,
        gradients: &mut [f32],
        ops: Range<usize>,
        add: bool,
    ) {
        let runs =
            |chain: &&Chain| ops.contains(&chain.ops.start) && self.plan[chain.ops.end - 1].runs;
        for chain in self.chains.iter().rev().filter(runs) {
            self.backward_chain(pass, gradients, chain, add);
        }
    }

    /// The part of a task's gradients that belongs to an operation.
    pub(super) fn weights<'g>(
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
}

/// Adds sums in the order of the tasks.
fn add_up(sums: impl IndexedParallelIterator<Item = Sums>) -> Sums {
    let parts: Vec<Sums> = sums.collect();
    let mut total = Sums::default();
    parts.iter().for_each(|part| total.add(part));
    total
}
