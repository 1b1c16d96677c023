//! Manifests, labels and groups from paths, weights, specified and exported splits, and folds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use headstart::data::Source;
use headstart::train::{AdamConfig, ClassWeight, FineTuneConfig};
use headstart::{
    Classifier, Context, Error, ExtractConfig, FineTuning, FitConfig, HeadConfig, Pictures,
    SplitRecord,
};

use crate::support::{CLASSES, assert_one_line, bundled_pictures, fit, folder, small_base};

/// Copies pictures into a flat folder as CLASS_SUBJECT_number.png: three subjects, each with two pictures per class.
fn flat(root: &Path) -> PathBuf {
    fs::create_dir_all(root).unwrap();
    for class in CLASSES {
        for (index, path) in bundled_pictures(class)[..6].iter().enumerate() {
            let subject = ["anna", "bob", "eve"][index / 2];
            fs::copy(path, root.join(format!("{class}_{subject}_{index}.png"))).unwrap();
        }
    }
    root.to_owned()
}

fn named(root: &Path) -> Source {
    Source {
        label_from: Some(r"^([A-Z][a-z]+)_".parse().unwrap()),
        group_from: Some(r"_([a-z]+)_".parse().unwrap()),
        ..Source::new(root)
    }
}

#[test]
fn labels_and_groups_come_from_paths_and_a_subject_is_on_one_side() {
    let temp = tempfile::tempdir().unwrap();
    let root = flat(&temp.path().join("pictures"));
    for seed in 0..4 {
        let pictures = Pictures::open(named(&root)).unwrap().with_validation(0.3, seed);
        let (classifier, report) = fit(&pictures).unwrap();
        assert_eq!((classifier.classes(), report.train), (&CLASSES.map(str::to_owned)[..], 12));
        let record = classifier.training().unwrap();
        let subjects: BTreeSet<&str> =
            record.validation.iter().map(|name| name.split('_').nth(1).unwrap()).collect();
        assert_eq!((subjects.len(), record.validation.len()), (1, 6), "{:?}", record.validation);
        assert_eq!(record.origin.label_from.as_deref(), Some("^([A-Z][a-z]+)_"));
        assert_eq!(record.origin.group_from.as_deref(), Some("_([a-z]+)_"));
        assert_eq!(record.origin.split, Some(SplitRecord::Share { share: 0.3, seed }));
    }
}

#[test]
fn a_split_that_was_exported_and_given_again_is_the_same() {
    let temp = tempfile::tempdir().unwrap();
    let root = flat(&temp.path().join("some, pictures"));
    fs::copy(root.join("Bag_anna_0.png"), root.join("Bag_anna_copy.png")).unwrap();
    let pictures = Pictures::open(named(&root)).unwrap().with_validation(0.3, 1);
    let (first, before) = fit(&pictures).unwrap();
    let record = first.training().unwrap();
    // In the folder of the pictures, above it, and elsewhere.
    fs::create_dir(temp.path().join("elsewhere")).unwrap();
    for file in ["some, pictures/split.csv", "split.csv", "elsewhere/split.csv"] {
        let file = temp.path().join(file);
        pictures.export_split(&record.validation, &file).unwrap();
        let again = Pictures::open(&file).unwrap();
        assert!(again.is_split());
        let (second, after) = fit(&again).unwrap();
        assert_eq!(second.head(), first.head());
        assert_eq!((after.validation, after.train), (before.validation.clone(), before.train));
        let own = second.training().unwrap();
        assert_eq!((own.origin.split, own.validation.len()), (Some(SplitRecord::Given), 6));
        let evaluated =
            second.evaluate(&file, &ExtractConfig::default(), &mut Context::default()).unwrap();
        assert_eq!(Some(evaluated.evaluation), before.validation);
        fs::remove_file(file).unwrap();
    }
    let error = pictures.export_split(&[], temp.path().join("no/split.csv")).unwrap_err();
    assert!(error.to_string().contains("split.csv"), "{error}");
}

