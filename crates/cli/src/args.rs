//! The command line as a whole. The arguments of each command are in the command's own file.

use clap::{Parser, Subcommand};

#[cfg(feature = "export")]
use crate::commands::export;
#[cfg(feature = "serve")]
use crate::commands::serve;
#[cfg(feature = "studio")]
use crate::commands::studio;
use crate::commands::{
    audit, bases, bench, cache, calibrate, completions, demo, evaluate, explain, features,
    fine_tune, import, lr_find, predict, summary, train,
};
use crate::options::Common;

/// Turn a folder of labelled pictures into a classifier.
#[derive(Debug, Parser)]
#[command(name = "headstart", version, max_term_width = 100)]
#[command(after_help = "Start with: headstart demo\n\
    Then with your own pictures, in one folder per class: headstart train FOLDER\n\
    Or in the browser: headstart studio")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Open the studio: collect pictures and train in the browser
    #[cfg(feature = "studio")]
    Studio(studio::StudioArgs),
    /// Train a classifier on a folder of labelled pictures
    Train(train::TrainArgs),
    /// Fine-tune the upper layers of a model's base
    FineTune(fine_tune::FineTuneArgs),
    /// Find a learning rate for training a head or for fine-tuning
    LrFind(lr_find::LrFindArgs),
    /// Classify pictures
    Predict(predict::PredictArgs),
    /// Show which parts of a picture speak for a class
    Explain(explain::ExplainArgs),
    /// Serve models over HTTP
    #[cfg(feature = "serve")]
    Serve(serve::ServeArgs),
    /// Measure a model on labelled pictures
    Evaluate(evaluate::EvaluateArgs),
    /// Calibrate a model's scores on labelled pictures
    Calibrate(calibrate::CalibrateArgs),
    /// Find problems in a folder of labelled pictures; changes nothing
    Audit(audit::AuditArgs),
    /// Write the features of pictures to a file
    Features(features::FeaturesArgs),
    /// Print the layers of a base, their shapes and parameter counts
    Summary(summary::SummaryArgs),
    /// Import a complete Keras model
    Import(import::ImportArgs),
    /// Export a model: ONNX, Keras, PyTorch, TensorFlow Lite, web page
    #[cfg(feature = "export")]
    Export(export::ExportArgs),
    /// List the bases; fetch, add, verify or remove weights
    Bases(bases::BasesArgs),
    /// Inspect, verify or clear the feature cache
    Cache(cache::CacheArgs),
    /// Measure the speed of a base against this machine's peak
    Bench(bench::BenchArgs),
    /// Train on bundled pictures, to try headstart out
    Demo(demo::DemoArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Write a manual page for every command, for packages
    #[command(hide = true)]
    Man(completions::ManArgs),
}
