use std::sync::Arc;

use headstart_engine::frozen::Compute;
use headstart_model::{Network, Weights};
use serde_json::value::RawValue;

use crate::{ClassifierHead, FeatureExtractor};

/// A classifier as stored in its file: base, head, names of the classes, and preprocessing.
#[derive(Clone, Debug)]
pub struct Model {
    /// The base, including its preprocessing. All of its layers are frozen.
    pub network: Network,
    /// The base's weights.
    pub weights: Arc<Weights>,
    /// Other bases, whose features follow those of the first.
    pub further: Vec<ModelBase>,
    /// Whether features are the mean of those of a picture and of its mirror image.
    pub mirrored: bool,
    /// The head, with the names of the classes.
    pub head: ClassifierHead,
    /// A record of its training, in JSON.
    pub training: Option<Box<RawValue>>,
}

/// A base of a model with several.
#[derive(Clone, Debug)]
pub struct ModelBase {
    /// The base, including its preprocessing. All of its layers are frozen.
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