#[test]
fn an_exported_split_keeps_what_is_for_testing_and_tells_what_it_cannot_name() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("set/train"), &CLASSES, 4);
    let test = folder(&temp.path().join("set/test"), &CLASSES, 1);
    let unnamable = cfg!(unix);
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9.png");
        let first = fs::read_dir(root.join(CLASSES[0])).unwrap().next().unwrap().unwrap();
        fs::rename(first.path(), root.join(CLASSES[0]).join(name)).unwrap();
    }
    let pictures = Pictures::open(test.parent().unwrap()).unwrap();
    assert_eq!((pictures.len(), pictures.tests()), (12, 3));
    let split = temp.path().join("split.csv");
    pictures.check_export(&split).unwrap();
    assert!(!split.exists());
    let left_out = pictures.export_split(&[], &split).unwrap();
    assert_eq!(left_out.len(), usize::from(unnamable));
    let again = Pictures::open(&split).unwrap();
    assert_eq!((again.len(), again.tests()), (12 - left_out.len(), 3));
    let error = pictures.check_export(temp.path().join("split.txt")).unwrap_err().to_string();
    assert!(error.contains("call it .csv"), "{error}");
    assert_one_line(&error);
}

#[test]
fn a_model_labels_pictures_as_its_own_were_where_they_have_no_labels() {
    let temp = tempfile::tempdir().unwrap();
    let root = flat(&temp.path().join("flat"));
    let (classifier, _) = fit(&Pictures::open(named(&root)).unwrap()).unwrap();
    let file = temp.path().join("model.safetensors");
    classifier.save(&file).unwrap();
    let classifier = Classifier::load(&file).unwrap();
    let evaluate = |source: Source| {
        classifier.evaluate(source, &ExtractConfig::default(), &mut Context::default())
    };
    let evaluated = evaluate(Source::new(&root)).unwrap();
    assert_eq!(evaluated.evaluation.pictures, 18);
    assert_eq!(evaluated.source.label_from, named(&root).label_from);
    // Pictures in folders per class keep the labels of these folders.
    let folders = folder(&temp.path().join("folders"), &CLASSES, 2);
    let evaluated = evaluate(Source::new(&folders)).unwrap();
    assert_eq!((evaluated.evaluation.pictures, evaluated.source.label_from), (6, None));
    let other = Source { label_from: Some("no match".parse().unwrap()), ..Source::new(&root) };
    let message = evaluate(other).unwrap_err().to_string();
    assert!(message.contains("matches none of the paths"), "{message}");
    assert_one_line(&message);
}

/// Writes a manifest of the first six pictures of each class, with one weight per class. The first picture of each
/// class is for validation.
fn weighted(file: &Path, weights: [f32; 3]) -> PathBuf {
    let mut table = "path;label;weight;split\n".to_owned();
    for (class, weight) in CLASSES.iter().zip(weights) {
        for (index, path) in bundled_pictures(class)[..6].iter().enumerate() {
            let side = if index == 0 { "val" } else { "train" };
            table += &format!("{};{class};{weight};{side}\n", path.display());
        }
    }
    fs::write(file, table).unwrap();
    file.to_owned()
}

