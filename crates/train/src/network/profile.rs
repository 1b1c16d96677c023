//! Profiling of the time of a step.

use std::time::Instant;

use super::memory::Contribution;
use super::{TrainableNetwork, program::OpKind};

/// The forward and backward times of an operation, or of several that run together.
#[derive(Clone, Debug)]
pub struct OpTime {
    /// The layer it originates from, or the first and the last if several run band by band.
    pub layer: String,
    /// Seconds per picture, the minimum over the rounds.
    pub forward: f64,
    /// The same for the backward pass: gradients of weights and input.
    pub backward: f64,
    /// Forward multiply-adds per picture.
    pub multiply_adds: usize,
    /// Backward multiply-adds per picture.
    pub backward_multiply_adds: usize,
}

impl TrainableNetwork {
    /// Measures every operation on this thread, on synthetic values, in `rounds` rounds.
    ///
    /// # Panics
    /// When a BatchNormalization is in training mode: such operations need the whole batch.
    pub fn profile(&self, rounds: usize) -> Vec<OpTime> {
        let ops = &self.program.ops;
        assert!(!ops.iter().any(|op| matches!(op.kind, OpKind::BatchNorm(_))), "inference mode");
        let mut times: Vec<OpTime> = self
            .chains
            .iter()
            .map(|chain| {
                let (first, last) = (&ops[chain.ops.start].name, &ops[chain.ops.end - 1].name);
                let all = chain.ops.clone().map(|index| self.multiply_adds_of(index));
                let (forward, backward) =
                    all.fold((0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1));
                OpTime {
                    layer: if first == last {
                        first.clone()
                    } else {
                        format!("{first} … {last}")
                    },
                    forward: f64::INFINITY,
                    backward: f64::INFINITY,
                    multiply_adds: forward,
                    backward_multiply_adds: backward,
                }
            })
            .collect();
        let mut arena = self.arena();
        let mut gradients = self.task_gradients();
        let pictures = self.pictures;
        let made_up = |_, to: &mut [f32]| {
            to.iter_mut().enumerate().for_each(|(i, x)| *x = (i % 7) as f32 * 0.3 - 0.9);
            Ok::<(), ()>(())
        };
        // As in a step: pictures one by one while maps are large, then together.
        let early = self.chains.partition_point(|chain| chain.ops.start < self.together);
        let chains = self.chains.len();
        let parts = || {
            let alone = (0..pictures).map(|picture| (picture..picture + 1, 0..early));
            alone.chain([(0..pictures, early..chains)])
        };
        for _ in 0..rounds {
            let mut seconds = vec![[0.0; 2]; chains];
            self.pass(&mut arena, 0..pictures).load(made_up).expect("nothing fails");
            for (own, part) in parts() {
                let mut pass = self.pass(&mut arena, own);
                for index in part {
                    let start = Instant::now();
                    Self::forward_chain(&mut pass, &self.chains[index]);
                    seconds[index][0] += start.elapsed().as_secs_f64();
                }
            }
            let all: Vec<_> = parts().collect();
            self.pass(&mut arena, 0..pictures).features().1.fill(1e-3);
            for (own, part) in all.into_iter().rev() {
                let mut pass = self.pass(&mut arena, own);
                for index in part.rev() {
                    let start = Instant::now();
                    let ops = self.chains[index].ops.clone();
                    self.backward(&mut pass, &mut gradients, ops, true);
                    seconds[index][1] += start.elapsed().as_secs_f64();
                }
            }
            for (times, [forward, backward]) in times.iter_mut().zip(seconds) {
                times.forward = times.forward.min(forward / pictures as f64);
                times.backward = times.backward.min(backward / pictures as f64);
            }
        }
        times
    }

    /// Multiply-adds of an operation per picture: forward and backward.
    pub(super) fn multiply_adds_of(&self, index: usize) -> (usize, usize) {
        let op = &self.program.ops[index];
        let y = &self.program.values[index + 1];
        let own = match op.kind {
            OpKind::Conv { weights, .. }
            | OpKind::Grouped { weights, .. }
            | OpKind::Depthwise { weights, .. } => {
                y.height * y.width * weights.kernel_len(&self.program.parameters)
            }
            _ => 0,
        };
        let input = self.plan[index].input != Contribution::None;
        let parts = usize::from(self.places[index].is_some()) + usize::from(input);
        (own, own * parts)
    }
}
