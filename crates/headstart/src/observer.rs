//! Who wants to know how long work is going.

use headstart_train::Event;

/// What the library tells during long work. Every method has a default that does nothing.
pub trait Observer {
    /// `done` of `total` pictures have their features.
    fn pictures(&mut self, done: usize, total: usize) {
        let _ = (done, total);
    }

    /// `done` of `total` different pictures have been compared with others, to find copies.
    fn comparing(&mut self, done: usize, total: usize) {
        let _ = (done, total);
    }

    /// The pictures are divided; what follows is training.
    fn split(&mut self, train: usize, validation: usize) {
        let _ = (train, validation);
    }

    /// How training is going: an epoch is over, or something smaller is.
    fn training(&mut self, event: Event<'_>) {
        let _ = event;
    }

    /// How fine-tuning is going.
    fn fine_tuning(&mut self, event: Event<'_>) {
        let _ = event;
    }

    /// A step of looking for a learning rate is about to be taken: which of so many, counted from 1,
    /// and at what rate.
    fn learning_rate(&mut self, step: usize, steps: usize, rate: f64) {
        let _ = (step, steps, rate);
    }

    /// Asked between pictures, while they are compared, and between steps of training; work ends with [`crate::Error::Interrupted`] if so.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Observer for Quiet {}
