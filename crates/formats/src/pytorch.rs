//! PyTorch's files: the zip archives and the older pickles that `torch.save` writes.
//!
//! The pickle is interpreted as data. Any call other than to the constructors of tensors is
//! refused.

use std::io;

use headstart_model::{Float, Tensor};
use pytorch_reader::{DType, PytorchError, PytorchReader};

use crate::budget::Budget;
use crate::checkpoint::Checkpoint;

pub(super) fn read(bytes: Vec<u8>, mut checkpoint: Checkpoint) -> Result<Checkpoint, String> {
    let mut budget = Budget::of(bytes.len());
    let reader = PytorchReader::from_bytes(bytes, None).map_err(|error| match error {
        PytorchError::Io(error) => explain(&error),
        error => error.to_string(),
    })?;
    for (name, tensor) in reader.into_tensors() {
        let shape = tensor.shape().iter().map(|&axis| axis as u64);
        let axes = budget.tensor(&name, shape, tensor.dtype().size() as u64)?;
        let float = match tensor.dtype() {
            DType::F16 => Float::F16,
            DType::BF16 => Float::Bf16,
            DType::F32 => Float::F32,
            DType::F64 => Float::F64,
            _ => {
                checkpoint.others.insert(name, axes);
                continue;
            }
        };
        // The library returns native byte order, but reads only little-endian files.
        let mut data = tensor.read().map_err(|error| explain(&error))?;
        if cfg!(target_endian = "big") {
            data.chunks_exact_mut(tensor.dtype().size()).for_each(<[u8]>::reverse);
        }
        let data = float.decode(&data);
        if data.len() != axes.iter().product::<usize>() {
            return Err(format!("its tensor '{name}' has {} values for {axes:?}", data.len()));
        }
        checkpoint.tensors.insert(name, Tensor { shape: axes, data });
    }
    Ok(checkpoint)
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("it is cut short: {error}"),
        _ => error.to_string(),
    }
}
