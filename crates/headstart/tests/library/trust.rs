//! Calibration and detection of unknown pictures, from training to prediction.

use std::fs;

use headstart::predict::{Model, NoLabelSet};
use headstart::{
    AnswerConfig, Calibration, CancelToken, Classifier, Context, Error, Event, ExtractConfig,
    FineTuning, FitConfig, FitReport, Pictures, UnknownRate,
};

use crate::support::{CLASSES, bits, bundled_pictures, folder, small_base};

fn fitted(pictures: &Pictures, config: &FitConfig) -> (Classifier, FitReport) {
    Classifier::fit(small_base(), pictures, config, &mut Context::default()).unwrap()
}

#[test]
fn calibration_changes_scores_and_never_which_is_first() {
    let temp = tempfile::tempdir().unwrap();
    let pictures = Pictures::open(folder(temp.path(), &CLASSES, 20)).unwrap();
    let pictures = pictures.with_validation(0.25, 1);
    let (calibrated, report) = fitted(&pictures, &FitConfig::default());
    let plain = FitConfig::default().with_calibration(Calibration::None);
    let (uncalibrated, plain_report) = fitted(&pictures, &plain);
    assert_eq!(calibrated.head(), uncalibrated.head());
    let temperature = calibrated.trust().temperature.as_ref().unwrap().values().to_vec();
    assert!(temperature[0] > 0.1 && temperature[0] != 1.0, "{temperature:?}");
    assert_eq!(uncalibrated.trust().temperature, None);
    let (with, without) = (report.validation.unwrap(), plain_report.validation.unwrap());
    assert_eq!(with.accuracy, without.accuracy);
    assert_eq!(with.confusion, without.confusion);
    assert_eq!(with.ece_uncalibrated, Some(without.calibration.unwrap().ece));
    assert_eq!(without.ece_uncalibrated, None);
    for path in &bundled_pictures("Bag")[20..26] {
        let (a, b) = (calibrated.predict(path).unwrap(), uncalibrated.predict(path).unwrap());
        assert_eq!(a.labels, b.labels);
        assert_ne!(bits(&a.scores), bits(&b.scores));
        assert!((a.scores.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
}

#[test]
fn what_a_model_knows_of_its_answers_travels_in_its_file() {
    let temp = tempfile::tempdir().unwrap();
    let pictures = Pictures::open(folder(&temp.path().join("p"), &CLASSES, 20)).unwrap();
    let (classifier, _) = fitted(&pictures, &FitConfig::default());
    let file = temp.path().join("model.safetensors");
    classifier.save(&file).unwrap();
    let loaded = Classifier::load(&file).unwrap();
    assert_eq!(loaded.trust(), classifier.trust());
    let predictor = classifier.predictor();
    for path in &bundled_pictures("Sneaker")[20..24] {
        let prediction = loaded.predict(path).unwrap();
        assert_eq!(predictor.predict(path).unwrap(), prediction);
        let set = loaded.label_set(&prediction.scores, 0.9).unwrap();
        assert_eq!(set[0], prediction.labels[0]);
    }
}

#[test]
fn predictions_answer_as_asked_for_whoever_is_asked() {
    let temp = tempfile::tempdir().unwrap();
    let pictures = Pictures::open(folder(temp.path(), &CLASSES, 20)).unwrap();
    let (mut classifier, _) = fitted(&pictures, &FitConfig::default());
    let path = &bundled_pictures("Sneaker")[21];
    let plain = classifier.predict(path).unwrap();
    assert_eq!((plain.set.as_ref(), plain.unknown.is_some()), (None, true));
    assert_eq!(plain.label(), (!plain.is_unknown()).then_some(plain.labels[0]));
    let config = AnswerConfig::default().with_coverage(0.9).with_unknown(false);
    let asked = classifier.predictor().with_answer(config).unwrap().predict(path).unwrap();
    assert_eq!(asked.set, Some(classifier.label_set(&plain.scores, 0.9).unwrap()));
    assert_eq!((asked.unknown, asked.label()), (None, Some(plain.labels[0])));
    assert_eq!(bits(&asked.scores), bits(&plain.scores));
    classifier.set_answer(config).unwrap();
    assert_eq!(classifier.predict(path).unwrap(), asked);
    let mut each = Vec::new();
    let (extract, mut context) = (ExtractConfig::default(), Context::default());
    let pictures = [headstart::data::Location::from(path.clone())];
    classifier
        .predict_each(pictures, &extract, &mut context, &mut |_, found| {
            each.push(found.unwrap());
            Ok(())
        })
        .unwrap();
    assert_eq!(each, [asked]);
    let much = AnswerConfig::default().with_coverage(0.999);
    assert!(matches!(classifier.set_answer(much), Err(NoLabelSet::TooFew(_))));
    assert!(matches!(classifier.predictor().with_answer(much), Err(NoLabelSet::TooFew(_))));
}

#[test]
fn a_model_from_before_predicts_and_says_what_it_does_not_know() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("p"), &CLASSES, 20);
    let pictures = Pictures::open(&root).unwrap().with_validation(0.5, 1);
    let (classifier, _) = fitted(&pictures, &FitConfig::default());
    // A model in the form that earlier versions wrote.
    let mut before = classifier.to_model();
    before.head.set_trust(headstart::predict::Trust::default());
    let file = temp.path().join("before.safetensors");
    fs::write(&file, before.to_bytes()).unwrap();
    let mut loaded = Classifier::load(&file).unwrap();
    let path = &bundled_pictures("Bag")[22];
    let prediction = loaded.predict(path).unwrap();
    assert_eq!(prediction.labels, classifier.predict(path).unwrap().labels);
    assert_eq!(loaded.label_set(&prediction.scores, 0.9), Err(NoLabelSet::NotLearned));
    let (extract, mut context) = (ExtractConfig::default(), Context::default());
    let evaluation = loaded.evaluate(&root, &extract, &mut context).unwrap().evaluation;
    assert!(evaluation.calibration.is_some() && evaluation.ece_uncalibrated.is_none());
    // It can be calibrated, on the pictures that it has not learned from.
    let evaluation = loaded
        .calibrate(&root, None, UnknownRate::default(), &extract, &mut context)
        .unwrap()
        .evaluation;
    assert!(evaluation.ece_uncalibrated.is_some() && evaluation.pictures == 30);
    assert!(loaded.label_set(&prediction.scores, 0.9).is_ok());
}

#[test]
fn with_few_pictures_scores_stay_and_what_cannot_be_promised_is_not() {
    let temp = tempfile::tempdir().unwrap();
    let pictures = Pictures::open(folder(temp.path(), &["Bag", "Sneaker"], 5)).unwrap();
    let (classifier, _) = fitted(&pictures, &FitConfig::default());
    assert_eq!(classifier.trust().temperature, None);
    let error = classifier.label_set(&[0.9, 0.1], 0.95).unwrap_err();
    assert!(
        matches!(error, NoLabelSet::TooFew(few) if few.needed == 19 && few.found < 19),
        "{error}"
    );
    for share in [0.0, 1.0, f64::NAN] {
        let error = classifier.label_set(&[0.9, 0.1], share).unwrap_err();
        assert!(matches!(error, NoLabelSet::Coverage(_)));
    }
}

#[test]
fn fine_tuning_calibrates_anew_on_the_pictures_held_back() {
    let temp = tempfile::tempdir().unwrap();
    let pictures = Pictures::open(folder(temp.path(), &CLASSES, 30)).unwrap();
    let pictures = pictures.with_validation(0.4, 1);
    let (mut classifier, _) = fitted(&pictures, &FitConfig::default());
    let before = classifier.trust().clone();
    let mut tuning = FineTuning::default();
    tuning.training.epochs = 1;
    tuning.training.learning_rate = 1e-3;
    let report = classifier.fine_tune(&pictures, &tuning, &mut Context::default()).unwrap();
    assert_ne!(*classifier.trust(), before);
    let sets = classifier.trust().sets.as_ref().unwrap();
    assert_eq!(sets.scores.len(), report.validation.unwrap().pictures);
}

#[test]
fn work_can_be_ended_while_classes_are_left_out_and_changes_nothing_then() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("p"), &CLASSES, 30);
    let pictures = Pictures::open(&root).unwrap().with_validation(0.4, 1);
    let (classifier, _) = fitted(&pictures, &FitConfig::default());
    // A context that is cancelled when the second class is left out.
    let context = || {
        let cancel = CancelToken::new();
        let token = cancel.clone();
        Context::default().with_cancel_token(cancel).on_event(move |event| match event {
            Event::LeavingOut { done: 0, total } => assert_eq!(total, CLASSES.len()),
            Event::LeavingOut { done, .. } => {
                assert_eq!(done, 1);
                token.cancel();
            }
            _ => {}
        })
    };
    let config = FitConfig::default();
    let stopped = Classifier::fit(small_base(), &pictures, &config, &mut context());
    assert!(matches!(stopped, Err(Error::Interrupted)));

    let mut tuning = FineTuning::default();
    tuning.training.epochs = 1;
    let mut whole = classifier.clone();
    whole.fine_tune(&pictures, &tuning, &mut Context::default()).unwrap();
    let mut tuned = classifier.clone();
    let checkpoint = temp.path().join("checkpoint");
    let tuning = tuning.with_checkpoint(checkpoint).with_resume(true);
    let stopped = tuned.fine_tune(&pictures, &tuning, &mut context()).unwrap_err();
    assert!(matches!(stopped, Error::Saved { epoch: 1, .. }), "{stopped}");
    assert!(tuned.to_model().to_bytes() == classifier.to_model().to_bytes());
    tuned.fine_tune(&pictures, &tuning, &mut Context::default()).unwrap();
    assert!(tuned.to_model().to_bytes() == whole.to_model().to_bytes());

    let mut plain = classifier.to_model();
    plain.head.set_trust(headstart::predict::Trust::default());
    let file = temp.path().join("plain.safetensors");
    fs::write(&file, plain.to_bytes()).unwrap();
    let mut plain = Classifier::load(&file).unwrap();
    let (rate, extract) = (UnknownRate::default(), ExtractConfig::default());
    // Among these are pictures that it has not learned from.
    let more = folder(&temp.path().join("more"), &CLASSES, 60);
    let stopped = plain.calibrate(&more, None, rate, &extract, &mut context());
    assert!(matches!(stopped, Err(Error::Interrupted)));
    assert!(plain.trust().is_none());
}

