//! The bundled EfficientNet-Lite0 with its classifier, against PyTorch's predictions.

use headstart::Classifier;

use crate::support::{assert_one_line, difference, tensors};

#[test]
fn the_bundled_classifier_gives_pytorchs_probabilities_and_top_5() {
    let temp = tempfile::tempdir().unwrap();
    let expected = tensors("fixtures/pytorch_efficientnet_lite0/expected.safetensors");
    let classifier = Classifier::bundled("efficientnet-lite0").unwrap();
    assert_eq!(classifier.classes().len(), 1000);
    assert_eq!(classifier.classes()[0], "tench");
    for picture in ["224x224/0", "224x224/1"] {
        let path = expected.write_png(&format!("{picture}/picture"), temp.path());
        let prediction = classifier.predict(path).unwrap();
        let logits = &expected.values[&format!("{picture}/logits")];
        let exp: Vec<f32> = logits.iter().map(|x| x.exp()).collect();
        let softmax: Vec<f32> = exp.iter().map(|x| x / exp.iter().sum::<f32>()).collect();
        // The fixture's weights are rounded to f16, like the bundled ones.
        let off = difference(&prediction.scores, &softmax);
        assert!(off < 1e-5, "{picture}: {off}");

        let mut best: Vec<usize> = (0..1000).collect();
        best.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        let ours: Vec<usize> = prediction.ranked().into_iter().map(|(class, _)| class).collect();
        assert_eq!(ours[..5], best[..5], "{picture}");
    }
}

#[test]
fn a_base_without_bundled_classifier_is_refused_by_name() {
    for name in ["mobilenetv2", "efficientnet-lite4", "nonsense"] {
        let error = Classifier::bundled(name).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("efficientnet-lite0"), "{error}");
        assert_one_line(&error);
    }
}
