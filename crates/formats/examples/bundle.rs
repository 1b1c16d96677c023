//! Makes the weight files in `crates/bundled/assets/`: kernels in f16, the rest in f32.
//!
//! ```sh
//! cargo run --release -p headstart-formats --example bundle -- [--top] WEIGHTS ASSET
//! ```
//!
//! The architecture is detected from `WEIGHTS`. With `--top` the classifier is kept.

use std::collections::BTreeMap;

use headstart_formats::safetensors::{ARCHITECTURE, Stored, write};
use headstart_formats::{assign, detect, read};
use headstart_model::architectures::{Architecture, NetworkConfig};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (weights, asset, top) = match &arguments[..] {
        [weights, asset] => (weights, asset, false),
        [flag, weights, asset] if flag == "--top" => (weights, asset, true),
        _ => return Err("usage: bundle [--top] WEIGHTS ASSET".into()),
    };
    let checkpoint = read(weights)?;
    let detected = detect(&checkpoint).ok_or("the weights fit no registered architecture")?;
    let architecture = Architecture::find(detected.architecture)?;
    let network = architecture.build(&NetworkConfig {
        width: Some(detected.width),
        top: if top { detected.classes } else { None },
        ..NetworkConfig::default()
    })?;
    let weights = assign(checkpoint, &network)?;
    // Only kernels are stored in f16: the statistics span too many magnitudes for it, and are a
    // hundredth of the size.
    let stored = |name: &str| {
        if name.ends_with("/kernel") { Stored::F16 } else { Stored::F32 }
    };
    let tensors = weights.iter().map(|(name, tensor)| (name, tensor, stored(name)));
    let metadata = BTreeMap::from([(ARCHITECTURE.to_owned(), architecture.id.to_owned())]);
    write(asset, tensors, &metadata)?;
    println!(
        "{asset}: {} of {}, {} weights",
        architecture.id,
        detected.width,
        weights.iter().count()
    );
    Ok(())
}