#[test]
fn weights_of_pictures_count_in_training_and_not_in_figures() {
    let temp = tempfile::tempdir().unwrap();
    let weights = [0.5, 1.0, 3.0];
    let by_picture = Pictures::open(weighted(&temp.path().join("a.csv"), weights)).unwrap();
    let alike = Pictures::open(weighted(&temp.path().join("b.csv"), [1.0; 3])).unwrap();
    let adam = |class_weight| {
        let config =
            AdamConfig { class_weight, epochs: 3, learning_rate: 1e-2, ..Default::default() };
        FitConfig::default().with_head(HeadConfig::Adam(config))
    };
    let train = |pictures: &Pictures, config: &FitConfig| {
        Classifier::fit(small_base(), pictures, config, &mut Context::default()).unwrap()
    };
    let given = ClassWeight::Given(weights.to_vec());
    let (one, two, three) = (
        train(&by_picture, &adam(ClassWeight::Uniform)),
        train(&alike, &adam(given.clone())),
        train(&alike, &adam(ClassWeight::Uniform)),
    );
    assert_eq!(one.0.head(), two.0.head());
    assert_ne!(one.0.head(), three.0.head());
    assert_eq!(one.1.epochs[2].val_loss, two.1.epochs[2].val_loss);
    let loss = one.1.validation.unwrap().loss;
    assert!((one.1.epochs[2].val_loss.unwrap() - loss).abs() < 1e-5, "validation counts alike");

    // The same holds for augmented views and for fine-tuning.
    let tuned = |pictures: &Pictures, class_weight: ClassWeight| {
        let augment = headstart::data::Augment::Standard;
        let fit = adam(class_weight.clone()).with_augment(augment).with_views(2);
        let (mut classifier, _) = train(pictures, &fit);
        let training = FineTuneConfig {
            learning_rate: 1e-3,
            epochs: 2,
            batch_size: 6,
            class_weight,
            ..Default::default()
        };
        let at = "from:block_16_project".parse().unwrap();
        let config = FineTuning::default().with_at(at).with_training(training);
        classifier.fine_tune(pictures, &config, &mut Context::default()).unwrap();
        classifier.head().clone()
    };
    let (one, two, three) = (
        tuned(&by_picture, ClassWeight::Uniform),
        tuned(&alike, given),
        tuned(&alike, ClassWeight::Uniform),
    );
    assert_eq!(one, two);
    assert_ne!(one, three);
}

#[test]
fn folds_measure_heads_on_what_they_have_not_seen_and_the_model_learns_from_all() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("pictures"), &CLASSES, 20);
    let pictures = Pictures::open(&root).unwrap();
    let config = FitConfig::default().with_folds(Some(5));
    let (classifier, report) =
        Classifier::fit(small_base(), &pictures, &config, &mut Context::default()).unwrap();
    let folds = report.folds.unwrap();
    assert_eq!((report.train, &report.validation, folds.folds.len()), (60, &None, 5));
    for fold in &folds.folds {
        assert_eq!((fold.train, fold.validation), (48, 12));
    }
    let accuracies = folds.folds.iter().map(|fold| fold.accuracy);
    let mean = accuracies.clone().sum::<f64>() / 5.0;
    let variance = accuracies.map(|a| (a - mean).powi(2)).sum::<f64>() / 5.0;
    assert!((folds.accuracy.mean - mean).abs() < 1e-12);
    assert!((folds.accuracy.std - variance.sqrt()).abs() < 1e-12);
    // All folds have the same size, so the mean over folds is the mean over pictures.
    assert_eq!(folds.held_out.pictures, 60);
    assert!((folds.held_out.accuracy - mean).abs() < 1e-12);
    assert!((folds.macro_recall.mean - mean).abs() < 1e-12);

    let all = pictures.clone().with_validation(0.0, 0);
    assert_eq!(classifier.head(), fit(&all).unwrap().0.head());
    let file = temp.path().join("model.safetensors");
    classifier.save(&file).unwrap();
    let record = Classifier::load(&file).unwrap().training().unwrap().clone();
    assert_eq!(record.folds.as_ref(), Some(&folds));
    assert_eq!(record.origin.split, Some(SplitRecord::Folds { count: 5, seed: 0 }));
    assert!(record.validation.is_empty());
}

/// Opens a manifest. Each text in `weights` is for one class, and each word in it for one picture: its weight,
/// optionally followed by a colon and its side of the split.
fn weighing(file: &Path, weights: [&str; 3]) -> Pictures {
    let mut table = "path;label;weight;split\n".to_owned();
    for (class, weights) in CLASSES.iter().zip(weights) {
        for (path, weight) in bundled_pictures(class).iter().zip(weights.split_whitespace()) {
            let (weight, side) = weight.split_once(':').unwrap_or((weight, ""));
            table += &format!("{};{class};{weight};{side}\n", path.display());
        }
    }
    fs::write(file, table).unwrap();
    Pictures::open(file.to_owned()).unwrap()
}

