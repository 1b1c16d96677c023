//! `headstart bases`.

use std::process::ExitCode;

use headstart::model::architectures::{ARCHITECTURES, Architecture, NetworkConfig};
use headstart::model::thousands;
use headstart::{BUNDLED, Bundled};
use serde::Serialize;

use crate::output::Output;

pub(crate) fn run(output: &Output) -> anyhow::Result<ExitCode> {
    output.text(format!(
        "{:<26}{:>7}{:>10}{:>13}  {}",
        "base", "input", "features", "parameters", "weights"
    ))?;
    for architecture in ARCHITECTURES {
        show(architecture, output)?;
    }
    output.text("\nBundled weights:")?;
    for bundled in BUNDLED {
        output.text(format!("  {}: {}", bundled.name, bundled.origin))?;
    }
    output.text("Other weights are given with --weights FILE.")?;
    Ok(ExitCode::SUCCESS)
}

/// A base, as JSON.
#[derive(Serialize)]
struct Row {
    base: &'static str,
    about: &'static str,
    input_size: usize,
    widths: &'static [f32],
    features: usize,
    params: usize,
    bundled: bool,
    origin: Option<&'static str>,
    classifier: bool,
}

fn show(architecture: &Architecture, output: &Output) -> anyhow::Result<()> {
    let network = architecture.build(&NetworkConfig::default())?;
    let bundled = Bundled::find(architecture.id);
    output.event(&Row {
        base: architecture.id,
        about: architecture.about,
        input_size: architecture.input_size,
        widths: architecture.widths,
        features: architecture.feature_width,
        params: network.total_params(),
        bundled: bundled.is_some(),
        origin: bundled.map(|b| b.origin),
        classifier: bundled.is_some_and(Bundled::has_classifier),
    })?;
    let weights = match bundled {
        Some(bundled) if bundled.has_classifier() => "bundled, with classifier",
        Some(_) => "bundled",
        None => "",
    };
    let line = format!(
        "{:<26}{:>7}{:>10}{:>13}  {weights}",
        architecture.id,
        architecture.input_size,
        architecture.feature_width,
        thousands(network.total_params()),
    );
    output.text(line.trim_end())?;
    Ok(())
}
