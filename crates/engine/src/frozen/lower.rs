//! From layers to fused operations.

use headstart_kernels::Clamp;
use headstart_model::{
    Activation, Layer, LayerId, LayerKind, Margins, Network, Shape, Weights, Window,
};

/// An operation and the value that it computes are known by one index.
pub type OpId = usize;

/// What a network computes of a normalised picture, in few operations: BatchNormalization is folded into
/// the convolution before it, activations and residual sums are a part of what they follow, and zeros
/// around a map of the window that reads them.
///
/// Each operation stands after those it reads; the first is the input, the last the output.
#[derive(Clone, Debug)]
pub struct Program {
    /// The operations.
    pub ops: Vec<Op>,
}

/// A fused operation.
#[derive(Clone, Debug)]
pub struct Op {
    /// The layer that it began as.
    pub name: String,
    /// What it computes.
    pub kind: OpKind,
    /// What it reads; meaningless for the input.
    pub input: OpId,
    /// What is added to its result before clamping.
    pub residual: Option<OpId>,
    /// The range of its results.
    pub clamp: Clamp,
    /// Shape of its result.
    pub shape: Shape,
}

/// What a fused operation computes.
#[derive(Clone, Debug)]
pub enum OpKind {
    /// The normalised picture.
    Input,
    /// A convolution. A dense layer is one of one position.
    Conv {
        /// `[side][side][inputs][outputs]`.
        kernel: Vec<f32>,
        /// `[outputs]`.
        bias: Vec<f32>,
        /// The window.
        sides: Sides,
    },
    /// A convolution of each channel by itself.
    Depthwise {
        /// `[side][side][channels]`.
        kernel: Vec<f32>,
        /// `[channels]`.
        bias: Vec<f32>,
        /// The window.
        sides: Sides,
    },
    /// `x * scale + bias` for each channel.
    Affine {
        /// `[channels]`.
        scale: Vec<f32>,
        /// `[channels]`.
        bias: Vec<f32>,
    },
    /// Zeros around a map.
    Pad(Margins),
    /// The mean over all positions.
    GlobalAverage,
    /// `exp(x_i) / sum_j exp(x_j)`.
    Softmax,
}

/// A square window with its padding resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides {
    /// Side of the kernel.
    pub kernel: usize,
    /// Step in both directions.
    pub stride: usize,
    /// Zeros around the input.
    pub margins: Margins,
}

impl Sides {
    /// Input rows, or columns, under `outputs` of them.
    pub(super) fn under(&self, outputs: usize) -> usize {
        (outputs - 1) * self.stride + self.kernel
    }

    /// Whether the window is a single position at each step.
    pub(super) fn is_pointwise(&self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.margins == Margins::default()
    }
}

impl Program {
    /// What a network computes, to its last layer.
    ///
    /// # Panics
    /// When `weights` are not the network's.
    pub fn new(network: &Network, weights: &Weights) -> Self {
        lower(network, weights, network.layers().len() - 1, false)
    }

    /// Whether all that reads the input is a convolution that pads, and so can normalise the
    /// picture on the way.
    pub(super) fn reads_picture(&self) -> bool {
        let last = self.ops.len() - 1;
        last > 0
            && self.ops.iter().skip(1).all(|op| {
                let pads = matches!(&op.kind, OpKind::Conv { sides, .. } if !sides.is_pointwise());
                (op.input != 0 || pads) && op.residual != Some(0)
            })
    }

    /// How many operations read each value, the caller's reading of the last one included.
    pub(super) fn consumers(&self) -> Vec<usize> {
        let mut consumers = vec![0; self.ops.len()];
        for op in self.ops.iter().skip(1) {
            consumers[op.input] += 1;
            if let Some(residual) = op.residual {
                consumers[residual] += 1;
            }
        }
        consumers[self.ops.len() - 1] += 1;
        consumers
    }
}

/// Lowers the layers that `output` needs. With `pooled`, the mean over its positions is added.
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

/// How many needed layers read each layer; the output counts as read.
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

