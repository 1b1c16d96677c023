//! Builds a TensorFlow Lite graph operator by operator.

use headstart_model::Tensor;

/// The index of a tensor.
pub(super) type Id = usize;

/// The type of a tensor's elements, with its number in the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub(super) enum Kind {
    F32 = 0,
    I32 = 2,
    U8 = 3,
    I8 = 9,
}

/// The values of quantized numbers: `scale * (number - zero)`, with one scale for all, or one for each index on `axis`.
#[derive(Clone, Debug)]
pub(super) struct Quantization {
    pub(super) scales: Vec<f32>,
    pub(super) zeros: Vec<i32>,
    pub(super) axis: usize,
}

pub(super) struct TensorSpec {
    pub(super) name: String,
    /// If the tensor is not a constant, the first axis is that of the batch, of any length.
    pub(super) shape: Vec<usize>,
    pub(super) kind: Kind,
    /// The bytes of a constant.
    pub(super) data: Option<Vec<u8>>,
    /// The quantization, if the elements are quantized.
    pub(super) quantization: Option<Quantization>,
}

/// The activation that an operator applies to its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i8)]
pub(super) enum Fused {
    #[default]
    None = 0,
    Relu = 1,
    Relu6 = 3,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operation {
    /// With `same`, pads as TensorFlow does; otherwise, there is no padding.
    Conv {
        stride: usize,
        same: bool,
        fused: Fused,
    },
    Depthwise {
        stride: usize,
        same: bool,
        fused: Fused,
    },
    FullyConnected {
        fused: Fused,
    },
    Add {
        fused: Fused,
    },
    Mul,
    Div,
    Pad,
    Mean,
    Softmax,
    Logistic,
    Tanh,
    Relu,
    Relu6,
    LeakyRelu {
        alpha: f32,
    },
    Elu,
    Exp,
    Log,
    Neg,
    Abs,
    Minimum,
    Maximum,
    /// From u8 levels to int8.
    Quantize,
    /// From int8 to f32.
    Dequantize,
    Cast {
        from: Kind,
        to: Kind,
    },
}

pub(super) struct Operator {
    pub(super) operation: Operation,
    pub(super) inputs: Vec<Id>,
    pub(super) output: Id,
}

/// Tensors and operators. An operator comes after the operators whose results it reads.
#[derive(Default)]
pub(super) struct Graph {
    pub(super) tensors: Vec<TensorSpec>,
    pub(super) operators: Vec<Operator>,
}

impl Graph {
    /// Adds a tensor with a batch axis, which is not a constant.
    pub(super) fn value(&mut self, name: impl Into<String>, shape: &[usize], kind: Kind) -> Id {
        let shape = [&[1], shape].concat();
        let (name, data) = (name.into(), None);
        self.tensors.push(TensorSpec { name, shape, kind, data, quantization: None });
        self.tensors.len() - 1
    }

    /// Adds a constant tensor.
    pub(super) fn constant(&mut self, name: impl Into<String>, tensor: &Tensor) -> Id {
        let data = tensor.data.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.raw(name, tensor.shape.clone(), Kind::F32, data)
    }

    pub(super) fn integers(
        &mut self,
        name: impl Into<String>,
        shape: &[usize],
        values: &[i32],
    ) -> Id {
        let data = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.raw(name, shape.to_vec(), Kind::I32, data)
    }

    /// Adds a constant scalar.
    pub(super) fn number(&mut self, name: impl Into<String>, value: f32) -> Id {
        self.raw(name, Vec::new(), Kind::F32, value.to_le_bytes().to_vec())
    }

    pub(super) fn raw(
        &mut self,
        name: impl Into<String>,
        shape: Vec<usize>,
        kind: Kind,
        data: Vec<u8>,
    ) -> Id {
        let (name, data) = (name.into(), Some(data));
        self.tensors.push(TensorSpec { name, shape, kind, data, quantization: None });
        self.tensors.len() - 1
    }

    /// The axes of a tensor after the batch.
    pub(super) fn axes(&self, id: Id) -> &[usize] {
        &self.tensors[id].shape[1..]
    }

    /// Adds an operator, whose result has the type and the quantization of its first input.
    pub(super) fn apply(
        &mut self,
        operation: Operation,
        name: impl Into<String>,
        inputs: &[Id],
        shape: &[usize],
    ) -> Id {
        let kind = self.tensors[inputs[0]].kind;
        let quantization = self.tensors[inputs[0]].quantization.clone();
        let output = self.value(name, shape, kind);
        self.tensors[output].quantization = quantization;
        self.operators.push(Operator { operation, inputs: inputs.to_vec(), output });
        output
    }

    /// Adds an elementwise operator.
    pub(super) fn each(&mut self, operation: Operation, name: String, inputs: &[Id]) -> Id {
        let shape = self.axes(inputs[0]).to_vec();
        self.apply(operation, name, inputs, &shape)
    }
}
