//! `headstart bases`.

use std::process::ExitCode;

use headstart::Bundled;
use headstart::model::architectures::{ARCHITECTURES, Architecture, NetworkConfig};
use serde_json::json;

use crate::output::{Output, thousands};

pub(crate) fn run(output: &Output) -> anyhow::Result<ExitCode> {
    output.text(format!(
        "{:<26}{:>7}{:>10}{:>13}  {}",
        "base", "input", "features", "parameters", "weights"
    ))?;
    for architecture in ARCHITECTURES {
        show(architecture, output)?;
    }
    output.text("\nWeights that are not bundled are given with --weights FILE.")?;
    Ok(ExitCode::SUCCESS)
}

fn show(architecture: &Architecture, output: &Output) -> anyhow::Result<()> {
    let network = architecture.build(&NetworkConfig::default())?;
    let bundled = Bundled::find(architecture.id);
    output.event(&json!({
        "base": architecture.id,
        "about": architecture.about,
        "input_size": architecture.input_size,
        "widths": architecture.widths,
        "features": architecture.feature_width,
        "params": network.total_params(),
        "bundled": bundled.is_some(),
        "origin": bundled.map(|b| b.origin),
        "classifier": bundled.is_some_and(Bundled::has_classifier),
    }))?;
    let classifier =
        if bundled.is_some_and(Bundled::has_classifier) { ", with classifier" } else { "" };
    let weights = match bundled {
        Some(bundled) => format!("bundled{classifier}: {}", bundled.origin),
        None => format!("none bundled; {}", architecture.about),
    };
    output.text(format!(
        "{:<26}{:>7}{:>10}{:>13}  {weights}",
        architecture.id,
        architecture.input_size,
        architecture.feature_width,
        thousands(network.total_params()),
    ))?;
    Ok(())
}
