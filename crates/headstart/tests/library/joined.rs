//! Joined bases, and features of mirror images.

use std::fs;
use std::path::{Path, PathBuf};

use headstart::predict::{Model, Predictor};
use headstart::train::LogisticConfig;
use headstart::{
    Base, BaseConfig, BaseError, Classifier, Context, Error, ErrorKind, ExtractConfig, Extractor,
    FeatureOrigin, FitConfig, HeadConfig, Pictures, TrainingSet,
};

use crate::support::{
    CLASSES, bits, bundled_pictures, difference, extract_into, folder, repository, small_base,
};

/// torchvision's MobileNetV2 of width 0.35, with another input size than [`small_base`].
fn other_base() -> Base {
    let file = repository("fixtures/pytorch_mobilenetv2/torchvision_0.35.pth");
    let mut base =
        Base::from_file(file, &BaseConfig::default().with_input_size(Some((64, 64)))).unwrap();
    base.set_trainable(false);
    base
}

fn joined() -> Base {
    Base::join([small_base(), other_base()]).unwrap()
}

fn mirrored(mut base: Base) -> Base {
    base.set_mirrored(true);
    base
}

/// Writes a JPEG that is decoded at a quarter for the smaller base, and at a half for the other.
fn large_picture(at: &Path) -> PathBuf {
    let path = at.join("large.jpg");
    let pixels: Vec<u8> = (0..520 * 520 * 3).map(|i| (i / 90 % 251) as u8).collect();
    image::save_buffer(&path, &pixels, 520, 520, image::ColorType::Rgb8).unwrap();
    path
}

fn features(base: &Base, picture: &Path) -> Vec<f32> {
    Extractor::new(base, &ExtractConfig::default()).one(picture.to_owned()).unwrap().features
}

fn trained(base: Base, at: &Path, config: &FitConfig) -> Classifier {
    let pictures = Pictures::open(folder(&at.join("pictures"), &CLASSES, 6)).unwrap();
    Classifier::fit(base, &pictures, config, &mut Context::default()).unwrap().0
}

#[test]
fn joined_features_are_the_bits_of_each_bases_own() {
    let temp = tempfile::tempdir().unwrap();
    let mut paths = bundled_pictures("Bag")[..3].to_vec();
    paths.push(large_picture(temp.path()));
    let base = joined();
    assert_eq!(base.features(), small_base().features() + other_base().features());
    assert_eq!(base.name(), "mobilenetv2+mobilenetv2-torch");
    for path in &paths {
        let own = [features(&small_base(), path), features(&other_base(), path)].concat();
        assert_eq!(bits(&features(&base, path)), bits(&own), "{}", path.display());
        // A predictor compiles the bases itself and gets the same.
        let file = fs::read(path).unwrap();
        let classifier = trained(joined(), temp.path(), &FitConfig::default());
        let model = Model::from_bytes(&classifier.to_model().to_bytes()).unwrap();
        let said = Predictor::new(&model).predict_bytes(&file).unwrap();
        assert_eq!(bits(&said.scores), bits(&classifier.classify(&own).scores));
        assert_eq!(bits(&classifier.predict(path).unwrap().scores), bits(&said.scores));
    }
}

#[test]
fn a_mirrored_base_has_the_mean_of_both_pictures() {
    let temp = tempfile::tempdir().unwrap();
    for path in &bundled_pictures("Sneaker")[..3] {
        let turned = temp.path().join("turned.png");
        image::imageops::flip_horizontal(&image::open(path).unwrap()).save(&turned).unwrap();
        for base in [small_base(), joined()] {
            let pair = [features(&base, path), features(&base, &turned)];
            let mean: Vec<f32> = pair[0].iter().zip(&pair[1]).map(|(a, b)| (a + b) / 2.0).collect();
            let own = features(&mirrored(base), path);
            // A resized mirror image is rounded differently in a few pixels.
            assert!(difference(&own, &mean) < 2e-2, "{}", difference(&own, &mean));
            assert!(difference(&own, &pair[0]) > 2e-2, "both pictures differ");
        }
    }
}

