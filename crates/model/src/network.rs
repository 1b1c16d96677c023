//! A network: its layers in order, and which of them are trainable.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::layer::{Layer, LayerId, LayerKind, Modules, Place};
use crate::shape::{Shape, Window};
use crate::{ModelError, Preprocessing};

/// A network as a description: layers in topological order, without weight values.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Keras's name: `mobilenetv2_1.00_160`.
    name: String,
    /// The id of the architecture it was built from.
    architecture: &'static str,
    width: f32,
    layers: Vec<Layer>,
    preprocessing: Preprocessing,
}

impl Network {
    /// Keras's name of the network.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the architecture it was built from: `mobilenetv2`.
    pub fn architecture(&self) -> &'static str {
        self.architecture
    }

    /// Multiplier of the architecture's channel counts.
    pub fn width(&self) -> f32 {
        self.width
    }

    pub(crate) fn set_architecture(&mut self, id: &'static str, width: f32) {
        self.architecture = id;
        self.width = width;
    }

    /// All layers, each after its inputs.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The preprocessing of a picture before the first layer.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// Replaces the architecture's preprocessing, for weights that were trained with a different one.
    ///
    /// # Panics
    /// When the new preprocessing produces pictures of another size than the network was built for.
    pub fn set_preprocessing(&mut self, preprocessing: Preprocessing) {
        let size = (preprocessing.height, preprocessing.width);
        assert_eq!(size, (self.preprocessing.height, self.preprocessing.width), "another size");
        self.preprocessing = preprocessing;
    }

    /// Replaces the map from channel values to network input, for weights that were trained with a different scaling.
    pub fn set_scaling(&mut self, scaling: crate::Scaling) {
        self.preprocessing.scaling = scaling;
    }

    /// Shape of the last layer's output.
    pub fn output(&self) -> Shape {
        self.layers.last().expect("a network has an input layer").output
    }

    /// Returns the index of the layer called `name`.
    ///
    /// # Errors
    /// [`ModelError::NoSuchLayer`], which lists similar names.
    pub fn find(&self, name: &str) -> Result<LayerId, ModelError> {
        self.layers.iter().position(|layer| layer.name == name).ok_or_else(|| {
            ModelError::NoSuchLayer {
                name: name.to_owned(),
                network: self.name.clone(),
                near: nearest(name, self.layers.iter().map(|layer| layer.name.as_str())),
            }
        })
    }

    /// Returns the layer called `name`, to freeze or unfreeze it.
    ///
    /// # Errors
    /// As for [`Network::find`].
    pub fn layer_mut(&mut self, name: &str) -> Result<&mut Layer, ModelError> {
        let index = self.find(name)?;
        Ok(&mut self.layers[index])
    }

    /// Freezes or unfreezes every layer.
    pub fn set_trainable(&mut self, trainable: bool) {
        for layer in &mut self.layers {
            layer.set_trainable(trainable);
        }
    }

    /// The first layer currently trained by gradient.
    pub fn first_trainable(&self) -> Option<LayerId> {
        self.layers.iter().position(|layer| layer.trainable_params() > 0)
    }

    /// Freezes all layers, some or none.
    ///
    /// # Errors
    /// When `trainable` names a layer, or an index, that the network does not have.
    pub fn apply(&mut self, trainable: &Trainable) -> Result<(), ModelError> {
        let first = match trainable {
            Trainable::None => self.layers.len(),
            Trainable::All => 0,
            Trainable::FromIndex(index) if *index < self.layers.len() => *index,
            Trainable::FromIndex(index) => {
                return Err(ModelError::NoSuchIndex {
                    index: *index,
                    network: self.name.clone(),
                    layers: self.layers.len(),
                });
            }
            Trainable::FromLayer(name) => self.find(name)?,
        };
        for (index, layer) in self.layers.iter_mut().enumerate() {
            layer.set_trainable(index >= first);
        }
        Ok(())
    }

    /// The weights of all layers as `(layer, weight)`, in Keras's order.
    pub fn weight_specs(&self) -> impl Iterator<Item = (&Layer, &crate::WeightSpec)> {
        self.layers.iter().flat_map(|layer| layer.weights.iter().map(move |spec| (layer, spec)))
    }

    /// Number of values in all weights.
    pub fn total_params(&self) -> usize {
        self.layers.iter().map(Layer::params).sum()
    }

    /// Number of values currently trained by gradient.
    pub fn trainable_params(&self) -> usize {
        self.layers.iter().map(Layer::trainable_params).sum()
    }
}

