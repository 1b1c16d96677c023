//! `headstart bench`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use headstart::{BenchConfig, BenchReport, bench};
use serde_json::json;

use crate::options::{BaseArgs, Common};
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    base: BaseArgs,
    /// Pictures that are to be done at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// Numbers to compute with
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    precision: Precision,
    /// Seconds to measure for
    #[arg(long, value_name = "X", default_value_t = 2.0)]
    seconds: f64,
    /// Show the time of each fused step
    #[arg(long)]
    layers: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Precision {
    /// 32 bits
    F32,
}

pub(crate) fn run(args: &BenchArgs, common: &Common, output: &Output) -> anyhow::Result<ExitCode> {
    let base = args.base.load()?;
    let config = BenchConfig {
        batch: args.batch as usize,
        threads: common.threads.map_or(1, usize::from),
        isa: common.isa(),
        seconds: args.seconds,
    };
    let report = bench(&base, &config);
    let Precision::F32 = args.precision;
    let size = base.network().preprocessing();
    let mut event = json!({
        "base": base.network().architecture(),
        "input_size": size.height,
        "batch": config.batch,
        "threads": config.threads,
        "precision": "f32",
        "isa": config.isa.name(),
        "ms_per_image": report.ms_per_image,
        "images_per_second": report.images_per_second(),
        "gflops": report.gflops(),
        "peak_gflops": report.peak_gflops,
        "share_of_peak": report.share_of_peak(),
    });
    if args.layers {
        event["layers"] = report
            .steps
            .iter()
            .map(|step| json!({"layers": step.layers, "ms": step.ms, "multiply_adds": step.multiply_adds}))
            .collect();
    }
    output.event(&event)?;
    output.field(
        "Plan",
        format!(
            "{}, f32, {}, batch {}, {} thread{}",
            base.network().name(),
            config.isa.name(),
            config.batch,
            config.threads,
            if config.threads == 1 { "" } else { "s" }
        ),
    )?;
    if args.layers {
        show_steps(output, &report)?;
    }
    output.field(
        "Time",
        format!(
            "{:.3} ms a picture, {:.0} pictures a second",
            report.ms_per_image,
            report.images_per_second()
        ),
    )?;
    output.field(
        "Speed",
        format!(
            "{:.1} GFLOP/s of {:.1} measured at the same time: {:.0} %",
            report.gflops(),
            report.peak_gflops,
            100.0 * report.share_of_peak()
        ),
    )?;
    Ok(ExitCode::SUCCESS)
}

fn show_steps(output: &Output, report: &BenchReport) -> std::io::Result<()> {
    let total: f64 = report.steps.iter().map(|step| step.ms).sum();
    output.text(format!("  {:>8}  {:>6}  {:>8}  layers", "us", "share", "GFLOP/s"))?;
    for step in &report.steps {
        output.text(format!(
            "  {:>8.1}  {:>5.1}%  {:>8.1}  {}",
            step.ms * 1e3,
            100.0 * step.ms / total,
            2.0 * step.multiply_adds as f64 / step.ms / 1e6,
            step.layers
        ))?;
    }
    Ok(())
}