#[test]
fn folds_in_which_only_one_class_counts_name_it() {
    let temp = tempfile::tempdir().unwrap();
    let pictures = weighing(&temp.path().join("list.csv"), ["0 0 0 0", "1 1 1 1", "0 0 0 0"]);
    let config = FitConfig::default().with_folds(Some(2));
    let error =
        Classifier::fit(small_base(), &pictures, &config, &mut Context::default()).unwrap_err();
    let message = error.to_string();
    let part = format!("only those of class \"{}\" count", CLASSES[1]);
    assert!(message.contains(&part), "{message}");
    assert_one_line(&message);
}

#[test]
fn a_class_whose_only_weighted_picture_is_held_back_is_told_of() {
    let temp = tempfile::tempdir().unwrap();
    let of = |last: &str| {
        let whole = "1:train 1:train 1:train 1:val";
        weighing(&temp.path().join("list.csv"), [whole, whole, last])
    };
    let told = format!("class \"{}\" is never predicted", CLASSES[2]);
    for (last, expected) in
        [("0:train 0:train 0:train 1:val", 1), ("0:train 1:train 0:train 0:val", 0)]
    {
        let (_, report) = fit(&of(last)).unwrap();
        let count =
            report.warnings.iter().filter(|line| line.to_string().starts_with(&told)).count();
        assert_eq!(count, expected, "{last}: {:?}", report.warnings);
    }
}

#[test]
fn folds_that_make_no_sense_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("pictures"), &CLASSES, 2);
    let split = temp.path().join("split.csv");
    let pictures = Pictures::open(&root).unwrap();
    let held_back = vec![format!("Bag/{}", file_name(&bundled_pictures("Bag")[0]))];
    pictures.export_split(&held_back, &split).unwrap();
    let augment = headstart::data::Augment::Tutorial;
    for (pictures, config, part) in [
        (
            Pictures::open(&root).unwrap(),
            FitConfig::default().with_folds(Some(1)),
            "the number of folds is 1",
        ),
        (Pictures::open(&root).unwrap(), FitConfig::default().with_folds(Some(7)), "(6)"),
        (Pictures::open(&split).unwrap(), FitConfig::default().with_folds(Some(2)), "split.csv"),
        (
            pictures.clone().holding_back(held_back),
            FitConfig::default().with_folds(Some(2)),
            "cannot be combined with folds",
        ),
        (pictures, FitConfig::default().with_folds(Some(2)).with_augment(augment), "augmented"),
    ] {
        let error =
            Classifier::fit(small_base(), &pictures, &config, &mut Context::default()).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(part), "{message}");
        assert_one_line(&message);
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn a_manifest_to_learn_nothing_from_is_an_error_that_names_it() {
    let temp = tempfile::tempdir().unwrap();
    let bag = bundled_pictures("Bag")[0].display().to_string();
    let cases = BTreeMap::from([
        ("path\nBAG\n".to_owned(), "not one of its pictures (1 in all) has a label"),
        ("path,label\n".to_owned(), "contains no pictures"),
        ("url,label\nBAG,x\n".to_owned(), "has no column \"path\""),
        ("path,label,split\nBAG,x,train\nBAG,y,nowhere\n".to_owned(), "line 3, column \"split\""),
        (
            "path,label\nmissing.png,x\ngone.png,y\n".to_owned(),
            "none of the 2 pictures can be read",
        ),
    ]);
    for (table, part) in cases {
        let file = temp.path().join("list.csv");
        fs::write(&file, table.replace("BAG", &bag)).unwrap();
        let error = Pictures::open(&file).map_err(Error::from).and_then(|pictures| fit(&pictures));
        let message = error.unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
        assert_one_line(&message);
    }
}