#[test]
fn a_file_whose_trust_is_damaged_is_an_error() {
    let temp = tempfile::tempdir().unwrap();
    let pictures = Pictures::open(folder(temp.path(), &CLASSES, 20)).unwrap();
    let (classifier, _) = fitted(&pictures, &FitConfig::default());
    let file = classifier.to_model().to_bytes();
    let header = 8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let text = std::str::from_utf8(&file[8..header]).unwrap();
    for (from, to, told) in [
        (r#"\"temperature\":["#, r#"\"temperature\":[-"#, "temperature"),
        (r#"\"temperature\":["#, r#"\"temperature\":[1.0,"#, "temperature"),
        (r#"\"scores\":["#, r#"\"scores\":[9.0,"#, "sets of labels"),
        (r#"\"penalty\":"#, r#"\"penalty\":-"#, "sets of labels"),
    ] {
        let text = text.replacen(from, to, 1).replace("-0.0,", "-1.0,");
        let mut damaged = (text.len() as u64).to_le_bytes().to_vec();
        damaged.extend(text.as_bytes());
        damaged.extend(&file[header..]);
        let error = Model::from_bytes(&damaged).unwrap_err().to_string();
        assert!(error.contains(told), "{to}: {error}");
    }
}

#[test]
fn a_bank_that_is_too_long_is_an_error_and_what_is_read_is_written_alike() {
    let temp = tempfile::tempdir().unwrap();
    let pictures = Pictures::open(folder(temp.path(), &CLASSES, 20)).unwrap();
    let (classifier, _) = fitted(&pictures, &FitConfig::default());
    let file = classifier.to_model().to_bytes();
    assert!(Model::from_bytes(&file).unwrap().to_bytes() == file);
    let header: serde_json::Value = {
        let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
        serde_json::from_slice(&file[8..8 + length]).unwrap()
    };
    let data = 8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    for name in ["unknown/bank", "unknown/class_means", "unknown/directions"] {
        let Some(tensor) = header.get(name) else { continue };
        let at = data + tensor["data_offsets"][0].as_u64().unwrap() as usize;
        let mut damaged = file.clone();
        // The largest finite f16, 65,504.
        damaged[at..at + 2].copy_from_slice(&0x7bff_u16.to_le_bytes());
        let error = Model::from_bytes(&damaged).unwrap_err().to_string();
        assert!(error.contains("longer than 1"), "{name}: {error}");
    }
}
