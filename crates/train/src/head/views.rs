use crate::{Samples, TrainError};

/// The samples to train on, seen in one way or in several: features of the same pictures after one
/// augmentation or another, or mixtures of them with soft targets. Samples are one view of
/// themselves.
pub trait Views {
    /// The number of views. Epoch e, counted from 1, takes view (e - 1) % count; a count of
    /// [`usize::MAX`] gives every epoch a view of its own.
    fn count(&self) -> usize;

    /// A view, counted from 0. All views have as many samples, of as many features and classes. It
    /// is asked for once an epoch.
    ///
    /// # Errors
    /// [`TrainError::View`] if the view cannot be had.
    fn view(&mut self, index: usize) -> Result<Samples<'_>, TrainError>;
}

impl Views for &Samples<'_> {
    fn count(&self) -> usize {
        1
    }

    fn view(&mut self, _: usize) -> Result<Samples<'_>, TrainError> {
        Ok(**self)
    }
}

impl Views for &[Samples<'_>] {
    fn count(&self) -> usize {
        self.len()
    }

    fn view(&mut self, index: usize) -> Result<Samples<'_>, TrainError> {
        Ok(self[index])
    }
}

impl<V: Views + ?Sized> Views for &mut V {
    fn count(&self) -> usize {
        (**self).count()
    }

    fn view(&mut self, index: usize) -> Result<Samples<'_>, TrainError> {
        (**self).view(index)
    }
}
