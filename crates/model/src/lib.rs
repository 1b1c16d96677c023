//! What a network *is*: layers, graph, architectures, summary and weight files.
#![forbid(unsafe_code)]

mod preprocessing;

pub use preprocessing::{Fit, Interpolation, Preprocessing, Scaling};
