//! From pictures to features.

mod compute;
mod extract;
mod in_order;

pub use extract::{ExtractConfig, Extraction, Extractor, PictureFeatures, default_cache};
