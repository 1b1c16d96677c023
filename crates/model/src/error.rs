//! Errors in a network's description or weights.

use std::path::Path;

use headstart_error::{ErrorKind, did_you_mean};

use crate::network::nearest;
use crate::weights::Fitting;

/// An error of this crate. Each message names the thing concerned and, if there is one, the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No architecture of this name is registered.
    #[error("unknown base '{name}'; {}", did_you_mean(&nearest(name, known.iter().copied()))
        .unwrap_or_else(|| format!("there are {}", known.join(", "))))]
    NoSuchBase {
        /// The name requested.
        name: String,
        /// All registered names.
        known: Vec<&'static str>,
    },
    /// The architecture does not come in this width.
    #[error("{base} has no width {width}; it has {}", known.iter().map(|w| w.to_string()).collect::<Vec<_>>().join(", "))]
    NoSuchWidth {
        /// The architecture.
        base: &'static str,
        /// The width requested.
        width: f32,
        /// The available widths.
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
    /// The input is larger than the supported maximum.
    #[error("an input of {height} x {width} pixels is too large; the maximum is {most} x {most}")]
    InputTooLarge {
        /// Height requested, in pixels.
        height: usize,
        /// Width requested, in pixels.
        width: usize,
        /// The largest supported side.
        most: usize,
    },
    /// The network has no layer of this name.
    #[error("{network} has no layer '{name}'{}", did_you_mean(near).map_or(String::new(), |question| format!("; {question}")))]
    NoSuchLayer {
        /// The name requested.
        name: String,
        /// The network.
        network: String,
        /// Similar names.
        near: Vec<String>,
    },
    /// The network has no layer of this index.
    #[error("{network} has no layer {index}; its layers are 0 to {}", layers - 1)]
    NoSuchIndex {
        /// The index requested.
        index: usize,
        /// The network.
        network: String,
        /// Its number of layers.
        layers: usize,
    },
    /// The text does not specify which layers are trainable.
    #[error(
        "'{0}' does not say which layers are trainable; use none, all, from:100 or from:block_13_expand"
    )]
    BadTrainable(String),
    /// A preprocessing option has no value of this name.
    #[error("unknown {what} '{name}'; there are {}", known.join(", "))]
    NoSuchName {
        /// The option: `interpolation`.
        what: &'static str,
        /// The name requested.
        name: String,
        /// All valid names.
        known: &'static [&'static str],
    },
    /// A set of tensors does not match the network's weights.
    #[error(
        "{}the weights are not those of {network}: {fitting}{}",
        file_prefix(file),
        looks_like_suffix(looks_like)
    )]
    WeightsDoNotFit {
        /// The network.
        network: String,
        /// The differences.
        fitting: Box<Fitting>,
        /// The file the tensors come from.
        file: Option<String>,
        /// What that file appears to contain.
        looks_like: Option<String>,
    },
    /// A weight has an unusable value.
    #[error("{}the weights cannot be used: {weight} {problem}", file_prefix(file))]
    BadValue {
        /// The weight: `bn_Conv1/moving_variance`.
        weight: String,
        /// The problem: `holds NaN at index 7`.
        problem: String,
        /// The file it comes from.
        file: Option<String>,
    },
}

impl ModelError {
    /// The category of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchBase { .. }
            | Self::NoSuchWidth { .. }
            | Self::NoSuchLayer { .. }
            | Self::NoSuchIndex { .. }
            | Self::NoSuchName { .. }
            | Self::BadTrainable(_) => ErrorKind::InvalidName,
            Self::InputTooSmall { .. } | Self::InputTooLarge { .. } => ErrorKind::InvalidInput,
            Self::WeightsDoNotFit { .. } | Self::BadValue { .. } => ErrorKind::InvalidData,
        }
    }

    /// The file concerned.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::WeightsDoNotFit { file, .. } | Self::BadValue { file, .. } => {
                file.as_deref().map(Path::new)
            }
            Self::NoSuchBase { .. }
            | Self::NoSuchWidth { .. }
            | Self::InputTooSmall { .. }
            | Self::InputTooLarge { .. }
            | Self::NoSuchLayer { .. }
            | Self::NoSuchIndex { .. }
            | Self::BadTrainable(_)
            | Self::NoSuchName { .. } => None,
        }
    }

    /// Adds the name of the weights' file to an error that does not name one yet; call it where
    /// [`Weights::new`](crate::Weights::new) was given the tensors of a file.
    #[must_use]
    pub fn in_file(mut self, name: &str) -> Self {
        if let Self::WeightsDoNotFit { file, .. } | Self::BadValue { file, .. } = &mut self {
            file.get_or_insert_with(|| name.to_owned());
        }
        self
    }
}

fn file_prefix(file: &Option<String>) -> String {
    file.as_ref().map_or_else(String::new, |file| format!("{file}: "))
}

fn looks_like_suffix(looks_like: &Option<String>) -> String {
    looks_like.as_ref().map_or_else(String::new, |what| format!("; the file looks like {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_kind() {
        let text = || "x".to_owned();
        let network = text;
        let fitting = Fitting { missing: vec![text()], ..Fitting::default() };
        headstart_error::assert_kinds! { ModelError:
            ModelError::NoSuchBase { .. } => ModelError::NoSuchBase { name: text(), known: vec![] }, InvalidName;
            ModelError::NoSuchWidth { .. } => ModelError::NoSuchWidth { base: "x", width: 3.0, known: &[1.0] }, InvalidName;
            ModelError::InputTooSmall { .. } => ModelError::InputTooSmall { network: network(), layer: text() }, InvalidInput;
            ModelError::InputTooLarge { .. } => ModelError::InputTooLarge { height: 9, width: 9, most: 8 }, InvalidInput;
            ModelError::NoSuchLayer { .. } => ModelError::NoSuchLayer { name: text(), network: network(), near: vec![] }, InvalidName;
            ModelError::NoSuchIndex { .. } => ModelError::NoSuchIndex { index: 3, network: network(), layers: 3 }, InvalidName;
            ModelError::BadTrainable(_) => ModelError::BadTrainable(text()), InvalidName;
            ModelError::NoSuchName { .. } => ModelError::NoSuchName { what: "fit", name: text(), known: &["crop"] }, InvalidName;
            ModelError::WeightsDoNotFit { .. } => ModelError::WeightsDoNotFit { network: network(), fitting: fitting.into(), file: None, looks_like: None }, InvalidData;
            ModelError::BadValue { .. } => ModelError::BadValue { weight: text(), problem: text(), file: None }, InvalidData;
        }
    }
}
