//! The command line as a whole; each command's own arguments stand in its file.

use clap::{Parser, Subcommand};

#[cfg(feature = "export")]
use crate::commands::export;
#[cfg(feature = "serve")]
use crate::commands::serve;
#[cfg(feature = "studio")]
use crate::commands::studio;
use crate::commands::{
    audit, bench, cache, calibrate, demo, evaluate, explain, features, fine_tune, import, lr_find,
    predict, summary, train,
};
use crate::options::Common;

/// Turn a folder of labelled pictures into a classifier.
#[derive(Debug, Parser)]
#[command(name = "headstart", version, max_term_width = 100)]
#[command(after_help = "Start with: headstart demo\n\
    Then with your own pictures, in one folder per class: headstart train FOLDER\n\
    Or in a window in the browser: headstart studio")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Open a window in the browser in which anyone trains a classifier
    #[cfg(feature = "studio")]
    Studio(studio::StudioArgs),
    /// Train a classifier on a folder of labelled pictures
    Train(train::TrainArgs),
    /// Train the top of a model's base, too
    FineTune(fine_tune::FineTuneArgs),
    /// Look for a learning rate to train a head or to fine-tune with
    LrFind(lr_find::LrFindArgs),
    /// Say what is on pictures
    Predict(predict::PredictArgs),
    /// Show which places of pictures speak for a class
    Explain(explain::ExplainArgs),
    /// Answer over HTTP what is on pictures
    #[cfg(feature = "serve")]
    Serve(serve::ServeArgs),
    /// Measure a model on a folder of labelled pictures
    Evaluate(evaluate::EvaluateArgs),
    /// Learn from labelled pictures what a model's scores are worth, and keep it in the model
    Calibrate(calibrate::CalibrateArgs),
    /// Look for what is wrong with a folder of labelled pictures; changes nothing
    Audit(audit::AuditArgs),
    /// Write the features of pictures to a file
    Features(features::FeaturesArgs),
    /// Print the layers of a base, their shapes and parameter counts
    Summary(summary::SummaryArgs),
    /// Turn a whole Keras model into a headstart model
    Import(import::ImportArgs),
    /// Write a model for another framework: ONNX, Keras, PyTorch, TensorFlow Lite
    #[cfg(feature = "export")]
    Export(export::ExportArgs),
    /// List the bases
    Bases,
    /// Look at the feature cache, or clear it
    Cache(cache::CacheArgs),
    /// Measure how fast a base runs, against this machine's own limit
    Bench(bench::BenchArgs),
    /// Train on bundled pictures to see how it goes
    Demo(demo::DemoArgs),
}
