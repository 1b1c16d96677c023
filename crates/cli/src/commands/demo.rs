//! `headstart demo`.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use headstart::{Base, Classifier, PictureSource, RunConfig, TrainJob};
use include_dir::{Dir, include_dir};

use super::train::{Learned, train};
use crate::options::Common;
use crate::output::{Output, quoted};

/// A stratified sample of Fashion-MNIST; see `assets/fashion-mnist.PROVENANCE.md`.
static PICTURES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/assets/fashion-mnist");

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder for the pictures, the model and the report
    #[arg(long, short, value_name = "DIR", default_value = "headstart-demo")]
    output: PathBuf,
}

pub(crate) fn run(args: &DemoArgs, common: &Common, output: &Output) -> anyhow::Result<ExitCode> {
    let dir = args.output.join("fashion-mnist");
    fs::create_dir_all(&dir)
        .and_then(|()| PICTURES.extract(&dir))
        .with_context(|| format!("cannot write {}", dir.display()))?;
    let model = args.output.join("fashion.safetensors");
    let page = args.output.join("report.html");

    output.text("A demonstration: pictures of clothes, 28 x 28 pixels, from Fashion-MNIST.\n")?;
    let mut base = Base::bundled("mobilenetv2")?;
    base.set_trainable(false);
    let summary = base.summary().to_string();
    // The summary's rules are left out: they may be wider than the terminal.
    let lines: Vec<&str> = summary.lines().filter(|line| !line.starts_with(['_', '='])).collect();
    output.text("The end of the base's summary (all of it: headstart summary):\n")?;
    output.text(lines[lines.len() - 6..].join("\n"))?;
    output.text("")?;

    let run = RunConfig::default().with_extract(common.extract()?).with_model(model.clone());
    let job = TrainJob::new(PictureSource::new(&dir)).with_run(run);
    let pictures = job.source.open()?;
    let learned = Learned::Pictures(&pictures);
    let trained = train(&job, base, learned, Some(&page), (common, output))?;
    if !output.is_json() {
        show_predictions(&trained.classifier, &dir, output)?;
    }
    let quoted = |path: &PathBuf| quoted(&path.display().to_string());
    let (dir, model) = (quoted(&dir), quoted(&model));
    output.text(format!(
        "\nGo on with:\n  \
         headstart predict {model} {dir}/Sneaker\n  \
         headstart evaluate {model} {dir}\n  \
         headstart train YOUR_PICTURES      # one folder per class\n\
         Without installing it, write `cargo run --release --` for `headstart`."
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints predictions for some of the held-out pictures.
fn show_predictions(
    classifier: &Classifier,
    dir: &std::path::Path,
    output: &Output,
) -> anyhow::Result<()> {
    const SHOWN: usize = 6;
    let record = classifier.training().context("a model that was just trained has a record")?;
    let step = record.validation.len().div_ceil(SHOWN).max(1);
    output.text("\nPredictions for pictures that were held back:")?;
    for name in record.validation.iter().step_by(step) {
        let ranked = classifier.predict(dir.join(name))?.ranked();
        let answer: Vec<String> = ranked
            .iter()
            .take(2)
            .map(|&(class, score)| format!("{} {score:.2}", classifier.classes()[class]))
            .collect();
        output.text(format!("  {name:<28}{}", answer.join(", ")))?;
    }
    Ok(())
}
