//! `headstart import`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use headstart::files::check_writable;
use headstart::model::{Fit, Interpolation};
use headstart::{Classifier, ImportConfig, class_names_in};
use serde_json::json;

use crate::hints;
use crate::options::named;
use crate::output::{Output, count, quoted};

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Complete Keras model: base, global average pooling, dense layers (.h5 or .keras)
    file: PathBuf,
    /// File to write the model to
    #[arg(long, short, value_name = "MODEL")]
    output: PathBuf,
    /// Class names in the model's order, or a text file with one per line [default: labels.txt beside the
    /// model, or class_0,class_1,...]
    #[arg(long, value_name = "A,B,C|FILE", value_delimiter = ',')]
    classes: Option<Vec<String>>,
    /// Interpolation that the model was trained with: bilinear, bicubic, area or tensorflow [default: the
    /// model's own, or tensorflow]
    #[arg(long, value_name = "HOW")]
    resize: Option<Interpolation>,
    /// How pictures of another aspect ratio were fitted: stretch, crop or pad [default: stretch]
    #[arg(long, value_name = "HOW")]
    fit: Option<Fit>,
}

pub(crate) fn run(args: &ImportArgs, output: &Output) -> anyhow::Result<ExitCode> {
    check_writable(&args.output)?;
    // No model has only one class, so a single value is a file.
    let classes = match args.classes.as_deref() {
        Some([file]) => Some(class_names_in(file)?),
        names => names.map(<[String]>::to_vec),
    };
    let config = ImportConfig::default()
        .with_classes(classes)
        .with_interpolation(args.resize)
        .with_fit(args.fit);
    let (classifier, assumptions) = Classifier::import_keras(&args.file, &config)?;
    let assumptions: Vec<String> = assumptions.iter().map(hints::assumption).collect();
    classifier.save(&args.output)?;
    let model = args.output.display().to_string();
    let base = classifier.base();
    output.event(&json!({
        "event": "done",
        "model": model,
        "base": base.network().name(),
        "classes": classifier.classes(),
        "assumptions": assumptions,
    }))?;
    output.field("Base", named(base))?;
    output.field("Head", count(classifier.classes().len(), "class"))?;
    for assumption in &assumptions {
        output.field("Note", assumption)?;
    }
    output.field("Saved", &model)?;
    output.text("")?;
    output.text(format!("Try it with:  headstart predict {} PICTURE...", quoted(&model)))?;
    Ok(ExitCode::SUCCESS)
}
