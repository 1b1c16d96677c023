//! Heads from features in files.

use std::fs;
use std::path::{Path, PathBuf};

use headstart::data::sources::ColumnNames;
use headstart::{
    Base, Calibration, Classifier, Context, Error, Event, FeatureOrigin, FeatureSource, FitConfig,
    FitReport, HeadConfig, Precision, TrainJob,
};
use headstart::{PictureSource, RunConfig};

use crate::support::{bits, small_base};

const WIDTH: usize = 1280;

/// Features `[rows][WIDTH]` in one cluster per class. Classes differ in the first 60 features only; the others are
/// noise.
fn features(rows: usize, classes: usize) -> Vec<f32> {
    let mut state = 7_u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    let mut all = Vec::with_capacity(rows * WIDTH);
    for row in 0..rows {
        let class = row % classes;
        for column in 0..WIDTH {
            let centre = if column % classes == class && column < 60 { 0.4 } else { 0.0 };
            all.push(random() + centre);
        }
    }
    all
}

fn write_npy(path: &Path, features: &[f32], precision: Precision) {
    let rows = features.len() / WIDTH;
    let bytes = precision.bytes();
    let mut header =
        format!("{{'descr': '<f{bytes}', 'fortran_order': False, 'shape': ({rows}, {WIDTH}), }}");
    header.extend(std::iter::repeat_n(' ', 117 - header.len()));
    let mut file = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    file.extend(header.bytes().chain([b'\n']));
    precision.encode(features, &mut file);
    fs::write(path, file).unwrap();
}

/// Writes two f16 files, each with a table of `line`s beside it, and returns the pattern of their paths.
fn files(folder: &Path, rows: usize, classes: usize, line: impl Fn(usize) -> String) -> PathBuf {
    let all = features(rows, classes);
    let half = rows / 2;
    for (index, rows) in [0..half, half..rows].into_iter().enumerate() {
        let path = folder.join(format!("part-{index}.npy"));
        write_npy(&path, &all[rows.start * WIDTH..rows.end * WIDTH], Precision::F16);
        let header = "path,label,split,group,weight\n".to_owned();
        let table: String = [header].into_iter().chain(rows.map(&line)).collect();
        fs::write(folder.join(format!("part-{index}.npy.csv")), table).unwrap();
    }
    folder.join("part-*.npy")
}

fn fit(source: &FeatureSource, config: &FitConfig) -> Result<(Classifier, FitReport), Error> {
    Classifier::fit_files(small_base(), &source.open()?, config, &mut Context::default())
}

#[test]
fn what_is_read_in_each_pass_gives_the_head_that_is_fitted_in_memory_bit_for_bit() {
    let temp = tempfile::tempdir().unwrap();
    // So many rows are held back that calibration uses no folds.
    let line = |row: usize| {
        let side = if row % 2 == 1 { "validation" } else { "train" };
        // All rows of a group are on the same side.
        format!(
            "{row}.jpg,{},{side},{},{}\n",
            ["a", "b", "c"][row % 3],
            row % 4 + 12 * (row / 36),
            row % 2 + 1
        )
    };
    let pattern = files(temp.path(), 1200, 3, line);
    // A few epochs of Adam are little better than chance.
    for (head, least) in [(HeadConfig::default(), 0.9), (HeadConfig::Adam(Default::default()), 0.4)]
    {
        let config = FitConfig::default().with_head(head);
        let memory = FeatureSource::new([&pattern]);
        let (expected, in_memory) = fit(&memory, &config).unwrap();
        let (found, on_disk) = fit(&memory.clone().with_memory(1000), &config).unwrap();
        assert_eq!(in_memory.train, 600);
        assert_eq!(on_disk.train, 600);
        assert_eq!(bits(&found.head().kernel), bits(&expected.head().kernel));
        assert_eq!(bits(&found.head().bias), bits(&expected.head().bias));
        assert_eq!(on_disk.strength, in_memory.strength);
        let figures = |report: &FitReport| {
            let validation = report.validation.clone().unwrap();
            (validation.pictures, validation.accuracy, validation.loss)
        };
        assert_eq!(figures(&on_disk), figures(&in_memory));
        assert!(figures(&on_disk).1 > least, "{}", figures(&on_disk).1);
        assert_eq!(found.trust().temperature, expected.trust().temperature);
        assert_eq!(found.trust().unknown.is_some(), expected.trust().unknown.is_some());
        let (record, own) = (found.training().unwrap(), expected.training().unwrap());
        assert_eq!(record.train_per_class, own.train_per_class);
        assert_eq!((&record.validation, &record.seen), (&own.validation, &own.seen));
        assert_eq!(record.validation[..2], ["1.jpg", "3.jpg"]);
    }
}

