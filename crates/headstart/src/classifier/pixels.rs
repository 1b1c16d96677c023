//! Pictures in the form of the base's input.

use headstart_data::{DecodeError, Location};

use super::Classifier;
use crate::{Context, Error, ExtractConfig, Extractor};

impl Classifier {
    /// Decodes and resizes pictures as for prediction, and passes the pixels to `each` in order, with the
    /// index: u8 RGB, `[height][width][3]` of the base's preprocessing.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the context is cancelled, and errors returned by `each`.
    pub fn pixels_each(
        &self,
        pictures: &[impl AsRef<Location> + Sync],
        config: &ExtractConfig,
        context: &mut Context<'_>,
        each: &mut dyn FnMut(usize, Result<Vec<u8>, DecodeError>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let extractor = Extractor::new(&self.base, config);
        extractor.for_each_pixels(pictures, false, context, &mut |index, result| {
            each(index, result.map(|picture| picture.pixels))
        })
    }
}
