use std::path::PathBuf;

use headstart::{DEFAULT_BASE, ExtractConfig, default_cache};

/// What a studio is opened with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StudioConfig {
    /// The project: a folder with a folder per class, which is made if it is not there.
    pub folder: PathBuf,
    /// The bundled base whose features are learned from while pictures come and go.
    pub base: String,
    /// How features are computed. Thumbnails are kept where they are.
    pub extract: ExtractConfig,
    /// Threads that compute; 0 are as many as the machine runs at once.
    pub threads: usize,
}

impl StudioConfig {
    /// For a folder, with the user's cache.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            base: DEFAULT_BASE.to_owned(),
            extract: ExtractConfig::default().with_cache(default_cache()),
            threads: 0,
        }
    }

    /// How features are computed.
    #[must_use]
    pub fn with_extract(mut self, extract: ExtractConfig) -> Self {
        self.extract = extract;
        self
    }

    /// Threads that compute.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }
}
