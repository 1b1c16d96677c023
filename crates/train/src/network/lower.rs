//! Lowering of layers to trainable operations.

use headstart_kernels::{Clamp, Function};
use headstart_model::{
    Activation, Layer, LayerId, LayerKind, Margins, Network, Shape, Weights, Window,
};

use super::BatchNorm;
use super::layout::Layout;
use super::parameters::{Folded, Norm, Parameters};
use super::program::{Op, OpKind, Program, ValueId};
use crate::TrainError;
use crate::layers::DepthwiseConv2D;
use crate::layers::max_pooling2d::Pooling;

/// The last layer on whose output alone everything trainable depends; 0 is the picture.
///
/// # Errors
/// [`TrainError::NothingTrainable`].
pub(crate) fn boundary(network: &Network) -> Result<LayerId, TrainError> {
    let layers = network.layers();
    let first = network.first_trainable().ok_or(TrainError::NothingTrainable)?;
    // The earliest input of the first trainable layer and those after it.
    let mut earliest = first;
    for layer in &layers[first..] {
        earliest = layer.inputs.iter().copied().fold(earliest, usize::min);
    }
    loop {
        // If layers in between read earlier ones, the boundary moves there.
        let reads = layers[earliest + 1..].iter().flat_map(|layer| &layer.inputs);
        let before = reads.copied().fold(earliest, usize::min);
        if before == earliest {
            return Ok(earliest);
        }
        earliest = before;
    }
}

/// Lowers the layers after `boundary`, with the mean over the last one's positions as features.
///
/// # Errors
/// [`TrainError::Untrainable`] for a layer that no base has.
pub(crate) fn lower(
    network: &Network,
    weights: &Weights,
    (boundary, bn): (LayerId, BatchNorm),
    lanes: usize,
) -> Result<Program, TrainError> {
    let layers = network.layers();
    let mut readers = vec![0; layers.len()];
    for layer in &layers[boundary + 1..] {
        layer.inputs.iter().for_each(|&input| readers[input] += 1);
    }
    // The caller reads the last one.
    readers[layers.len() - 1] += 1;
    let mut lowering = Lowering {
        network,
        weights,
        bn,
        lanes,
        readers,
        ops: Vec::new(),
        values: vec![Layout::dense(layers[boundary].output)],
        of_layer: vec![None; layers.len()],
        parameters: Parameters::default(),
    };
    lowering.of_layer[boundary] = Some((0, Margins::default()));
    for (id, layer) in layers.iter().enumerate().skip(boundary + 1) {
        lowering.layer(id, layer)?;
    }
    let last = lowering.plain(layers.len() - 1);
    if let Shape::Map { channels, .. } = network.output() {
        lowering.push("global average pooling", OpKind::Pool, last, Shape::Vector(channels));
    }
    let Lowering { ops, values, parameters, .. } = lowering;
    let mut gradients: Vec<Layout> = values.iter().map(Layout::unpadded).collect();
    for (index, op) in ops.iter().enumerate() {
        if let OpKind::Depthwise { side, stride, .. } = op.kind {
            let (x, y) = (&values[op.input], &values[index + 1]);
            gradients[index + 1] = DepthwiseConv2D::gradient_layout((side, stride), x, y, lanes);
        }
    }
    Ok(Program { ops, values, gradients, parameters })
}

struct Lowering<'a> {
    network: &'a Network,
    weights: &'a Weights,
    bn: BatchNorm,
    lanes: usize,
    readers: Vec<usize>,
    ops: Vec<Op>,
    values: Vec<Layout>,
    /// The lowered form of each layer: a value, and zeros around it that are not materialised.
    of_layer: Vec<Option<(ValueId, Margins)>>,
    parameters: Parameters,
}

