//! Helpers that the tests share: pictures, fixtures and comparisons.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use headstart::{
    Base, BaseConfig, Classifier, Context, Error, ExtractConfig, FitConfig, FitReport, Pictures,
};
use safetensors::{Dtype, SafeTensors};

/// The full path of a file or folder in the repository.
///
/// # Panics
/// If it does not exist.
pub(crate) fn repository(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    assert!(path.exists(), "{} is missing", path.display());
    path
}

/// A JSON file in the repository.
pub(crate) fn json(path: &str) -> serde_json::Value {
    serde_json::from_slice(&fs::read(repository(path)).unwrap()).unwrap()
}

/// The tensors of a fixture.
pub(crate) struct Tensors {
    pub(crate) values: HashMap<String, Vec<f32>>,
    /// The u8 tensors, which are pictures, with their shapes.
    pub(crate) pictures: HashMap<String, (Vec<usize>, Vec<u8>)>,
}

pub(crate) fn tensors(path: &str) -> Tensors {
    let bytes = fs::read(repository(path)).unwrap();
    let mut tensors = Tensors { values: HashMap::new(), pictures: HashMap::new() };
    for (name, view) in SafeTensors::deserialize(&bytes).unwrap().iter() {
        let data = view.data();
        if view.dtype() == Dtype::F32 {
            let values = data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            tensors.values.insert(name.to_owned(), values);
        } else if view.dtype() == Dtype::U8 {
            tensors.pictures.insert(name.to_owned(), (view.shape().to_vec(), data.to_vec()));
        }
    }
    tensors
}

impl Tensors {
    /// Writes the picture called `name` below `folder`, as a PNG.
    pub(crate) fn write_png(&self, name: &str, folder: &Path) -> PathBuf {
        let (shape, pixels) = &self.pictures[name];
        let [height, width, 3] = shape[..] else { panic!("{name} is {shape:?}") };
        write_png(&folder.join(name.replace('/', "_")), width, height, pixels)
    }
}

/// Writes RGB rows to `stem`.png.
pub(crate) fn write_png(stem: &Path, width: usize, height: usize, pixels: &[u8]) -> PathBuf {
    let path = stem.with_extension("png");
    let (width, height) = (width as u32, height as u32);
    image::save_buffer(&path, pixels, width, height, image::ColorType::Rgb8).unwrap();
    path
}

/// The bundled demo pictures of a class, in order of their names.
pub(crate) fn bundled_pictures(class: &str) -> Vec<PathBuf> {
    let folder = repository("crates/cli/assets/fashion-mnist").join(class);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Copies the first `count` demo pictures of each class to a folder per class in `root`.
pub(crate) fn folder(root: &Path, classes: &[&str], count: usize) -> PathBuf {
    for class in classes {
        fs::create_dir_all(root.join(class)).unwrap();
        for path in &bundled_pictures(class)[..count] {
            fs::copy(path, root.join(class).join(path.file_name().unwrap())).unwrap();
        }
    }
    root.to_owned()
}

pub(crate) const CLASSES: [&str; 3] = ["Bag", "Sneaker", "Trouser"];

/// A frozen MobileNetV2 that is quick: of width 0.35 at 32 x 32 pixels, with the fixture's random weights.
pub(crate) fn small_base() -> Base {
    let file = repository("fixtures/keras_mobilenetv2/keras2_no_top.h5");
    let config = BaseConfig::default().with_input_size(Some((32, 32)));
    let mut base = Base::from_file(file, &config).unwrap();
    base.set_trainable(false);
    base
}

pub(crate) fn extract_into(cache: &Path) -> ExtractConfig {
    ExtractConfig::default().with_cache(Some(cache.to_owned()))
}

/// Trains the default head on the small base without a cache.
pub(crate) fn fit(pictures: &Pictures) -> Result<(Classifier, FitReport), Error> {
    Classifier::fit(small_base(), pictures, &FitConfig::default(), &mut Context::default())
}

/// A model trained on few pictures.
pub(crate) fn trained(folder_in: &Path) -> Classifier {
    let root = folder(&folder_in.join("pictures"), &CLASSES, 6);
    fit(&Pictures::open(root).unwrap()).unwrap().0
}

/// The bits of values, so that comparisons are exact for -0.0 and NaN, too.
pub(crate) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// The largest absolute difference.
pub(crate) fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Asserts that a message is readable: one line, without internals.
pub(crate) fn assert_one_line(message: &str) {
    assert!(!message.is_empty() && !message.contains('\n'), "{message:?}");
    assert!(!message.contains("Error {") && !message.contains("unwrap"), "{message}");
}