#[test]
fn a_model_from_features_predicts_as_any_other() {
    let temp = tempfile::tempdir().unwrap();
    let line = |row: usize| format!("{row}.jpg,{},,,\n", ["a", "b"][row % 2]);
    let source = FeatureSource::new([files(temp.path(), 200, 2, line)]).with_validation(0.3, 5);
    let model = temp.path().join("model.safetensors");
    let mut job = TrainJob::new(PictureSource::new(""));
    job.run = RunConfig::default().with_model(model.clone());
    let mut told = Vec::new();
    let mut context = Context::default().on_event(|event| {
        told.push(serde_json::to_value(&event).unwrap()["event"].as_str().unwrap().to_owned());
    });
    let trained = job.run_on_features(small_base(), &source.open().unwrap(), &mut context).unwrap();
    drop(context);
    assert_eq!(told.last().unwrap(), "done");
    let validation = trained.fit.validation.as_ref().unwrap();
    assert!((50..=70).contains(&validation.pictures), "{}", validation.pictures);
    let loaded = Classifier::load(&model).unwrap();
    assert_eq!(loaded.classes(), ["a", "b"]);
    let row = &features(1, 2);
    let prediction = loaded.classify(row);
    assert_eq!(prediction.scores, trained.classifier.classify(row).scores);
    assert_eq!(loaded.classes()[prediction.labels[0]], "a");
    let answers = trained.fit.answers.unwrap();
    assert!(answers.pictures.iter().all(|picture| picture.appearance.is_none()));
}

#[test]
fn rows_of_one_group_or_the_same_features_are_on_one_side() {
    let temp = tempfile::tempdir().unwrap();
    let all = features(2000, 2);
    // Every row occurs twice.
    let twice: Vec<f32> =
        all.chunks(WIDTH).flat_map(|row| [row, row].concat()).take(2000 * WIDTH).collect();
    write_npy(&temp.path().join("x.npy"), &twice, Precision::F32);
    let table = |group: &dyn Fn(usize) -> String| {
        let lines =
            (0..2000).map(|row| format!("{row},{},{}\n", ["a", "b"][row / 2 % 2], group(row)));
        let table: String = ["path,label,group\n".to_owned()].into_iter().chain(lines).collect();
        fs::write(temp.path().join("x.npy.csv"), table).unwrap();
    };
    let source = FeatureSource::new([temp.path().join("x.npy")]).with_memory(1);
    let held_back = || -> Vec<usize> {
        let (classifier, report) = fit(&source, &FitConfig::default()).unwrap();
        let names = &classifier.training().unwrap().validation;
        assert_eq!(report.train + names.len(), 2000);
        // About a fifth of the rows is held back.
        assert!((300..500).contains(&names.len()), "{}", names.len());
        names.iter().map(|name| name.parse().unwrap()).collect()
    };
    table(&|_| String::new());
    let rows = held_back();
    assert!(rows.chunks(2).all(|pair| pair[0] % 2 == 0 && pair[1] == pair[0] + 1));
    // With groups of ten rows, other rows are held back.
    table(&|row| (row / 10).to_string());
    let groups = held_back();
    assert!(groups.chunks(10).all(|own| own[0] % 10 == 0 && own[9] == own[0] + 9));
    assert_ne!(groups, rows);
}

