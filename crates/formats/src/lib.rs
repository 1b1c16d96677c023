//! Weight files: Keras `.h5` and `.keras`, PyTorch `.pth`, and `.safetensors`.
//!
//! The format of a file is detected by its content, never by its extension, and nothing in a file is ever executed.
//! [`read`] returns the tensors under the file's own names. [`assign`] assigns them to the weights of a network under
//! any of the known [`Naming`]s.
//!
//! Keras's files are read with the feature `keras`, PyTorch's with `pytorch`; both are on by default. Without the
//! feature such a file is recognised and refused.
#![forbid(unsafe_code)]

mod assign;
#[cfg(any(feature = "keras", feature = "pytorch"))]
mod budget;
mod checkpoint;
mod detect;
mod error;
mod format;
#[cfg(feature = "keras")]
mod hdf5;
mod keras_model;
#[cfg(feature = "keras")]
mod keras_zip;
mod naming;
#[cfg(feature = "pytorch")]
mod pytorch;
mod read;
pub mod safetensors;
mod zip_names;

pub use assign::assign;
pub use checkpoint::{Checkpoint, EXPORTED};
pub use detect::{Detected, detect, looks_like};
pub use error::FormatError;
pub use format::Format;
pub use keras_model::{
    Before, Head, HeadActivation, HiddenLayer, ImportedModel, Resizing, before_base, import,
    import_checkpoint, scaling_of,
};
pub use naming::Naming;
pub use read::{MAX_FILE_SIZE, load, read, read_bytes};
