//! Operations computed together, a band of rows at a time: the output of one for a band is still in L2 when the next
//! reads it.

use std::ops::Range;

use super::TrainableNetwork;
use super::pass::Pass;
use super::program::{OpKind, Program, ValueId};

/// The ranges of rows that an operation reads and writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) input: Range<usize>,
    pub(crate) output: Range<usize>,
}

impl Rows {
    /// The same rows of both.
    fn same(rows: Range<usize>) -> Self {
        Self { input: rows.clone(), output: rows }
    }
}

/// Consecutive operations: a single one, or a depthwise convolution with the pointwise ones before and after it.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) ops: Range<usize>,
    bands: Option<Bands>,
}

impl Chain {
    /// The value between the first convolution and the depthwise one, of whose gradient only a band is stored at a
    /// time, and the number of rows of that band.
    pub(crate) fn passing(&self) -> Option<(ValueId, usize)> {
        let bands = self.bands.as_ref()?;
        let first = self.ops.start < bands.depthwise;
        first.then_some((bands.depthwise, bands.band.min(bands.inputs)))
    }
}

/// The division of a chain into bands.
#[derive(Clone, Debug)]
struct Bands {
    /// The depthwise convolution, the side and stride of its window, and the zeros above its input.
    depthwise: usize,
    side: usize,
    stride: usize,
    top: usize,
    /// Rows of its input and of its output.
    inputs: usize,
    outputs: usize,
    /// Input rows per band.
    band: usize,
}

/// Bytes per band: the results of all operations on it stay in L2.
pub(super) const BAND: usize = 128 << 10;

/// Divides all operations into chains, with bands of `bytes` of the depthwise convolution's input; those from
/// `together` on are not combined.
pub(super) fn chains(program: &Program, together: usize, bytes: usize) -> Vec<Chain> {
    let ops = &program.ops;
    let reads =
        |value: usize| ops.iter().flat_map(|op| op.reads()).filter(|&read| read == value).count();
    let follows = |op: usize| op < together && ops[op].input == op && reads(op) == 1;
    let mut chains: Vec<Chain> = Vec::new();
    let mut next = 0;
    while next < ops.len() {
        let pointwise = ops[next].kind.is_pointwise();
        let depthwise =
            if pointwise && next + 1 < ops.len() && follows(next + 1) { next + 1 } else { next };
        let OpKind::Depthwise { side, stride, .. } = ops[depthwise].kind else {
            chains.push(Chain { ops: next..next + 1, bands: None });
            next += 1;
            continue;
        };
        let after = depthwise + 1;
        let takes = after < ops.len() && ops[after].kind.is_pointwise() && follows(after);
        let end = if takes { after + 1 } else { after };
        let (x, y) = (&program.values[ops[depthwise].input], &program.values[depthwise + 1]);
        let bands = Bands {
            depthwise,
            side,
            stride,
            top: x.margins.top,
            inputs: x.height,
            outputs: y.height,
            band: (bytes / (x.row() * size_of::<f32>())).next_multiple_of(stride).max(stride),
        };
        chains.push(Chain { ops: next..end, bands: (end - next > 1).then_some(bands) });
        next = end;
    }
    chains
}

impl Bands {
    /// The input rows that outputs up to `outputs` depend on.
    fn inputs_under(&self, outputs: usize) -> usize {
        let end = ((outputs - 1) * self.stride + self.side).saturating_sub(self.top);
        if outputs == self.outputs { self.inputs } else { end.min(self.inputs) }
    }

    /// The output rows that depend on inputs up to `inputs`.
    fn outputs_over(&self, inputs: usize) -> usize {
        let end = (inputs - 1 + self.top) / self.stride + 1;
        if inputs == self.inputs { self.outputs } else { end.min(self.outputs) }
    }

    /// Bands of the input or the output, of `size` rows.
    fn of(size: usize, band: usize) -> impl Iterator<Item = Range<usize>> {
        (0..size).step_by(band).map(move |first| first..(first + band).min(size))
    }
}

impl TrainableNetwork {
    /// Computes the operations of a chain.
    pub(super) fn forward_chain(pass: &mut Pass<'_>, chain: &Chain) {
        let Some(bands) = &chain.bands else {
            return pass.forward(chain.ops.start, None);
        };
        let mut done = 0;
        for rows in Bands::of(bands.outputs, (bands.band / bands.stride).max(1)) {
            let inputs = done..bands.inputs_under(rows.end).max(done);
            done = inputs.end;
            for op in chain.ops.clone() {
                let own = if op < bands.depthwise { &inputs } else { &rows };
                if !own.is_empty() {
                    pass.forward(op, Some(own.clone()));
                }
            }
        }
    }

