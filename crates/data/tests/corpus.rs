//! Runs the fuzzing corpus and earlier findings: every file gives a result.

mod support;

#[path = "../../../fuzz/targets/archive.rs"]
mod archive;
#[path = "../../../fuzz/targets/cache.rs"]
mod cache;
#[path = "../../../fuzz/targets/decode.rs"]
mod decode;
#[path = "../../../fuzz/targets/features.rs"]
mod features;
#[path = "../../../fuzz/targets/manifest.rs"]
mod manifest;

use std::fs;
use std::time::{Duration, Instant};

use cache::{DIM, FINGERPRINT, entry};
use headstart_data::cache::{CacheConfig, FeatureCache, Key};
use support::{corpus, fixtures, pictures};

/// Far more than any of these small files takes, even on a busy machine.
const LONGEST: Duration = Duration::from_secs(10);

/// Shows the file's name when a test fails.
fn each(files: Vec<(String, Vec<u8>)>, run: impl Fn(&[u8])) {
    assert!(!files.is_empty());
    for (name, bytes) in files {
        println!("{name}");
        let start = Instant::now();
        run(&bytes);
        assert!(start.elapsed() < LONGEST, "{name} took {:?}", start.elapsed());
    }
}

#[test]
fn every_picture_is_decoded_and_resized_or_refused() {
    each(pictures(), decode::run);
}

#[test]
fn every_archive_and_table_is_listed_and_its_pictures_are_read_or_refused() {
    each(corpus("archive"), archive::run);
    each(fixtures("archives"), archive::run);
    each(fixtures("tables"), archive::run);
}

#[test]
fn every_manifest_is_read_or_refused() {
    each(fixtures("manifest"), manifest::run);
}

#[test]
fn every_file_of_features_is_read_or_refused() {
    each(fixtures("features"), features::run);
}

#[test]
fn every_segment_of_a_cache_is_read_as_far_as_it_is_whole() {
    each(corpus("cache"), cache::run);
}

/// Otherwise fuzzing would not get past the header's checksum. If this fails because the format of segments has
/// changed, replace the file by one in the new format.
#[test]
fn the_segment_that_fuzzing_begins_with_is_one_that_is_written_today() {
    let root = tempfile::tempdir().unwrap();
    let cache = FeatureCache::open(root.path(), &FINGERPRINT, DIM, CacheConfig::default());
    (0..4).for_each(|n| cache.put(&Key([n; 16]), &entry(n)));
    drop(cache);
    let folder = fs::read_dir(root.path()).unwrap().next().unwrap().unwrap().path();
    let file = |ending: &str| {
        let mut paths = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        fs::read(paths.find(|path| path.extension().is_some_and(|e| e == ending)).unwrap()).unwrap()
    };
    let (keys, data) = (file("keys"), file("data"));
    let written = [&(keys.len() as u32).to_le_bytes()[..], &keys, &data].concat();
    let now = std::env::temp_dir().join("segment.bin");
    let (_, kept) = corpus("cache").into_iter().find(|(name, _)| name == "segment.bin").unwrap();
    if written != kept {
        fs::write(&now, written).unwrap();
        panic!("copy {} to fuzz/corpus/cache/segment.bin", now.display());
    }
}
