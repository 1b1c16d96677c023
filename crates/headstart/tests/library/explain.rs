//! Explanations: activation maps against Keras's Grad-CAM, and their position on pictures.
//!
//! Fixture: `tools/reference/grad_cam.py`.

use headstart::model::{Fit, Interpolation};
use headstart::predict::{ActivationMap, Explainer, Explanation, Rgb, overlay_picture};
use headstart::{Classifier, Context, Error, ErrorKind, ExtractConfig, ImportConfig, Pictures};

use crate::support::{
    CLASSES, bits, bundled_pictures, difference, fit, folder, json, repository, small_base,
    tensors, trained,
};

fn explainer(classifier: &Classifier) -> Explainer {
    classifier.explainer(&ExtractConfig::default())
}

fn imported(name: &str) -> Classifier {
    let file = repository("fixtures/keras_import").join(name);
    Classifier::import_keras(file, &ImportConfig::default()).unwrap().0
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn maps_are_keras_grad_cam_for_heads_with_and_without_hidden_layers() {
    let temp = tempfile::tempdir().unwrap();
    let stored = tensors("fixtures/keras_mobilenetv2/activations.safetensors");
    let expected = json("fixtures/grad_cam/expected.json");
    let mut compared = 0;
    for (name, pictures) in expected["models"].as_object().unwrap() {
        let explainer = explainer(&imported(name));
        for (picture, classes) in pictures.as_object().unwrap() {
            let path = stored.write_png(picture, temp.path());
            let explanation = explainer.explain(path).unwrap();
            for (class, expected) in classes.as_array().unwrap().iter().enumerate() {
                let rows: Vec<Vec<f32>> = serde_json::from_value(expected["map"].clone()).unwrap();
                let logit = expected["logit"].as_f64().unwrap() as f32;
                let map = explanation.map(class);
                assert_eq!((map.class, map.height, map.width), (class, rows.len(), rows[0].len()));
                // Keras weights channels by the mean gradient over positions. Our weight, the gradient by the mean over
                // positions, is larger by the number of positions.
                let theirs: Vec<f32> =
                    rows.concat().iter().map(|value| value * map.values.len() as f32).collect();
                let place = format!("{name}, {picture}, {class}");
                assert!(cosine(&map.values, &theirs) > 0.999_9, "{place}: {:?}", map.values);
                let largest = theirs.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
                assert!(difference(&map.values, &theirs) < 1e-3 * largest, "{place}");
                assert!((map.logit - logit).abs() < 2e-3, "{place}: {} not {logit}", map.logit);
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 2 * (3 + 4 + 2 + 3));
}

#[test]
fn the_mean_of_a_linear_heads_map_and_its_bias_are_the_logit_of_what_predict_says() {
    let temp = tempfile::tempdir().unwrap();
    // The imported models see 96 x 96 pixels and have 3 x 3 positions; the trained one sees 32 x 32 and has one.
    for classifier in [trained(temp.path()), imported("labels.keras"), imported("logits.keras")] {
        let explainer = explainer(&classifier);
        for path in &bundled_pictures("Bag")[..3] {
            let explanation = explainer.explain(path).unwrap();
            let prediction = classifier.predict(path).unwrap();
            assert!(difference(&explanation.prediction.scores, &prediction.scores) < 1e-5);
            assert_eq!(explanation.prediction.labels, prediction.labels);
            let logits = classifier.head().logits(&explanation.features);
            for (class, logit) in logits.into_iter().enumerate() {
                let map = explanation.map(class);
                assert_eq!(bits(&[map.logit]), bits(&[logit]));
                assert_eq!(map.bias, classifier.head().bias[class]);
                let off = mean(&map.values) + map.bias - logit;
                assert!(off.abs() < 1e-4, "class {class}: off by {off}");
            }
        }
    }
}

#[test]
fn two_classes_share_a_logit_and_a_map_with_the_sign_turned() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(temp.path(), &CLASSES[..2], 6);
    let (classifier, _) = fit(&Pictures::open(root).unwrap()).unwrap();
    assert_eq!(classifier.head().units(), 1);
    for path in [&bundled_pictures("Bag")[7], &bundled_pictures("Sneaker")[7]] {
        let explanation = explainer(&classifier).explain(path).unwrap();
        let [first, second] = [0, 1].map(|class| explanation.map(class));
        let turned: Vec<f32> = first.values.iter().map(|value| -value).collect();
        assert_eq!(second.values, turned);
        assert_eq!((second.logit, second.bias), (-first.logit, -first.bias));
        assert!((mean(&first.values) + first.bias - first.logit).abs() < 1e-4);
        let predicted = explanation.predicted();
        assert_eq!(predicted, explanation.prediction.labels);
        assert!(explanation.map(predicted[0]).logit > 0.0);
    }
}

/// A 4 x 4 map that is 0 except at a row and column.
fn hot(row: usize, column: usize) -> ActivationMap {
    let mut values = vec![0.0; 16];
    values[row * 4 + column] = 2.5;
    ActivationMap { class: 0, height: 4, width: 4, values, logit: 1.0, bias: 0.0 }
}

/// Whether a pixel of an overlay on a grey picture is red.
fn is_red(picture: &Rgb, x: usize, y: usize) -> bool {
    let at = (y * picture.width() + x) * 3;
    let [red, _, blue] = picture.pixels()[at..at + 3] else { panic!() };
    red > blue.saturating_add(30)
}

fn explanation_of(fit: Fit, interpolation: Interpolation, picture: &Rgb) -> Explanation {
    let mut base = small_base();
    base.set_fit(fit);
    base.set_interpolation(interpolation);
    let temp = tempfile::tempdir().unwrap();
    let root = folder(temp.path(), &CLASSES, 2);
    let (classifier, _) = Classifier::fit(
        base,
        &Pictures::open(root).unwrap(),
        &Default::default(),
        &mut Context::default(),
    )
    .unwrap();
    explainer(&classifier).explain_picture(picture)
}

#[test]
fn a_map_lies_where_the_pixels_lay_whatever_the_fit() {
    for interpolation in [Interpolation::Bilinear, Interpolation::Tensorflow] {
        for (width, height) in [(400, 200), (200, 400)] {
            let picture = Rgb::new(width, height, vec![128; width * height * 3]).unwrap();
            // For a wide picture: the cell of the 4 x 4 map, and the centre of its area on the picture.
            for (fit, row, column, x, y) in [
                (Fit::Stretch, 0, 0, 50, 25),
                (Fit::Stretch, 3, 2, 250, 175),
                (Fit::Crop, 0, 0, 125, 25),
                (Fit::Crop, 2, 3, 275, 125),
                (Fit::Pad, 1, 0, 50, 50),
                (Fit::Pad, 2, 3, 350, 150),
            ] {
                let (map, x, y) = match width > height {
                    true => (hot(row, column), x, y),
                    false => (hot(column, row), y, x),
                };
                let overlay = explanation_of(fit, interpolation, &picture).overlay(&map, &picture);
                assert_eq!((overlay.width(), overlay.height()), (width, height));
                let (mut sums, mut count) = ([0, 0], 0);
                for at in 0..width * height {
                    let (x, y) = (at % width, at / width);
                    if is_red(&overlay, x, y) {
                        sums = [sums[0] + x, sums[1] + y];
                        count += 1;
                    }
                }
                assert!(count > 0 && is_red(&overlay, x, y), "{fit} {interpolation}: {count}");
                // The centroid of the red pixels may be off the centre, since interpolation extends a cell at the edge
                // on one side only.
                let middle = sums.map(|sum| sum / count);
                let near = middle[0].abs_diff(x) <= 25 && middle[1].abs_diff(y) <= 25;
                assert!(near, "{fit} {interpolation} {width}: {middle:?}, not {x}, {y}");
            }
        }
    }
}

#[test]
fn what_the_network_does_not_see_is_faded() {
    let picture = Rgb::new(400, 200, vec![40; 400 * 200 * 3]).unwrap();
    for (fit, seen) in [(Fit::Stretch, 0..400), (Fit::Crop, 100..300), (Fit::Pad, 0..400)] {
        let map = ActivationMap { values: vec![-1.0; 16], ..hot(0, 0) };
        let explanation = explanation_of(fit, Interpolation::Bilinear, &picture);
        let overlay = explanation.overlay(&map, &picture);
        for x in (5..400).step_by(10) {
            let at = (100 * 400 + x) * 3;
            let faded = overlay.pixels()[at..at + 3].iter().all(|&level| level > 180);
            assert_eq!(faded, !seen.contains(&x), "{fit}, {x}");
        }
    }
}

#[test]
fn a_layer_is_clear_where_nothing_speaks_for_the_class_and_faded_where_nothing_is_seen() {
    let picture = Rgb::new(400, 200, vec![40; 400 * 200 * 3]).unwrap();
    for (fit, seen) in [(Fit::Stretch, 0..80), (Fit::Crop, 20..60), (Fit::Pad, 0..80)] {
        let explanation = explanation_of(fit, Interpolation::Bilinear, &picture);
        assert_eq!(explanation.size(), (400, 200));
        let nothing = ActivationMap { values: vec![-1.0; 16], ..hot(0, 0) };
        let layer = explanation.layer(&nothing, 80, 40);
        let (pixels, []) = layer.as_chunks::<4>() else { panic!("four bytes a pixel") };
        assert_eq!(pixels.len(), 80 * 40);
        for (x, pixel) in pixels[20 * 80..][..80].iter().enumerate() {
            let is_seen = seen.contains(&x);
            assert_eq!(pixel[3] == 0, is_seen, "{fit}, {x}: {pixel:?}");
            assert_eq!(pixel[..3] == [255; 3], !is_seen, "{fit}, {x}: {pixel:?}");
        }
        // The layer is strongest where the overlay is red.
        let map = hot(1, 2);
        let layer = explanation.layer(&map, 80, 40);
        let overlay = explanation.overlay(&map, &picture);
        let alpha = |at: usize| layer[at * 4 + 3];
        let in_view = |at: &usize| seen.contains(&(at % 80));
        let hottest = (0..80 * 40).filter(in_view).max_by_key(|&at| alpha(at)).unwrap();
        let (x, y) = (hottest % 80 * 5 + 2, hottest / 80 * 5 + 2);
        assert!(is_red(&overlay, x, y), "{fit}: {x}, {y}");
    }
}

#[test]
fn another_head_on_the_same_base_explains_as_one_that_is_compiled_for_it() {
    let temp = tempfile::tempdir().unwrap();
    let classifier = trained(temp.path());
    let picture = &bundled_pictures("Bag")[55];
    let own = classifier.explainer(&ExtractConfig::default());
    let mut other = classifier.clone();
    other.set_classes(["a", "b", "c"].map(str::to_owned).to_vec()).unwrap();
    let swapped = own.with_head(other.classifier_head().clone());
    let expected = other.explainer(&ExtractConfig::default()).explain(picture).unwrap();
    let found = swapped.explain(picture).unwrap();
    assert_eq!(found.prediction, expected.prediction);
    assert_eq!(found.map(1), expected.map(1));
    assert_eq!(swapped.head().classes(), ["a", "b", "c"]);
    assert_eq!(own.head().classes(), classifier.classes());
}

#[test]
fn an_overlay_has_the_pictures_shape_and_a_size_to_look_at() {
    for (width, height, to) in [
        (28, 28, (256, 256)),
        (64, 32, (256, 128)),
        (300, 200, (300, 200)),
        (1024, 1, (1024, 1)),
        (2048, 1000, (1024, 500)),
        (3, 6000, (1, 1024)),
    ] {
        let picture = Rgb::new(width, height, vec![9; width * height * 3]).unwrap();
        let shown = overlay_picture(&picture);
        assert_eq!((shown.width(), shown.height()), to, "{width} x {height}");
        assert_eq!(overlay_picture(&shown), shown);
    }
}

#[test]
fn a_class_that_there_is_not_is_an_error_that_names_near_ones() {
    let temp = tempfile::tempdir().unwrap();
    let classifier = trained(temp.path());
    assert_eq!(classifier.class("Sneaker").unwrap(), 1);
    let error = classifier.class("sneakers").unwrap_err();
    assert_eq!(error.to_string(), "the model has no class \"sneakers\"; did you mean Sneaker?");
    assert_eq!(error.kind(), ErrorKind::InvalidName);
    let error = classifier.class("zebra").unwrap_err();
    assert!(matches!(&error, Error::NoSuchClass { near, .. } if near.is_empty()), "{error}");
    assert!(error.to_string().ends_with("it has Bag, Sneaker, Trouser"), "{error}");
}
