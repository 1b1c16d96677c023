//! The base: a pre-trained network without its classifier.

mod joined;
mod untrained;

use std::sync::Arc;

use headstart_data::decode::Reduce;
use headstart_engine::Isa;
use headstart_engine::frozen::{Compute, FrozenConfig, Plan};
use headstart_formats as formats;
use headstart_model::architectures::{Architecture, NetworkConfig};
use headstart_model::{
    Fit, Interpolation, Layer, ModelError, Network, Preprocessing, Summary, Trainable, Weights,
    weight_name,
};
use headstart_predict::FeatureExtractor;
use headstart_train::network::{BatchNorm, TrainableNetwork};

use crate::pictures::OfBase;
use crate::{Assumption, BaseError, Bundled, Error, WeightsRecord};

/// A pre-trained network without its classifier, with its weights.
///
/// As in Keras, all layers are trainable until they are frozen.
#[derive(Clone, Debug)]
pub struct Base {
    pub(crate) network: Network,
    weights: Arc<Weights>,
    pub(crate) assumptions: Vec<Assumption>,
    pub(crate) record: Option<WeightsRecord>,
    further: Vec<Base>,
    mirrored: bool,
}

impl Base {
    /// The bundled base called `name`, such as `mobilenetv2`.
    ///
    /// # Errors
    /// [`BaseError::NotBundled`].
    pub fn bundled(name: &str) -> Result<Self, Error> {
        Self::bundled_at(name, None)
    }

    /// A bundled base for an input of this height and width in pixels, or of its own size if `None`.
    ///
    /// # Errors
    /// [`BaseError::NotBundled`], and when a side is under 32 pixels.
    pub fn bundled_at(name: &str, input_size: Option<(usize, usize)>) -> Result<Self, Error> {
        let architecture = Architecture::find(name)?;
        let bundled = Bundled::find(name).ok_or_else(|| BaseError::NotBundled {
            name: name.to_owned(),
            bundled: crate::BUNDLED.iter().map(|b| b.name).collect(),
        })?;
        let network =
            architecture.build(&NetworkConfig { input_size, ..NetworkConfig::default() })?;
        let checkpoint = formats::read_bytes(bundled.weights, name)?;
        let weights = formats::assign(checkpoint, &network)?;
        let origin = format!("bundled: {}", bundled.origin);
        let record = Some(WeightsRecord { file: None, origin, sha256: None });
        Ok(Self { record, ..Self::new(network, weights) })
    }

    /// A bundled base with the kernel `[features, classes]` and the bias of its classifier.
    pub(crate) fn bundled_with_classifier(
        bundled: &Bundled,
    ) -> Result<(Self, Vec<f32>, Vec<f32>), Error> {
        let architecture = Architecture::find(bundled.name)?;
        let top = Some(architecture.top_classes);
        let with_top = architecture.build(&NetworkConfig { top, ..NetworkConfig::default() })?;
        let checkpoint = formats::read_bytes(bundled.weights, bundled.name)?;
        let mut tensors = formats::assign(checkpoint, &with_top)?.into_tensors();
        let mut take = |weight| {
            let tensor = tensors.remove(&weight_name("predictions", weight));
            tensor.expect("every weight of the network is there").data
        };
        let (kernel, bias) = (take("kernel"), take("bias"));
        let network = architecture.build(&NetworkConfig::default())?;
        let weights = Weights::new(&network, tensors)?;
        Ok((Self::new(network, weights), kernel, bias))
    }

    pub(crate) fn new(network: Network, weights: impl Into<Arc<Weights>>) -> Self {
        Self {
            network,
            weights: weights.into(),
            assumptions: Vec::new(),
            record: None,
            further: Vec::new(),
            mirrored: false,
        }
    }

    /// The same network with other weights.
    pub(crate) fn with_weights(&self, weights: Weights) -> Self {
        Self { mirrored: self.mirrored, ..Self::new(self.network.clone(), weights) }
    }

    /// Notes for the user on choices that a weight file left open.
    pub fn assumptions(&self) -> &[Assumption] {
        &self.assumptions
    }

    /// The origin of the weights, if known.
    pub fn weights_record(&self) -> Option<&WeightsRecord> {
        self.record.as_ref()
    }

    /// The layers.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The values of all weights.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The length of the feature vector of a picture.
    pub fn features(&self) -> usize {
        self.feature_widths().sum()
    }

    /// Sets how pictures are resampled, if not as the base was trained. Classifiers trained on the base
    /// resample in the same way.
    pub fn set_interpolation(&mut self, interpolation: Interpolation) {
        for network in self.networks_mut() {
            let own = network.preprocessing().clone();
            network.set_preprocessing(Preprocessing { interpolation, ..own });
        }
    }

    /// Sets how pictures of another aspect ratio are fitted to the input, if not as the base was trained.
    /// Classifiers trained on the base do the same.
    pub fn set_fit(&mut self, fit: Fit) {
        for network in self.networks_mut() {
            let own = network.preprocessing().clone();
            network.set_preprocessing(Preprocessing { fit, ..own });
        }
    }

