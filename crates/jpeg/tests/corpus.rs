//! The fuzzing corpus, including inputs that once failed: every JPEG decodes or gives an error, and one that decodes
//! at full size also decodes reduced.

#[path = "../../../fuzz/targets/jpeg.rs"]
mod jpeg;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Far longer than any of these small files takes, even on a busy machine.
const LONGEST: Duration = Duration::from_secs(10);

/// The JPEGs in a folder of the repository.
fn jpegs(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| (path.display().to_string(), fs::read(&path).unwrap());
    files.map(read).filter(|(_, bytes)| bytes.starts_with(b"\xFF\xD8")).collect()
}

#[test]
fn every_jpeg_is_decoded_at_every_size_or_refused_also_when_it_is_cut() {
    let mut files = jpegs("fuzz/corpus/decode");
    files.extend(jpegs("crates/data/tests/fixtures/decode"));
    assert!(files.len() > 20, "{}", files.len());
    for (name, bytes) in files {
        // Shown if the test fails, to identify the file.
        println!("{name}");
        let start = Instant::now();
        for cut in [bytes.len(), bytes.len() / 2, bytes.len() / 8] {
            jpeg::run(&bytes[..cut]);
        }
        assert!(start.elapsed() < LONGEST, "{name} took {:?}", start.elapsed());
    }
}
