//! tract, optimised for one input shape. It divides matrix products among threads.

use anyhow::Context;
use tract_linalg::multithread::{Executor, set_default_executor};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::{DimLike, Factoid};

use crate::{Work, median_ms, pictures};

pub(crate) fn measure(work: &Work) -> anyhow::Result<f64> {
    if work.threads > 1 {
        set_default_executor(Executor::multithread(work.threads));
    }
    let model = tract_onnx::onnx().model_for_path(&work.model)?;
    let mut shape = model
        .input_fact(0)?
        .shape
        .dims()
        .map(|dim| dim.concretize().and_then(|dim| dim.to_usize().ok()))
        .collect::<Vec<_>>();
    shape[0] = Some(work.batch);
    let shape = shape.into_iter().collect::<Option<Vec<usize>>>().context("the picture's size")?;
    let input = Tensor::from_shape(&shape, &pictures(shape.iter().product()))?.into_tvalue();
    let mut state = model
        .with_input_fact(0, f32::fact(&shape).into())?
        .into_optimized()?
        .into_runnable()?
        .spawn()?;
    median_ms(work, || {
        state.run(tvec!(input.clone()))?;
        Ok(())
    })
}
