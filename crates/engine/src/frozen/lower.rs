//! Lowering of layers to fused operations.

use headstart_kernels::{Activation, Clamp, Function};
use headstart_model::{
    Activation as Named, Layer, LayerId, LayerKind, Margins, Network, Shape, Weights, Window,
};

use super::program::{Op, OpId, OpKind, Program, Sides};

/// Lowers the layers that `output` needs. `pooled` adds the mean over its positions.
pub(super) fn lower(
    network: &Network,
    weights: &Weights,
    output: LayerId,
    pooled: bool,
) -> Program {
    let mut lowering = Lowering {
        weights,
        layers: network.layers(),
        readers: readers(network, output),
        ops: Vec::new(),
        values: vec![None; output + 1],
    };
    for id in 0..=output {
        if lowering.readers[id] > 0 {
            lowering.layer(id);
        }
    }
    let last = lowering.materialize(output);
    if pooled {
        let channels = lowering.ops[last].shape.channels();
        let name = "global average pooling";
        lowering.push(name, OpKind::GlobalAverage, last, Shape::Vector(channels));
    }
    Program { ops: lowering.ops }
}

/// Number of needed layers that read each layer; the output counts as read.
fn readers(network: &Network, output: LayerId) -> Vec<usize> {
    let mut readers = vec![0; output + 1];
    readers[output] = 1;
    for id in (0..=output).rev() {
        if readers[id] > 0 {
            for &input in &network.layers()[id].inputs {
                readers[input] += 1;
            }
        }
    }
    readers
}

/// The lowered form of a layer: a value, perhaps surrounded by zeros that are not materialised.
#[derive(Clone, Copy)]
struct Value {
    op: OpId,
    margins: Margins,
}

struct Lowering<'a> {
    weights: &'a Weights,
    layers: &'a [Layer],
    readers: Vec<usize>,
    ops: Vec<Op>,
    values: Vec<Option<Value>>,
}

