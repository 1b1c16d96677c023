//! Imported whole Keras models, against Keras's predictions.
//!
//! Fixtures: `tools/reference/keras_mobilenetv2.py` and `keras_import.py`.

use std::fs;
use std::path::PathBuf;

use headstart::model::{Elementwise, Fit, Interpolation};
use headstart::train::{FineTuneConfig, Task};
use headstart::{Assumption, Classifier, Context, FineTuning, ImportConfig, Pictures};
use safetensors::SafeTensors;

use crate::support::{
    CLASSES, assert_one_line, bits, difference, folder, json, repository, tensors,
};

/// Class probabilities from the outputs of the fixture's model.
fn probabilities(outputs: &[f32]) -> Vec<f32> {
    match *outputs {
        // A single output is the logit of class 1.
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
    let names = |names: &[&str]| {
        ImportConfig::default().with_classes(Some(names.iter().map(|&n| n.to_owned()).collect()))
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
    let assumed = assumed.to_string();
    assert!(assumed.contains("tf.image.resize without antialiasing is assumed"), "{assumed}");
    assert_one_line(&assumed);

    let (interpolation, fit) = (Some(Interpolation::Area), Some(Fit::Crop));
    let config = ImportConfig::default().with_interpolation(interpolation).with_fit(fit);
    let (classifier, assumptions) = Classifier::import_keras(&file, &config).unwrap();
    assert_eq!(resizing(&classifier), (Interpolation::Area, Fit::Crop));
    assert!(assumptions.is_empty(), "{assumptions:?}");
}

fn as_people_export_them(name: &str) -> PathBuf {
    repository("fixtures/keras_import").join(name)
}

fn imported(name: &str) -> (Classifier, Vec<Assumption>) {
    Classifier::import_keras(as_people_export_them(name), &ImportConfig::default())
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn outputs_are_labels(name: &str) -> bool {
    ["labels.keras", "logits.keras", "resizing.keras"].contains(&name)
}

#[test]
fn models_as_people_export_them_predict_what_keras_predicts_also_after_saving() {
    let temp = tempfile::tempdir().unwrap();
    let stored = tensors("fixtures/keras_mobilenetv2/activations.safetensors");
    let expected = json("fixtures/keras_import/expected.json");
    for (name, model) in expected["models"].as_object().unwrap() {
        let (classifier, _) = imported(name);
        let saved = temp.path().join("model.safetensors");
        classifier.save(&saved).unwrap();
        let loaded = Classifier::load(&saved).unwrap();
        assert_eq!(loaded.head(), classifier.head(), "{name}");
        let task = if outputs_are_labels(name) { Task::MultiLabel } else { Task::SingleLabel };
        assert_eq!((classifier.task(), loaded.task()), (task, task), "{name}");
        let pictures = model["pictures"].as_array().unwrap();
        for (picture, outputs) in pictures.iter().zip(model["probabilities"].as_array().unwrap()) {
            let picture = picture.as_str().unwrap();
            let path = stored.write_png(picture, temp.path());
            let outputs: Vec<f32> = serde_json::from_value(outputs.clone()).unwrap();
            let scores = classifier.predict(&path).unwrap().scores;
            let off = difference(&scores, &outputs);
            // If levels are rounded, one in a few thousand may be rounded differently.
            let allowed = if picture.starts_with("97x131") { 5e-3 } else { 1e-4 };
            assert!(off < allowed, "{name}, {picture}: {off}");
            assert_eq!(bits(&loaded.predict(&path).unwrap().scores), bits(&scores), "{name}");
        }
    }
}

#[test]
fn hidden_layers_are_kept_in_a_format_that_versions_before_refuse() {
    let temp = tempfile::tempdir().unwrap();
    let (classifier, _) = imported("deep.keras");
    let hidden = &classifier.head().hidden;
    let shapes: Vec<_> = hidden.iter().map(|layer| (layer.dim(), layer.units())).collect();
    assert_eq!(shapes, [(1280, 16), (16, 8)]);
    assert_eq!(hidden[0].activation, Elementwise::RELU);
    assert_eq!(hidden[1].activation, Elementwise::Elu { alpha: 1.0 });
    assert_eq!((hidden[0].dropout, hidden[1].dropout), (0.0, 0.5));
    let file = temp.path().join("model.safetensors");
    classifier.save(&file).unwrap();
    let bytes = fs::read(&file).unwrap();
    let stored = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(stored.tensor("head/hidden_1/kernel").unwrap().shape(), [16, 8]);
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let entry = &metadata.metadata().as_ref().unwrap()["headstart"];
    let entry: serde_json::Value = serde_json::from_str(entry).unwrap();
    assert_eq!(entry["format"], 2);
}

#[test]
fn fine_tuning_an_imported_head_trains_its_hidden_layers_and_resumes_to_the_same_bits() {
    let temp = tempfile::tempdir().unwrap();
    let pictures = folder(&temp.path().join("pictures"), &CLASSES, 6);
    let pictures = Pictures::open(pictures).unwrap();
    let config = ImportConfig::default().with_classes(Some(CLASSES.map(str::to_owned).into()));
    let file = as_people_export_them("teachable_machine/keras_model.h5");
    let begun = Classifier::import_keras(file, &config).unwrap().0;
    let tuning = |epochs, resume| {
        FineTuning::default()
            .with_at("from:Conv_1".parse().unwrap())
            .with_training(FineTuneConfig {
                learning_rate: 1e-3,
                epochs,
                batch_size: 6,
                ..FineTuneConfig::default()
            })
            .with_checkpoint(Some(temp.path().join("checkpoint")))
            .with_resume(resume)
    };
    let mut whole = begun.clone();
    let report = whole.fine_tune(&pictures, &tuning(4, false), &mut Context::default()).unwrap();
    let losses: Vec<f64> = report.epochs.iter().map(|epoch| epoch.loss).collect();
    assert!(losses[3] < 0.5 * losses[0], "{losses:?}");
    for (before, after) in begun.head().weights().zip(whole.head().weights()) {
        assert_eq!(before.len(), after.len());
        let moved = before.iter().zip(after).filter(|(a, b)| a != b).count();
        // The weights of a unit do not change while its ReLU outputs 0.
        assert!(moved > before.len() / 4, "{moved} of {}", before.len());
    }
    let saved = temp.path().join("model.safetensors");
    whole.save(&saved).unwrap();
    assert_eq!(Classifier::load(&saved).unwrap().head(), whole.head());

    // The checkpoint after all four epochs contains the whole head.
    let mut resumed = begun.clone();
    let report = resumed.fine_tune(&pictures, &tuning(4, true), &mut Context::default()).unwrap();
    assert_eq!(report.resumed, 4);
    assert_eq!(resumed.head(), whole.head());
}

#[test]
fn whole_models_on_each_base_of_keras_say_what_keras_says() {
    let folder = std::env::var_os("HEADSTART_REAL_WEIGHTS");
    let folder = folder.map(|folder| PathBuf::from(folder).join("keras_models"));
    let Some(folder) = folder.filter(|folder| folder.is_dir()) else {
        eprintln!("SKIPPED: there is no folder keras_models below HEADSTART_REAL_WEIGHTS");
        return;
    };
    let expected = fs::read(folder.join("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
    for (name, expected) in expected.as_object().unwrap() {
        for ending in ["keras", "h5"] {
            let file = folder.join(format!("{name}.{ending}"));
            if !file.is_file() {
                continue;
            }
            let (classifier, assumptions) =
                Classifier::import_keras(&file, &ImportConfig::default()).unwrap();
            // The file specifies everything except how pictures were resized.
            assert_eq!(assumptions.len(), 1, "{name}: {assumptions:?}");
            for (index, expected) in expected.as_array().unwrap().iter().enumerate() {
                let expected: Vec<f32> = serde_json::from_value(expected.clone()).unwrap();
                let picture = folder.join(format!("picture_{index}.ppm"));
                let off = difference(&classifier.predict(picture).unwrap().scores, &expected);
                println!("{name}.{ending}, picture {index}: off by {off:e}");
                assert!(off < 1e-4, "{name}.{ending}: {off}");
            }
            // Loaded as a base only, it computes the same features as within the model, whichever part scales pixels.
            let base = headstart::Base::from_file(&file, &headstart::BaseConfig::default());
            let own = headstart::Extractor::new(&base.unwrap(), &Default::default());
            let within = headstart::Extractor::new(classifier.base(), &Default::default());
            let features = |extractor: &headstart::Extractor| {
                extractor.one(folder.join("picture_0.ppm")).unwrap().features
            };
            let (own, within) = (features(&own), features(&within));
            let largest = within.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            assert!(difference(&own, &within) < 1e-3 * largest, "{name}.{ending}");
        }
    }
}