#[test]
fn labels_may_be_several() {
    let temp = tempfile::tempdir().unwrap();
    let line = |row: usize| {
        let side = if row.is_multiple_of(5) { "validation" } else { "train" };
        format!("{row},{},{side},,\n", ["a|", "a|b", "|"][row % 3])
    };
    let pattern = files(temp.path(), 300, 3, line);
    for path in ["part-0.npy.csv", "part-1.npy.csv"].map(|name| temp.path().join(name)) {
        let table = fs::read_to_string(&path).unwrap().replacen("label", "labels", 1);
        fs::write(path, table).unwrap();
    }
    let memory = FeatureSource::new([&pattern]);
    let (expected, _) = fit(&memory, &FitConfig::default()).unwrap();
    let (found, report) = fit(&memory.with_memory(1), &FitConfig::default()).unwrap();
    assert_eq!(found.classes(), ["a", "b"]);
    assert!(!found.thresholds().is_empty());
    assert_eq!(bits(&found.head().kernel), bits(&expected.head().kernel));
    assert!(report.validation.unwrap().multi_label.is_some());
}

#[test]
fn what_cannot_be_learned_from_is_an_error_that_names_the_file() {
    let temp = tempfile::tempdir().unwrap();
    let place = |name: &str| temp.path().join(name);
    let label = |row: usize| ["a", "b"][row % 2].to_owned();
    let write = |name: &str, all: &[f32], label: &dyn Fn(usize) -> String| {
        write_npy(&place(name), all, Precision::F32);
        let lines = (0..all.len() / WIDTH).map(|row| format!("{}\n", label(row)));
        let table: String = ["label\n".to_owned()].into_iter().chain(lines).collect();
        fs::write(place(&format!("{name}.csv")), table).unwrap();
    };
    let all = features(40, 2);
    write("good.npy", &all, &label);
    write("one.npy", &all, &|_| "a".to_owned());
    write("none.npy", &all, &|_| String::new());
    let mut bad = all.clone();
    bad[7 * WIDTH + 2] = f32::NAN;
    write("nan.npy", &bad, &label);
    bad[7 * WIDTH + 2] = f32::INFINITY;
    write("infinite.npy", &bad, &label);
    write("empty.npy", &[], &label);
    write("short.npy", &all, &label);
    fs::write(place("short.npy.csv"), "label\na\nb\n").unwrap();
    write("bare.npy", &all, &label);
    fs::remove_file(place("bare.npy.csv")).unwrap();
    let mut narrow = fs::read(place("good.npy")).unwrap();
    let at = narrow.windows(10).position(|part| part == b"(40, 1280)").unwrap();
    narrow[at..at + 10].copy_from_slice(b"(40, 640) ");
    fs::write(place("narrow.npy"), &narrow).unwrap();
    for (names, parts) in [
        (&["one.npy"][..], &["one.npy", "\"a\""][..]),
        (&["none.npy"], &["none.npy", "label"]),
        (&["nan.npy"], &["nan.npy", "row 8: feature 3 is no finite number"]),
        (&["infinite.npy"], &["infinite.npy", "row 8: feature 3"]),
        (&["empty.npy"], &["empty.npy", "has no rows"]),
        (&["short.npy"], &["short.npy", "labels for 2 rows, and features for 40"]),
        (&["bare.npy"], &["bare.npy", "table beside it"]),
        (
            &["good.npy", "narrow.npy"],
            &["narrow.npy", "has 640 features a row", "good.npy has 1280"],
        ),
        (&["narrow.npy"], &["its features are of 640 numbers", "which has 1280"]),
        (&["no-*.npy"], &["no-*.npy", "matches no file"]),
        (&["missing.npy"], &["missing.npy", "no such file"]),
        (&[], &["give files"]),
    ] {
        for memory in [None, Some(1)] {
            let source = FeatureSource::new(names.iter().map(|name| place(name)));
            let failed = fit(&source.with_memory(memory), &FitConfig::default());
            let error = failed.err().unwrap_or_else(|| panic!("{names:?}")).to_string();
            for part in parts {
                assert!(error.contains(part), "{part:?} is not in {error:?}");
            }
            assert!(!error.contains('\n'), "{error}");
        }
    }
    let named = ColumnNames { labels: vec!["breed".to_owned()], ..ColumnNames::default() };
    let source = FeatureSource::new([place("good.npy")]).with_columns(named);
    let error = fit(&source, &FitConfig::default()).unwrap_err().to_string();
    assert!(error.contains("breed") && error.contains("there are: label"), "{error}");
    let source = FeatureSource::new([place("good.npy")]);
    let folds = FitConfig::default().with_folds(4);
    assert_eq!(fit(&source, &folds).unwrap().1.folds.unwrap().folds.len(), 4);
    let error = fit(&source.with_memory(1), &folds).unwrap_err().to_string();
    assert!(error.contains("folds are of features in memory"), "{error}");
}

