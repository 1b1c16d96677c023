//! Layers that train: forward beside backward. A gradient is called `d_` and what it is of.

mod dense;
mod dropout;

pub use dense::Dense;
pub use dropout::Dropout;
