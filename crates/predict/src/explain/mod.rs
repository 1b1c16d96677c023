//! Why: which places of a picture speak for a class.

mod overlay;
mod palette;

use std::path::Path;
use std::sync::Arc;

use headstart_decode::{Limits, MinSize, Rgb, decode_at_least, read_file};
use headstart_engine::frozen::{FrozenConfig, Plan};
use headstart_model::{Network, Preprocessing, Weights};
use headstart_resize::Fitted;

use crate::{
    ClassifierHead, FeatureExtractor, Model, PredictConfig, PredictError, Prediction, Task,
};

pub use overlay::{OVERLAY_AT_LEAST, overlay_picture};

/// A model compiled to say why: it keeps the base's output at every position, whose mean the features are.
/// `Send`, `Sync`, and cheap to clone, as a [`Predictor`](crate::Predictor).
#[derive(Clone, Debug)]
pub struct Explainer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Its "features" are the activations, `[height][width][channels]`.
    base: Arc<FeatureExtractor>,
    height: usize,
    width: usize,
    head: ClassifierHead,
    at_least: MinSize,
    limits: Limits,
}

/// What a model says of a picture, with what tells why. One pass of the base; the maps of any number of
/// classes come of it.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What [`Predictor`](crate::Predictor) says, up to rounding.
    pub prediction: Prediction,
    /// The features: the mean of the activations over all positions.
    pub features: Vec<f32>,
    /// Which part of the picture, in its pixels, lies where in the network's input.
    pub shown: Fitted<f64>,
    /// Width and height of the picture as it was.
    size: (usize, usize),
    /// `[height][width][channels]`.
    activations: Vec<f32>,
    explainer: Explainer,
}

/// How much each position speaks for a class: the class activation map (Zhou et al. 2016), which for more
/// than a dense layer becomes Grad-CAM (Selvaraju et al. 2017). Negative values speak against it.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivationMap {
    /// The class.
    pub class: usize,
    /// Rows, which divide the height of the network's input evenly.
    pub height: usize,
    /// Columns, which divide its width evenly.
    pub width: usize,
    /// `[height][width]`: the activations, weighted by the gradient of the logit with respect to the
    /// features.
    pub values: Vec<f32>,
    /// The logit, before any calibration. Of two classes of which one is right there is one logit, that of
    /// class 1: of class 0 it counts with the sign turned, and so do map and bias.
    pub logit: f32,
    /// What the logit has beside the mean of the map, so that both add up to it. For a head of one dense
    /// layer this is its bias, and the map is exact. With hidden layers it depends on the picture: the map
    /// then tells how the logit answers to small changes, and the rest is what the tangent at these features
    /// has at the origin.
    pub bias: f32,
}

impl Explainer {
    /// Compiles a model for the fastest instruction set of the processor.
    pub fn new(model: &Model) -> Self {
        Self::with(model, &PredictConfig::default())
    }

    /// Compiles a model as asked for.
    pub fn with(model: &Model, config: &PredictConfig) -> Self {
        Self::compile(&model.network, &model.weights, model.head.clone(), config)
    }

    /// Compiles a base for a head.
    ///
    /// # Panics
    /// When `weights` are not the network's, or the head is for another.
    pub fn compile(
        network: &Network,
        weights: &Weights,
        head: ClassifierHead,
        config: &PredictConfig,
    ) -> Self {
        let output = network.output();
        assert_eq!(head.head().dim(), output.channels(), "the head is for another base");
        let frozen = FrozenConfig { compute: config.compute, ..FrozenConfig::default() };
        let base = Arc::new(FeatureExtractor::from(Plan::compile(network, weights, &frozen)));
        let (height, width) = output.spatial();
        let at_least = config.reduce.at_least(base.preprocessing());
        let shared = Shared { base, height, width, head, at_least, limits: config.limits };
        Self { shared: Arc::new(shared) }
    }

    /// One for another head on the same base, which is not compiled again.
    ///
    /// # Panics
    /// When the head is for another base.
    #[must_use]
    pub fn with_head(&self, head: ClassifierHead) -> Self {
        assert_eq!(head.head().dim(), self.head().head().dim(), "the head is for another base");
        let Shared { base, height, width, at_least, limits, .. } = &*self.shared;
        let (height, width, at_least, limits) = (*height, *width, *at_least, *limits);
        let shared = Shared { base: base.clone(), height, width, head, at_least, limits };
        Self { shared: Arc::new(shared) }
    }

    /// The head, with the names of the classes.
    pub fn head(&self) -> &ClassifierHead {
        &self.shared.head
    }

    /// How pictures are prepared.
    pub fn preprocessing(&self) -> &Preprocessing {
        self.shared.base.preprocessing()
    }