#[test]
fn work_that_is_cancelled_ends_and_nothing_is_left_behind() {
    let temp = tempfile::tempdir().unwrap();
    let line = |row: usize| format!("{row}.jpg,{},,,\n", ["a", "b"][row % 2]);
    let pattern = files(temp.path(), 400, 2, line);
    let cache = tempfile::tempdir().unwrap();
    for after in [0, 1, 3, 10] {
        let source = FeatureSource::new([&pattern]).with_memory(1);
        let mut context = Context::default();
        let (cancel, mut events) = (context.cancel_token(), 0);
        context = context.on_event(move |_: Event| {
            events += 1;
            if events > after {
                cancel.cancel();
            }
        });
        let mut config = FitConfig::default();
        config.inputs.extract = config.inputs.extract.with_cache(Some(cache.path().to_owned()));
        let files = source.open().unwrap();
        let ended = Classifier::fit_files(small_base(), &files, &config, &mut context);
        assert!(matches!(ended, Err(Error::Interrupted)), "after {after}");
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
    }
}

#[test]
fn without_rows_held_back_nothing_is_calibrated_and_that_is_said() {
    let temp = tempfile::tempdir().unwrap();
    let line = |row: usize| format!("{row}.jpg,{},,,\n", ["a", "b"][row % 2]);
    let pattern = files(temp.path(), 200, 2, line);
    let source = FeatureSource::new([&pattern]).with_validation(0.0, 0);
    let config = FitConfig::default().with_calibration(Calibration::Temperature);
    let (in_memory, _) = fit(&source, &config).unwrap();
    assert!(in_memory.trust().temperature.is_some(), "by folds");
    let (on_disk, report) = fit(&source.with_memory(1), &config).unwrap();
    assert!(on_disk.trust().temperature.is_none() && report.validation.is_none());
    let warnings: Vec<String> = report.warnings.iter().map(ToString::to_string).collect();
    assert!(warnings.iter().any(|text| text.contains("not calibrated")), "{warnings:?}");
    assert_eq!(bits(&on_disk.head().kernel), bits(&in_memory.head().kernel));
}

#[test]
fn features_of_another_base_are_refused_with_both_named() {
    let origin = FeatureOrigin::of(&small_base());
    let other = FeatureOrigin::of(&Base::bundled("mobilenetv2").unwrap());
    assert!(!origin.is_same_base(&other));
    assert_ne!(origin.to_string(), other.to_string());
    let loaded = other.base_source().load().unwrap();
    assert!(FeatureOrigin::of(&loaded).is_same_base(&other));
}
