use std::sync::Arc;

use headstart_engine::frozen::Compute;
use headstart_model::{Network, Weights};
use serde_json::value::RawValue;

use crate::{ClassifierHead, FeatureExtractor};

/// A classifier as its file has it: base, head, names of the classes, and how pictures are prepared.
#[derive(Clone, Debug)]
pub struct Model {
    /// The base, which has its preprocessing with it. All of its layers are frozen.
    pub network: Network,
    /// The base's weights.
    pub weights: Arc<Weights>,
    /// Other bases, whose features follow those of the first.
    pub further: Vec<ModelBase>,
    /// Whether features are the mean of those of a picture and of its mirror image.
    pub mirrored: bool,
    /// The head, with the names of the classes.
    pub head: ClassifierHead,
    /// How it was trained, in JSON, for whoever reads that.
    pub training: Option<Box<RawValue>>,
}

/// A base of a model that has several.
#[derive(Clone, Debug)]
pub struct ModelBase {
    /// The base, which has its preprocessing with it. All of its layers are frozen.
    pub network: Network,
    /// Its weights.
    pub weights: Arc<Weights>,
}

impl Model {
    /// All bases, in the order of their features.
    pub fn bases(&self) -> impl Iterator<Item = (&Network, &Weights)> {
        let further = self.further.iter().map(|base| (&base.network, &*base.weights));
        [(&self.network, &*self.weights)].into_iter().chain(further)
    }

    /// Compiles all bases.
    pub fn compile(&self, compute: Compute) -> Arc<[FeatureExtractor]> {
        let compile = |(network, weights)| {
            FeatureExtractor::new(network, weights, compute).mirrored(self.mirrored)
        };
        self.bases().map(compile).collect()
    }
}
