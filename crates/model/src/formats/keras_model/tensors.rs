//! The tensors of a whole Keras model's layers.

use std::collections::{BTreeMap, HashMap};

use super::graph::{Graph, Node};
use super::head::After;
use super::{Head, Refusal};
use crate::formats::naming::keras::{canonical_counter, canonical_layer, weight_names};
use crate::formats::{Checkpoint, Format};
use crate::{Network, Tensor, Weights, weight_name};

/// Finds the tensors of a node in a file.
pub(super) struct Finder<'a> {
    /// Names by class and count: `layers/dense/vars/0`.
    by_counter: HashMap<String, &'a Tensor>,
    /// The path and the tensor of each `layer/weight`.
    by_layer: HashMap<String, Vec<(String, &'a Tensor)>>,
    format: Format,
}

impl<'a> Finder<'a> {
    pub(super) fn new(checkpoint: &'a Checkpoint) -> Self {
        let mut by_counter = HashMap::new();
        let mut by_layer: HashMap<_, Vec<_>> = HashMap::new();
        for (name, tensor) in &checkpoint.tensors {
            by_counter.insert(canonical_counter(name), tensor);
            let path = canonical_layer(name);
            let mut parts = path.rsplitn(3, '/');
            if let (Some(weight), Some(layer)) = (parts.next(), parts.next()) {
                let key = weight_name(layer, weight);
                by_layer.entry(key).or_default().push((path.clone(), tensor));
            }
        }
        Self { by_counter, by_layer, format: checkpoint.format }
    }

    /// The weights of the base whose first layer is node `first`.
    pub(super) fn base(
        &self,
        graph: &Graph<'_>,
        first: usize,
        network: &Network,
    ) -> Result<Weights, Refusal> {
        let mut tensors = BTreeMap::new();
        for (index, layer) in network.layers().iter().enumerate().skip(1) {
            let node = &graph.nodes[first + index - 1];
            for (i, spec) in layer.weights.iter().enumerate() {
                let names = weight_names(&layer.kind, spec.name);
                let tensor = self.weight(node, i, &names)?;
                tensors.insert(weight_name(&layer.name, spec.name), tensor.clone());
            }
        }
        Weights::new(network, tensors).map_err(Refusal::Weights)
    }

    /// The dense layer's weights, for a base with this many features.
    pub(super) fn head(
        &self,
        graph: &Graph<'_>,
        after: &After,
        features: usize,
    ) -> Result<Head, Refusal> {
        let node = &graph.nodes[after.dense];
        let units = after.units;
        let take = |i, name, shape: Vec<usize>| {
            let tensor = self.weight(node, i, &[name])?;
            if tensor.shape != shape {
                let found = &tensor.shape;
                let about = node.about();
                return Err(Refusal::Shape(format!(
                    "the {name} of {about} is {found:?}, not {shape:?}"
                )));
            }
            tensor.check_finite(&weight_name(node.name, name)).map_err(Refusal::Weights)?;
            Ok(tensor.clone())
        };
        let kernel = take(0, "kernel", vec![features, units])?;
        let bias = match after.has_bias {
            true => take(1, "bias", vec![units])?,
            false => Tensor::new(vec![units], vec![0.0; units]),
        };
        Ok(Head { kernel, bias, activation: after.activation, dropout: after.dropout })
    }

    /// Weight `index` of a node, which a file that goes by layers calls one of `names`.
    fn weight(&self, node: &Node<'_>, index: usize, names: &[&str]) -> Result<&'a Tensor, String> {
        let missing = || format!("the file lacks the {} of {}", names[0], node.about());
        if self.format == Format::KerasZip {
            let path = format!("{}/vars/{index}", node.group);
            return self.by_counter.get(&path).copied().ok_or_else(missing);
        }
        let keys = names.iter().map(|name| weight_name(node.name, name));
        let found: Vec<_> = keys.filter_map(|key| self.by_layer.get(&key)).flatten().collect();
        match found.as_slice() {
            [] => Err(missing()),
            [(_, tensor)] => Ok(tensor),
            // Layers of one name in several models: the one below this model's.
            several => {
                let outer = node.around.first();
                let within =
                    |path: &str| outer.is_some_and(|outer| path.split('/').any(|p| p == *outer));
                let mut within = several.iter().filter(|(path, _)| within(path));
                match (within.next(), within.next()) {
                    (Some((_, tensor)), None) => Ok(tensor),
                    _ => Err(format!("the file has {} several times", node.about())),
                }
            }
        }
    }
}
