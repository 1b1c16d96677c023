//! What can go wrong with a network's description or weights.

use crate::weights::Fitting;

/// An error of this crate. Each message names the thing and, where there is one, the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No architecture of this name is registered.
    #[error("there is no base called '{name}'; there are {}", known.join(", "))]
    NoSuchBase {
        /// The name asked for.
        name: String,
        /// All registered names.
        known: Vec<&'static str>,
    },
    /// The architecture does not come in this width.
    #[error("{base} has no width {width}; it has {}", known.iter().map(|w| w.to_string()).collect::<Vec<_>>().join(", "))]
    NoSuchWidth {
        /// The architecture.
        base: &'static str,
        /// The width asked for.
        width: f32,
        /// Its widths.
        known: &'static [f32],
    },
    /// The input is smaller than the architecture allows, or a window does not fit into it.
    #[error("the input is too small for {network} (at {layer}); use 32 x 32 pixels or more")]
    InputTooSmall {
        /// The network.
        network: String,
        /// The layer.
        layer: String,
    },
    /// No layer of this name.
    #[error("{network} has no layer '{name}'{}", if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) })]
    NoSuchLayer {
        /// The name asked for.
        name: String,
        /// The network.
        network: String,
        /// Names that resemble it.
        near: Vec<String>,
    },
    /// No layer of this index.
    #[error("{network} has no layer {index}; its layers are 0 to {}", layers - 1)]
    NoSuchIndex {
        /// The index asked for.
        index: usize,
        /// The network.
        network: String,
        /// How many layers it has.
        layers: usize,
    },
    /// Not a way to say which layers are trainable.
    #[error(
        "'{0}' does not say which layers are trainable; use none, all, from:100 or from:block_13_expand"
    )]
    BadTrainable(String),
    /// A set of tensors is not the network's weights.
    #[error("the weights are not those of {network}: {fitting}")]
    WeightsDoNotFit {
        /// The network.
        network: String,
        /// What is wrong.
        fitting: Fitting,
    },
}
