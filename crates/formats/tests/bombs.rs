//! Small weight files that expand to a large size are refused, and reading them takes little
//! memory.
//!
//! This file has only one test, because the peak of allocations is measured for the whole process.
#![cfg(all(feature = "keras", feature = "pytorch"))]

use std::io::{Cursor, Write};

use headstart_formats::read_bytes;
use peak_alloc::PeakAlloc;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const MUCH: usize = 512 << 20;
/// A file of this size may contain 64 MiB of tensors, and a growing vector briefly takes twice its
/// size.
const LITTLE: usize = 200 << 20;

#[test]
fn what_unfolds_to_more_than_a_file_can_hold_is_refused() {
    let config = ("config.json", Content::Text("{}"));
    let weights = ("model.weights.h5", Content::Zeros);
    let pickle = ("a/data.pkl", Content::Text("\u{80}"));
    for (name, entries) in [
        ("weights.keras", vec![config, weights]),
        (
            "config.keras",
            vec![("config.json", Content::Zeros), ("model.weights.h5", Content::Text(""))],
        ),
        ("pickle.pth", vec![("a/data.pkl", Content::Zeros), ("a/version", Content::Text("3"))]),
        ("order.pth", vec![pickle, ("a/byteorder", Content::Zeros), ("a/version", Content::Zeros)]),
    ] {
        let file = zipped(&entries);
        assert!(file.len() < 4 << 20, "{name} is small");
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let error = read_bytes(&file, name).map(|_| ()).unwrap_err().to_string();
        let taken = MEMORY.peak_usage() - before;
        assert!(taken < LITTLE, "{name} took {taken} bytes: {error}");
        assert!(error.contains(name) && !error.contains('\n'), "{error}");
    }
}

#[derive(Clone, Copy)]
enum Content {
    Text(&'static str),
    Zeros,
}

fn zipped(entries: &[(&str, Content)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, content) in entries {
        archive.start_file(*name, options).unwrap();
        match content {
            Content::Text(text) => archive.write_all(text.as_bytes()).unwrap(),
            Content::Zeros => {
                let zeros = vec![0; 1 << 20];
                (0..MUCH >> 20).for_each(|_| archive.write_all(&zeros).unwrap());
            }
        }
    }
    archive.finish().unwrap().into_inner()
}
