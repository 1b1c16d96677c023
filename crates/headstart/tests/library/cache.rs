//! Features are computed once, and the cache changes no bit of any result.

use std::fs;
use std::path::{Path, PathBuf};

use headstart::data::Location;
use headstart::data::cache::info;
use headstart::model::{Fit, Interpolation};
use headstart::{
    Base, Classifier, Context, ExtractConfig, Extraction, Extractor, FitConfig, ImportConfig,
    Pictures, ThreadPool,
};

use crate::support::{
    CLASSES, bits, bundled_pictures, extract_into, folder, repository, small_base,
};

fn extract(base: &Base, config: &ExtractConfig, paths: &[PathBuf]) -> Extraction {
    let pictures: Vec<Location> = paths.iter().map(Location::from).collect();
    Extractor::new(base, config).extract(&pictures, &mut Context::default()).unwrap()
}

fn some_pictures() -> Vec<PathBuf> {
    CLASSES.iter().flat_map(|class| bundled_pictures(class).into_iter().take(4)).collect()
}

#[test]
fn a_second_run_takes_everything_from_the_cache_with_the_same_bits() {
    let cache = tempfile::tempdir().unwrap();
    let (base, paths) = (small_base(), some_pictures());
    let none = extract(&base, &ExtractConfig::default(), &paths);
    let first = extract(&base, &extract_into(cache.path()), &paths);
    let second = extract(&base, &extract_into(cache.path()), &paths);
    assert_eq!((first.cached, second.cached), (0, paths.len()));
    for run in [&first, &second] {
        assert_eq!(bits(&run.features), bits(&none.features));
        assert_eq!(run.contents, none.contents);
    }
    let held = info(cache.path()).unwrap();
    assert_eq!((held.bases.len(), held.entries), (1, paths.len() as u64), "nothing is kept twice");
}

#[test]
fn what_is_cached_needs_no_decoding_and_is_known_by_content_not_by_name() {
    let temp = tempfile::tempdir().unwrap();
    let cache = temp.path().join("cache");
    let base = small_base();
    extract(&base, &extract_into(&cache), &some_pictures()[..1]);
    let renamed = temp.path().join("renamed.jpg");
    fs::copy(&some_pictures()[0], &renamed).unwrap();
    assert_eq!(extract(&base, &extract_into(&cache), &[renamed]).cached, 1);
}

#[test]
fn another_base_size_or_scaling_does_not_share_features() {
    let cache = tempfile::tempdir().unwrap();
    let paths = &some_pictures()[..2];
    let file = repository("fixtures/keras_mobilenetv2/keras2_no_top.h5");
    let at = |side| {
        let input_size = Some((side, side));
        let config = headstart::BaseConfig::default().with_input_size(input_size);
        Base::from_file(&file, &config).unwrap()
    };
    // The same weights, but pixels are scaled in another way.
    let keras_2 = repository("fixtures/keras_mobilenetv2/keras2_whole.h5");
    let other = Classifier::import_keras(keras_2, &ImportConfig::default()).unwrap().0;
    let bundled = Base::bundled_at("mobilenetv2", Some((32, 32))).unwrap();
    for base in [&at(32), &at(48), other.base(), &bundled] {
        assert_eq!(extract(base, &extract_into(cache.path()), paths).cached, 0);
    }
    for base in [&at(32), &at(48), other.base(), &bundled] {
        assert_eq!(extract(base, &extract_into(cache.path()), paths).cached, 2);
    }
    let held = info(cache.path()).unwrap();
    let sizes: Vec<_> =
        held.bases.iter().map(|base| base.about.as_ref().map(|a| (a.height, a.width))).collect();
    assert_eq!(sizes.len(), 4);
    assert_eq!(sizes.iter().filter(|&&size| size == Some((48, 48))).count(), 1, "{sizes:?}");

    // Features do not depend on which layers are trainable.
    let mut frozen = at(32);
    frozen.set_trainable(false);
    assert_eq!(extract(&frozen, &extract_into(cache.path()), paths).cached, 2);
}