    /// Explains a picture from the bytes of its file, whatever its format.
    ///
    /// # Errors
    /// [`PredictError::Picture`].
    pub fn explain_bytes(&self, file: &[u8]) -> Result<Explanation, PredictError> {
        let Shared { limits, at_least, .. } = &*self.shared;
        Ok(self.explain_picture(&decode_at_least(file, limits, *at_least)?))
    }

    /// Explains a picture file.
    ///
    /// # Errors
    /// [`PredictError::Picture`], also when the file cannot be read.
    pub fn explain(&self, path: impl AsRef<Path>) -> Result<Explanation, PredictError> {
        self.explain_bytes(&read_file(path.as_ref(), &self.shared.limits)?)
    }

    /// Explains a picture that is decoded.
    pub fn explain_picture(&self, picture: &Rgb) -> Explanation {
        let Shared { base, head, .. } = &*self.shared;
        let activations = base.features_of(picture);
        let features = self.mean(&activations);
        let covered = picture.covered();
        Explanation {
            prediction: head.classify(&features),
            features,
            shown: Fitted::new(covered.width, covered.height, base.preprocessing()),
            size: (covered.width, covered.height),
            activations,
            explainer: self.clone(),
        }
    }

    /// The mean over all positions.
    fn mean(&self, activations: &[f32]) -> Vec<f32> {
        let channels = self.head().head().dim();
        let mut sums = vec![0.0_f64; channels];
        for position in activations.chunks_exact(channels) {
            sums.iter_mut().zip(position).for_each(|(sum, &a)| *sum += f64::from(a));
        }
        let positions = (self.shared.height * self.shared.width) as f64;
        sums.into_iter().map(|sum| (sum / positions) as f32).collect()
    }
}

impl Explanation {
    /// The classes that the model answers with: the likeliest, or of a model that gives several labels all
    /// that it gives, and where these are none the likeliest.
    pub fn predicted(&self) -> Vec<usize> {
        match (self.explainer.head().task(), &self.prediction.labels[..]) {
            (Task::MultiLabel, labels @ [_, ..]) => labels.to_vec(),
            _ => vec![self.prediction.ranked()[0].0],
        }
    }

    /// How much each position speaks for a class.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn map(&self, class: usize) -> ActivationMap {
        let Shared { head, height, width, .. } = &*self.explainer.shared;
        let head = head.head();
        assert!(class < head.classes, "there is no class {class}");
        // One logit for two classes is that of class 1.
        let (unit, sign) = match head.units() == head.classes {
            true => (class, 1.0),
            false => (0, if class == 1 { 1.0 } else { -1.0 }),
        };
        let gradient = head.gradient(&self.features, unit);
        let values: Vec<f64> = self
            .activations
            .chunks_exact(head.dim())
            .map(|position| {
                let products =
                    position.iter().zip(&gradient).map(|(&a, &g)| f64::from(a) * f64::from(g));
                sign * products.sum::<f64>()
            })
            .collect();
        let logit = sign * f64::from(head.logits(&self.features)[unit]);
        let bias = match head.hidden.is_empty() {
            true => sign * f64::from(head.bias[unit]),
            false => logit - values.iter().sum::<f64>() / values.len() as f64,
        };
        ActivationMap {
            class,
            height: *height,
            width: *width,
            values: values.into_iter().map(|value| value as f32).collect(),
            logit: logit as f32,
            bias: bias as f32,
        }
    }

    /// Width and height of the picture, in pixels.
    pub fn size(&self) -> (usize, usize) {
        self.size
    }

    /// A map alone, to be laid over the picture at any size: RGBA `[height][width][4]`, clearer the less speaks
    /// for the class, in the colours of [`Explanation::overlay`]. What the network does not see of the picture
    /// is faded.
    ///
    /// # Panics
    /// When a side has no pixels.
    pub fn layer(&self, map: &ActivationMap, width: usize, height: usize) -> Vec<u8> {
        let to = self.explainer.preprocessing();
        overlay::layer(map, (&self.shown, self.size), (to.width, to.height), (width, height))
    }

    /// The picture with a map on it, at a [size to look at](overlay_picture): from dark to bright what speaks
    /// for the class, on a scale of its own that ends at the largest value and begins at 0, where all that
    /// speaks against it is, too. A line goes around what has half of the largest value or more. What the
    /// network does not see of the picture is faded.
    ///
    /// `picture` is the one that was explained, at any resolution.
    pub fn overlay(&self, map: &ActivationMap, picture: &Rgb) -> Rgb {
        let to = self.explainer.preprocessing();
        overlay::overlay(map, (&self.shown, self.size), (to.width, to.height), picture)
    }
}
