//! Finds the tensors of the layers of a whole Keras model.

use std::collections::{BTreeMap, HashMap};

use headstart_model::{LayerKind, Tensor, Weights, weight_name};

use super::base::Base;
use super::graph::{Graph, Node};
use super::head::{After, Dense};
use super::{Head, HiddenLayer, Refusal};
use crate::checkpoint::Checkpoint;
use crate::format::Format;
use crate::naming::keras::{canonical_counter, canonical_layer, weight_names};

/// Looks up the tensors of a node in a file.
pub(super) struct Finder<'a> {
    /// Tensors by class and count: `layers/dense/vars/0`.
    by_counter: HashMap<String, &'a Tensor>,
    /// The full path and the tensor, by `layer/weight`.
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

    /// The weights of a base.
    pub(super) fn base(&self, graph: &Graph<'_>, base: &Base) -> Result<Weights, Refusal> {
        let mut tensors = BTreeMap::new();
        for (layer, &node) in base.network.layers().iter().zip(&base.nodes) {
            let node = &graph.nodes[node];
            for (i, spec) in layer.weights.iter().enumerate() {
                let names = weight_names(&layer.kind, spec.name);
                let mut tensor = self.weight(node, i, &names)?.clone();
                let lacks = base.lacks.map(|layer| base.network.layers()[layer].kind);
                if let (Some(LayerKind::Rescaling { scale, .. }), LayerKind::Normalization) =
                    (lacks, layer.kind)
                    && spec.name == "variance"
                {
                    // The next layer, which the model lacks, multiplies by `scale`. A deviation
                    // `scale` times as large cancels that.
                    let each = tensor.data.iter_mut().zip(scale);
                    each.for_each(|(variance, scale)| *variance *= scale * scale);
                }
                tensors.insert(weight_name(&layer.name, spec.name), tensor);
            }
        }
        Weights::new(&base.network, tensors).map_err(Refusal::Weights)
    }

    /// The weights of the dense layers, for a base with this many features.
    pub(super) fn head(
        &self,
        graph: &Graph<'_>,
        after: After,
        features: usize,
    ) -> Result<Head, Refusal> {
        let mut inputs = features;
        let mut layers = Vec::new();
        for dense in &after.dense {
            layers.push(self.dense(graph, dense, inputs)?);
            inputs = dense.units;
        }
        let HiddenLayer { kernel, bias, dropout, .. } = layers.pop().expect("at least one");
        let After { activation, temperature, .. } = after;
        Ok(Head { hidden: layers, kernel, bias, activation, dropout, temperature })
    }

    /// A dense layer, with the normalisations before and after it (affine maps) merged into it.
    fn dense(
        &self,
        graph: &Graph<'_>,
        dense: &Dense,
        inputs: usize,
    ) -> Result<HiddenLayer, Refusal> {
        let node = &graph.nodes[dense.node];
        let units = dense.units;
        let mut kernel = self.shaped(node, 0, "kernel", vec![inputs, units])?;
        let mut bias = match dense.has_bias {
            true => self.shaped(node, 1, "bias", vec![units])?,
            false => Tensor::new(vec![units], vec![0.0; units]),
        };
        if !dense.normalised.is_empty() || !dense.normalises.is_empty() {
            let mut wide: Vec<f64> = kernel.data.iter().map(|&x| x.into()).collect();
            let mut shift: Vec<f64> = bias.data.iter().map(|&x| x.into()).collect();
            // The last normalisation of the inputs is the nearest to the layer, so it is merged
            // first.
            for &index in dense.normalised.iter().rev() {
                let map = self.normalization(&graph.nodes[index], inputs)?;
                for (row, (scale, offset)) in wide.chunks_exact_mut(units).zip(map) {
                    for (weight, shift) in row.iter_mut().zip(&mut shift) {
                        *shift += offset * *weight;
                        *weight *= scale;
                    }
                }
            }
            for &index in &dense.normalises {
                let map = self.normalization(&graph.nodes[index], units)?;
                for row in wide.chunks_exact_mut(units) {
                    row.iter_mut().zip(&map).for_each(|(weight, (scale, _))| *weight *= scale);
                }
                for (shift, (scale, offset)) in shift.iter_mut().zip(&map) {
                    *shift = *shift * scale + offset;
                }
            }
            kernel.data = wide.iter().map(|&x| x as f32).collect();
            bias.data = shift.iter().map(|&x| x as f32).collect();
        }
        for (name, tensor) in [("kernel", &kernel), ("bias", &bias)] {
            tensor.check_finite(&weight_name(node.name, name)).map_err(Refusal::Weights)?;
        }
        let Dense { activation, dropout, .. } = *dense;
        Ok(HiddenLayer { kernel, bias, activation, dropout })
    }

    /// The map `x * scale + offset` of each channel that a BatchNormalization computes in
    /// inference.
    fn normalization(&self, node: &Node<'_>, channels: usize) -> Result<Vec<(f64, f64)>, Refusal> {
        let config = node.config;
        let epsilon = config["epsilon"].as_f64().unwrap_or(1e-3);
        let mut index = 0;
        let mut take = |name: &'static str, is_there: bool, otherwise: f32| {
            if !is_there {
                return Ok(vec![otherwise; channels]);
            }
            let tensor = self.shaped(node, index, name, vec![channels])?;
            index += 1;
            Ok::<_, Refusal>(tensor.data)
        };
        let gamma = take("gamma", config["scale"] != false, 1.0)?;
        let beta = take("beta", config["center"] != false, 0.0)?;
        let (mean, variance) =
            (take("moving_mean", true, 0.0)?, take("moving_variance", true, 1.0)?);
        let both = gamma.iter().zip(&beta).zip(mean.iter().zip(&variance));
        Ok(both
            .map(|((&gamma, &beta), (&mean, &variance))| {
                let scale = f64::from(gamma) / (f64::from(variance) + epsilon).sqrt();
                (scale, f64::from(beta) - f64::from(mean) * scale)
            })
            .collect())
    }

    /// Weight `index` of a node, which must have this shape and finite values.
    fn shaped(
        &self,
        node: &Node<'_>,
        index: usize,
        name: &'static str,
        shape: Vec<usize>,
    ) -> Result<Tensor, Refusal> {
        let tensor = self.weight(node, index, &[name])?;
        if tensor.shape != shape {
            let (found, about) = (&tensor.shape, node.about());
            let reason = format!("the {name} of {about} is {found:?}, not {shape:?}");
            return Err(Refusal::Shape(reason));
        }
        tensor.check_finite(&weight_name(node.name, name)).map_err(Refusal::Weights)?;
        Ok(tensor.clone())
    }

    /// A weight with one value, or one value for each of three channels.
    pub(super) fn channels(
        &self,
        node: &Node<'_>,
        index: usize,
        name: &'static str,
    ) -> Result<[f64; 3], String> {
        let tensor = self.weight(node, index, &[name])?;
        match *tensor.data.as_slice() {
            [one] => Ok([one.into(); 3]),
            [a, b, c] => Ok([a.into(), b.into(), c.into()]),
            _ => {
                let about = node.about();
                Err(format!("the {name} of {about} is {:?}, not one of each channel", tensor.shape))
            }
        }
    }

    /// Weight `index` of a node. In a file that is organised by layer, it has one of `names`.
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
            // Several nested models have a layer of this name: take the one inside this node's
            // outermost model.
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
