//! Where the time of a step goes.

use std::time::Instant;

use super::memory::Contribution;
use super::{TrainableNetwork, lower::OpKind};

/// An operation on its way forward and back.
#[derive(Clone, Debug)]
pub struct OpTime {
    /// The layer that it began as.
    pub layer: String,
    /// Seconds for a picture, the least that was seen.
    pub forward: f64,
    /// The same for the way back: gradients of weights and input.
    pub backward: f64,
    /// Multiply-adds of a picture, forward.
    pub multiply_adds: usize,
    /// Multiply-adds of a picture on the way back.
    pub backward_multiply_adds: usize,
}

impl TrainableNetwork {
    /// Measures every operation on this thread, on made-up values, in so many rounds.
    ///
    /// # Panics
    /// Where a BatchNormalization trains: such operations look at the whole batch.
    pub fn profile(&self, rounds: usize) -> Vec<OpTime> {
        let ops = &self.program.ops;
        assert!(!ops.iter().any(|op| matches!(op.kind, OpKind::BatchNorm(_))), "inference mode");
        let mut times: Vec<OpTime> = (0..ops.len())
            .map(|index| {
                let (forward, backward) = self.multiply_adds_of(index);
                OpTime {
                    layer: ops[index].name.clone(),
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
        let parts = |ops: std::ops::Range<usize>| {
            let alone = (0..pictures).map(|picture| picture..picture + 1);
            let (early, late) = (ops.start..self.together, self.together..ops.end);
            alone.map(move |own| (own, early.clone())).chain([(0..pictures, late)])
        };
        for _ in 0..rounds {
            let mut seconds = vec![[0.0; 2]; ops.len()];
            self.pass(&mut arena, 0..pictures).load(made_up).expect("nothing fails");
            for (own, part) in parts(0..ops.len()) {
                let mut pass = self.pass(&mut arena, own);
                for index in part {
                    let start = Instant::now();
                    pass.forward(index..index + 1);
                    seconds[index][0] += start.elapsed().as_secs_f64();
                }
            }
            let all: Vec<_> = parts(0..ops.len()).collect();
            self.pass(&mut arena, 0..pictures).features().1.fill(1e-3);
            for (own, part) in all.into_iter().rev() {
                let mut pass = self.pass(&mut arena, own);
                for index in part.rev() {
                    let start = Instant::now();
                    self.backward(&mut pass, &mut gradients, index..index + 1, true);
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

    /// Multiply-adds of an operation for a picture: forward, and back.
    pub(super) fn multiply_adds_of(&self, index: usize) -> (usize, usize) {
        let op = &self.program.ops[index];
        let y = &self.program.values[index + 1];
        let own = match op.kind {
            OpKind::Conv { weights, .. } | OpKind::Depthwise { weights, .. } => {
                y.height * y.width * weights.kernel_len(&self.program.parameters)
            }
            _ => 0,
        };
        let input = self.plan[index].input != Contribution::None;
        let parts = usize::from(self.places[index].is_some()) + usize::from(input);
        (own, own * parts)
    }
}
