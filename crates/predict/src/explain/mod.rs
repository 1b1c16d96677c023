//! Explanations: the places in a picture that support a class.

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

/// A model compiled for explanations: it keeps the base's output at every position, whose mean the features are.
/// `Send`, `Sync`, and cheap to clone, like [`Predictor`](crate::Predictor).
#[derive(Clone, Debug)]
pub struct Explainer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bases: Arc<[Compiled]>,
    /// Whether activations are the mean of those of a picture and, flipped back, of its mirror image.
    mirrored: bool,
    head: ClassifierHead,
    at_least: MinSize,
    limits: Limits,
}

/// A base whose output is kept at every position.
#[derive(Debug)]
struct Compiled {
    /// Its "features" are the activations, `[height][width][channels]`.
    plan: FeatureExtractor,
    height: usize,
    width: usize,
    channels: usize,
}

/// A model's prediction for a picture, with the data that explains it. Computing it takes one pass of the base; maps of
/// any number of classes are derived from it.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The prediction of [`Predictor`](crate::Predictor), up to rounding.
    pub prediction: Prediction,
    /// The features: the mean of the activations over all positions.
    pub features: Vec<f32>,
    /// The part of the picture, in its pixels, and its location in the network's input.
    pub shown: Fitted<f64>,
    /// Width and height of the original picture.
    size: (usize, usize),
    /// For each base, `[height][width][channels]`.
    activations: Vec<Vec<f32>>,
    explainer: Explainer,
}

/// The evidence for a class at each position: the class activation map (Zhou et al. 2016), which generalises to
/// Grad-CAM (Selvaraju et al. 2017) for more than one dense layer. Negative values are evidence against it.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivationMap {
    /// The class.
    pub class: usize,
    /// Rows, which divide the height of the network's input evenly; with several bases, those of a grid that divides
    /// the positions of each.
    pub height: usize,
    /// Columns, which divide its width evenly.
    pub width: usize,
    /// `[height][width]`: the activations, weighted by the gradient of the logit with respect to the
    /// features.
    pub values: Vec<f32>,
    /// The logit, before calibration. Two exclusive classes share one logit, that of class 1: for class 0, its sign is
    /// flipped, as are those of map and bias.
    pub logit: f32,
    /// The difference of the logit and the mean of the map. For a head of one dense layer this is its bias, and the map
    /// is exact. With hidden layers it depends on the picture: the map is the logit's response to small changes, and
    /// the bias is the value at the origin of the tangent at these features.
    pub bias: f32,
}

impl Explainer {
    /// Compiles a model for the fastest instruction set of the processor.
    pub fn new(model: &Model) -> Self {
        Self::with(model, &PredictConfig::default())
    }

    /// Compiles a model with this configuration.
    pub fn with(model: &Model, config: &PredictConfig) -> Self {
        Self::compile(model.bases(), model.mirrored, model.head.clone(), config)
    }

    /// Compiles bases, whose features are concatenated, for a head; if `mirrored`, features are the mean of those of a
    /// picture and of its mirror image.
    ///
    /// # Panics
    /// When weights do not belong to their network, or the head does not fit the features.
    pub fn compile<'a>(
        bases: impl IntoIterator<Item = (&'a Network, &'a Weights)>,
        mirrored: bool,
        head: ClassifierHead,
        config: &PredictConfig,
    ) -> Self {
        let frozen = FrozenConfig { compute: config.compute, ..FrozenConfig::default() };
        let compile = |(network, weights): (&Network, &Weights)| {
            let (output, plan) = (network.output(), Plan::compile(network, weights, &frozen));
            let (height, width) = output.spatial();
            Compiled { plan: plan.into(), height, width, channels: output.channels() }
        };
        let bases: Arc<[Compiled]> = bases.into_iter().map(compile).collect();
        let features: usize = bases.iter().map(|base| base.channels).sum();
        assert_eq!(head.head().dim(), features, "the head is for another base");
        let sizes = bases.iter().map(|base| config.reduce.at_least(base.plan.preprocessing()));
        let larger = |a: MinSize, b: MinSize| MinSize {
            width: a.width.max(b.width),
            height: a.height.max(b.height),
        };
        let at_least = sizes.reduce(larger).expect("there is a base");
        let shared = Shared { bases, mirrored, head, at_least, limits: config.limits };
        Self { shared: Arc::new(shared) }
    }

    /// Creates an explainer with another head on the same base, which is not compiled again.
    ///
    /// # Panics
    /// When the head is for another base.
    #[must_use]
    pub fn with_head(&self, head: ClassifierHead) -> Self {
        assert_eq!(head.head().dim(), self.head().head().dim(), "the head is for another base");
        let &Shared { ref bases, mirrored, at_least, limits, .. } = &*self.shared;
        let shared = Shared { bases: bases.clone(), mirrored, head, at_least, limits };
        Self { shared: Arc::new(shared) }
    }

    /// The head, with the names of the classes.
    pub fn head(&self) -> &ClassifierHead {
        &self.shared.head
    }

    /// The preprocessing of pictures for the first base.
    pub fn preprocessing(&self) -> &Preprocessing {
        self.shared.bases[0].plan.preprocessing()
    }

    /// The minimum size to which a picture must be decoded.
    pub fn at_least(&self) -> MinSize {
        self.shared.at_least
    }

    /// Explains a picture from the bytes of its file, in any format.
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

    /// Explains a decoded picture.
    pub fn explain_picture(&self, picture: &Rgb) -> Explanation {
        let Shared { bases, mirrored, head, .. } = &*self.shared;
        let activations = bases.iter().map(|base| base.activations(picture, *mirrored));
        let activations: Vec<Vec<f32>> = activations.collect();
        let means = bases.iter().zip(&activations).map(|(base, own)| base.mean(own));
        let features: Vec<f32> = means.flatten().collect();
        let covered = picture.covered();
        Explanation {
            prediction: head.classify(&features),
            features,
            shown: Fitted::new(covered.width, covered.height, self.preprocessing()),
            size: (covered.width, covered.height),
            activations,
            explainer: self.clone(),
        }
    }
}