impl Lowering<'_> {
    fn layer(&mut self, id: LayerId, layer: &Layer) -> Result<(), TrainError> {
        let value = match layer.kind {
            LayerKind::ZeroPadding2D(margins) => {
                let value = self.plain(layer.inputs[0]);
                self.of_layer[id] = Some((value, margins));
                return Ok(());
            }
            // Stochastic depth is never applied: a base in fine-tuning is in inference mode, except for
            // BatchNormalization if requested.
            LayerKind::Dropout { .. } | LayerKind::Flatten | LayerKind::Reshape(_) => {
                let value = self.plain(layer.inputs[0]);
                self.readers[id] += self.readers[layer.inputs[0]] - 1;
                value
            }
            LayerKind::Conv2D { filters, window, groups, activation, .. } => {
                let weights = self.kernel(id, filters);
                let (side, stride) = (window.kernel, window.stride);
                let kind = match groups {
                    1 => OpKind::Conv { side, stride, weights },
                    _ => OpKind::Grouped { side, stride, groups, weights },
                };
                let input = self.windowed(layer, window, 1, kind.is_pointwise());
                let value = self.push(&layer.name, kind, input, layer.output);
                self.activated(layer, value, activation)?
            }
            LayerKind::DepthwiseConv2D { window, .. } => {
                let weights = self.kernel(id, layer.output.channels());
                let input = self.windowed(layer, window, self.lanes, false);
                let (side, stride) = (window.kernel, window.stride);
                let kind = OpKind::Depthwise { side, stride, weights };
                self.push(&layer.name, kind, input, layer.output)
            }
            LayerKind::LayerScale => {
                let weights = self.kernel(id, layer.output.channels());
                let input = self.plain(layer.inputs[0]);
                self.push(&layer.name, OpKind::Affine { weights }, input, layer.output)
            }
            LayerKind::LayerNormalization { epsilon } => {
                let weights = self.kernel(id, layer.output.channels());
                let input = self.plain(layer.inputs[0]);
                self.push(&layer.name, OpKind::LayerNorm { weights, epsilon }, input, layer.output)
            }
            LayerKind::MaxPooling2D(window) => {
                let input = self.plain(layer.inputs[0]);
                let (height, width) = self.network.layers()[layer.inputs[0]].output.spatial();
                let margins =
                    window.margins(height, width).expect("shapes were checked when built");
                let before = (margins.top, margins.left);
                let pooling = Pooling { side: window.kernel, stride: window.stride, before };
                self.push(&layer.name, OpKind::MaxPool(pooling), input, layer.output)
            }
            LayerKind::Activation(activation) => {
                let input = self.plain(layer.inputs[0]);
                self.activated(layer, input, activation)?
            }
            LayerKind::Multiply | LayerKind::Concatenate => {
                let [a, b] = layer.inputs[..] else { unreachable!("it has two inputs") };
                let (input, second) = (self.plain(a), self.plain(b));
                let kind = match layer.kind {
                    LayerKind::Multiply => OpKind::Multiply,
                    _ => OpKind::Concatenate,
                };
                let value = self.push(&layer.name, kind, input, layer.output);
                self.ops[value - 1].second = Some(second);
                value
            }
            LayerKind::BatchNormalization { epsilon, momentum } => {
                let first = self.parameters.add(self.network, self.weights, id);
                self.normalize(layer, Norm::new(first, epsilon, momentum))
            }
            LayerKind::ReLU { max_value } => {
                let value = self.own(layer, |op| op.clamp == Clamp::NONE);
                self.ops[value - 1].clamp =
                    Clamp { min: 0.0, max: max_value.unwrap_or(f32::INFINITY) };
                value
            }
            LayerKind::Add => self.add(layer),
            LayerKind::GlobalAveragePooling2D { .. } => {
                let input = self.plain(layer.inputs[0]);
                self.push(&layer.name, OpKind::Pool, input, layer.output)
            }
            LayerKind::Input
            | LayerKind::Rescaling { .. }
            | LayerKind::Normalization
            | LayerKind::Dense { .. } => return Err(untrainable(layer)),
        };
        self.of_layer[id] = Some((value, Margins::default()));
        Ok(())
    }

    fn kernel(&mut self, layer: LayerId, channels: usize) -> Folded {
        let kernel = self.parameters.add(self.network, self.weights, layer);
        Folded::of_layer(&self.parameters, kernel, channels)
    }

    /// Returns the value after an activation.
    fn activated(
        &mut self,
        layer: &Layer,
        value: ValueId,
        activation: Activation,
    ) -> Result<ValueId, TrainError> {
        let function = match activation {
            Activation::Linear => return Ok(value),
            Activation::Softmax => return Err(untrainable(layer)),
            Activation::Sigmoid => Function::Sigmoid,
            Activation::HardSigmoid => Function::HardSigmoid,
            Activation::Silu => Function::Silu,
            Activation::HardSilu => Function::HardSilu,
            Activation::Gelu => Function::Gelu,
        };
        Ok(self.push(&layer.name, OpKind::Activate(function), value, layer.output))
    }

    fn push(&mut self, name: &str, kind: OpKind, input: ValueId, shape: Shape) -> ValueId {
        let name = name.to_owned();
        let (second, residual) = (None, None);
        self.ops.push(Op { name, kind, input, second, residual, clamp: Clamp::NONE });
        self.values.push(Layout::dense(shape));
        self.ops.len()
    }

    /// Adds a copy of a value that may be changed or have another layout.
    fn copy(&mut self, name: &str, value: ValueId) -> ValueId {
        let Layout { height, width, channels, .. } = self.values[value];
        let weights = Folded::identity(channels);
        let shape = Shape::Map { height, width, channels };
        self.push(name, OpKind::Affine { weights }, value, shape)
    }

    /// A layer's output without zeros around it.
    fn plain(&mut self, layer: LayerId) -> ValueId {
        let (value, margins) = self.of_layer[layer].expect("layers are in topological order");
        let layer = &self.network.layers()[layer];
        if margins != Margins::default() {
            return self.push(&layer.name, OpKind::Pad(margins), value, layer.output);
        }
        if self.values[value].is_dense() { value } else { self.copy(&layer.name, value) }
    }

    /// The input of a convolution: a value with the zeros of its padding, in pixels of whole vectors of `lanes`.
    fn windowed(&mut self, layer: &Layer, window: Window, lanes: usize, plain: bool) -> ValueId {
        let input = layer.inputs[0];
        let (value, outer) = self.of_layer[input].expect("layers are in topological order");
        let (height, width) = self.network.layers()[input].output.spatial();
        let inner = window.margins(height, width).expect("shapes were checked when built");
        let margins = Margins {
            top: inner.top + outer.top,
            bottom: inner.bottom + outer.bottom,
            left: inner.left + outer.left,
            right: inner.right + outer.right,
        };
        let dense = self.values[value];
        let pixel = dense.channels.next_multiple_of(lanes);
        let layout = Layout { margins, pixel, ..dense };
        if (plain && margins == Margins::default() && dense.is_dense()) || dense == layout {
            return value;
        }
        let producer = value.checked_sub(1).map(|op| &self.ops[op]);
        let alone = self.only_reader(input, value);
        let changeable = dense.is_dense() && producer.is_none_or(|op| op.residual.is_none());
        let value = if alone && changeable { value } else { self.copy(&layer.name, value) };
        self.values[value] = layout;
        value
    }

    /// Whether only one layer reads a value, which is the output of `layer` or of the one it pads.
    fn only_reader(&self, layer: LayerId, value: ValueId) -> bool {
        let of = |id: &LayerId| self.of_layer[*id].is_some_and(|(of, _)| of == value);
        let padded = self.network.layers()[layer].inputs.first().filter(|id| of(id));
        let is_padding = matches!(self.network.layers()[layer].kind, LayerKind::ZeroPadding2D(_));
        self.readers[layer] == 1
            && (!is_padding || padded.is_some_and(|&padded| self.readers[padded] == 1))
    }

    /// The operation behind a layer's input if only this layer reads it and it may be changed, otherwise a new one that
    /// copies it.
    fn own(&mut self, layer: &Layer, changeable: impl Fn(&Op) -> bool) -> ValueId {
        let input = layer.inputs[0];
        let value = self.plain(input);
        let op = value.checked_sub(1).map(|op| &self.ops[op]);
        let fusible = op.is_some_and(|op| op.kind.clamps() && changeable(op));
        if fusible && self.readers[input] == 1 { value } else { self.copy(&layer.name, value) }
    }

    fn normalize(&mut self, layer: &Layer, norm: Norm) -> ValueId {
        if self.bn == BatchNorm::Train && norm.trains(&self.parameters) {
            let input = self.plain(layer.inputs[0]);
            return self.push(&layer.name, OpKind::BatchNorm(norm), input, layer.output);
        }
        let foldable =
            |op: &Op| op.clamp == Clamp::NONE && op.residual.is_none() && op.kind.folds();
        let value = self.own(layer, foldable);
        let folded = self.ops[value - 1].kind.folded_mut().expect("it is foldable");
        folded.norm = Some(norm);
        value
    }

    /// The later operand takes the earlier one as its residual.
    fn add(&mut self, layer: &Layer) -> ValueId {
        let [a, b] = layer.inputs[..] else { unreachable!("Add has two inputs") };
        let (of_a, of_b) = (self.plain(a), self.plain(b));
        let (host, host_layer, residual) =
            if of_a > of_b { (of_a, a, of_b) } else { (of_b, b, of_a) };
        let takes = host.checked_sub(1).map(|op| &self.ops[op]).is_some_and(|op| {
            let sums = matches!(
                op.kind,
                OpKind::Conv { .. } | OpKind::Affine { .. } | OpKind::BatchNorm(_)
            );
            sums && op.clamp == Clamp::NONE && op.residual.is_none()
        });
        let host = if takes && self.readers[host_layer] == 1 {
            host
        } else {
            self.copy(&layer.name, host)
        };
        self.ops[host - 1].residual = Some(residual);
        host
    }
}

fn untrainable(layer: &Layer) -> TrainError {
    TrainError::Untrainable { layer: layer.name.clone(), class: layer.kind.class_name() }
}