    /// Freezes or unfreezes every layer.
    pub fn set_trainable(&mut self, trainable: bool) {
        self.networks_mut().for_each(|network| network.set_trainable(trainable));
    }

    /// Freezes every layer before an index or a name, and unfreezes the rest.
    ///
    /// # Errors
    /// When there is no such layer.
    pub fn apply(&mut self, trainable: &Trainable) -> Result<(), ModelError> {
        self.network.apply(trainable)
    }

    /// The layer called `name`, to freeze or unfreeze it.
    ///
    /// # Errors
    /// When there is no such layer; the error suggests similar names.
    pub fn layer_mut(&mut self, name: &str) -> Result<&mut Layer, ModelError> {
        self.network.layer_mut(name)
    }

    /// The properties of the base that matter where its features are used.
    pub(crate) fn of_base(&self) -> OfBase {
        let to = self.network.preprocessing();
        OfBase { features: self.features(), side: to.height.min(to.width) }
    }

    /// Keras's table of layers, shapes and parameter counts.
    pub fn summary(&self) -> Summary<'_> {
        self.network.summary()
    }

    /// The base with some layers unfrozen, and the part of its end that is trained.
    ///
    /// # Errors
    /// When there is no such layer, or no layer after it has weights.
    pub(crate) fn trainable(
        &self,
        at: &Trainable,
        bn: BatchNorm,
        isa: Isa,
    ) -> Result<(Self, TrainableNetwork), Error> {
        self.check_one("fine-tuning")?;
        let mut base = self.clone();
        base.apply(at)?;
        let network = TrainableNetwork::new(&base.network, &base.weights, bn, isa)?;
        Ok((base, network))
    }

    /// The name of the first layer that is not frozen and has weights to train; empty if there is none.
    pub(crate) fn first_trainable(&self) -> String {
        let first = self.network.first_trainable();
        first.map_or_else(String::new, |first| self.network.layers()[first].name.clone())
    }

    /// Compiles the base to compute features: the mean of its last layer's output over all positions.
    ///
    /// Only the first of several joined bases is compiled, and mirror images are not computed.
    pub fn compile(&self, compute: Compute) -> Plan {
        let config = FrozenConfig { pooled: true, compute, ..FrozenConfig::default() };
        Plan::compile(&self.network, &self.weights, &config)
    }

    /// The extractor of features; for joined bases, that of the first.
    pub(crate) fn extractor(&self, compute: Compute) -> FeatureExtractor {
        FeatureExtractor::from(self.compile(compute)).mirrored(self.mirrored)
    }

    /// The extractors of all joined bases, in order.
    pub fn extractors(&self, compute: Compute) -> Arc<[FeatureExtractor]> {
        self.parts().map(|base| base.extractor(compute)).collect()
    }

    /// A hash of everything besides the picture that features depend on; for joined bases, that of the first.
    pub fn fingerprint(&self, compute: Compute, reduce: Reduce) -> [u8; 32] {
        let mut hash = blake3::Hasher::new_derive_key("headstart features 3");
        let mut part = |bytes: &[u8]| {
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        part(self.network.architecture().as_bytes());
        let preprocessing = serde_json::to_vec(self.network.preprocessing());
        part(&preprocessing.expect("plain numbers and names serialise"));
        part(&reduce.gap().to_le_bytes());
        if reduce.gap().is_finite() && self.network.preprocessing().may_reduce() {
            // A reduced picture may end within a pixel: exactly the covered part is resized.
            part(b"covered");
        }
        if self.mirrored {
            part(b"mirrored");
        }
        // Results of instruction sets differ in the last bit.
        part(compute.isa.name().as_bytes());
        if let Some(reduced) = compute.reduced {
            part(reduced.name().as_bytes());
        }
        self.hash_weights(&mut hash);
        *hash.finalize().as_bytes()
    }

    /// A hash of the values of all weights of all bases.
    pub(crate) fn weights_hash(&self) -> [u8; 32] {
        let mut hash = blake3::Hasher::new_derive_key("headstart 2026 weights of a base");
        for base in self.parts() {
            base.hash_weights(&mut hash);
        }
        *hash.finalize().as_bytes()
    }

    /// Hashes the name and the values of each weight, all preceded by their number of bytes.
    fn hash_weights(&self, hash: &mut blake3::Hasher) {
        // Values are converted a few at a time, without a copy of the weights.
        let mut bytes = [[0; 4]; 8192];
        for (name, tensor) in self.weights.iter() {
            hash.update(&(name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
            hash.update(&(size_of_val(&*tensor.data) as u64).to_le_bytes());
            for values in tensor.data.chunks(bytes.len()) {
                let bytes = &mut bytes[..values.len()];
                bytes.iter_mut().zip(values).for_each(|(to, x)| *to = x.to_le_bytes());
                hash.update(bytes.as_flattened());
            }
        }
    }
}
