//! The values of a network's weights.

use std::collections::BTreeMap;

use crate::{Layer, LayerKind, ModelError, Network};

/// A dense array of f32 in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its axes, outermost first.
    pub shape: Vec<usize>,
    /// Its values, as many as the product of the axes.
    pub data: Vec<f32>,
}

impl Tensor {
    /// Creates a tensor of this shape.
    ///
    /// # Panics
    /// When the number of values is not the product of the axes.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "shape {shape:?}");
        Self { shape, data }
    }

    /// Returns the tensor with axis `order[i]` as axis `i`.
    ///
    /// # Panics
    /// Unless `order` contains each axis once.
    pub fn permuted(&self, order: &[usize]) -> Self {
        let mut axes = order.to_vec();
        axes.sort_unstable();
        assert!(axes.into_iter().eq(0..self.shape.len()), "{order:?} of {:?}", self.shape);
        let mut strides = vec![1; order.len()];
        for axis in (1..order.len()).rev() {
            strides[axis - 1] = strides[axis] * self.shape[axis];
        }
        let shape: Vec<usize> = order.iter().map(|&axis| self.shape[axis]).collect();
        let strides: Vec<usize> = order.iter().map(|&axis| strides[axis]).collect();
        let mut data = Vec::with_capacity(self.data.len());
        gather(&self.data, &shape, &strides, 0, &mut data);
        Self { shape, data }
    }

    /// Checks that all values are finite.
    ///
    /// # Errors
    /// [`ModelError::BadValue`] for a value that is not; the error calls the tensor `name`.
    pub fn check_finite(&self, name: &str) -> Result<(), ModelError> {
        // No branch per value: every weight of every network is checked here.
        let finite = |values: &[f32]| values.iter().fold(true, |all, x| all & x.is_finite());
        if finite(&self.data) {
            return Ok(());
        }
        let found = self.data.iter().enumerate().find(|(_, x)| !x.is_finite());
        let problem = found.map_or_else(String::new, |(at, x)| format!("holds {x} at index {at}"));
        Err(ModelError::BadValue { weight: name.to_owned(), problem, file: None })
    }
}

fn gather(from: &[f32], shape: &[usize], strides: &[usize], at: usize, to: &mut Vec<f32>) {
    match (shape, strides) {
        ([n], [stride]) => to.extend((0..*n).map(|i| from[at + i * stride])),
        ([n, inner @ ..], [stride, steps @ ..]) => {
            for i in 0..*n {
                gather(from, inner, steps, at + i * stride, to);
            }
        }
        _ => to.extend(from.get(at)),
    }
}

/// The values of all weights of a network, under the names `layer/weight`.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    tensors: BTreeMap<String, Tensor>,
}

impl Weights {
    /// Creates the weights from tensors under the names `layer/weight`.
    ///
    /// # Errors
    /// [`ModelError::WeightsDoNotFit`] unless there is exactly one of the right shape for every weight of `network`,
    /// and [`ModelError::BadValue`] for a value that is not finite or a variance whose root is not a valid divisor.
    pub fn new(network: &Network, tensors: BTreeMap<String, Tensor>) -> Result<Self, ModelError> {
        let mut fit = Fitting::default();
        let mut known = 0;
        for (layer, spec) in network.weight_specs() {
            let name = weight_name(&layer.name, spec.name);
            match tensors.get(&name) {
                None => fit.missing.push(name),
                Some(tensor) => {
                    known += 1;
                    if tensor.shape != spec.shape {
                        fit.misshapen.push(Misshapen {
                            name,
                            found: tensor.shape.clone(),
                            expected: spec.shape.clone(),
                        });
                    }
                }
            }
        }
        if known < tensors.len() {
            let names: std::collections::BTreeSet<_> =
                network.weight_specs().map(|(l, s)| weight_name(&l.name, s.name)).collect();
            fit.surplus = tensors.keys().filter(|name| !names.contains(*name)).cloned().collect();
        }
        fit.check(network)?;
        for (layer, spec) in network.weight_specs() {
            let name = weight_name(&layer.name, spec.name);
            let tensor = &tensors[&name];
            tensor.check_finite(&name)?;
            if let (LayerKind::BatchNormalization { epsilon, .. }, "moving_variance") =
                (&layer.kind, spec.name)
                && let Some(at) = tensor.data.iter().position(|v| v + epsilon <= 0.0)
            {
                let problem = format!(
                    "holds {} at index {at}; a variance is not negative (epsilon is {epsilon})",
                    tensor.data[at]
                );
                return Err(ModelError::BadValue { weight: name, problem, file: None });
            }
        }
        Ok(Self { tensors })
    }

