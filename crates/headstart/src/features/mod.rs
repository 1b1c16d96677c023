//! Features of pictures.

mod compute;
mod extract;
mod in_order;
mod origin;
mod precision;
mod shard;

pub(crate) use in_order::{in_order, window};

pub use extract::{ExtractConfig, Extraction, Extractor, PictureFeatures, default_cache};
pub use origin::{FeatureOrigin, FeaturePart};
pub use precision::Precision;
pub use shard::Shard;
