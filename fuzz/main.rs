//! Each binary runs the target of the same name.
#![no_main]

mod targets {
    pub(crate) mod archive;
    pub(crate) mod cache;
    pub(crate) mod decode;
    pub(crate) mod features;
    pub(crate) mod jpeg;
    pub(crate) mod manifest;
    pub(crate) mod model_file;
    pub(crate) mod weights;
}

use targets::{archive, cache, decode, features, jpeg, manifest, model_file, weights};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| match env!("CARGO_BIN_NAME") {
    "archive" => archive::run(bytes),
    "cache" => cache::run(bytes),
    "decode" => decode::run(bytes),
    "features" => features::run(bytes),
    "jpeg" => jpeg::run(bytes),
    "manifest" => manifest::run(bytes),
    "model_file" => drop(model_file::run(bytes)),
    "weights" => weights::run(bytes),
    name => unreachable!("no target {name}"),
});
