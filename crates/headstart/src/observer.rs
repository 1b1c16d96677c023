//! Who wants to know how long work is going.

use headstart_engine::train::Epoch;

/// What the library tells during long work. Every method has a default that does nothing.
pub trait Observer {
    /// `done` of `total` pictures have their features.
    fn pictures(&mut self, done: usize, total: usize) {
        let _ = (done, total);
    }

    /// The pictures are divided; what follows is training.
    fn split(&mut self, train: usize, validation: usize) {
        let _ = (train, validation);
    }

    /// An epoch is over.
    fn epoch(&mut self, epoch: &Epoch) {
        let _ = epoch;
    }

    /// Asked between pictures and epochs; work ends with [`crate::Error::Interrupted`] if so.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Observer for Quiet {}