#[test]
fn another_way_of_resizing_does_not_share_features() {
    let cache = tempfile::tempdir().unwrap();
    let paths = &some_pictures()[..2];
    let own = small_base();
    let mut others = vec![own.clone()];
    for interpolation in [Interpolation::Bicubic, Interpolation::Area, Interpolation::Tensorflow] {
        others.push(own.clone());
        others.last_mut().unwrap().set_interpolation(interpolation);
    }
    for fit in [Fit::Crop, Fit::Pad] {
        others.push(own.clone());
        others.last_mut().unwrap().set_fit(fit);
    }
    for cached in [0, 2] {
        for base in &others {
            assert_eq!(extract(base, &extract_into(cache.path()), paths).cached, cached);
        }
    }
    assert_eq!(info(cache.path()).unwrap().bases.len(), others.len());
}

/// Every file of the cache.
fn files(root: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(root).unwrap().map(|e| e.unwrap().path());
    folders.flat_map(|f| fs::read_dir(f).unwrap().map(|e| e.unwrap().path())).collect()
}

#[test]
fn a_damaged_cache_is_computed_again() {
    let (base, paths) = (small_base(), some_pictures());
    let good = extract(&base, &ExtractConfig::default(), &paths);
    type Damage = fn(&mut Vec<u8>);
    let flip: Damage = |bytes| bytes.iter_mut().skip(100).step_by(7).for_each(|b| *b ^= 0x5a);
    let halve: Damage = |bytes| bytes.truncate(bytes.len() / 2);
    let empty: Damage = Vec::clear;
    for (ending, damage) in
        [("data", flip), ("keys", flip), ("data", halve), ("keys", halve), ("data", empty)]
    {
        let cache = tempfile::tempdir().unwrap();
        extract(&base, &extract_into(cache.path()), &paths);
        let named = |path: &&PathBuf| path.extension().is_some_and(|e| e == ending);
        let all = files(cache.path());
        for file in all.iter().filter(named) {
            let mut bytes = fs::read(file).unwrap();
            damage(&mut bytes);
            fs::write(file, bytes).unwrap();
        }
        let again = extract(&base, &extract_into(cache.path()), &paths);
        assert!(again.cached < paths.len(), ".{ending}: {} were believed", again.cached);
        assert_eq!(bits(&again.features), bits(&good.features), ".{ending}");
        let healed = extract(&base, &extract_into(cache.path()), &paths);
        assert_eq!(healed.cached, paths.len(), ".{ending}");
        assert_eq!(bits(&healed.features), bits(&good.features), ".{ending}");
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_a_warning_and_training_goes_on() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("pictures"), &CLASSES, 4);
    let file = temp.path().join("a-file");
    fs::write(&file, "no folder").unwrap();
    let config = FitConfig::default().with_extract(extract_into(&file.join("cache")));
    let pictures = Pictures::open(root).unwrap();
    let (_, report) =
        Classifier::fit(small_base(), &pictures, &config, &mut Context::default()).unwrap();
    assert_eq!(report.warnings.len(), 1, "{:?}", report.warnings);
    assert!(
        report.warnings[0].to_string().contains("features cannot be kept"),
        "{}",
        report.warnings[0]
    );
}

#[test]
fn the_same_seed_gives_the_same_bits_whatever_the_threads_and_the_cache() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("pictures"), &CLASSES, 8);
    let cache = Some(temp.path().join("cache"));
    let fitted = |seed, threads, cache| {
        let pictures = Pictures::open(&root).unwrap().with_validation(0.25, seed);
        let extract = ExtractConfig::default().with_cache(cache);
        let pool = ThreadPool::with_threads(threads).unwrap();
        let context = &mut Context::default().with_pool(pool);
        let config = FitConfig::default().with_extract(extract);
        let (model, report) = Classifier::fit(small_base(), &pictures, &config, context).unwrap();
        let held_back = model.training().unwrap().validation.clone();
        (bits(&model.head().kernel), bits(&model.head().bias), held_back, report.validation)
    };
    let first = fitted(1, 1, None);
    assert!(first == fitted(1, 2, None), "two threads");
    assert!(first == fitted(1, 2, cache.clone()), "an empty cache");
    assert!(first == fitted(1, 1, cache), "a full cache");
    assert!(first.2 != fitted(2, 1, None).2, "another seed holds others back");
}