    /// Returns the weight `weight` of `layer`.
    ///
    /// # Panics
    /// When the layer is not part of the network these weights were made for.
    pub fn get(&self, layer: &Layer, weight: &str) -> &Tensor {
        &self.tensors[&weight_name(&layer.name, weight)]
    }

    /// Replaces the values of a weight.
    ///
    /// # Panics
    /// When there is no weight of this name and length.
    pub fn set(&mut self, name: &str, values: &[f32]) {
        let tensor = self.tensors.get_mut(name).unwrap_or_else(|| panic!("no weight {name}"));
        tensor.data.copy_from_slice(values);
    }

    /// The tensors by name.
    pub fn into_tensors(self) -> BTreeMap<String, Tensor> {
        self.tensors
    }

    /// All weights by name, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }
}

/// The name of a weight: `block_1_expand/kernel`.
pub fn weight_name(layer: &str, weight: &str) -> String {
    format!("{layer}/{weight}")
}

/// The differences between a set of tensors and the weights of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fitting {
    /// Weights of the network without a tensor.
    pub missing: Vec<String>,
    /// Tensors that match no weight of the network.
    pub surplus: Vec<String>,
    /// Tensors whose shape differs from the network's weight.
    pub misshapen: Vec<Misshapen>,
}

/// A tensor whose shape differs from the network's weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misshapen {
    /// The weight.
    pub name: String,
    /// Its shape in the file.
    pub found: Vec<usize>,
    /// Its shape in the network.
    pub expected: Vec<usize>,
}

impl Fitting {
    /// # Errors
    /// [`ModelError::WeightsDoNotFit`] if there is any difference.
    pub fn check(self, network: &Network) -> Result<(), ModelError> {
        if self == Self::default() {
            return Ok(());
        }
        Err(ModelError::WeightsDoNotFit {
            network: network.name().to_owned(),
            fitting: Box::new(self),
            file: None,
            looks_like: None,
        })
    }
}

/// One line with the first few of each kind.
impl std::fmt::Display for Fitting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHOWN: usize = 3;
        let mut first = true;
        let mut list = |what: &str, names: Vec<String>, total: usize| {
            if total == 0 {
                return Ok(());
            }
            let separator = if std::mem::take(&mut first) { "" } else { "; " };
            let more =
                if total > SHOWN { format!(", and {} more", total - SHOWN) } else { String::new() };
            write!(f, "{separator}{total} {what}: {}{more}", names.join(", "))
        };
        let head = |names: &[String]| names.iter().take(SHOWN).cloned().collect();
        list("missing", head(&self.missing), self.missing.len())?;
        list("surplus", head(&self.surplus), self.surplus.len())?;
        let shapes = self.misshapen.iter().take(SHOWN);
        let shapes = shapes.map(|m| format!("{} is {:?}, not {:?}", m.name, m.found, m.expected));
        list("misshapen", shapes.collect(), self.misshapen.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permuting_moves_every_value_to_its_place() {
        let tensor = Tensor::new(vec![2, 3, 1, 2], (0..12).map(|x| x as f32).collect());
        let moved = tensor.permuted(&[2, 3, 1, 0]);
        assert_eq!(moved.shape, [1, 2, 3, 2]);
        // moved[0, w, i, o] = tensor[o, i, 0, w]
        for (o, i, w) in (0..2).flat_map(|o| (0..3).flat_map(move |i| [(o, i, 0), (o, i, 1)])) {
            assert_eq!(moved.data[(w * 3 + i) * 2 + o], tensor.data[(o * 3 + i) * 2 + w]);
        }
    }
}
