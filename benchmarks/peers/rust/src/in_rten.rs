//! rten, on a separate thread pool, with weights packed when the network is loaded.

use std::sync::Arc;

use anyhow::{Context, bail};
use rten::{Dimension, ModelOptions, RunOptions, ThreadPool};
use rten_tensor::{NdTensor, prelude::*};

use crate::{Work, median_ms, pictures};

pub(crate) fn measure(work: &Work) -> anyhow::Result<f64> {
    let model = ModelOptions::with_all_ops().prepack_weights(true).load_file(&work.model)?;
    let shape = model.input_shape(0).context("the input's shape is not known")?;
    let [_, Dimension::Fixed(channels), Dimension::Fixed(height), Dimension::Fixed(width)] =
        shape[..]
    else {
        bail!("not a network on pictures: {shape:?}");
    };
    let shape = [work.batch, channels, height, width];
    let input = NdTensor::from_data(shape, pictures(shape.iter().product()));
    let pool = Arc::new(ThreadPool::with_num_threads(work.threads));
    median_ms(work, || {
        let options = RunOptions::default().with_thread_pool(Some(pool.clone()));
        model.run_one(input.view().into(), Some(options))?;
        Ok(())
    })
}
