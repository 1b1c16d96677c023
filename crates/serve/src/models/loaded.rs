//! One version of a model, compiled.

use std::sync::OnceLock;
use std::time::SystemTime;

use axum::body::Bytes;
use headstart::Classifier;
use headstart::data::MemoryBudget;
use headstart::data::decode::{decode_at_least, estimated_bytes_at_least};
use headstart::predict::{
    Answer, AnswerConfig, ClassifierHead, Explainer, Model, NoLabelSet, OVERLAY_AT_LEAST,
    PredictConfig, PredictError, Prediction, Predictor, Rgb, overlay_picture,
};

use crate::ModelSource;

/// One version of a model. A request keeps the version that it began with, even if the model is replaced.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Version number, starting at 1.
    pub(crate) version: u64,
    /// Hash of the model file; `None` for a bundled base.
    pub(crate) hash: Option<blake3::Hash>,
    pub(crate) since: SystemTime,
    model: Model,
    predictor: Predictor,
    config: PredictConfig,
    /// Compiled when it is first needed.
    explainer: OnceLock<Explainer>,
}

/// What a request asks about each of its pictures.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Question {
    pub(crate) answer: AnswerConfig,
    pub(crate) top_k: Option<usize>,
    pub(crate) explain: bool,
}

/// A picture as it was sent.
#[derive(Clone, Debug)]
pub(crate) enum Picture {
    /// A picture file in any format.
    File(Bytes),
    /// Pixels, u8 RGB `[height][width][3]`.
    Pixels { width: usize, height: usize, pixels: Bytes },
}

/// The answer for one picture.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) prediction: Prediction,
    /// If asked for, heatmaps as PNG files, each with its class index.
    pub(crate) heatmaps: Vec<(usize, Vec<u8>)>,
}

impl Loaded {
    pub(super) fn open(
        source: &ModelSource,
        version: u64,
        hash: Option<blake3::Hash>,
        config: &PredictConfig,
    ) -> Result<Self, headstart::Error> {
        let model = Classifier::open(&source.model)?.to_model();
        let predictor = Predictor::with(&model, config.clone());
        let (config, since) = (config.clone(), SystemTime::now());
        Ok(Self { version, hash, since, model, predictor, config, explainer: OnceLock::new() })
    }

    /// The head, with the names of the classes.
    pub(crate) fn head(&self) -> &ClassifierHead {
        self.predictor.head()
    }

    /// The names of the classes.
    pub(crate) fn classes(&self) -> &[String] {
        self.predictor.classes()
    }

    /// Width and height that pictures are resized to.
    pub(crate) fn input_size(&self) -> (usize, usize) {
        let preprocessing = self.model.network.preprocessing();
        (preprocessing.width, preprocessing.height)
    }

    /// A predictor for this question.
    ///
    /// # Errors
    /// If the model cannot give the label set that the question asks for.
    pub(crate) fn predictor(&self, question: &Question) -> Result<Predictor, NoLabelSet> {
        self.predictor.clone().with_answer(question.answer)
    }

    /// Predicts a picture with the `predictor` for the question. Waits until there is memory for decoding.
    ///
    /// # Errors
    /// Those of [`Predictor`].
    pub(crate) fn answer(
        &self,
        predictor: &Predictor,
        picture: &Picture,
        explain: bool,
        memory: &MemoryBudget,
    ) -> Result<Answered, PredictError> {
        let prediction = match picture {
            Picture::File(file) => {
                let _room = memory.acquire(predictor.estimated_bytes(file));
                predictor.predict_bytes(file)?
            }
            Picture::Pixels { width, height, pixels } => {
                predictor.predict_rgb(*width, *height, pixels)?
            }
        };
        let heatmaps = match explain {
            true => self.heatmaps(picture, memory)?,
            false => Vec::new(),
        };
        Ok(Answered { prediction, heatmaps })
    }

    /// The answer in the form that is serialised as JSON.
    pub(crate) fn words<'a>(&'a self, answered: &Answered, question: &Question) -> Answer<'a> {
        self.head().answer(&answered.prediction, question.top_k)
    }

    fn heatmaps(
        &self,
        picture: &Picture,
        memory: &MemoryBudget,
    ) -> Result<Vec<(usize, Vec<u8>)>, PredictError> {
        let explainer = self.explainer.get_or_init(|| Explainer::with(&self.model, &self.config));
        let (explanation, drawn_on) = match picture {
            Picture::File(file) => {
                // Decoded once more in higher resolution, to draw the heatmap on.
                let limits = &self.config.limits;
                let _room =
                    memory.acquire(estimated_bytes_at_least(file, limits, OVERLAY_AT_LEAST));
                let detailed = decode_at_least(file, limits, OVERLAY_AT_LEAST)?;
                (explainer.explain_bytes(file)?, overlay_picture(&detailed))
            }
            Picture::Pixels { width, height, pixels } => {
                let (width, height, bytes) = (*width, *height, pixels.len());
                let picture = Rgb::new(width, height, pixels.to_vec());
                let picture = picture.ok_or(PredictError::Pixels { width, height, bytes })?;
                (explainer.explain_picture(&picture), overlay_picture(&picture))
            }
        };
        let classes = explanation.predicted().into_iter();
        let maps = classes
            .map(|class| (class, png(&explanation.overlay(&explanation.map(class), &drawn_on))));
        Ok(maps.collect())
    }
}

/// Encodes a picture as PNG.
fn png(picture: &Rgb) -> Vec<u8> {
    let mut file = Vec::new();
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    let written =
        encoder.write_header().and_then(|mut writer| writer.write_image_data(picture.pixels()));
    written.expect("a vector takes whatever is written, and the picture has pixels");
    file
}
