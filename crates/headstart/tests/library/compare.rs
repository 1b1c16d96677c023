//! Comparisons of bases.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use headstart::{
    Base, BaseConfig, CompareConfig, ComparedBase, Context, Error, ExtractConfig, Pictures,
    compare_bases, recommend_base,
};
use headstart_formats::safetensors::{self, ARCHITECTURE, Stored};
use headstart_model::Tensor;

use crate::support::{CLASSES, bundled_pictures, folder, repository, small_base};

/// A base whose weights are all zero, so that all pictures have the same features.
fn blind_base(at: &Path) -> Base {
    let file = repository("fixtures/pytorch_mobilenetv2/torchvision_0.35.pth");
    let config = BaseConfig::default().with_input_size(Some((32, 32)));
    let base = Base::from_file(file, &config).unwrap();
    let zero = |tensor: &Tensor| Tensor::new(tensor.shape.clone(), vec![0.0; tensor.data.len()]);
    let zeros: Vec<_> = base.weights().iter().map(|(name, own)| (name, zero(own))).collect();
    let tensors = zeros.iter().map(|(name, tensor)| (*name, tensor, Stored::F32));
    let id = base.network().architecture().to_owned();
    let metadata = BTreeMap::from([(ARCHITECTURE.to_owned(), id)]);
    let path = at.join("zeros.safetensors");
    safetensors::write(&path, tensors, &metadata).unwrap();
    let mut base = Base::from_file(path, &config).unwrap();
    base.set_trainable(false);
    base
}

fn config(budget: Duration) -> CompareConfig {
    CompareConfig { budget, extract: ExtractConfig::default(), seed: 0 }
}

const LONG: Duration = Duration::from_secs(600);

fn compare(bases: Vec<Base>, at: &Path, budget: Duration) -> Result<Vec<ComparedBase>, Error> {
    let pictures = Pictures::open(at).unwrap();
    let compared = compare_bases(bases, &pictures, &config(budget), &mut Context::default());
    compared.map(|comparison| comparison.bases)
}

#[test]
fn the_best_base_comes_first_and_is_recommended_to_the_others() {
    let temp = tempfile::tempdir().unwrap();
    let at = folder(&temp.path().join("pictures"), &CLASSES, 12);
    let (blind, seeing) = (blind_base(temp.path()), small_base());
    let bases = compare(vec![blind.clone(), seeing.clone()], &at, LONG).unwrap();
    let names: Vec<&str> = bases.iter().map(|base| base.base.as_str()).collect();
    assert_eq!(names, ["mobilenetv2", "mobilenetv2-torch"]);
    assert_eq!((bases[0].pictures, bases[0].behind, bases[0].error), (36, 0.0, 0.0));
    assert!(bases[1].behind > 2.0 * bases[1].error, "{bases:?}");

    let pictures = Pictures::open(&at).unwrap();
    let recommend = |own: &Base, other: &Base| {
        let context = &mut Context::default();
        let others = vec![other.clone()];
        recommend_base(own.clone(), others, &pictures, &config(LONG), context).unwrap()
    };
    let found = recommend(&blind, &seeing).unwrap();
    assert_eq!((found.base.as_str(), found.pictures), ("mobilenetv2", 36));
    assert_eq!((found.gain, found.error), (bases[1].behind, bases[1].error));
    assert_eq!(recommend(&seeing, &blind), None);
    assert_eq!(recommend(&seeing, &seeing), None);
}

#[test]
fn a_comparison_ends_when_its_time_is_up() {
    let temp = tempfile::tempdir().unwrap();
    let at = folder(&temp.path().join("pictures"), &CLASSES, 12);
    let bases = vec![small_base(), blind_base(temp.path())];
    let bases = compare(bases, &at, Duration::ZERO).unwrap();
    // It looks at the clock after the first 16 pictures.
    assert!(bases.iter().all(|base| base.pictures == 16), "{bases:?}");
    let error = compare(Vec::new(), &at, LONG).unwrap_err();
    assert!(matches!(error, Error::Options(_)), "{error}");
}

#[test]
fn pictures_that_the_source_holds_back_are_not_compared() {
    let temp = tempfile::tempdir().unwrap();
    let at = temp.path().join("pictures");
    folder(&at.join("train"), &CLASSES, 8);
    for class in CLASSES {
        let to = at.join("validation").join(class);
        fs::create_dir_all(&to).unwrap();
        for path in &bundled_pictures(class)[8..12] {
            fs::copy(path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
    let bases = compare(vec![small_base()], &at, LONG).unwrap();
    assert_eq!(Pictures::open(&at).unwrap().len(), 36);
    assert_eq!(bases[0].pictures, 24);
}
