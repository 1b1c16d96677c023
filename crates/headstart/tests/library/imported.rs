//! Whole Keras models, imported, against Keras's own answers.

use headstart::model::{Fit, Interpolation};
use headstart::{Classifier, ImportConfig};

use crate::support::{assert_one_line, bits, difference, json, repository, tensors};

/// Class probabilities from what the fixture's model puts out.
fn probabilities(outputs: &[f32]) -> Vec<f32> {
    match *outputs {
        // One logit, of class 1.
        [logit] => {
            let second = 1.0 / (1.0 + (-logit).exp());
            vec![1.0 - second, second]
        }
        _ => outputs.to_vec(),
    }
}

#[test]
fn whole_keras_2_and_3_models_predict_what_keras_predicts_also_after_saving() {
    let temp = tempfile::tempdir().unwrap();
    let stored = tensors("fixtures/keras_mobilenetv2/activations.safetensors");
    let expected = json("fixtures/keras_mobilenetv2/expected.json");
    for (name, assumed) in
        [("keras3_whole.h5", 2), ("keras2_whole.h5", 1), ("keras3_tutorial.keras", 1)]
    {
        let file = repository("fixtures/keras_mobilenetv2").join(name);
        let (classifier, assumptions) =
            Classifier::import_keras(file, &ImportConfig::default()).unwrap();
        assert_eq!(assumptions.len(), assumed, "{name}: {assumptions:?}");
        let saved = temp.path().join("model.safetensors");
        classifier.save(&saved).unwrap();
        let loaded = Classifier::load(&saved).unwrap();

        let model = &expected["models"][name];
        let pictures = model["pictures"].as_array().unwrap();
        assert_eq!(pictures.len(), 2, "{name}");
        for (picture, outputs) in pictures.iter().zip(model["values"].as_array().unwrap()) {
            let picture = format!("{}/picture", picture.as_str().unwrap());
            let path = stored.write_png(&picture, temp.path());
            let outputs: Vec<f32> = serde_json::from_value(outputs.clone()).unwrap();
            let scores = classifier.predict(&path).unwrap().scores;
            let off = difference(&scores, &probabilities(&outputs));
            assert!(off < 1e-4, "{name}, {picture}: {off}");
            assert_eq!(bits(&loaded.predict(&path).unwrap().scores), bits(&scores), "{name}");
        }
    }
}

#[test]
fn classes_are_named_on_import_and_a_wrong_number_of_names_is_an_error() {
    let file = repository("fixtures/keras_mobilenetv2/keras3_whole.h5");
    let names = |names: &[&str]| ImportConfig {
        classes: Some(names.iter().map(|&n| n.to_owned()).collect()),
        ..ImportConfig::default()
    };
    let (classifier, _) = Classifier::import_keras(&file, &ImportConfig::default()).unwrap();
    assert_eq!(classifier.classes(), ["class_0", "class_1", "class_2"]);
    let (classifier, _) = Classifier::import_keras(&file, &names(&["a", "b", "c"])).unwrap();
    assert_eq!(classifier.classes(), ["a", "b", "c"]);
    let error = Classifier::import_keras(&file, &names(&["a", "b"])).unwrap_err().to_string();
    assert_eq!(error, "2 class names were given, but the model has 3 classes");
    assert_one_line(&error);
}

#[test]
fn a_keras_model_sees_pictures_as_tensorflow_resizes_them_unless_another_way_is_named() {
    let file = repository("fixtures/keras_mobilenetv2/keras3_tutorial.keras");
    let resizing = |classifier: &Classifier| {
        let preprocessing = classifier.base().network().preprocessing();
        (preprocessing.interpolation, preprocessing.fit)
    };
    let (classifier, assumptions) =
        Classifier::import_keras(&file, &ImportConfig::default()).unwrap();
    assert_eq!(resizing(&classifier), (Interpolation::Tensorflow, Fit::Stretch));
    let [assumed] = &assumptions[..] else { panic!("{assumptions:?}") };
    assert!(assumed.contains("tf.image.resize without antialiasing is assumed"), "{assumed}");
    assert_one_line(assumed);

    let (interpolation, fit) = (Some(Interpolation::Area), Some(Fit::Crop));
    let config = ImportConfig { interpolation, fit, ..ImportConfig::default() };
    let (classifier, assumptions) = Classifier::import_keras(&file, &config).unwrap();
    assert_eq!(resizing(&classifier), (Interpolation::Area, Fit::Crop));
    assert!(assumptions.is_empty(), "{assumptions:?}");
}