/// What a layer has become: a value, perhaps with zeros around it that nobody has written.
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
                // Who reads this layer reads the one before, whose value must stay as it is
                // unless this is all that reads it.
                let op = self.materialize(layer.inputs[0]);
                self.readers[id] += self.readers[layer.inputs[0]] - 1;
                op
            }
            LayerKind::Conv2D { filters, window } => {
                let kernel = self.weights.get(layer, "kernel").data.clone();
                let (input, sides) = self.windowed(layer, window);
                let kind = OpKind::Conv { kernel, bias: vec![0.0; filters], sides };
                self.push(&layer.name, kind, input, layer.output)
            }
            LayerKind::DepthwiseConv2D(window) => {
                let kernel = self.weights.get(layer, "kernel").data.clone();
                let (input, sides) = self.windowed(layer, window);
                let bias = vec![0.0; layer.output.channels()];
                self.push(
                    &layer.name,
                    OpKind::Depthwise { kernel, bias, sides },
                    input,
                    layer.output,
                )
            }
            LayerKind::BatchNormalization { epsilon, .. } => {
                let (scale, bias) = self.folded(layer, epsilon);
                self.affine(layer, scale, bias)
            }
            LayerKind::ReLU { max_value } => {
                let clamp = Clamp { min: 0.0, max: max_value.unwrap_or(f32::INFINITY) };
                let op = self.own(layer, |op| op.clamp == Clamp::NONE);
                self.ops[op].clamp = clamp;
                op
            }
            LayerKind::Add => self.add(layer),
            LayerKind::GlobalAveragePooling2D => {
                let input = self.materialize(layer.inputs[0]);
                self.push(&layer.name, OpKind::GlobalAverage, input, layer.output)
            }
            LayerKind::Dense { activation, .. } => self.dense(layer, activation),
        };
        self.values[id] = Some(Value { op, margins: Margins::default() });
    }

    fn push(&mut self, name: &str, kind: OpKind, input: OpId, shape: Shape) -> OpId {
        let name = name.to_owned();
        self.ops.push(Op { name, kind, input, residual: None, clamp: Clamp::NONE, shape });
        self.ops.len() - 1
    }

    fn value(&self, layer: LayerId) -> Value {
        self.values[layer].expect("layers are in topological order")
    }

    /// The operation that computes all of a layer's output, padding included.
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

    /// What a convolution reads, with the zeros before it made part of its own padding.
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

    /// The operation behind a layer's input if only this layer reads it and it may be changed;
    /// otherwise a new one that copies it.
    fn own(&mut self, layer: &Layer, changeable: impl Fn(&Op) -> bool) -> OpId {
        let input = layer.inputs[0];
        let op = self.materialize(input);
        let fusible = matches!(
            self.ops[op].kind,
            OpKind::Conv { .. } | OpKind::Depthwise { .. } | OpKind::Affine { .. }
        );
        if fusible && self.readers[input] == 1 && changeable(&self.ops[op]) {
            return op;
        }
        self.copy(layer, op)
    }

    /// A new operation with the same result as `op`, for `layer` to change.
    fn copy(&mut self, layer: &Layer, op: OpId) -> OpId {
        let channels = layer.output.channels();
        let copy = OpKind::Affine { scale: vec![1.0; channels], bias: vec![0.0; channels] };
        self.push(&layer.name, copy, op, layer.output)
    }

    /// BatchNormalization in inference as `x * scale + bias`, worked out in f64.
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
        let id = self.own(layer, |op| op.clamp == Clamp::NONE && op.residual.is_none());
        let (OpKind::Conv { kernel: factor, bias, .. }
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

    /// The later of both operands takes the other as its residual.
    fn add(&mut self, layer: &Layer) -> OpId {
        let [a, b] = layer.inputs[..] else { unreachable!("Add has two inputs") };
        let (op_a, op_b) = (self.materialize(a), self.materialize(b));
        let (host, host_layer, residual) =
            if op_a > op_b { (op_a, a, op_b) } else { (op_b, b, op_a) };
        let op = &mut self.ops[host];
        let takes = matches!(op.kind, OpKind::Conv { .. } | OpKind::Affine { .. })
            && op.clamp == Clamp::NONE
            && op.residual.is_none()
            && self.readers[host_layer] == 1;
        let host = if takes { host } else { self.copy(layer, host) };
        self.ops[host].residual = Some(residual);
        host
    }

    fn dense(&mut self, layer: &Layer, activation: Activation) -> OpId {
        let input = self.materialize(layer.inputs[0]);
        let sides = Sides { kernel: 1, stride: 1, margins: Margins::default() };
        let kernel = self.weights.get(layer, "kernel").data.clone();
        let bias = self.weights.get(layer, "bias").data.clone();
        let op = self.push(&layer.name, OpKind::Conv { kernel, bias, sides }, input, layer.output);
        match activation {
            Activation::Linear => op,
            Activation::Softmax => self.push("softmax", OpKind::Softmax, op, layer.output),
        }
    }
}
