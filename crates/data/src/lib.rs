//! Pictures: from a folder of files to pixels of the network's size.
//!
//! - [`sources`] finds the pictures and their labels,
//! - [`mod@decode`] decodes a file of any supported format to upright 8-bit RGB,
//! - [`resize`] resizes pictures to the model's input size,
//! - [`augment`] varies them in every epoch,
//! - [`split`] holds pictures back for validation, never with the same pixels on both sides,
//! - [`facts`] measures other properties of a picture,
//! - [`cache`] stores the frozen base's features of a picture.
//!
//! Nothing here depends on networks, except for the model's [`Preprocessing`](headstart_model::Preprocessing).
#![forbid(unsafe_code)]

pub mod augment;
mod budget;
pub mod cache;
mod error;
pub mod facts;
mod reader;
pub mod sources;
pub mod split;

/// Decoding of files to upright 8-bit RGB, and the resolution required.
pub mod decode {
    pub use headstart_decode::*;
    pub use headstart_resize::Reduce;
}

pub use augment::{Augment, Augmenter};
pub use budget::{DEFAULT_MEMORY, MemoryBudget, MemoryGuard};
pub use cache::FeatureCache;
pub use decode::{ContentHash, DecodeError, Limits, Rgb, decode};
pub use error::DataError;
pub use facts::Facts;
pub use headstart_resize::{self as resize, Resizer};
pub use reader::{Held, HeldPicture, Reader};
pub use sources::{
    Dataset, Item, LabelSets, Labels, Listed, Listing, Location, PathPattern, Provided, SkipReason,
    Skipped, Source, Subset,
};
pub use split::{Folds, Groups, PictureLabels, Split, SplitConfig, SplitWarning};