/// Which layers of a network are trainable: `none`, `all`, `from:100` or `from:block_13_expand`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Trainable {
    /// Every layer is frozen.
    None,
    /// No layer is frozen.
    All,
    /// Layers before this index are frozen, as in Keras's `for layer in base.layers[:100]`.
    FromIndex(LayerId),
    /// Layers before the one of this name are frozen.
    FromLayer(String),
}

impl fmt::Display for Trainable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::All => f.write_str("all"),
            Self::FromIndex(index) => write!(f, "from:{index}"),
            Self::FromLayer(name) => write!(f, "from:{name}"),
        }
    }
}

impl From<Trainable> for String {
    fn from(trainable: Trainable) -> Self {
        trainable.to_string()
    }
}

impl TryFrom<String> for Trainable {
    type Error = ModelError;

    fn try_from(text: String) -> Result<Self, ModelError> {
        text.parse()
    }
}

impl FromStr for Trainable {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        match (text, text.strip_prefix("from:")) {
            ("none", _) => Ok(Self::None),
            ("all", _) => Ok(Self::All),
            (_, Some(layer)) if !layer.is_empty() => Ok(layer
                .parse()
                .map_or_else(|_| Self::FromLayer(layer.to_owned()), Self::FromIndex)),
            _ => Err(ModelError::BadTrainable(text.to_owned())),
        }
    }
}

