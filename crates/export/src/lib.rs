//! Models as files of other frameworks.
//!
//! Every file takes the same input, u8 RGB `[batch, height, width, 3]` at the model's size; what the model
//! does to pixels is a part of it, and so is what makes its scores probabilities. And every file comes with
//! its [`Proof`]: pictures with the answers that headstart gave, by which anybody can see that it still gives
//! them.
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
