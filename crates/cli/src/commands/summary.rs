//! `headstart summary`.

use std::process::ExitCode;

use clap::Args;
use headstart::model::Trainable;
use headstart::model::architectures::{Architecture, NetworkConfig};

use crate::options::parse_input_size;
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct SummaryArgs {
    /// Base to describe; `headstart bases` lists them
    #[arg(long, value_name = "BASE", default_value = "mobilenetv2")]
    base: String,
    /// Side of the input in pixels [default: the base's own]
    #[arg(long, value_name = "N", value_parser = parse_input_size)]
    input_size: Option<usize>,
    /// Width multiplier [default: 1]
    #[arg(long, value_name = "X")]
    width: Option<f32>,
    /// Trainable layers: none, all, from:INDEX or from:LAYER
    #[arg(long, value_name = "LAYERS", default_value = "none")]
    trainable: Trainable,
    /// Include the classifier
    #[arg(long)]
    top: bool,
}

pub(crate) fn run(args: &SummaryArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let architecture = Architecture::find(&args.base)?;
    let mut network = architecture.build(&NetworkConfig {
        input_size: args.input_size.map(|side| (side, side)),
        width: args.width,
        top: args.top.then_some(architecture.top_classes),
    })?;
    network.apply(&args.trainable)?;
    let summary = network.summary();
    output.event(&summary)?;
    output.text(summary.to_string().trim_end())?;
    Ok(ExitCode::SUCCESS)
}
