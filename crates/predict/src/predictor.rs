//! A model compiled once for the prediction of many pictures.

use std::path::Path;
use std::sync::Arc;

use headstart_decode::{
    Limits, MinSize, Rgb, decode_at_least, estimated_bytes_at_least, read_file,
};
use headstart_engine::frozen::Compute;
use headstart_resize::Reduce;

use crate::{
    AnswerConfig, ClassifierHead, FeatureExtractor, Model, NoLabelSet, PredictError, Prediction,
};

/// Options of decoding and computation.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PredictConfig {
    /// Instruction sets and precision.
    pub compute: Compute,
    /// The permitted reduction of large pictures in decoding.
    pub reduce: Reduce,
    /// The limits for a single picture.
    pub limits: Limits,
}

/// A compiled model: `Send`, `Sync`, and cheap to clone. Any number of threads can predict at once, each picture on the
/// calling thread; results are bitwise the same on any thread.
#[derive(Clone, Debug)]
pub struct Predictor {
    shared: Arc<Shared>,
    answer: AnswerConfig,
}

#[derive(Debug)]
struct Shared {
    bases: Arc<[FeatureExtractor]>,
    head: ClassifierHead,
    /// One for each base.
    at_least: Vec<MinSize>,
    limits: Limits,
}

impl Predictor {
    /// Compiles a model for the fastest instruction set of the processor.
    pub fn new(model: &Model) -> Self {
        Self::with(model, PredictConfig::default())
    }

    /// Compiles a model with this configuration.
    pub fn with(model: &Model, config: PredictConfig) -> Self {
        Self::compiled(model.compile(config.compute), model.head.clone(), &config)
    }

    /// Creates a predictor from a compiled base, or from several whose features are concatenated; `config.compute` is
    /// ignored.
    ///
    /// # Panics
    /// When the head's number of features differs from that of the bases.
    pub fn compiled(
        bases: Arc<[FeatureExtractor]>,
        head: ClassifierHead,
        config: &PredictConfig,
    ) -> Self {
        let features: usize = bases.iter().map(FeatureExtractor::features).sum();
        assert_eq!(head.head().dim(), features, "the head is for another base");
        let at_least = |base: &FeatureExtractor| config.reduce.at_least(base.preprocessing());
        let at_least = bases.iter().map(at_least).collect();
        let shared = Shared { bases, head, at_least, limits: config.limits };
        Self { shared: Arc::new(shared), answer: AnswerConfig::default() }
    }

    /// Returns a predictor with this answer configuration. The compiled model is kept, so this is cheap on a clone.
    ///
    /// # Errors
    /// The reason why the model cannot guarantee the requested coverage.
    pub fn with_answer(mut self, config: AnswerConfig) -> Result<Self, NoLabelSet> {
        self.shared.head.check_answer(&config)?;
        self.answer = config;
        Ok(self)
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        self.shared.head.classes()
    }

    /// The head, with the names of the classes.
    pub fn head(&self) -> &ClassifierHead {
        &self.shared.head
    }

    /// The estimated peak memory for predicting a picture, in bytes, including its file.
    pub fn estimated_bytes(&self, file: &[u8]) -> u64 {
        let Shared { limits, at_least, .. } = &*self.shared;
        let estimated = at_least.iter().map(|size| estimated_bytes_at_least(file, limits, *size));
        estimated.max().unwrap_or(0)
    }

    /// Predicts a picture from the bytes of its file, in any format.
    ///
    /// # Errors
    /// [`PredictError::Picture`].
    pub fn predict_bytes(&self, file: &[u8]) -> Result<Prediction, PredictError> {
        let Shared { bases, at_least, limits, .. } = &*self.shared;
        let mut features = Vec::new();
        let mut decoded: Option<(MinSize, Rgb)> = None;
        for (base, &size) in bases.iter().zip(at_least) {
            // A large picture is decoded separately for each base, at the size for that base.
            let picture = match decoded.take() {
                Some((of, picture)) if of == size => picture,
                _ => decode_at_least(file, limits, size)?,
            };
            features.extend(base.features_of(&picture));
            decoded = Some((size, picture));
        }
        Ok(self.classify(&features))
    }

    /// Predicts a picture from its pixels, u8 RGB `[height][width][3]`.
    ///
    /// # Errors
    /// [`PredictError::Pixels`] when their number does not match the size.
    pub fn predict_rgb(
        &self,
        width: usize,
        height: usize,
        pixels: &[u8],
    ) -> Result<Prediction, PredictError> {
        let picture = Rgb::new(width, height, pixels.to_vec());
        let bytes = pixels.len();
        let picture = picture.ok_or(PredictError::Pixels { width, height, bytes })?;
        Ok(self.predict_picture(&picture))
    }

    /// Predicts a decoded picture.
    pub fn predict_picture(&self, picture: &Rgb) -> Prediction {
        let features = self.shared.bases.iter().flat_map(|base| base.features_of(picture));
        self.classify(&features.collect::<Vec<f32>>())
    }

    fn classify(&self, features: &[f32]) -> Prediction {
        self.shared.head.classify_as(features, &self.answer)
    }

    /// Predicts a picture decoded by the `image` crate; transparency is composed on white, as for files.
    ///
    /// # Errors
    /// [`PredictError::Pixels`] when it has no pixels.
    #[cfg(feature = "image")]
    pub fn predict_image(
        &self,
        image: impl Into<image::DynamicImage>,
    ) -> Result<Prediction, PredictError> {
        let rgba = image.into().into_rgba8();
        let (width, height, bytes) = (rgba.width() as usize, rgba.height() as usize, rgba.len());
        let picture = Rgb::from_rgba(width, height, &rgba);
        let picture = picture.ok_or(PredictError::Pixels { width, height, bytes })?;
        Ok(self.predict_picture(&picture))
    }

    /// Predicts a picture file.
    ///
    /// # Errors
    /// [`PredictError::Picture`], also when the file cannot be read.
    pub fn predict(&self, path: impl AsRef<Path>) -> Result<Prediction, PredictError> {
        self.predict_bytes(&read_file(path.as_ref(), &self.shared.limits)?)
    }

    /// Predicts many pictures from the bytes of their files, divided among the threads of the current rayon pool:
    /// `pool.install(|| predictor.predict_all(&files))`.
    #[cfg(feature = "threads")]
    pub fn predict_all<B: AsRef<[u8]> + Sync>(
        &self,
        files: &[B],
    ) -> Vec<Result<Prediction, PredictError>> {
        use rayon::prelude::*;
        files.par_iter().map(|file| self.predict_bytes(file.as_ref())).collect()
    }
}
