//! From pictures to features.

mod compute;
mod extract;
mod in_order;

pub(crate) use in_order::{in_order, window};

pub use extract::{ExtractConfig, Extraction, Extractor, PictureFeatures, default_cache};