impl Lowering<'_> {
    fn layer(&mut self, id: LayerId) {
        let layer = &self.layers[id];
        let op = match layer.kind {
            LayerKind::Input => self.push(&layer.name, OpKind::Input, 0, layer.output),
            LayerKind::ZeroPadding2D(margins) => {
                let op = self.materialize(layer.inputs[0]);
                self.values[id] = Some(Value { op, margins });
                return;
            }
            LayerKind::Dropout { .. } => {
                // Readers of this layer read the one before it, whose value must not change unless this is its only
                // reader.
                let op = self.materialize(layer.inputs[0]);
                self.readers[id] += self.readers[layer.inputs[0]] - 1;
                op
            }
            LayerKind::Flatten | LayerKind::Reshape(_) => {
                let op = self.own_or_copy(layer);
                self.ops[op].shape = layer.output;
                op
            }
            LayerKind::Conv2D { window, groups, activation, .. } => {
                let kernel = self.weights.get(layer, "kernel").data.clone();
                let bias = self.bias(layer);
                let (input, sides) = self.windowed(layer, window);
                let kind = match groups {
                    1 => OpKind::Conv { kernel, bias, sides },
                    _ => OpKind::Grouped { kernel, bias, sides, groups },
                };
                let op = self.push(&layer.name, kind, input, layer.output);
                self.activated(layer, op, activation)
            }
            LayerKind::DepthwiseConv2D { window, .. } => {
                let kernel = self.weights.get(layer, "kernel").data.clone();
                let bias = self.bias(layer);
                let (input, sides) = self.windowed(layer, window);
                let kind = OpKind::Depthwise { kernel, bias, sides };
                self.push(&layer.name, kind, input, layer.output)
            }
            LayerKind::Rescaling { scale, offset } => {
                let wide = |values: [f32; 3]| values.map(f64::from).to_vec();
                self.affine(layer, wide(scale), wide(offset))
            }
            LayerKind::Normalization => {
                let get = |name| self.weights.get(layer, name).data.iter().map(|&x| f64::from(x));
                // Keras divides by at least its epsilon.
                let scale: Vec<f64> =
                    get("variance").map(|variance| 1.0 / variance.sqrt().max(1e-7)).collect();
                let offset = get("mean").zip(&scale).map(|(mean, scale)| -mean * scale).collect();
                self.affine(layer, scale, offset)
            }
            LayerKind::LayerScale => {
                let gamma = &self.weights.get(layer, "gamma").data;
                let scale: Vec<f64> = gamma.iter().map(|&x| x.into()).collect();
                let offset = vec![0.0; scale.len()];
                self.affine(layer, scale, offset)
            }
            LayerKind::LayerNormalization { epsilon } => {
                let get = |name| self.weights.get(layer, name).data.clone();
                let kind = OpKind::LayerNorm { scale: get("gamma"), bias: get("beta"), epsilon };
                let input = self.materialize(layer.inputs[0]);
                self.push(&layer.name, kind, input, layer.output)
            }
            LayerKind::MaxPooling2D(window) => {
                let input = self.materialize(layer.inputs[0]);
                let (height, width) = self.layers[layer.inputs[0]].output.spatial();
                let margins =
                    window.margins(height, width).expect("shapes were checked when built");
                let sides = Sides { kernel: window.kernel, stride: window.stride, margins };
                self.push(&layer.name, OpKind::MaxPool(sides), input, layer.output)
            }
            LayerKind::Multiply | LayerKind::Concatenate => {
                let [a, b] = layer.inputs[..] else { unreachable!("it has two inputs") };
                let (input, second) = (self.materialize(a), self.materialize(b));
                let kind = match layer.kind {
                    LayerKind::Multiply => OpKind::Gate(second),
                    _ => OpKind::Concat(second),
                };
                self.push(&layer.name, kind, input, layer.output)
            }
            LayerKind::Activation(activation) => match activation {
                Named::Linear | Named::Softmax => {
                    let op = self.materialize(layer.inputs[0]);
                    self.activated(layer, op, activation)
                }
                _ => {
                    let op = self.own(layer, |op| op.activation == Activation::NONE);
                    self.activated(layer, op, activation)
                }
            },
            LayerKind::BatchNormalization { epsilon, .. } => {
                let (scale, bias) = self.folded(layer, epsilon);
                self.affine(layer, scale, bias)
            }
            LayerKind::ReLU { max_value } => {
                let clamp = Clamp { min: 0.0, max: max_value.unwrap_or(f32::INFINITY) };
                let op = self.own(layer, |op| op.activation == Activation::NONE);
                self.ops[op].activation = clamp.into();
                op
            }
            LayerKind::Add => self.add(layer),
            LayerKind::GlobalAveragePooling2D { .. } => {
                let input = self.materialize(layer.inputs[0]);
                self.push(&layer.name, OpKind::GlobalAverage, input, layer.output)
            }
            LayerKind::Dense { activation, .. } => self.dense(layer, activation),
        };
        self.values[id] = Some(Value { op, margins: Margins::default() });
    }

    fn push(&mut self, name: &str, kind: OpKind, input: OpId, shape: Shape) -> OpId {
        let name = name.to_owned();
        let activation = Activation::NONE;
        self.ops.push(Op { name, kind, input, residual: None, activation, shape });
        self.ops.len() - 1
    }

    /// The bias of a convolution, or zeros.
    fn bias(&self, layer: &Layer) -> Vec<f32> {
        match layer.weights.iter().any(|spec| spec.name == "bias") {
            true => self.weights.get(layer, "bias").data.clone(),
            false => vec![0.0; layer.output.channels()],
        }
    }

    /// Returns an operation that applies `activation` to the result of `op`, which may be modified.
    fn activated(&mut self, layer: &Layer, op: OpId, activation: Named) -> OpId {
        let function = match activation {
            Named::Linear => return op,
            Named::Softmax => return self.push("softmax", OpKind::Softmax, op, layer.output),
            Named::Sigmoid => Function::Sigmoid,
            Named::HardSigmoid => Function::HardSigmoid,
            Named::Silu => Function::Silu,
            Named::HardSilu => Function::HardSilu,
            Named::Gelu => Function::Gelu,
        };
        self.ops[op].activation = Activation::Function(function);
        op
    }

    fn value(&self, layer: LayerId) -> Value {
        self.values[layer].expect("layers are in topological order")
    }

    /// Returns the operation that computes a layer's whole output, padding included.
    fn materialize(&mut self, layer: LayerId) -> OpId {
        let Value { op, margins } = self.value(layer);
        if margins == Margins::default() {
            return op;
        }
        let op = {
            let pad = &self.layers[layer];
            self.push(&pad.name, OpKind::Pad(margins), op, pad.output)
        };
        self.values[layer] = Some(Value { op, margins: Margins::default() });
        op
    }

    /// The input of a convolution, with zeros around it merged into the convolution's padding.
    fn windowed(&self, layer: &Layer, window: Window) -> (OpId, Sides) {
        let Value { op, margins: outer } = self.value(layer.inputs[0]);
        let (height, width) = self.layers[layer.inputs[0]].output.spatial();
        let inner = window.margins(height, width).expect("shapes were checked when built");
        let margins = Margins {
            top: inner.top + outer.top,
            bottom: inner.bottom + outer.bottom,
            left: inner.left + outer.left,
            right: inner.right + outer.right,
        };
        (op, Sides { kernel: window.kernel, stride: window.stride, margins })
    }

    /// The operation behind a layer's input if only this layer reads it and it may be changed; otherwise a new one that
    /// copies it.
    fn own(&mut self, layer: &Layer, changeable: impl Fn(&Op) -> bool) -> OpId {
        let input = layer.inputs[0];
        let op = self.materialize(input);
        let fusible = matches!(
            self.ops[op].kind,
            OpKind::Conv { .. }
                | OpKind::Grouped { .. }
                | OpKind::Depthwise { .. }
                | OpKind::Affine { .. }
        );
        if fusible && self.readers[input] == 1 && changeable(&self.ops[op]) {
            return op;
        }
        self.copy(layer, op)
    }

    /// The operation behind a layer's input if only this layer reads it, otherwise a copy, so that its result may be
    /// reshaped.
    fn own_or_copy(&mut self, layer: &Layer) -> OpId {
        let input = layer.inputs[0];
        let op = self.materialize(input);
        if self.readers[input] == 1 && op != 0 { op } else { self.copy(layer, op) }
    }

    /// Adds an operation with the same result as `op`, for `layer` to change.
    fn copy(&mut self, layer: &Layer, op: OpId) -> OpId {
        let channels = layer.output.channels();
        let copy = OpKind::Affine { scale: vec![1.0; channels], bias: vec![0.0; channels] };
        self.push(&layer.name, copy, op, layer.output)
    }

    /// BatchNormalization in inference as `x * scale + bias`, computed in f64.
    fn folded(&self, layer: &Layer, epsilon: f32) -> (Vec<f64>, Vec<f64>) {
        let get = |name| self.weights.get(layer, name).data.iter().map(|&x| f64::from(x));
        let scale: Vec<f64> = get("gamma")
            .zip(get("moving_variance"))
            .map(|(gamma, variance)| gamma / (variance + f64::from(epsilon)).sqrt())
            .collect();
        let bias = get("beta").zip(get("moving_mean")).zip(&scale);
        let bias = bias.map(|((beta, mean), scale)| beta - mean * scale).collect();
        (scale, bias)
    }

    fn affine(&mut self, layer: &Layer, scale: Vec<f64>, offset: Vec<f64>) -> OpId {
        let id = self.own(layer, |op| op.activation == Activation::NONE && op.residual.is_none());
        let (OpKind::Conv { kernel: factor, bias, .. }
        | OpKind::Grouped { kernel: factor, bias, .. }
        | OpKind::Depthwise { kernel: factor, bias, .. }
        | OpKind::Affine { scale: factor, bias }) = &mut self.ops[id].kind
        else {
            unreachable!("own returns one of these");
        };
        for row in factor.chunks_exact_mut(scale.len()) {
            for (x, scale) in row.iter_mut().zip(&scale) {
                *x = (f64::from(*x) * scale) as f32;
            }
        }
        for (x, (scale, offset)) in bias.iter_mut().zip(scale.iter().zip(&offset)) {
            *x = (f64::from(*x) * scale + offset) as f32;
        }
        id
    }

    /// The later operand takes the earlier one as its residual.
    fn add(&mut self, layer: &Layer) -> OpId {
        let [a, b] = layer.inputs[..] else { unreachable!("Add has two inputs") };
        let (op_a, op_b) = (self.materialize(a), self.materialize(b));
        let (host, host_layer, residual) =
            if op_a > op_b { (op_a, a, op_b) } else { (op_b, b, op_a) };
        let op = &mut self.ops[host];
        let takes = matches!(op.kind, OpKind::Conv { .. } | OpKind::Affine { .. })
            && op.activation == Activation::NONE
            && op.residual.is_none()
            && self.readers[host_layer] == 1;
        let host = if takes { host } else { self.copy(layer, host) };
        self.ops[host].residual = Some(residual);
        host
    }

    fn dense(&mut self, layer: &Layer, activation: Named) -> OpId {
        let input = self.materialize(layer.inputs[0]);
        let sides = Sides { kernel: 1, stride: 1, margins: Margins::default() };
        let kernel = self.weights.get(layer, "kernel").data.clone();
        let bias = self.weights.get(layer, "bias").data.clone();
        let op = self.push(&layer.name, OpKind::Conv { kernel, bias, sides }, input, layer.output);
        self.activated(layer, op, activation)
    }
}
