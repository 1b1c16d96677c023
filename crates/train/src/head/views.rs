use crate::{Samples, TrainError};

/// The samples to train on, in one or more views: features of the same pictures with different augmentations, or
/// mixtures of them with soft targets. Samples are a single view of themselves.
pub trait Views {
    /// The number of views. Epoch e, counted from 1, uses view (e - 1) % count; with a count of [`usize::MAX`], every
    /// epoch has its own view.
    fn count(&self) -> usize;

    /// A view, counted from 0. All views have the same number of samples, features and classes. It is called once per
    /// epoch.
    ///
    /// # Errors
    /// [`TrainError::View`] if the view is not available.
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
