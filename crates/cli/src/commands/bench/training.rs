//! Measures fine-tuning steps.

use std::process::ExitCode;

use headstart::Base;
use headstart::model::Trainable;
use headstart_bench::{TrainBenchConfig, TrainBenchReport, bench_training};
use serde_json::json;

use super::{BenchArgs, speed};
use crate::options::Common;
use crate::output::{Output, count};

pub(super) fn run(
    args: &BenchArgs,
    base: &Base,
    at: &Trainable,
    common: &Common,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let config = TrainBenchConfig {
        at: at.clone(),
        batch: args.batch.unwrap_or(32) as usize,
        threads: common.threads.map_or(1, usize::from),
        compute: common.compute()?,
        seconds: args.seconds,
    };
    let report = bench_training(base, &config)?;
    let mut event = json!({
        "base": base.network().architecture(),
        "input_size": base.network().preprocessing().height,
        "batch": config.batch,
        "threads": config.threads,
        "precision": config.compute.precision(),
        "isa": config.compute.name(),
        "first_layer": report.first_layer,
        "ms_per_image": report.ms_per_image,
        "ms_per_image_kept": report.ms_per_image_kept,
        "images_per_second": 1e3 / report.ms_per_image,
        "gflops": report.gflops(),
        "peak_gflops": report.peak_gflops,
        "share_of_peak": report.share_of_peak(),
    });
    if args.layers {
        let layers = report.operations.iter().map(|op| {
            json!({
                "layer": op.layer,
                "forward_ms": op.forward * 1e3,
                "backward_ms": op.backward * 1e3,
                "multiply_adds": op.multiply_adds,
                "backward_multiply_adds": op.backward_multiply_adds,
            })
        });
        event["layers"] = layers.collect();
    }
    output.event(&event)?;
    output.field(
        "Training",
        format!(
            "{} from {} on, {}, batch {}, {}",
            base.network().name(),
            report.first_layer,
            config.compute.name(),
            config.batch,
            count(config.threads, "thread")
        ),
    )?;
    if args.layers {
        show_operations(output, &report)?;
    }
    let kept = report.ms_per_image_kept;
    let kept = kept.map(|ms| format!("; {ms:.3} where the frozen layers' outputs are kept"));
    let step = format!("{:.3} ms a picture{}", report.ms_per_image, kept.unwrap_or_default());
    output.field("Step", step)?;
    speed(output, report.gflops(), report.peak_gflops)?;
    Ok(ExitCode::SUCCESS)
}

fn show_operations(output: &Output, report: &TrainBenchReport) -> std::io::Result<()> {
    output.text(format!(
        "  {:>8}  {:>8}  {:>8}  {:>8}  operation, a picture on one thread",
        "us", "GFLOP/s", "back us", "GFLOP/s"
    ))?;
    for op in &report.operations {
        let speed = |multiply_adds: usize, seconds: f64| match multiply_adds {
            0 => String::new(),
            n => format!("{:.1}", 2e-9 * n as f64 / seconds),
        };
        output.text(format!(
            "  {:>8.1}  {:>8}  {:>8.1}  {:>8}  {}",
            op.forward * 1e6,
            speed(op.multiply_adds, op.forward),
            op.backward * 1e6,
            speed(op.backward_multiply_adds, op.backward),
            op.layer
        ))?;
    }
    Ok(())
}
