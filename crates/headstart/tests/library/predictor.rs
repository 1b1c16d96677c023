//! Prediction without training: a model from bytes, compiled once and shared among threads.

use std::fs;
use std::thread;

use headstart::predict::{Model, ModelFileError, PredictError, Predictor, Rgb};
use headstart::{Classifier, Error};

use crate::support::{bits, bundled_pictures, trained, write_png};

fn classifier() -> Classifier {
    trained(tempfile::tempdir().unwrap().path())
}

fn predictor() -> (Classifier, Predictor) {
    let classifier = classifier();
    let model = Model::from_bytes(&classifier.to_model().to_bytes()).unwrap();
    (classifier, Predictor::new(&model))
}

#[test]
fn every_way_to_hand_over_a_picture_gives_the_same_bits() {
    let (classifier, predictor) = predictor();
    for path in &bundled_pictures("Bag")[..3] {
        let expected = bits(&classifier.predict(path).unwrap().scores);
        let file = fs::read(path).unwrap();
        let image = image::open(path).unwrap();
        let rgb = image.to_rgb8();
        let (width, height) = (rgb.width() as usize, rgb.height() as usize);
        let picture = Rgb::new(width, height, rgb.to_vec()).unwrap();
        let ways = [
            predictor.predict(path),
            predictor.predict_bytes(&file),
            predictor.predict_rgb(width, height, &rgb),
            predictor.predict_image(image),
            Ok(predictor.predict_picture(&picture)),
            Ok(classifier.predictor().predict_picture(&picture)),
        ];
        for (way, prediction) in ways.into_iter().enumerate() {
            assert_eq!(bits(&prediction.unwrap().scores), expected, "{way}");
        }
    }
}

#[test]
fn a_transparent_picture_is_composed_on_white_whoever_decodes_it() {
    let (_, predictor) = predictor();
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("transparent.png");
    let pixels = (0..40 * 30 * 4).map(|i| (i * 7 % 256) as u8).collect();
    let image = image::RgbaImage::from_raw(40, 30, pixels).unwrap();
    image.save(&path).unwrap();
    let ours = predictor.predict(&path).unwrap();
    assert_eq!(predictor.predict_image(image).unwrap(), ours);
}

#[test]
fn many_threads_and_pools_share_one_predictor_and_give_the_same_bits() {
    fn is_shared<T: Send + Sync + 'static>(_: &T) {}
    let (_, predictor) = predictor();
    is_shared(&predictor);
    let files: Vec<_> =
        bundled_pictures("Sneaker")[..6].iter().map(|p| fs::read(p).unwrap()).collect();
    let alone: Vec<_> = files.iter().map(|file| predictor.predict_bytes(file).unwrap()).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let pooled = pool.install(|| predictor.predict_all(&files));
    assert_eq!(pooled.into_iter().collect::<Result<Vec<_>, _>>().unwrap(), alone);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (predictor, files) = (predictor.clone(), files.clone());
            thread::spawn(move || -> Vec<_> {
                files.iter().map(|file| predictor.predict_bytes(file).unwrap()).collect()
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), alone);
    }
}

#[test]
fn a_model_is_the_same_bytes_whether_saved_or_kept_in_memory() {
    let classifier = classifier();
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("model.safetensors");
    classifier.save(&path).unwrap();
    let file = fs::read(&path).unwrap();
    let model = Model::from_bytes(&file).unwrap();
    assert!(model.to_bytes() == file);
    assert!(classifier.to_model().to_bytes() == file);
}

#[test]
fn bytes_that_are_no_model_are_an_error_that_says_so() {
    let file = classifier().to_model().to_bytes();
    for cut in [0, 1, 7, 8, 100, file.len() / 2, file.len() - 1] {
        let error = Model::from_bytes(&file[..cut]).unwrap_err();
        assert!(matches!(error, ModelFileError::NotAModel(_)), "{cut}: {error}");
    }
    let mut flipped = file.clone();
    for at in 0..2_000.min(file.len()) {
        flipped[at] ^= 0x20;
        // The result is a model or an error, but not a panic.
        let _ = Model::from_bytes(&flipped);
        flipped[at] ^= 0x20;
    }
}

#[test]
fn a_picture_that_cannot_be_predicted_is_an_error_that_names_it() {
    let (classifier, predictor) = predictor();
    let error = predictor.predict_rgb(4, 4, &[0; 47]).unwrap_err();
    assert!(matches!(error, PredictError::Pixels { width: 4, height: 4, bytes: 47 }), "{error}");
    assert!(matches!(predictor.predict_bytes(b"hello"), Err(PredictError::Picture(_))));
    let temp = tempfile::tempdir().unwrap();
    let whole = write_png(&temp.path().join("cut"), 8, 8, &[9; 8 * 8 * 3]);
    let bytes = fs::read(&whole).unwrap();
    fs::write(&whole, &bytes[..bytes.len() / 2]).unwrap();
    let error: Error = classifier.predict(&whole).unwrap_err();
    assert_eq!(error.path(), Some(whole.as_path()));
    assert!(error.to_string().contains("cut.png"), "{error}");
}
