//! Features of pictures.

mod compute;
mod config;
mod extract;
mod in_order;
mod origin;
mod part;
mod precision;
mod shard;

pub(crate) use in_order::{in_order, window};

pub use config::{ExtractConfig, default_cache};
pub use extract::{Extraction, Extractor};
pub use origin::{FeatureOrigin, FeaturePart};
pub use part::PictureFeatures;
pub use precision::Precision;
pub use shard::Shard;
