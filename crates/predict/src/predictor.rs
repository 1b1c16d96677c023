//! A model that is compiled once and answers for many pictures.

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

/// How pictures are read and computed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PredictConfig {
    /// What to compute with.
    pub compute: Compute,
    /// How far large pictures may be reduced while they are decoded.
    pub reduce: Reduce,
    /// What a picture may cost.
    pub limits: Limits,
}

/// A compiled model: `Send`, `Sync`, and cheap to clone. Any number of threads predict at once, each
/// picture on the thread that asks; the answers are the same bits whatever the threads.
#[derive(Clone, Debug)]
pub struct Predictor {
    shared: Arc<Shared>,
    answer: AnswerConfig,
}

#[derive(Debug)]
struct Shared {
    bases: Arc<[FeatureExtractor]>,
    head: ClassifierHead,
    /// Of each base.
    at_least: Vec<MinSize>,
    limits: Limits,
}

impl Predictor {
    /// Compiles a model for the fastest instruction set of the processor.
    pub fn new(model: &Model) -> Self {
        Self::with(model, PredictConfig::default())
    }

    /// Compiles a model as asked for.
    pub fn with(model: &Model, config: PredictConfig) -> Self {
        Self::compiled(model.compile(config.compute), model.head.clone(), &config)
    }

    /// A predictor of a base that is compiled already, or of several whose features are joined;
    /// `config.compute` has no say.
    ///
    /// # Panics
    /// When the head takes another number of features than the bases have.
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

    /// One that answers as asked for. The compiled model stays the same: of a clone, this costs nothing.
    ///
    /// # Errors
    /// Why the model cannot promise what is asked for.
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

    /// About how many bytes predicting a picture takes at its peak, the file's own included.
    pub fn estimated_bytes(&self, file: &[u8]) -> u64 {
        let Shared { limits, at_least, .. } = &*self.shared;
        let estimated = at_least.iter().map(|size| estimated_bytes_at_least(file, limits, *size));
        estimated.max().unwrap_or(0)
    }

    /// Predicts a picture from the bytes of its file, whatever its format.
    ///
    /// # Errors
    /// [`PredictError::Picture`].
    pub fn predict_bytes(&self, file: &[u8]) -> Result<Prediction, PredictError> {
        let Shared { bases, at_least, limits, .. } = &*self.shared;
        let mut features = Vec::new();
        let mut decoded: Option<(MinSize, Rgb)> = None;
        for (base, &size) in bases.iter().zip(at_least) {
            // A large picture is decoded for each base as it would be for that base alone.
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
    /// [`PredictError::Pixels`] when there are not so many.
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

    /// Predicts a picture that is decoded.
    pub fn predict_picture(&self, picture: &Rgb) -> Prediction {
        let features = self.shared.bases.iter().flat_map(|base| base.features_of(picture));
        self.classify(&features.collect::<Vec<f32>>())
    }

    fn classify(&self, features: &[f32]) -> Prediction {
        self.shared.head.classify_as(features, &self.answer)
    }

    /// Predicts a picture that the `image` crate has decoded; what is transparent is composed on
    /// white, as in files.
    ///
    /// # Errors
    /// [`PredictError::Pixels`] when it has none.
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

    /// Predicts many pictures from the bytes of their files, divided among the threads of the rayon
    /// pool that this is called in: `pool.install(|| predictor.predict_all(&files))`.
    #[cfg(feature = "threads")]
    pub fn predict_all<B: AsRef<[u8]> + Sync>(
        &self,
        files: &[B],
    ) -> Vec<Result<Prediction, PredictError>> {
        use rayon::prelude::*;
        files.par_iter().map(|file| self.predict_bytes(file.as_ref())).collect()
    }
}
