//! A model includes how pictures are resized.

use std::fs;
use std::path::{Path, PathBuf};

use headstart::data::{Augment, Resizer, Rgb};
use headstart::model::{Fit, Interpolation, Preprocessing};
use headstart::train::FineTuneConfig;
use headstart::{Classifier, Context, FineTuning, FitConfig, Pictures};
use image::imageops::{self, FilterType};

use crate::support::{CLASSES, bits, bundled_pictures, small_base, write_png};

/// Writes wide pictures to `root/raw`, and the same pictures to `root/ready`, under the same names but resized as `to`
/// specifies, so that they are not resized again.
fn write_both(root: &Path, to: &Preprocessing) -> [PathBuf; 2] {
    let folders = ["raw", "ready"].map(|name| root.join(name));
    for class in CLASSES {
        for (i, path) in bundled_pictures(class)[..4].iter().enumerate() {
            let picture = image::open(path).unwrap().to_rgb8();
            let wide = imageops::crop_imm(&picture, 0, 5, 28, 10 + i as u32).to_image();
            // Enlarged, because near-duplicates are detected differently among pictures of fewer than 32 pixels.
            let (width, height) = (wide.width() * 4, wide.height() * 4);
            let wide = imageops::resize(&wide, width, height, FilterType::Nearest);
            let (width, height) = (width as usize, height as usize);
            let wide = wide.into_raw();
            let ready = Resizer::new().resize(&Rgb::new(width, height, wide.clone()).unwrap(), to);
            for (folder, width, height, pixels) in
                [(&folders[0], width, height, &wide), (&folders[1], to.width, to.height, &ready)]
            {
                let stem = folder.join(class).join(path.file_stem().unwrap());
                fs::create_dir_all(stem.parent().unwrap()).unwrap();
                write_png(&stem, width, height, pixels);
            }
        }
    }
    folders
}

#[test]
fn a_model_trains_fine_tunes_and_predicts_with_the_resizing_of_its_base() {
    for (interpolation, fit) in
        [(Interpolation::Tensorflow, Fit::Pad), (Interpolation::Area, Fit::Crop)]
    {
        let temp = tempfile::tempdir().unwrap();
        let mut base = small_base();
        let own = base.network().preprocessing().clone();
        let [raw, ready] = write_both(temp.path(), &Preprocessing { interpolation, fit, ..own });
        base.set_interpolation(interpolation);
        base.set_fit(fit);

        let training = FineTuneConfig { epochs: 1, batch_size: 6, ..Default::default() };
        let at = "from:block_16_project".parse().unwrap();
        let augment = Augment::Standard;
        let tuning =
            FineTuning::default().with_at(at).with_training(training).with_augment(augment);
        let train = |root: &Path| {
            let pictures = Pictures::open(root).unwrap().with_validation(0.0, 1);
            let config = FitConfig::default();
            let fitted = Classifier::fit(base.clone(), &pictures, &config, &mut Context::default())
                .unwrap()
                .0;
            let mut tuned = fitted.clone();
            tuned.fine_tune(&pictures, &tuning, &mut Context::default()).unwrap();
            [fitted, tuned].map(|classifier| {
                let file = temp.path().join("model.safetensors");
                classifier.save(&file).unwrap();
                Classifier::load(&file).unwrap()
            })
        };
        let what = format!("{interpolation}, {fit}");
        for (a, b) in train(&raw).iter().zip(&train(&ready)) {
            assert_eq!(bits(&a.head().kernel), bits(&b.head().kernel), "{what}");
            assert_eq!(a.base().weights(), b.base().weights(), "{what}");
            for class in CLASSES {
                let name = bundled_pictures(class)[0].with_extension("png");
                let name = Path::new(class).join(name.file_name().unwrap());
                let scores = |root: &PathBuf| bits(&a.predict(root.join(&name)).unwrap().scores);
                assert_eq!(scores(&raw), scores(&ready), "{what}");
            }
        }
    }
}