#[test]
fn a_model_of_joined_mirrored_bases_is_as_before_when_it_is_read_again() {
    let temp = tempfile::tempdir().unwrap();
    let blocks = joined().feature_widths().collect();
    let head = HeadConfig::Lbfgs(LogisticConfig { blocks, ..LogisticConfig::default() });
    let classifier =
        trained(mirrored(joined()), temp.path(), &FitConfig::default().with_head(head));
    let file = temp.path().join("m.safetensors");
    classifier.save(&file).unwrap();
    let read = Classifier::load(&file).unwrap();
    assert!(read.base().is_mirrored());
    assert_eq!(read.base().name(), classifier.base().name());
    assert_eq!(read.training(), classifier.training());
    assert_eq!(read.training().unwrap().further_weights.len(), 1);
    let path = &bundled_pictures("Bag")[0];
    let said = |classifier: &Classifier| bits(&classifier.predict(path).unwrap().scores);
    assert_eq!(said(&read), said(&classifier));
    assert_eq!(said(&read), bits(&read.classify(&features(read.base(), path)).scores));
    // The base of such a model can also be trained on, and keeps its sizes.
    let base = Base::from_file(&file, &BaseConfig::default()).unwrap();
    assert_eq!(FeatureOrigin::of(&base), FeatureOrigin::of(&mirrored(joined())));
    let config = BaseConfig::default().with_input_size(Some((96, 96)));
    let error = Base::from_file(&file, &config).unwrap_err().to_string();
    assert!(error.contains("mobilenetv2+mobilenetv2-torch"), "{error}");
}

#[test]
fn maps_of_joined_and_mirrored_bases_add_up_to_the_logit() {
    let temp = tempfile::tempdir().unwrap();
    let path = &bundled_pictures("Trouser")[0];
    for (base, cells) in [(joined(), 2), (mirrored(small_base()), 1), (mirrored(joined()), 2)] {
        let classifier = trained(base, temp.path(), &FitConfig::default());
        let explanation = classifier.explainer(&ExtractConfig::default()).explain(path).unwrap();
        let prediction = classifier.predict(path).unwrap();
        assert!(difference(&explanation.prediction.scores, &prediction.scores) < 1e-4);
        for class in 0..CLASSES.len() {
            let map = explanation.map(class);
            assert_eq!((map.height, map.width), (cells, cells));
            let mean = map.values.iter().sum::<f32>() / map.values.len() as f32;
            let off = mean + map.bias - map.logit;
            assert!(off.abs() < 1e-3, "class {class}: off by {off}");
        }
    }
}

#[test]
fn each_of_joined_bases_has_its_own_features_in_the_cache() {
    let temp = tempfile::tempdir().unwrap();
    let config = extract_into(&temp.path().join("cache"));
    let path = bundled_pictures("Bag")[0].clone();
    let one = |base: &Base| Extractor::new(base, &config).one(path.clone()).unwrap().cached;
    assert!(!one(&small_base()));
    // Features of the other base are not cached yet.
    assert!(!one(&joined()));
    assert!(one(&joined()) && one(&other_base()));
    assert!(!one(&mirrored(joined())), "mirror images have features of their own");
    assert!(one(&mirrored(small_base())));
}

#[test]
fn what_takes_one_base_says_so() {
    let temp = tempfile::tempdir().unwrap();
    let twice = Base::join([small_base(), small_base()]).unwrap_err();
    assert_eq!(twice.to_string(), "the base mobilenetv2 is given twice");
    assert!(Base::join([]).is_err());
    let pictures = Pictures::open(folder(temp.path(), &CLASSES, 4)).unwrap();
    let config = ExtractConfig::default();
    let error = TrainingSet::new(&joined(), &pictures, &config, &mut Context::default());
    let error = error.err().unwrap();
    assert!(matches!(error, Error::Base(BaseError::Joined { .. })), "{error}");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let says = "training on pixels takes one base, and mobilenetv2+mobilenetv2-torch are several";
    assert_eq!(error.to_string(), says);
}
