//! Answers for pictures and camera frames: with the latest live head, or with a chosen model.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use headstart::model::Network;
use headstart::predict::{
    ClassifierHead, Compute, Explainer, FeatureExtractor, Model, PredictConfig, PredictError,
    Predictor,
};
use headstart::{Base, Classifier};
use serde::Serialize;

use crate::StudioError;

/// The longer side of a heatmap in pixels; the page scales it to the size of the picture.
const HEATMAP: usize = 160;
/// The name of the model that is trained while pictures are added and removed.
pub(crate) const LIVE: &str = "live";

/// Answers for pictures.
#[derive(Debug)]
pub(crate) struct Live {
    /// The base of the live head, compiled once.
    base: Compiled,
    config: PredictConfig,
    current: RwLock<Current>,
}

/// A base, compiled for answers and for heatmaps.
#[derive(Debug)]
struct Compiled {
    base: Base,
    features: Arc<[FeatureExtractor]>,
    /// Compiled when it is first needed.
    explainer: OnceLock<Explainer>,
}

#[derive(Debug, Default)]
struct Current {
    learned: Option<Arc<Answerer>>,
    /// The model that was chosen instead, with its name.
    chosen: Option<(String, Arc<Answerer>)>,
}

/// A model that answers.
#[derive(Debug)]
struct Answerer {
    predictor: Predictor,
    head: ClassifierHead,
    input: usize,
    /// The model and its explainer, if it is a chosen one.
    own: Option<(Model, OnceLock<Explainer>)>,
}

/// The answer for a picture.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    label: Option<String>,
    unknown: bool,
    scores: Vec<Score>,
    milliseconds: f64,
    /// The shorter side of the model's input in pixels; more pixels are not needed.
    input: usize,
    /// The heatmap of a class, as a PNG to be drawn over the picture.
    heatmap: Option<String>,
    heatmap_of: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Score {
    name: String,
    score: f32,
}

/// Which heatmap is requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Explain {
    No,
    /// The heatmap of the most likely class.
    Likeliest,
    /// The heatmap of the class with this name.
    Class(String),
}

impl Live {
    /// Compiles the base of the live head.
    pub(crate) fn new(base: &Base, compute: Compute) -> Self {
        let features = base.extractors(compute);
        let base = Compiled { base: base.clone(), features, explainer: OnceLock::new() };
        let mut config = PredictConfig::default();
        config.compute = compute;
        Self { base, config, current: RwLock::default() }
    }

    /// Answers with another head from now on, unless a model is chosen. A head that cannot detect unknown pictures yet
    /// takes over the detection of the previous head, if that had the same classes.
    pub(crate) fn learn(&self, mut head: ClassifierHead) {
        let before = self.write().learned.clone();
        let before = before.filter(|before| before.head.classes() == head.classes());
        if let Some(unknown) = before.and_then(|before| before.head.trust().unknown.clone())
            && head.trust().unknown.is_none()
        {
            let mut trust = head.trust().clone();
            trust.unknown = Some(unknown);
            head.set_trust(trust);
        }
        let base = self.base.features.clone();
        let predictor = Predictor::compiled(base, head.clone(), &self.config);
        let input = input_of(self.base.base.network());
        let answerer = Answerer { predictor, head, input, own: None };
        self.write().learned = Some(Arc::new(answerer));
    }

    /// Discards the live head.
    pub(crate) fn forget(&self) {
        self.write().learned = None;
    }

    /// Answers with a model from now on, or with the live head if `None`.
    pub(crate) fn choose(&self, chosen: Option<(String, &Classifier)>) {
        let chosen = chosen.map(|(name, classifier)| {
            let model = classifier.to_model();
            let predictor = Predictor::with(&model, self.config.clone());
            let (head, input) = (model.head.clone(), input_of(&model.network));
            let own = Some((model, OnceLock::new()));
            (name, Arc::new(Answerer { predictor, head, input, own }))
        });
        self.write().chosen = chosen;
    }

    /// The name of the model that answers.
    pub(crate) fn name(&self) -> String {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.chosen.as_ref().map_or_else(|| LIVE.to_owned(), |(name, _)| name.clone())
    }

    /// Classifies a picture.
    ///
    /// # Errors
    /// If there is no model yet, or the picture cannot be read.
    pub(crate) fn answer(&self, file: &[u8], explain: &Explain) -> Result<Answer, StudioError> {
        let begun = Instant::now();
        let answerer = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            let chosen = current.chosen.as_ref().map(|(_, answerer)| answerer);
            chosen.or(current.learned.as_ref()).cloned().ok_or(StudioError::NothingLearned)?
        };
        let classes = answerer.predictor.classes();
        let (prediction, heatmap) = match explain {
            Explain::No => (answerer.predictor.predict_bytes(file).map_err(of_picture)?, None),
            Explain::Likeliest | Explain::Class(_) => {
                let explanation =
                    self.explainer(&answerer).explain_bytes(file).map_err(of_picture)?;
                let class = match explain {
                    Explain::Class(name) => classes
                        .iter()
                        .position(|class| class == name)
                        .ok_or_else(|| StudioError::NoSuchClass { name: name.clone() })?,
                    _ => explanation.prediction.ranked()[0].0,
                };
                let (width, height) = explanation.size();
                let longer = width.max(height);
                let scaled = |side: usize| (side * HEATMAP.min(longer) / longer).max(1);
                let (width, height) = (scaled(width), scaled(height));
                let layer = explanation.layer(&explanation.map(class), width, height);
                let heatmap = (png_uri(&layer, width, height), classes[class].clone());
                (explanation.prediction, Some(heatmap))
            }
        };
        let (heatmap, heatmap_of) = heatmap.unzip();
        let score = |(class, score): (usize, f32)| Score { name: classes[class].clone(), score };
        Ok(Answer {
            label: prediction.label().map(|class| classes[class].clone()),
            unknown: prediction.is_unknown(),
            scores: prediction.ranked().into_iter().map(score).collect(),
            milliseconds: begun.elapsed().as_secs_f64() * 1e3,
            input: answerer.input,
            heatmap,
            heatmap_of,
        })
    }

    fn explainer(&self, answerer: &Answerer) -> Explainer {
        let config = &self.config;
        match &answerer.own {
            Some((model, explainer)) => {
                explainer.get_or_init(|| Explainer::with(model, config)).clone()
            }
            None => {
                let Compiled { base, explainer, .. } = &self.base;
                let bases = base.parts().map(|base| (base.network(), base.weights()));
                let head = answerer.head.clone();
                let compile = || Explainer::compile(bases, base.is_mirrored(), head, config);
                explainer.get_or_init(compile).with_head(answerer.head.clone())
            }
        }
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Current> {
        self.current.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn input_of(network: &Network) -> usize {
    let to = network.preprocessing();
    to.width.min(to.height)
}

fn of_picture(error: PredictError) -> StudioError {
    match error {
        PredictError::Picture(error) => error.into(),
        error => StudioError::Request(error.to_string()),
    }
}

/// RGBA pixels as the data URI of a PNG.
fn png_uri(pixels: &[u8], width: usize, height: usize) -> String {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_compression(png::Compression::Fast);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels));
    written.expect("a vector takes whatever is written, and the picture has pixels");
    format!("data:image/png;base64,{}", BASE64_STANDARD.encode(file))
}
