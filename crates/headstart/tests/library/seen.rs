//! Pictures that a model was trained on never count as held out, whatever source they come from.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use headstart::data::Subset;
use headstart::train::FineTuneConfig;
use headstart::{
    Classifier, Context, Error, ExtractConfig, FineTuneReport, FineTuning, FitConfig, Pictures,
    Warning,
};

use crate::support::{CLASSES, bundled_pictures, folder, small_base};

/// The number of pictures per class.
const EACH: usize = 6;
const ALL: usize = EACH * CLASSES.len();

fn trained(pictures: &Pictures, folds: Option<usize>) -> Classifier {
    let config = FitConfig::default().with_folds(folds);
    Classifier::fit(small_base(), pictures, &config, &mut Context::default()).unwrap().0
}

fn open(source: impl Into<headstart::data::Source>) -> Pictures {
    Pictures::open(source).unwrap()
}

/// Fine-tunes a copy of the classifier for one short epoch.
fn tuned(
    classifier: &Classifier,
    pictures: Pictures,
    early_stop: Option<usize>,
) -> Result<FineTuneReport, Error> {
    let training = FineTuneConfig { epochs: 1, batch_size: 6, early_stop, ..Default::default() };
    let at = "from:block_16_project".parse().unwrap();
    let config = FineTuning::default().with_at(at).with_training(training);
    let pictures = pictures.continuing(classifier.training());
    classifier.clone().fine_tune(&pictures, &config, &mut Context::default())
}

fn learned_from(classifier: &Classifier, source: &Path, side: Option<Subset>) -> Option<usize> {
    let config = ExtractConfig::default();
    let source = headstart::data::Source::new(source);
    classifier.evaluate_side(source, side, &config, &mut Context::default()).unwrap().learned_from
}

/// Writes a manifest of the pictures in `root` beside it. The paths in it start with the name of `root`.
fn manifest(root: &Path) -> PathBuf {
    let file = root.with_extension("csv");
    let mut table = "path,label\n".to_owned();
    for class in CLASSES {
        for path in &bundled_pictures(class)[..EACH] {
            let name = path.file_name().unwrap().to_str().unwrap();
            let folder = root.file_name().unwrap().to_str().unwrap();
            table += &format!("{folder}/{class}/{name},{class}\n");
        }
    }
    fs::write(&file, table).unwrap();
    file
}

/// Writes a tar archive of the same pictures.
fn archive(root: &Path) -> PathBuf {
    let file = root.with_extension("tar");
    let mut tar = Vec::new();
    for class in CLASSES {
        for path in &bundled_pictures(class)[..EACH] {
            let bytes = fs::read(path).unwrap();
            let name = format!("{class}/{}", path.file_name().unwrap().to_str().unwrap());
            let mut header = [0; 512];
            header[..name.len()].copy_from_slice(name.as_bytes());
            header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
            header[156] = b'0';
            header[148..156].fill(b' ');
            let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
            header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
            let mut content = Cursor::new(&mut tar);
            content.set_position(content.get_ref().len() as u64);
            content.write_all(&header).unwrap();
            content.write_all(&bytes).unwrap();
            content.write_all(&vec![0; bytes.len().next_multiple_of(512) - bytes.len()]).unwrap();
        }
    }
    tar.extend([0; 1024]);
    fs::write(&file, tar).unwrap();
    file
}

/// Copies the same pictures under other names.
fn renamed(root: &Path, to: &Path) -> PathBuf {
    for class in CLASSES {
        fs::create_dir_all(to.join(class)).unwrap();
        let entries = fs::read_dir(root.join(class)).unwrap().map(|entry| entry.unwrap().path());
        for (n, path) in entries.enumerate() {
            fs::copy(path, to.join(class).join(format!("picture {n}.png"))).unwrap();
        }
    }
    to.to_owned()
}

