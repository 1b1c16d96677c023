//! The fuzzing corpus, including inputs that once failed: every weight file gives a value or an
//! error.
#![cfg(all(feature = "keras", feature = "pytorch"))]

#[path = "../../../fuzz/targets/weights.rs"]
mod weights;

use std::fs;
use std::path::{Path, PathBuf};

use headstart_formats::read;

fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/weights");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_weight_file_of_the_corpus_is_read_or_refused() {
    for path in corpus() {
        // Shown if the test fails.
        println!("{}", path.display());
        weights::run(&fs::read(path).unwrap());
    }
}

/// Otherwise fuzzing would begin with nothing but errors.
#[test]
fn what_was_not_found_by_fuzzing_holds_tensors() {
    let refused = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        ["found_", "refused_"].iter().any(|beginning| name.starts_with(beginning))
    };
    for path in corpus().iter().filter(|path| !refused(path)) {
        let checkpoint = read(path).unwrap_or_else(|error| panic!("{error}"));
        assert!(!checkpoint.tensors.is_empty(), "{}", path.display());
    }
}
