//! How features are computed, and where they are kept.

use std::path::PathBuf;

use headstart_data::cache::Limit;
use headstart_data::decode::Reduce;
use headstart_engine::frozen::Compute;
use serde::{Deserialize, Serialize};

use super::compute;
use crate::config::setters;

/// How features are computed.
///
/// In serialised form, `compute` is omitted if it is the best that this processor supports, so that other
/// processors use their best.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ExtractConfig {
    /// The instruction set and precision to compute with.
    #[serde(with = "compute", skip_serializing_if = "compute::is_default")]
    pub compute: Compute,
    /// How much large pictures may be reduced while they are decoded.
    pub reduce: Reduce,
    /// Limit on the bytes of files and of decoding, for all threads together. A picture that needs more is
    /// skipped, whether its features are cached or not.
    ///
    /// If `None`, the limit is [`DEFAULT_MEMORY`](headstart_data::DEFAULT_MEMORY), and larger pictures are
    /// decoded one at a time with nothing else in memory.
    pub memory: Option<u64>,
    /// The folder of the feature cache; `None` for no cache. See [`default_cache`].
    pub cache: Option<PathBuf>,
    /// The maximum size of the cache.
    pub cache_limit: Limit,
    /// Whether cached features are used but none are added.
    pub cache_read_only: bool,
    /// Whether the first unreadable picture is an error, instead of being skipped.
    pub all_readable: bool,
}

setters!(ExtractConfig {
    /// Sets the instruction set and precision to compute with.
    with_compute => compute: Compute,
    /// Sets how much large pictures may be reduced while they are decoded.
    with_reduce => reduce: Reduce,
    /// Sets the limit on the bytes of files and of decoding.
    with_memory => memory: impl Into<Option<u64>>,
    /// Sets the folder of the feature cache.
    with_cache => cache: impl Into<Option<PathBuf>>,
    /// Sets the maximum size of the cache.
    with_cache_limit => cache_limit: Limit,
    /// Sets whether cached features are used but none are added.
    with_cache_read_only => cache_read_only: bool,
    /// Sets whether the first unreadable picture is an error.
    with_all_readable => all_readable: bool,
});

/// The default folder of the cache: `headstart` in the user's cache folder.
pub fn default_cache() -> Option<PathBuf> {
    dirs::cache_dir().map(|dir| dir.join("headstart"))
}