#[test]
fn nothing_is_held_out_where_the_model_has_learned_from_everything() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("pictures"), &CLASSES, EACH);
    let without = open(root.clone()).with_validation(0.0, 0);
    for classifier in [trained(&open(root.clone()), Some(3)), trained(&without, None)] {
        for pictures in [open(root.clone()), open(manifest(&root)), open(archive(&root))] {
            let report = tuned(&classifier, pictures.clone(), None).unwrap();
            assert_eq!((report.train, &report.before, &report.validation), (ALL, &None, &None));
            let says = |line: &&Warning| {
                line.to_string().contains("has learned from all of these pictures")
            };
            assert_eq!(report.warnings.iter().filter(says).count(), 1, "{:?}", report.warnings);
            let report = tuned(&classifier, pictures, Some(1)).unwrap();
            let says = |line: &Warning| line.to_string().contains("goes by the training loss");
            assert!(report.warnings.iter().any(says), "{:?}", report.warnings);
        }
        assert_eq!(learned_from(&classifier, &root, None), Some(ALL));
    }
}

#[test]
fn the_same_pictures_stay_held_back_whatever_they_are_called_and_packed_in() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("pictures"), &CLASSES, EACH);
    let classifier = trained(&open(root.clone()), None);
    let held_back = classifier.training().unwrap().validation.len();
    assert!(held_back > 0);
    let before = tuned(&classifier, open(root.clone()), None).unwrap().before;
    assert_eq!(before, classifier.training().unwrap().metrics);
    let other = renamed(&root, &temp.path().join("elsewhere"));
    for source in [root.clone(), manifest(&root), archive(&root), other] {
        // A new split with this seed and share would hold back other pictures.
        let report =
            tuned(&classifier, open(source.clone()).with_validation(0.5, 9), None).unwrap();
        assert_eq!(report.before, before, "{}", source.display());
        assert_eq!((report.train, report.learned_from), (ALL - held_back, Some(0)));
        assert_eq!(learned_from(&classifier, &source, None), Some(ALL - held_back));
    }
}

#[test]
fn a_side_that_was_learned_from_is_told_whatever_folder_it_is_opened_from() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().join("divided");
    folder(&root.join("train"), &CLASSES, EACH);
    for class in CLASSES {
        fs::create_dir_all(root.join("validation").join(class)).unwrap();
        for path in &bundled_pictures(class)[EACH..EACH + 2] {
            let name = path.file_name().unwrap();
            fs::copy(path, root.join("validation").join(class).join(name)).unwrap();
        }
    }
    let classifier = trained(&open(root.clone()), None);
    for (source, side, expected) in [
        (root.clone(), None, 0),
        (root.clone(), Some(Subset::Validation), 0),
        (root.clone(), Some(Subset::Train), ALL),
        (root.join("train"), None, ALL),
        (root.join("validation"), None, 0),
    ] {
        assert_eq!(learned_from(&classifier, &source, side), Some(expected), "{side:?}");
    }
    let report = tuned(&classifier, open(root.join("train")), None).unwrap();
    assert_eq!((report.validation, report.train), (None, ALL));

    // With the sides swapped, the source's split is used, but warnings report that pictures to measure on were trained
    // on, and that pictures to train on were held out before.
    let swapped = temp.path().join("swapped");
    fs::create_dir(&swapped).unwrap();
    fs::rename(root.join("train"), swapped.join("validation")).unwrap();
    fs::rename(root.join("validation"), swapped.join("train")).unwrap();
    let report = tuned(&classifier, open(swapped), None).unwrap();
    assert_eq!((report.train, report.learned_from), (CLASSES.len() * 2, Some(ALL)));
    for part in ["has learned from 18 of the 18 pictures to measure on", "were held out before"] {
        assert!(
            report.warnings.iter().any(|line| line.to_string().contains(part)),
            "{:?}",
            report.warnings
        );
    }
}

