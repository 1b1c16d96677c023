//! Pictures in: from a folder of files to pixels of the network's size.
//!
//! - [`sources`] finds the pictures and their labels,
//! - [`mod@decode`] turns a file's bytes into upright 8-bit RGB, whatever the format,
//! - [`resize`] brings them to the size that the model asks for,
//! - [`augment`] varies them, anew in every epoch,
//! - [`split`] holds pictures back for validation, the same pixels never on both sides,
//! - [`facts`] tells of a picture what else is to be known of it,
//! - [`cache`] keeps what the frozen base made of a picture.
//!
//! Nothing here knows of networks; the one thing taken from the model is its
//! [`Preprocessing`](headstart_model::Preprocessing).
#![forbid(unsafe_code)]

pub mod augment;
mod budget;
pub mod cache;
mod error;
pub mod facts;
mod reader;
pub mod sources;
pub mod split;

/// From the bytes of a file to upright 8-bit RGB, and how much of it is needed.
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
