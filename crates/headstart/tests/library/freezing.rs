//! Freezing: training changes no weight and no statistic of a frozen base.

use headstart::model::Trainable;
use headstart::train::AdamConfig;
use headstart::{Base, Classifier, Context, FitConfig, HeadConfig, Pictures};

use crate::support::{CLASSES, bits, bundled_pictures, folder, small_base};

/// Every weight and statistic by name, as bits.
fn weights(base: &Base) -> Vec<(String, Vec<u32>)> {
    base.weights().iter().map(|(name, tensor)| (name.to_owned(), bits(&tensor.data))).collect()
}

#[test]
fn training_saving_and_loading_leave_every_bit_of_the_base_and_of_the_predictions() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("pictures"), &CLASSES, 6);
    let pictures = Pictures::open(root).unwrap();
    let adam = AdamConfig { epochs: 2, ..AdamConfig::default() };
    for head in [HeadConfig::default(), HeadConfig::Adam(adam)] {
        let base = small_base();
        let before = weights(&base);
        assert_eq!(before.len(), 52 * 5, "52 convolutions with four vectors of BatchNorm each");
        let config = FitConfig::default().with_head(head);
        let (classifier, _) =
            Classifier::fit(base, &pictures, &config, &mut Context::default()).unwrap();
        assert_eq!(weights(classifier.base()), before);

        let file = temp.path().join("model.safetensors");
        classifier.save(&file).unwrap();
        let loaded = Classifier::load(&file).unwrap();
        assert_eq!(weights(loaded.base()), before);
        assert_eq!(bits(&loaded.head().kernel), bits(&classifier.head().kernel));
        assert_eq!(bits(&loaded.head().bias), bits(&classifier.head().bias));
        assert_eq!(loaded.classes(), CLASSES);
        assert_eq!(loaded.base().network(), classifier.base().network());
        assert_eq!(loaded.training(), classifier.training());
        for path in &bundled_pictures("Sneaker")[6..9] {
            let (a, b) = (classifier.predict(path).unwrap(), loaded.predict(path).unwrap());
            assert_eq!(bits(&a.scores), bits(&b.scores));
        }
    }
}

#[test]
fn a_base_is_trainable_until_it_is_frozen_and_its_counts_follow() {
    let mut base = Base::bundled("mobilenetv2").unwrap();
    let trainable = |base: &Base| base.network().trainable_params();
    assert_eq!(trainable(&base), 2_223_872);
    base.set_trainable(false);
    assert_eq!(trainable(&base), 0);
    base.apply(&Trainable::FromIndex(100)).unwrap();
    assert_eq!(trainable(&base), 1_861_440);
    base.layer_mut("Conv_1").unwrap().set_trainable(false);
    assert_eq!(trainable(&base), 1_861_440 - 320 * 1280);
    assert!(base.summary().to_string().contains("Non-trainable params: 806,144"));
    assert!(base.layer_mut("Conv_2").unwrap_err().to_string().contains("did you mean Conv_1"));
}
