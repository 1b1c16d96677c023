//! Converts the operations of a network to functions and calls to them.

mod block;

use std::collections::HashMap;

use headstart_engine::frozen::{Clamp, Function, Op, OpId, OpKind, Program, Sides};
use headstart_model::{Margins, Network};

use crate::arena::Arena;
use crate::code::{Func, Module};
use crate::data::{Data, PANEL};
use crate::kernels::{Conv, F32_BYTES, Normalize, mean};
use crate::{WebError, Weights};

/// The address of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// The offset in the arena, in bytes.
    Arena(u32),
    /// The address in memory.
    Fixed(u32),
}

impl Place {
    fn plus(self, bytes: usize) -> Self {
        match self {
            Self::Arena(at) => Self::Arena(at + bytes as u32),
            Self::Fixed(at) => Self::Fixed(at + bytes as u32),
        }
    }
}

/// A call to a function, with addresses as arguments.
pub(crate) struct Call {
    pub(crate) function: Func,
    pub(crate) arguments: Vec<Place>,
}

/// The functions of a network, and the calls that classify a picture.
pub(crate) struct Plan<'a> {
    pub(crate) module: &'a mut Module,
    pub(crate) data: &'a mut Data,
    pub(crate) arena: Arena,
    pub(crate) calls: Vec<Call>,
    /// Whether multiply and add are fused.
    pub(crate) fused: bool,
    /// How the weights of the base are stored.
    weights: Weights,
    /// The address of the picture.
    picture: u32,
    network: &'a Network,
    program: &'a Program,
    /// The place of each operation's value, as long as it has readers left.
    values: Vec<Option<Place>>,
    /// How many more times each value is read.
    readers: Vec<usize>,
    /// Functions by their operation and the number of pixels that they compute.
    functions: HashMap<(OpId, usize), Func>,
    convs: HashMap<OpId, Conv>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(
        (network, program): (&'a Network, &'a Program),
        module: &'a mut Module,
        data: &'a mut Data,
        picture: u32,
        (fused, weights): (bool, Weights),
    ) -> Self {
        let mut readers = vec![0; program.ops.len()];
        for op in &program.ops {
            op.reads().for_each(|read| readers[read] += 1);
        }
        // The last value is read after the base.
        *readers.last_mut().expect("the input at least") += 1;
        let values = vec![None; readers.len()];
        let (arena, calls) = (Arena::default(), Vec::new());
        let (functions, convs) = (HashMap::new(), HashMap::new());
        Self {
            module,
            data,
            arena,
            calls,
            fused,
            weights,
            picture,
            network,
            program,
            values,
            readers,
            functions,
            convs,
        }
    }

    /// Plans the whole base, and returns the place of its last map.
    pub(crate) fn base(&mut self) -> Result<Place, WebError> {
        let program = self.program;
        let activated = |op: &&Op| op.activation.function().is_some();
        if let Some(op) = program.ops.iter().find(activated) {
            return Err(no_kernel(op.activation.function().map_or("", Function::name), op));
        }
        for (id, op) in program.ops.iter().enumerate().skip(1) {
            if self.values[id].is_some() || self.is_expansion(id) {
                continue;
            }
            match &op.kind {
                OpKind::Depthwise { sides, .. } => self.block(id, op, *sides)?,
                OpKind::Conv { .. } => self.whole(id, op)?,
                OpKind::Input => unreachable!("the first alone is the input"),
                kind => return Err(no_kernel(kind.name(), op)),
            }
        }
        Ok(self.values[program.ops.len() - 1].expect("all are computed"))
    }

    /// Plans the mean of a map over its positions, and returns its place.
    pub(crate) fn mean(&mut self, map: Place, (positions, channels): (usize, usize)) -> Place {
        let function = self.module.function(mean(positions, channels));
        let out = self.take(channels * F32_BYTES);
        self.call(function, &[map, out]);
        out
    }

    /// Plans a dense layer, and returns the place of its outputs, and its convolution. `kernel` is `[inputs][outputs]`.
    pub(crate) fn dense(&mut self, kernel: &[f32], bias: &[f32], input: Place) -> (Place, Conv) {
        let bytes = Weights::Int16.bytes(kernel.len());
        let conv = Conv::pointwise(self.data, (kernel, bias), bytes, Clamp::NONE, false);
        let function = self.module.function(conv.body(1, self.fused));
        let out = self.take(bias.len().next_multiple_of(PANEL) * F32_BYTES);
        self.call(function, &[input, out, input]);
        (out, conv)
    }

    /// Plans the dot product of the input with each row, and returns the place of the products.
    pub(crate) fn products(&mut self, rows: &[f32], inputs: usize, input: Place) -> Place {
        let count = rows.len() / inputs;
        let column = |k: usize| rows.iter().skip(k).step_by(inputs).copied();
        let kernel: Vec<f32> = (0..inputs).flat_map(column).collect();
        self.dense(&kernel, &vec![0.0; count], input).0
    }

    pub(crate) fn take(&mut self, bytes: usize) -> Place {
        Place::Arena(self.arena.take(bytes))
    }

    fn free(&mut self, place: Place) {
        if let Place::Arena(at) = place {
            self.arena.free(at);
        }
    }

    pub(crate) fn call(&mut self, function: Func, arguments: &[Place]) {
        self.calls.push(Call { function, arguments: arguments.to_vec() });
    }

    /// Whether the only reader of a convolution is a depthwise one, which then belongs to the same block.
    fn is_expansion(&self, id: OpId) -> bool {
        let ops = &self.program.ops;
        let is_conv = matches!(ops[id].kind, OpKind::Conv { .. }) && ops[id].residual.is_none();
        let mut readers = ops.iter().skip(1).filter(|op| op.input == id || op.residual == Some(id));
        let reads =
            |op: &Op| matches!(op.kind, OpKind::Depthwise { .. }) && op.residual != Some(id);
        is_conv
            && id + 1 < ops.len()
            && readers.next().is_some_and(reads)
            && readers.next().is_none()
    }

    /// The place of a value; counts as one of its reads.
    fn read(&mut self, id: OpId) -> Place {
        self.readers[id] -= 1;
        self.values[id].expect("operations are in order")
    }

    /// Frees values that have no readers left.
    fn release(&mut self, ids: &[Option<OpId>]) {
        for &id in ids.iter().flatten() {
            if self.readers[id] == 0
                && let Some(place) = self.values[id].take()
            {
                self.free(place);
            }
        }
    }

    /// Puts the weights of a pointwise convolution into memory.
    fn pack(&mut self, id: OpId, op: &'a Op) {
        let OpKind::Conv { kernel, bias, .. } = &op.kind else {
            unreachable!("it is a convolution")
        };
        let bytes = self.weights.bytes(kernel.len());
        let residual = op.residual.is_some();
        let conv = Conv::pointwise(self.data, (kernel, bias), bytes, clamp_of(op), residual);
        self.convs.insert(id, conv);
    }

    /// Puts the weights of a convolution into memory, and returns the place of its input.
    fn conv(&mut self, id: OpId, op: &'a Op) -> Result<Place, WebError> {
        let OpKind::Conv { kernel, bias, sides } = &op.kind else {
            unreachable!("it is a convolution")
        };
        if is_pointwise(sides) {
            self.pack(id, op);
            return Ok(self.read(op.input));
        }
        if op.input != 0 || self.readers[0] != 1 {
            return Err(no_kernel("a convolution of more than one position within", op));
        }
        let preprocessing = self.network.preprocessing();
        let normalize = Normalize {
            height: preprocessing.height,
            width: preprocessing.width,
            margins: sides.margins,
            scaling: preprocessing.scaling,
        };
        let channels = kernel.len() / bias.len() / (sides.kernel * sides.kernel);
        let step = sides.stride * channels * F32_BYTES;
        let window = (sides.kernel, normalize.pitch(), step);
        let residual = op.residual.is_some();
        let bytes = self.weights.bytes(kernel.len());
        let conv = Conv::new(self.data, (kernel, bias), bytes, window, clamp_of(op), residual);
        self.convs.insert(id, conv);
        let function = self.module.function(normalize.body());
        let map = self.take(normalize.bytes());
        self.call(function, &[Place::Fixed(self.picture), map]);
        self.readers[0] -= 1;
        self.values[0] = Some(map);
        Ok(map)
    }

    /// Computes rows of a convolution. `input`, `output` and `residual` are the places of the first row.
    fn conv_rows(&mut self, id: OpId, rows: usize, [input, output, residual]: [Place; 3]) {
        let (_, width) = self.program.ops[id].shape.spatial();
        let conv = self.convs[&id].clone();
        // The windows of a pointwise convolution are equally far apart across rows, so one call computes all rows.
        let calls = if conv.rows == 1 { 1 } else { rows };
        let pixels = rows * width / calls;
        let (module, fused) = (&mut *self.module, self.fused);
        let function = *(self.functions.entry((id, pixels)))
            .or_insert_with(|| module.function(conv.body(pixels, fused)));
        let out = pixels * conv.outputs * F32_BYTES;
        for call in 0..calls {
            let input = input.plus(call * self.input_rows(id, 1));
            self.call(function, &[input, output.plus(call * out), residual.plus(call * out)]);
        }
    }

    /// The distance in bytes between the inputs of two rows of a convolution that are `rows` apart.
    fn input_rows(&self, id: OpId, rows: usize) -> usize {
        let op = &self.program.ops[id];
        let OpKind::Conv { sides, .. } = &op.kind else { unreachable!("it is a convolution") };
        let conv = &self.convs[&id];
        match conv.rows {
            1 => rows * op.shape.spatial().1 * conv.step,
            _ => rows * sides.stride * conv.pitch,
        }
    }

    /// Plans a convolution that is not part of a block.
    fn whole(&mut self, id: OpId, op: &'a Op) -> Result<(), WebError> {
        let input = self.conv(id, op)?;
        let out = self.take(op.shape.len() * F32_BYTES);
        let residual = op.residual.map_or(out, |residual| self.read(residual));
        self.conv_rows(id, op.shape.spatial().0, [input, out, residual]);
        self.values[id] = Some(out);
        self.release(&[Some(op.input), op.residual]);
        Ok(())
    }
}

fn is_pointwise(sides: &Sides) -> bool {
    sides.kernel == 1 && sides.stride == 1 && sides.margins == Margins::default()
}

/// The range of an operation's results; [`Plan::base`] refuses activations other than clamps.
fn clamp_of(op: &Op) -> Clamp {
    op.activation.clamp().unwrap_or(Clamp::NONE)
}

fn no_kernel(operation: &'static str, op: &Op) -> WebError {
    WebError::NoKernel { operation, layer: op.name.clone() }
}
