//! Helpers shared by the tests of weight files.
#![allow(dead_code)] // each test uses a part

use std::path::{Path, PathBuf};

use headstart_model::Network;
use headstart_model::architectures::{Architecture, NetworkConfig};

/// A file made by one of the scripts in `tools/reference/`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name);
    assert!(path.exists(), "{} is missing", path.display());
    path
}

/// The network of an architecture at this width and its default input size.
pub(crate) fn network(id: &str, width: f32, top: Option<usize>) -> Network {
    let config = NetworkConfig { width: Some(width), top, ..NetworkConfig::default() };
    Architecture::find(id).unwrap().build(&config).unwrap()
}

/// A file below the folder `HEADSTART_REAL_WEIGHTS`, at any depth. Prints a message if it is
/// missing.
pub(crate) fn real(name: &str) -> Option<PathBuf> {
    fn find(folder: &Path, name: &str) -> Option<PathBuf> {
        let entries: Vec<_> = std::fs::read_dir(folder).ok()?.flatten().map(|e| e.path()).collect();
        let here = entries.iter().find(|path| path.is_file() && path.ends_with(name)).cloned();
        here.or_else(|| entries.iter().filter(|p| p.is_dir()).find_map(|p| find(p, name)))
    }
    let folder = std::env::var_os("HEADSTART_REAL_WEIGHTS");
    let found = folder.and_then(|folder| find(Path::new(&folder), name));
    if found.is_none() {
        eprintln!("SKIPPED: {name} is not below the folder HEADSTART_REAL_WEIGHTS");
    }
    found
}