/// Up to three of `names` that resemble `wanted`, the most similar first.
pub fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut scored: Vec<_> = names
        .map(|name| (strsim::jaro_winkler(&wanted.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(score, _)| *score > 0.75)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// Builds a network layer by layer, inferring shapes.
pub(crate) struct NetworkBuilder {
    network: Network,
    place: Place,
}

impl NetworkBuilder {
    /// Starts with the input layer, for RGB pictures of the size that `preprocessing` produces.
    pub(crate) fn new(name: String, preprocessing: Preprocessing) -> Self {
        let output =
            Shape::Map { height: preprocessing.height, width: preprocessing.width, channels: 3 };
        let input = Layer {
            name: "input_1".to_owned(),
            kind: LayerKind::Input,
            inputs: Vec::new(),
            output,
            weights: Vec::new(),
            trainable: true,
            place: Place::Stem,
            modules: Modules::default(),
        };
        let network =
            Network { name, architecture: "", width: 1.0, layers: vec![input], preprocessing };
        Self { network, place: Place::Stem }
    }

    /// Sets the place of the layers added next.
    pub(crate) fn at(&mut self, place: Place) {
        self.place = place;
    }

    /// The last layer added.
    pub(crate) fn last(&self) -> LayerId {
        self.network.layers.len() - 1
    }

    /// Output shape of the last layer added.
    pub(crate) fn output(&self) -> Shape {
        self.network.output()
    }

    /// Adds a layer that reads the last one.
    ///
    /// # Errors
    /// [`ModelError::InputTooSmall`] when a window does not fit.
    pub(crate) fn add(
        &mut self,
        name: impl Into<String>,
        kind: LayerKind,
    ) -> Result<LayerId, ModelError> {
        let inputs = vec![self.last()];
        self.push(name.into(), kind, inputs)
    }

    /// Adds a layer that reads `input` instead of the last layer.
    pub(crate) fn add_reading(
        &mut self,
        name: impl Into<String>,
        kind: LayerKind,
        input: LayerId,
    ) -> Result<LayerId, ModelError> {
        self.push(name.into(), kind, vec![input])
    }

    /// Adds the sum of two layers.
    pub(crate) fn add_residual(
        &mut self,
        name: impl Into<String>,
        a: LayerId,
        b: LayerId,
    ) -> Result<LayerId, ModelError> {
        debug_assert_eq!(self.network.layers[a].output, self.network.layers[b].output);
        self.push(name.into(), LayerKind::Add, vec![a, b])
    }

    /// Adds the product of a map and one value per channel.
    pub(crate) fn add_product(
        &mut self,
        name: impl Into<String>,
        map: LayerId,
        gate: LayerId,
    ) -> Result<LayerId, ModelError> {
        let [map_shape, gate_shape] = [map, gate].map(|id| self.network.layers[id].output);
        debug_assert_eq!(map_shape.channels(), gate_shape.len());
        self.push(name.into(), LayerKind::Multiply, vec![map, gate])
    }

    /// Adds the concatenation of the channels of two layers.
    pub(crate) fn concatenate(
        &mut self,
        name: impl Into<String>,
        a: LayerId,
        b: LayerId,
    ) -> Result<LayerId, ModelError> {
        let [a_shape, b_shape] = [a, b].map(|id| self.network.layers[id].output);
        debug_assert_eq!(a_shape.spatial(), b_shape.spatial());
        self.push(name.into(), LayerKind::Concatenate, vec![a, b])
    }

    /// Records the PyTorch modules of the last layer added.
    pub(crate) fn module(&mut self, torchvision: Option<&str>, timm: Option<&str>) {
        let layer = self.network.layers.last_mut().expect("a network has an input layer");
        layer.modules =
            Modules { torchvision: torchvision.map(str::to_owned), timm: timm.map(str::to_owned) };
    }

    fn push(
        &mut self,
        name: String,
        kind: LayerKind,
        inputs: Vec<LayerId>,
    ) -> Result<LayerId, ModelError> {
        let input = self.network.layers[inputs[0]].output;
        let mut output = output_shape(&kind, input).ok_or_else(|| ModelError::InputTooSmall {
            network: self.network.name.clone(),
            layer: name.clone(),
        })?;
        if let (LayerKind::Concatenate, Shape::Map { channels, .. }) = (&kind, &mut output) {
            *channels =
                inputs.iter().map(|&input| self.network.layers[input].output.channels()).sum();
        }
        let weights = kind.weight_specs(input.channels());
        let place = self.place;
        self.network.layers.push(Layer {
            name,
            kind,
            inputs,
            output,
            weights,
            trainable: true,
            place,
            modules: Modules::default(),
        });
        Ok(self.last())
    }

    pub(crate) fn finish(self) -> Network {
        self.network
    }
}

fn output_shape(kind: &LayerKind, input: Shape) -> Option<Shape> {
    let (height, width) = input.spatial();
    let slide = |window: Window, channels| {
        let (height, ..) = window.along(height)?;
        let (width, ..) = window.along(width)?;
        Some(Shape::Map { height, width, channels })
    };
    match *kind {
        LayerKind::ZeroPadding2D(m) => Some(Shape::Map {
            height: height + m.top + m.bottom,
            width: width + m.left + m.right,
            channels: input.channels(),
        }),
        LayerKind::Conv2D { filters, window, .. } => slide(window, filters),
        LayerKind::DepthwiseConv2D { window, .. } | LayerKind::MaxPooling2D(window) => {
            slide(window, input.channels())
        }
        LayerKind::GlobalAveragePooling2D { keepdims: false } => {
            Some(Shape::Vector(input.channels()))
        }
        LayerKind::GlobalAveragePooling2D { keepdims: true } => {
            Some(Shape::Map { height: 1, width: 1, channels: input.channels() })
        }
        LayerKind::Flatten => Some(Shape::Vector(input.len())),
        LayerKind::Reshape(shape) => Some(shape),
        LayerKind::Dense { units, .. } => Some(Shape::Vector(units)),
        LayerKind::Input
        | LayerKind::Rescaling { .. }
        | LayerKind::Normalization
        | LayerKind::BatchNormalization { .. }
        | LayerKind::ReLU { .. }
        | LayerKind::Activation(_)
        | LayerKind::LayerNormalization { .. }
        | LayerKind::LayerScale
        | LayerKind::Add
        | LayerKind::Multiply
        | LayerKind::Concatenate
        | LayerKind::Dropout { .. } => Some(input),
    }
}