impl Compiled {
    fn activations(&self, picture: &Rgb, mirrored: bool) -> Vec<f32> {
        self.plan.with_scratch(|scratch| {
            scratch.prepare(picture);
            let mut activations = scratch.run();
            if mirrored {
                scratch.mirror();
                let other = scratch.run();
                let rows = activations.chunks_exact_mut(self.width * self.channels);
                for (row, other) in rows.zip(other.chunks_exact(self.width * self.channels)) {
                    let turned = other.chunks_exact(self.channels).rev().flatten();
                    row.iter_mut().zip(turned).for_each(|(a, b)| *a = (*a + b) / 2.0);
                }
            }
            activations
        })
    }

    /// The mean over all positions.
    fn mean(&self, activations: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0_f64; self.channels];
        for position in activations.chunks_exact(self.channels) {
            sums.iter_mut().zip(position).for_each(|(sum, &a)| *sum += f64::from(a));
        }
        let positions = (self.height * self.width) as f64;
        sums.into_iter().map(|sum| (sum / positions) as f32).collect()
    }
}

impl Explanation {
    /// The predicted classes: the most probable one, or, for a multi-label model, all labels or, if there are none, the
    /// most probable class.
    pub fn predicted(&self) -> Vec<usize> {
        match (self.explainer.head().task(), &self.prediction.labels[..]) {
            (Task::MultiLabel, labels @ [_, ..]) => labels.to_vec(),
            _ => vec![self.prediction.ranked()[0].0],
        }
    }

    /// Computes the evidence for a class at each position.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn map(&self, class: usize) -> ActivationMap {
        let Shared { bases, head, .. } = &*self.explainer.shared;
        let head = head.head();
        assert!(class < head.classes, "there is no class {class}");
        // The single logit of two classes is that of class 1.
        let (unit, sign) = match head.units() == head.classes {
            true => (class, 1.0),
            false => (0, if class == 1 { 1.0 } else { -1.0 }),
        };
        let gradient = head.gradient(&self.features, unit);
        // The positions of several bases differ in size: a common grid divides those of each evenly.
        let (height, width) = bases.iter().fold((1, 1), |(height, width), base| {
            (least_common_multiple(height, base.height), least_common_multiple(width, base.width))
        });
        let mut values = vec![0.0_f64; height * width];
        let mut gradient = &gradient[..];
        for (base, activations) in bases.iter().zip(&self.activations) {
            let (own, rest) = gradient.split_at(base.channels);
            gradient = rest;
            let weighted = |position: &[f32]| {
                let products = position.iter().zip(own).map(|(&a, &g)| f64::from(a) * f64::from(g));
                sign * products.sum::<f64>()
            };
            let map: Vec<f64> = activations.chunks_exact(base.channels).map(weighted).collect();
            let (tall, wide) = (height / base.height, width / base.width);
            for (y, row) in values.chunks_exact_mut(width).enumerate() {
                let of_base = &map[y / tall * base.width..][..base.width];
                row.iter_mut().enumerate().for_each(|(x, value)| *value += of_base[x / wide]);
            }
        }
        let logit = sign * f64::from(head.logits(&self.features)[unit]);
        let bias = match head.hidden.is_empty() {
            true => sign * f64::from(head.bias[unit]),
            false => logit - values.iter().sum::<f64>() / values.len() as f64,
        };
        ActivationMap {
            class,
            height,
            width,
            values: values.into_iter().map(|value| value as f32).collect(),
            logit: logit as f32,
            bias: bias as f32,
        }
    }

    /// Width and height of the picture, in pixels.
    pub fn size(&self) -> (usize, usize) {
        self.size
    }

    /// A map as a separate layer, to lay over the picture at any size: RGBA `[height][width][4]`, more transparent
    /// where evidence is weaker, in the colours of [`Explanation::overlay`]. Parts of the picture outside the network's
    /// input are faded.
    ///
    /// # Panics
    /// When a side has no pixels.
    pub fn layer(&self, map: &ActivationMap, width: usize, height: usize) -> Vec<u8> {
        let to = self.explainer.preprocessing();
        overlay::layer(map, (&self.shown, self.size), (to.width, to.height), (width, height))
    }

    /// The picture with a map on it, at a [display size](overlay_picture): evidence from dark to bright, on a scale
    /// from 0, which includes all negative values, to the map's largest value. A line surrounds values of at least half
    /// the largest. Parts of the picture outside the network's input are faded.
    ///
    /// `picture` is the one that was explained, at any resolution.
    pub fn overlay(&self, map: &ActivationMap, picture: &Rgb) -> Rgb {
        let to = self.explainer.preprocessing();
        overlay::overlay(map, (&self.shown, self.size), (to.width, to.height), picture)
    }
}

fn least_common_multiple(a: usize, b: usize) -> usize {
    let (mut divisor, mut rest) = (a, b);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    a / divisor * b
}
