//! Descriptions of networks: layers, graphs, architectures, summaries, weights. No arithmetic.
#![forbid(unsafe_code)]

pub mod architectures;
pub mod class_name;
mod elementwise;
mod error;
mod float;
mod layer;
mod network;
mod preprocessing;
pub mod safetensors;
mod shape;
mod summary;
mod weights;

pub use elementwise::Elementwise;
pub use error::ModelError;
pub use float::Float;
pub use layer::{Activation, BlockPart, Layer, LayerId, LayerKind, Modules, Place, WeightSpec};
pub use network::{Network, Trainable, nearest};
pub use preprocessing::{Fit, Interpolation, Preprocessing, Scaling};
pub use shape::{Margins, Padding, Shape, Window};
pub use summary::{Summary, thousands};
pub use weights::{Fitting, Misshapen, Tensor, Weights, weight_name};
