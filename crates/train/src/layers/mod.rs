//! Trainable layers: each has a forward and a backward pass. The gradient of `x` is called `d_x`.

pub(crate) mod activation;
pub(crate) mod affine;
pub(crate) mod batch_normalization;
pub(crate) mod concatenate;
mod conv2d;
pub mod dense;
mod depthwise_conv2d;
mod dropout;
pub(crate) mod global_average_pooling2d;
mod grouped_conv2d;
mod layer_normalization;
pub(crate) mod maps;
pub(crate) mod max_pooling2d;
pub(crate) mod multiply;
#[cfg(test)]
mod tests;
pub(crate) mod zero_padding2d;

pub(crate) use conv2d::Conv2D;
pub(crate) use depthwise_conv2d::DepthwiseConv2D;
pub use dropout::Dropout;
pub(crate) use grouped_conv2d::GroupedConv2D;
pub(crate) use layer_normalization::LayerNormalization;
