//! Exports models as files of other frameworks.
//!
//! All files take the same input, u8 RGB `[batch, height, width, 3]` at the model's size. They contain the scaling of
//! pixels and the calibration of scores. Every file comes with its [`Proof`]: pictures with headstart's answers, by
//! which anybody can check that the file gives the same answers.
//!
//! A format is a row of [`FORMATS`] and a folder of its own.
#![forbid(unsafe_code)]

mod artifact;
mod config;
mod description;
mod drawn;
mod error;
mod format;
mod int8;
mod keras;
mod onnx;
mod operations;
mod proof;
mod pytorch;
mod subject;
#[cfg(test)]
mod testing;
mod tflite;
mod web;

pub use artifact::{Artifact, Content};
pub use config::{ExportConfig, Names, Output};
pub use error::ExportError;
pub use format::{FORMATS, Format, Language};
pub use headstart_web::Weights;
pub use proof::Proof;
