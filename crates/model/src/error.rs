//! What can go wrong with a network's description or weights.

use std::path::Path;

use headstart_error::ErrorKind;

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
    /// The input is larger than is supported.
    #[error("an input of {height} x {width} pixels is too large; {most} x {most} is the most")]
    InputTooLarge {
        /// Height asked for, in pixels.
        height: usize,
        /// Width asked for, in pixels.
        width: usize,
        /// The largest side.
        most: usize,
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
    /// A way of preprocessing has no such name.
    #[error("there is no {what} called '{name}'; there are {}", known.join(", "))]
    NoSuchName {
        /// What is called so: `interpolation`.
        what: &'static str,
        /// The name asked for.
        name: String,
        /// All names.
        known: &'static [&'static str],
    },
    /// A set of tensors is not the network's weights.
    #[error(
        "{}the weights are not those of {network}: {fitting}{}",
        file_prefix(file),
        looks_like_suffix(looks_like)
    )]
    WeightsDoNotFit {
        /// The network.
        network: String,
        /// What is wrong.
        fitting: Box<Fitting>,
        /// The file that they come from.
        file: Option<String>,
        /// What that file looks like it holds.
        looks_like: Option<String>,
    },
    /// A weight has a value that nothing can be computed with.
    #[error("{}the weights cannot be used: {weight} {problem}", file_prefix(file))]
    BadValue {
        /// The weight: `bn_Conv1/moving_variance`.
        weight: String,
        /// What is the matter with it: `holds NaN at index 7`.
        problem: String,
        /// The file that it comes from.
        file: Option<String>,
    },
}

impl ModelError {
    /// What can be done about it.
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

    /// The file that it is about.
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

    /// Names the file that weights come from in an error that does not name one yet; to be called
    /// where [`Weights::new`](crate::Weights::new) was given tensors of a file.
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
