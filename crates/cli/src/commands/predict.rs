//! `headstart predict`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use headstart::{Classifier, ExtractConfig, Prediction};
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::FAILURE;
use crate::options::Common;
use crate::output::{Output, one_line};
use crate::progress::Progress;

#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    /// Model file, or the name of a bundled base with a classifier (efficientnet-lite0)
    model: String,
    /// Pictures, and folders of them
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// How many classes to show [default: 3, and all with --json]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top_k: Option<u32>,
}

pub(crate) fn run(
    args: &PredictArgs,
    common: &Common,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let classifier = Classifier::open(&args.model)?;
    let listing = headstart::data::sources::list_pictures(&args.paths);
    let mut failed = 0;
    // What else lies in a folder of pictures is no failure.
    for skipped in listing.skipped.iter().filter(|skipped| !skipped.is_no_picture()) {
        failed += 1;
        show_failure(output, &skipped.path.display().to_string(), &skipped.reason)?;
    }
    if listing.pictures.is_empty() && failed == 0 {
        anyhow::bail!("{}: holds no pictures", args.paths[0].display());
    }
    let pictures = listing.pictures;
    // On a terminal the answers themselves show how it goes.
    let mut progress = if std::io::stdout().is_terminal() {
        Progress::hidden()
    } else {
        Progress::new("Pictures")
    };
    // A picture here and there is not worth a file in the cache.
    let extract = ExtractConfig { cache_read_only: true, ..common.extract()? };
    classifier.predict_each(&pictures, &extract, &mut progress, &mut |index, result| {
        let path = pictures[index].at.to_string();
        let shown = match result {
            Ok(prediction) => show(output, &classifier, &path, &prediction, args.top_k),
            Err(error) => {
                failed += 1;
                show_failure(output, &path, &error.to_string())
            }
        };
        shown.map_err(headstart::Error::Output)
    })?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) })
}

fn show(
    output: &Output,
    classifier: &Classifier,
    path: &str,
    prediction: &Prediction,
    top_k: Option<u32>,
) -> std::io::Result<()> {
    let ranked = prediction.ranked();
    let classes = classifier.classes();
    if output.is_json() {
        let shown = top_k.map_or(ranked.len(), |k| k as usize);
        let (best, score) = ranked[0];
        let label = &classes[best];
        let scores = Scores { ranked: &ranked[..shown.min(ranked.len())], classes };
        return output.event(&Answer { path, label, score, scores });
    }
    let shown = top_k.unwrap_or(3) as usize;
    let scores: Vec<String> =
        ranked.iter().take(shown).map(|&(c, p)| format!("{} {p:.3}", classes[c])).collect();
    output.text(one_line(&format!("{path}: {}", scores.join(", "))))
}

/// The answer for a picture, as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    path: &'a str,
    label: &'a str,
    score: f32,
    scores: Scores<'a>,
}

/// An object from class to probability, the likeliest first.
struct Scores<'a> {
    ranked: &'a [(usize, f32)],
    classes: &'a [String],
}

impl Serialize for Scores<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.ranked.iter().map(|&(class, p)| (&self.classes[class], p)))
    }
}

fn show_failure(output: &Output, path: &str, reason: &str) -> std::io::Result<()> {
    if output.is_json() {
        return output.event(&json!({"path": path, "error": reason}));
    }
    output.error(&format!("{path}: {reason}"));
    Ok(())
}
