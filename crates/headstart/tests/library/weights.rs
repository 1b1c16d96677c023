//! Weight files that can be interpreted in several ways. Fixture: `tools/reference/timm_lite.py`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use headstart::formats::safetensors::{Stored, write};
use headstart::formats::{self, Naming};
use headstart::model::{LayerKind, Scaling, Tensor};
use headstart::{Assumption, Base, BaseConfig, ExtractConfig, Extractor};

use crate::support::{assert_one_line, difference, repository, tensors};

fn save(file: &Path, tensors: &BTreeMap<String, Tensor>) {
    let stored = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor, Stored::F32));
    write(file, stored, &BTreeMap::new()).unwrap();
}

/// Permutes the axes: axis `i` of the result is axis `order[i]`.
fn transposed(tensor: &Tensor, order: [usize; 4]) -> Tensor {
    let shape = order.map(|axis| tensor.shape[axis]);
    let mut strides = [1; 4];
    for axis in (0..3).rev() {
        strides[axis] = strides[axis + 1] * tensor.shape[axis + 1];
    }
    let mut data = Vec::with_capacity(tensor.data.len());
    for a in 0..shape[0] {
        for b in 0..shape[1] {
            for c in 0..shape[2] {
                for d in 0..shape[3] {
                    let at = [a, b, c, d].into_iter().zip(order).map(|(i, axis)| i * strides[axis]);
                    data.push(tensor.data[at.sum::<usize>()]);
                }
            }
        }
    }
    Tensor::new(shape.to_vec(), data)
}

/// The bundled EfficientNet-Lite0 as timm would save its tf_efficientnet_lite0.
fn as_timm_saves_it(file: &Path) {
    let base = Base::bundled("efficientnet-lite0").unwrap();
    let names = Naming::Timm.names(base.network());
    let specs = base.network().weight_specs().zip(names);
    let saved = specs.map(|((layer, spec), names)| {
        let tensor = base.weights().get(layer, spec.name);
        let tensor = match layer.kind {
            LayerKind::Conv2D { .. } => transposed(tensor, [3, 2, 0, 1]),
            LayerKind::DepthwiseConv2D { .. } => transposed(tensor, [2, 3, 0, 1]),
            _ => tensor.clone(),
        };
        (names[0].clone(), tensor)
    });
    save(file, &saved.collect());
}

#[test]
fn timms_two_variants_of_lite0_are_told_apart_by_whoever_knows_and_the_tensorflow_one_agrees() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("lite0.safetensors");
    as_timm_saves_it(&file);
    let assumed = Base::from_file(&file, &BaseConfig::default()).unwrap();
    assert_eq!(assumed.network().architecture(), "efficientnet-lite0-torch");
    let [note] = assumed.assumptions() else { panic!("{:?}", assumed.assumptions()) };
    let expected = Assumption::AlsoFits {
        file: file.clone(),
        taken: "efficientnet-lite0-torch",
        others: vec!["efficientnet-lite0"],
        timm: true,
    };
    assert_eq!(*note, expected);
    assert_one_line(&note.to_string());

    let config = BaseConfig::default().with_architecture(Some("efficientnet-lite0".into()));
    let base = Base::from_file(&file, &config).unwrap();
    assert!(base.assumptions().is_empty(), "{:?}", base.assumptions());
    assert_eq!(base.network().preprocessing().scaling, Scaling::minus_one_to_one());
    let expected = tensors("fixtures/timm_lite/expected.safetensors").values;
    let pictures = tensors("fixtures/pytorch_efficientnet_lite0/expected.safetensors");
    let extractor = Extractor::new(&base, &ExtractConfig::default());
    for (index, features) in expected["features"].chunks_exact(1280).enumerate() {
        let path = pictures.write_png(&format!("224x224/{index}/picture"), temp.path());
        let off = difference(&extractor.one(path).unwrap().features, features);
        assert!(off < 1e-4, "{index}: {off}");
    }
}

/// Writes a file with several sets of weights, each with a prefix, and returns those that are loaded by default. Each
/// set is the fixture's weights, multiplied by a factor.
fn sets(file: &Path, sets: &[(&str, f32)]) -> Vec<Tensor> {
    let whole =
        formats::read(repository("fixtures/pytorch_mobilenetv2/torchvision_0.35.pth")).unwrap();
    let mut saved = BTreeMap::new();
    for (prefix, factor) in sets {
        for (name, tensor) in &whole.tensors {
            let data = tensor.data.iter().map(|x| x * factor).collect();
            saved.insert(format!("{prefix}{name}"), Tensor::new(tensor.shape.clone(), data));
        }
    }
    save(file, &saved);
    let base = Base::from_file(file, &BaseConfig::default()).unwrap();
    base.weights().iter().map(|(_, tensor)| tensor.clone()).collect()
}

#[test]
fn of_several_sets_of_weights_the_moving_average_is_taken_and_the_others_by_prefix() {
    let temp = tempfile::tempdir().unwrap();
    let file: PathBuf = temp.path().join("sets.safetensors");
    let plain = sets(&file, &[("", 1.0)]);
    let times = |factor: f32| -> Vec<Tensor> {
        let scaled =
            |t: &Tensor| Tensor::new(t.shape.clone(), t.data.iter().map(|x| x * factor).collect());
        plain.iter().map(scaled).collect()
    };
    for (all, taken, others) in [
        (&[("state_dict.", 1.0), ("state_dict_ema.module.", 2.0)][..], 2.0, "'state_dict'"),
        (&[("model.", 2.0), ("model_ema.", 4.0)], 4.0, "'model'"),
        (&[("", 1.0), ("ema.", 2.0)], 2.0, "''"),
        (&[("params_ema.", 4.0), ("params.", 2.0)], 4.0, "'params'"),
        // Neither is an average, so the one with the shorter name is used.
        (&[("teacher.", 2.0), ("model.", 4.0)], 4.0, "'teacher'"),
        // Two equal sets leave nothing to choose.
        (&[("state_dict.", 2.0), ("model.", 2.0)], 2.0, ""),
        (&[("module.", 2.0)], 2.0, ""),
    ] {
        assert_eq!(sets(&file, all), times(taken), "{all:?}");
        let base = Base::from_file(&file, &BaseConfig::default()).unwrap();
        let notes = base.assumptions();
        assert_eq!(notes.len(), usize::from(!others.is_empty()), "{notes:?}");
        for note in notes {
            let note = note.to_string();
            assert!(note.ends_with(&format!("not those below {others}")), "{note}");
            assert_one_line(&note);
        }
        for (prefix, factor) in all {
            let config = BaseConfig::default().with_prefix(Some((*prefix).to_owned()));
            let base = Base::from_file(&file, &config).unwrap();
            let own: Vec<Tensor> = base.weights().iter().map(|(_, t)| t.clone()).collect();
            assert_eq!(own, times(*factor), "{prefix}");
            assert!(base.assumptions().is_empty(), "{:?}", base.assumptions());
        }
    }
    let config = BaseConfig::default().with_prefix(Some("state_dict".into()));
    let error = Base::from_file(&file, &config).unwrap_err().to_string();
    assert!(error.contains("no weights below 'state_dict'") && error.contains("module"), "{error}");
    assert_one_line(&error);
}