#[test]
fn of_new_pictures_a_share_is_held_back_whatever_few_of_them_were_seen() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("pictures"), &CLASSES, EACH);
    let classifier = trained(&open(root.clone()), None);
    let record = classifier.training().unwrap();
    // A folder of new pictures, one that was held back and one that was trained on. The latter two keep their names.
    let other = temp.path().join("other");
    for class in CLASSES {
        fs::create_dir_all(other.join(class)).unwrap();
        for path in &bundled_pictures(class)[EACH..EACH + 10] {
            fs::copy(path, other.join(class).join(path.file_name().unwrap())).unwrap();
        }
    }
    let held = &record.validation[0];
    fs::copy(root.join(held), other.join(held)).unwrap();
    let bags = bundled_pictures("Bag");
    let name = |path: &PathBuf| format!("Bag/{}", path.file_name().unwrap().to_str().unwrap());
    let mut names = bags[..EACH].iter().map(name);
    let learned = names.find(|name| !record.validation.contains(name)).unwrap();
    fs::copy(root.join(&learned), other.join(&learned)).unwrap();

    let report = tuned(&classifier, open(other.clone()), None).unwrap();
    let measured = report.validation.unwrap().pictures;
    assert_eq!((measured, report.train), (2 * CLASSES.len() + 1, 32 - measured));
    assert_eq!(report.learned_from, Some(0));
    assert_eq!(learned_from(&classifier, &other, None), Some(1));

    // Another folder of the same name, with other pictures, counts as not trained on.
    let elsewhere = temp.path().join("elsewhere/pictures");
    fs::create_dir_all(elsewhere.join("Bag")).unwrap();
    let bag = &bundled_pictures("Bag")[EACH];
    fs::copy(bag, elsewhere.join("Bag").join(bag.file_name().unwrap())).unwrap();
    assert_eq!(learned_from(&classifier, &elsewhere, None), Some(0));
}

#[test]
fn what_further_training_learns_from_is_known_as_well() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("pictures"), &CLASSES, EACH);
    let mut classifier = trained(&open(root.clone()), None);
    let more = temp.path().join("more");
    for class in CLASSES {
        fs::create_dir_all(more.join(class)).unwrap();
        for path in &bundled_pictures(class)[EACH..EACH + 4] {
            fs::copy(path, more.join(class).join(path.file_name().unwrap())).unwrap();
        }
    }
    let file = temp.path().join("model.safetensors");
    let before = classifier.training().unwrap().seen.clone().unwrap();
    let training = FineTuneConfig { epochs: 1, batch_size: 6, ..Default::default() };
    let at = "from:block_16_project".parse().unwrap();
    let config = FineTuning::default().with_at(at).with_training(training);
    let pictures = open(more.clone()).continuing(classifier.training());
    let report = classifier.fine_tune(&pictures, &config, &mut Context::default()).unwrap();
    classifier.save(&file).unwrap();
    let classifier = Classifier::load(&file).unwrap();
    let seen = classifier.training().unwrap().seen.as_ref().unwrap();
    assert_eq!(seen.learned.len(), before.learned.len() + report.train);
    assert_eq!(learned_from(&classifier, &root, None), Some(before.learned.len()));
    assert_eq!(learned_from(&classifier, &more, None), Some(report.train));
}

#[test]
fn a_model_from_before_says_that_it_does_not_know() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("pictures"), &CLASSES, EACH);
    let classifier = trained(&open(root.clone()), None);
    let file = temp.path().join("model.safetensors");
    classifier.save(&file).unwrap();
    // The file as earlier versions wrote it: without the entry.
    let bytes = fs::read(&file).unwrap();
    let length = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&bytes[8..length]).unwrap();
    let start = header.find(r#"\"seen\":"#).unwrap();
    let end = start + header[start..].find("},").unwrap() + 2;
    let spaces = " ".repeat(end - start);
    let old = [&bytes[..8 + start], spaces.as_bytes(), &bytes[8 + end..]].concat();
    fs::write(&file, old).unwrap();
    let old = Classifier::load(&file).unwrap();
    let record = old.training().unwrap();
    assert_eq!((&record.seen, learned_from(&old, &root, None)), (&None, None));

    // Held-back pictures are identified by their names, if these are still the same.
    let report = tuned(&old, open(root.clone()), None).unwrap();
    assert_eq!((report.before, report.learned_from), (record.metrics.clone(), None));
    let unknown = |line: &Warning| line.to_string().contains("not recorded which pictures");
    assert!(!report.warnings.iter().any(unknown), "{:?}", report.warnings);
    let report = tuned(&old, open(manifest(&root)), None).unwrap();
    assert!(report.warnings.iter().any(unknown), "{:?}", report.warnings);
}
