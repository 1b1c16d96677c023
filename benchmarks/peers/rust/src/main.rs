//! Times an ONNX network, from pictures in memory to features, in rten or in tract.
//!
//!     peers rten|tract MODEL.onnx BATCH THREADS SECONDS
//!
//! prints the median milliseconds per picture. The network's only input has the shape (batch, 3,
//! height, width).

mod in_rten;
mod in_tract;

use std::time::Instant;

use anyhow::{Context, bail};

/// The work to run.
struct Work {
    model: String,
    batch: usize,
    threads: usize,
    seconds: f64,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [peer, model, batch, threads, seconds] = &arguments[..] else {
        bail!("usage: peers rten|tract MODEL.onnx BATCH THREADS SECONDS");
    };
    let work = Work {
        model: model.clone(),
        batch: batch.parse().context("BATCH")?,
        threads: threads.parse().context("THREADS")?,
        seconds: seconds.parse().context("SECONDS")?,
    };
    let ms = match peer.as_str() {
        "rten" => in_rten::measure(&work)?,
        "tract" => in_tract::measure(&work)?,
        other => bail!("no such peer: {other}"),
    };
    println!("{ms}");
    Ok(())
}

/// The median milliseconds per picture of `run`, which processes a batch. Takes at least five runs,
/// and at least the time in `work`, after three warm-up runs.
fn median_ms(work: &Work, mut run: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    for _ in 0..3 {
        run()?;
    }
    let (mut times, start) = (Vec::new(), Instant::now());
    while times.len() < 5 || start.elapsed().as_secs_f64() < work.seconds {
        let before = Instant::now();
        run()?;
        times.push(before.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2] * 1e3 / work.batch as f64)
}

/// Unordered numbers from 0 to 1, the same in every run.
fn pictures(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i * 31 % 251) as f32 / 251.0).collect()
}