    /// Runs the backward pass of a chain, including weight gradients.
    pub(super) fn backward_chain(
        &self,
        pass: &mut Pass<'_>,
        gradients: &mut [f32],
        chain: &Chain,
        add: bool,
    ) {
        let Some(bands) = &chain.bands else {
            let weights = self.weights(chain.ops.start, gradients, add);
            return pass.backward(chain.ops.start, weights, None, None);
        };
        let mut done = 0;
        for input in Bands::of(bands.inputs, bands.band) {
            let output = done..bands.outputs_over(input.end).max(done);
            done = output.end;
            for op in chain.ops.clone().rev().filter(|&op| self.plan[op].runs) {
                let own = match op.cmp(&bands.depthwise) {
                    std::cmp::Ordering::Less => Rows::same(input.clone()),
                    std::cmp::Ordering::Equal => {
                        Rows { input: input.clone(), output: output.clone() }
                    }
                    std::cmp::Ordering::Greater => Rows::same(output.clone()),
                };
                if own.input.is_empty() {
                    continue;
                }
                let weights = self.weights(op, gradients, add || own.output.start > 0);
                pass.backward(op, weights, None, Some(&own));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use headstart_kernels::Isa;
    use headstart_model::architectures::{Architecture, NetworkConfig};
    use headstart_model::{Tensor, Trainable, Weights, weight_name};

    use super::super::{BatchNorm, TrainableNetwork};

    /// Features and gradients of two pictures, with bands of `bytes`, and the number of chains of the network.
    fn step(name: &str, bytes: usize) -> (Vec<f32>, Vec<Vec<f32>>, usize) {
        let config = NetworkConfig { input_size: Some((75, 90)), ..NetworkConfig::default() };
        let mut network = Architecture::find(name).unwrap().build(&config).unwrap();
        let specs = network.weight_specs();
        let tensors = specs.map(|(layer, spec)| {
            let len: usize = spec.shape.iter().product();
            let fan = (len / spec.shape.last().unwrap()).max(1) as f32;
            let value = |i: usize| match spec.name {
                "kernel" => ((i * 7919 % 1009) as f32 / 504.5 - 1.0) * (3.0 / fan).sqrt(),
                "gamma" | "moving_variance" => 1.0,
                _ => 0.1,
            };
            let values = (0..len).map(value).collect();
            (weight_name(&layer.name, spec.name), Tensor::new(spec.shape.clone(), values))
        });
        let tensors = tensors.collect();
        let weights = Weights::new(&network, tensors).unwrap();
        network.apply(&Trainable::FromIndex(0)).unwrap();
        let bn = BatchNorm::Inference;
        let mut own =
            TrainableNetwork::in_bands(&network, &weights, bn, Isa::best(), bytes).unwrap();
        let input = |picture: usize, to: &mut [f32]| {
            let value = |i: usize| ((i * (31 + picture)) % 251) as f32 / 125.0 - 1.0;
            to.iter_mut().enumerate().for_each(|(i, x)| *x = value(i));
            Ok::<(), ()>(())
        };
        let objective = |_, features: &[f32], d: &mut [f32]| {
            d.copy_from_slice(features);
            features.to_vec()
        };
        let features = own.step(2, input, objective).unwrap().concat();
        let mut inferred = vec![0.0; features.len()];
        own.infer(2, input, &mut inferred).unwrap();
        assert_eq!(features, inferred);
        let gradients = own.parameters().iter().filter_map(|p| p.gradient.clone());
        (features, gradients.collect(), own.chains.len())
    }

    #[test]
    fn the_height_of_the_bands_changes_no_bit() {
        // Windows of 3, and of 3 and 5; strides of 1 and 2; odd and even sizes.
        for name in ["mobilenetv2", "efficientnet-lite0"] {
            let (features, gradients, chains) = step(name, usize::MAX);
            assert!(gradients.iter().flatten().all(|d| d.is_finite()));
            assert!(gradients.iter().all(|d| d.iter().any(|&d| d != 0.0)), "{name}");
            for bytes in [0, 1 << 14, super::BAND] {
                let other = step(name, bytes);
                assert_eq!(other.2, chains, "{name}");
                assert!(other.0 == features && other.1 == gradients, "{name} {bytes}");
            }
        }
    }
}
