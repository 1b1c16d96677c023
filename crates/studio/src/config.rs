use std::path::PathBuf;

use headstart::{DEFAULT_BASE, ExtractConfig, default_cache};

/// The configuration of a studio.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StudioConfig {
    /// The project: a folder with a folder per class. It is created if it does not exist.
    pub folder: PathBuf,
    /// The bundled base whose features the live head is trained on, while pictures are added and removed.
    pub base: String,
    /// How features are computed. Its cache also holds the thumbnails.
    pub extract: ExtractConfig,
    /// The number of threads for computation; 0 means as many as the machine runs at once.
    pub threads: usize,
}

impl StudioConfig {
    /// A configuration for a folder, with the user's cache.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            base: DEFAULT_BASE.to_owned(),
            extract: ExtractConfig::default().with_cache(default_cache()),
            threads: 0,
        }
    }

    /// Sets how features are computed.
    #[must_use]
    pub fn with_extract(mut self, extract: ExtractConfig) -> Self {
        self.extract = extract;
        self
    }

    /// Sets the number of threads for computation.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }
}
