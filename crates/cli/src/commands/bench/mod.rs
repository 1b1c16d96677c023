//! `headstart bench`.

mod training;

use std::process::ExitCode;

use clap::Args;
use headstart::model::Trainable;
use headstart::model::architectures::NetworkConfig;
use headstart::{Base, Bundled, DEFAULT_BASE, JOINS_BASES};
use headstart_bench::{BenchConfig, BenchReport, bench};
use serde_json::json;

use super::tuning::parse_layer;
use crate::options::{BaseArgs, Common};
use crate::output::{Output, bytes, count};
use crate::usage;

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    base: BaseArgs,
    /// Batch size [default: 1; 32 with --train]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,
    /// Width multiplier [default: 1]
    #[arg(long, value_name = "X", conflicts_with = "weights")]
    width: Option<f32>,
    /// Duration of the measurement, in seconds
    #[arg(long, value_name = "X", default_value_t = 2.0, value_parser = parse_seconds)]
    seconds: f64,
    /// Show the time of each fused step
    #[arg(long)]
    layers: bool,
    /// Measure fine-tuning steps from this layer on: an index or name [default: 100]
    #[arg(long, value_name = "LAYER", num_args = 0..=1, default_missing_value = "100", value_parser = parse_layer)]
    train: Option<Trainable>,
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("give seconds, from 0 to those of a day".to_owned()),
    }
}

impl BenchArgs {
    /// The base. If no weights are at hand, it gets made-up ones: speed does not depend on them.
    ///
    /// # Errors
    /// When several bases are joined, by name or in the file of weights, and when the base cannot be loaded.
    fn base(&self, output: &Output) -> anyhow::Result<Base> {
        let name = self.base.base.as_deref().unwrap_or(DEFAULT_BASE);
        let bundled = self.width.is_none() && Bundled::find(name).is_some();
        let (joined, base) = if name.contains(JOINS_BASES) {
            (name.to_owned(), None)
        } else if self.base.weights.is_some() || bundled {
            let base = self.base.load(output)?;
            (base.name(), Some(base).filter(|base| base.parts().count() == 1))
        } else {
            let input_size = self.base.input_size.map(|side| (side, side));
            let config = NetworkConfig { input_size, width: self.width, top: None };
            (String::new(), Some(Base::untrained(name, &config)?))
        };
        base.ok_or_else(|| usage(format!("bench measures one base, and {joined} are several")))
    }
}

pub(crate) fn run(args: &BenchArgs, common: &Common, output: &Output) -> anyhow::Result<ExitCode> {
    if args.base.resize.is_some() || args.base.fit.is_some() {
        return Err(usage("--resize and --fit have no effect on bench, which reads no pictures"));
    }
    let base = args.base(output)?;
    if let Some(at) = &args.train {
        return training::run(args, &base, at, common, output);
    }
    let config = BenchConfig {
        batch: args.batch.unwrap_or(1) as usize,
        threads: common.threads.map_or(1, usize::from),
        compute: common.compute()?,
        seconds: args.seconds,
    };
    let report = bench(&base, &config);
    let size = base.network().preprocessing();
    let mut event = json!({
        "base": base.network().architecture(),
        "input_size": size.height,
        "batch": config.batch,
        "threads": config.threads,
        "precision": config.compute.precision(),
        "isa": config.compute.name(),
        "ms_per_image": report.ms_per_image,
        "images_per_second": report.images_per_second(),
        "gflops": report.gflops(),
        "peak_gflops": report.peak_gflops,
        "share_of_peak": report.share_of_peak(),
        "arena_bytes": report.arena_bytes,
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
            "{}, {}, {}, batch {}, {}",
            base.network().name(),
            config.compute.precision(),
            config.compute.name(),
            config.batch,
            count(config.threads, "thread")
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
    speed(output, report.gflops(), report.peak_gflops)?;
    output.field("Memory", format!("{} a thread", bytes(report.arena_bytes as u64)))?;
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

/// Prints the speed and its share of the peak. Both are in 1e9 floating-point operations per second.
fn speed(output: &Output, gflops: f64, peak: f64) -> std::io::Result<()> {
    let share = 100.0 * gflops / peak;
    output.field(
        "Speed",
        format!("{gflops:.1} GFLOP/s of {peak:.1} measured at the same time: {share:.0} %"),
    )
}
