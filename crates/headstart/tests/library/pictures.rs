//! Folders as users have them, with duplicates, damaged files or too few pictures; and cancellation.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use headstart::data::{Listed, Listing, Location, Provided};
use headstart::train::AdamConfig;
use headstart::{
    Base, CancelToken, Classifier, Context, Error, Evaluation, Event, ExtractConfig, Extraction,
    Extractor, FitConfig, HeadConfig, Pictures, ThreadPool, Warning,
};

use crate::support::{
    CLASSES, assert_one_line, bundled_pictures, extract_into, fit, folder, small_base, trained,
    write_png,
};

/// Writes the pixels of a picture as a BMP, so that the copy has other bytes.
fn copy_in_another_format(from: &Path, to: &Path) {
    image::open(from).unwrap().to_rgb8().save_with_format(to, image::ImageFormat::Bmp).unwrap();
}

#[test]
fn pictures_with_the_same_pixels_never_lie_on_both_sides_of_the_split() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("pictures"), &CLASSES, 8);
    for class in CLASSES {
        for path in &bundled_pictures(class)[..4] {
            let name = path.file_stem().unwrap().to_str().unwrap();
            fs::copy(path, root.join(class).join(format!("copy of {name}.png"))).unwrap();
            copy_in_another_format(path, &root.join(class).join(format!("bmp of {name}.bmp")));
        }
    }
    for seed in 0..4 {
        let pictures = Pictures::open(&root).unwrap().with_validation(0.3, seed);
        let (classifier, report) = fit(&pictures).unwrap();
        assert_eq!(report.duplicates, 2 * 4 * CLASSES.len());
        let held_back: HashSet<&str> =
            classifier.training().unwrap().validation.iter().map(String::as_str).collect();
        assert_eq!(report.train + held_back.len(), pictures.len());
        for class in CLASSES {
            for path in &bundled_pictures(class)[..4] {
                let name = path.file_stem().unwrap().to_str().unwrap();
                let twins = [
                    format!("{class}/{name}.png"),
                    format!("{class}/copy of {name}.png"),
                    format!("{class}/bmp of {name}.bmp"),
                ];
                let sides: Vec<bool> =
                    twins.iter().map(|twin| held_back.contains(twin.as_str())).collect();
                assert!(sides.iter().all(|side| *side == sides[0]), "{twins:?}: {sides:?}");
            }
        }
    }
}

#[test]
fn what_cannot_be_read_is_skipped_and_listed_and_training_goes_on() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("pictures"), &CLASSES, 6);
    let bag = root.join("Bag");
    let jpeg = bag.join("truncated.jpg");
    image::open(&bundled_pictures("Bag")[0]).unwrap().to_rgb8().save(&jpeg).unwrap();
    let whole = fs::read(&jpeg).unwrap();
    fs::write(&jpeg, &whole[..whole.len() * 2 / 3]).unwrap();
    fs::write(bag.join("text.jpg"), "this is no picture").unwrap();
    fs::write(bag.join("empty.png"), "").unwrap();
    fs::write(bag.join("notes.txt"), "bags").unwrap();
    fs::write(bag.join(".hidden.png"), "passed over").unwrap();

    let (_, report) = fit(&Pictures::open(&root).unwrap()).unwrap();
    let held_back = report.validation.as_ref().map_or(0, |v| v.pictures);
    assert_eq!(report.train + held_back, 18);
    let mut skipped: Vec<(String, String)> = report
        .skipped
        .iter()
        .map(|s| (s.path.file_name().unwrap().to_string_lossy().into_owned(), s.reason.to_string()))
        .collect();
    skipped.sort();
    let names: Vec<&str> = skipped.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["empty.png", "notes.txt", "text.jpg", "truncated.jpg"]);
    for ((name, reason), part) in skipped.iter().zip(["empty", "text", "text", "truncated JPEG"]) {
        assert!(reason.contains(part), "{name}: {reason}");
        assert_one_line(reason);
    }
}

#[test]
fn a_folder_that_teaches_nothing_is_an_error_that_names_it() {
    let temp = tempfile::tempdir().unwrap();
    let at = |name: &str| temp.path().join(name);
    let open = |path: &Path| {
        Pictures::open(path).map_err(Error::from).and_then(|pictures| fit(&pictures).map(|_| ()))
    };
    fs::create_dir(at("empty")).unwrap();
    folder(&at("one-class"), &["Bag"], 3);
    fs::write(at("file"), "").unwrap();
    fs::create_dir(at("flat")).unwrap();
    fs::copy(&bundled_pictures("Bag")[0], at("flat").join("a.png")).unwrap();
    for class in ["a", "b"] {
        fs::create_dir_all(at("unreadable").join(class)).unwrap();
        fs::write(at("unreadable").join(class).join("x.jpg"), "text").unwrap();
    }
    folder(&at("half-readable"), &["Bag"], 3);
    fs::create_dir(at("half-readable").join("Broken")).unwrap();
    fs::write(at("half-readable").join("Broken/x.jpg"), "text").unwrap();
    for (name, part) in [
        ("empty", "contains no pictures"),
        ("missing", "no such file or folder"),
        ("one-class", "has only the class \"Bag\""),
        ("file", "is a file"),
        ("flat", "lie in no class"),
        ("unreadable", "none of the 2 pictures can be read"),
        ("half-readable", "only class \"Bag\" has pictures that can be read"),
    ] {
        let message = open(&at(name)).unwrap_err().to_string();
        assert!(message.contains(part), "{name}: {message}");
        assert!(name == "half-readable" || message.contains(name), "{name}: {message}");
        assert_one_line(&message);
    }
}

#[test]
fn a_class_with_one_picture_is_learned_from_and_a_warning_says_so() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("pictures"), &["Bag", "Sneaker"], 5);
    folder(&root, &["Trouser"], 1);
    let (classifier, report) = fit(&Pictures::open(&root).unwrap()).unwrap();
    assert_eq!(classifier.classes(), CLASSES);
    let about = |warning: &&Warning| warning.to_string().contains("\"Trouser\" is not validated");
    assert_eq!(report.warnings.iter().filter(about).count(), 1, "{:?}", report.warnings);
    let validation: Evaluation = report.validation.unwrap();
    assert_eq!(validation.per_class[2].support, 0);
}

#[test]
fn evaluation_names_what_is_wrong_with_the_folder() {
    let temp = tempfile::tempdir().unwrap();
    let classifier = trained(temp.path());
    let evaluate =
        |root: &Path| classifier.evaluate(root, &ExtractConfig::default(), &mut Context::default());
    let evaluated = evaluate(&temp.path().join("pictures")).unwrap();
    assert_eq!((evaluated.evaluation.pictures, evaluated.skipped.len()), (18, 0));
    let other = folder(&temp.path().join("other"), &["Bag", "Coat"], 1);
    let empty = temp.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for (root, part) in [
        (other, "has no class \"Coat\"; it has Bag, Sneaker, Trouser"),
        (empty, "contains no labelled pictures"),
        (temp.path().join("missing"), "no such file or folder"),
        (bundled_pictures("Bag")[0].clone(), "is a file"),
    ] {
        let message = evaluate(&root).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
        assert_one_line(&message);
    }
}

/// A context that is cancelled after a number of pictures or at an epoch, with the last numbers of both.
struct Stop {
    context: Context<'static>,
    seen: Arc<[AtomicUsize; 2]>,
}

impl Stop {
    fn new(after: Option<usize>, at_epoch: Option<usize>) -> Self {
        let (cancel, seen) = (CancelToken::new(), Arc::<[AtomicUsize; 2]>::default());
        let (token, kept) = (cancel.clone(), seen.clone());
        let context = Context::default().with_cancel_token(cancel).on_event(move |event| {
            let (of, count, most) = match event {
                Event::Pictures { done, .. } => (0, done, after),
                Event::Epoch { epoch, .. } => (1, epoch.epoch, at_epoch),
                _ => return,
            };
            kept[of].store(count, Ordering::Relaxed);
            if most.is_some_and(|most| count >= most) {
                token.cancel();
            }
        });
        Self { context, seen }
    }

    fn pictures(&self) -> usize {
        self.seen[0].load(Ordering::Relaxed)
    }

    fn epochs(&self) -> usize {
        self.seen[1].load(Ordering::Relaxed)
    }
}

#[test]
fn a_token_stops_extraction_prediction_and_training() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("pictures"), &CLASSES, 20);
    let paths = CLASSES.iter().flat_map(|class| bundled_pictures(class));
    let paths = paths.map(Location::from).collect::<Vec<_>>();
    let extractor = Extractor::new(&small_base(), &ExtractConfig::default());

    let mut stop = Stop::new(Some(3), None);
    stop.context = stop.context.with_pool(ThreadPool::with_threads(2).unwrap());
    assert!(matches!(extractor.extract(&paths, &mut stop.context), Err(Error::Interrupted)));
    assert!(stop.pictures() < paths.len(), "went on to the end of {}", paths.len());

    let pictures = Pictures::open(root).unwrap();
    let adam = AdamConfig { epochs: 1000, ..AdamConfig::default() };
    let config = FitConfig::default().with_head(HeadConfig::Adam(adam));
    for mut stop in [Stop::new(Some(1), None), Stop::new(None, Some(2))] {
        let fitted = Classifier::fit(small_base(), &pictures, &config, &mut stop.context);
        assert!(matches!(fitted, Err(Error::Interrupted)));
        assert!(stop.epochs() <= 2, "went on to epoch {}", stop.epochs());
    }

    let classifier = trained(&temp.path().join("small"));
    let stop = &mut Stop::new(Some(1), None).context;
    let predicted =
        classifier.predict_each(&paths, &ExtractConfig::default(), stop, &mut |_, _| Ok(()));
    assert!(matches!(predicted, Err(Error::Interrupted)));
}

#[test]
fn a_bundled_base_takes_any_size_from_32() {
    let temp = tempfile::tempdir().unwrap();
    let pixels: Vec<u8> = (0..40 * 50 * 3).map(|i| (i * 7 % 251) as u8).collect();
    let picture = write_png(&temp.path().join("a"), 40, 50, &pixels);
    for size in [(32, 32), (33, 47)] {
        let base = Base::bundled_at("mobilenetv2", Some(size)).unwrap();
        let extractor = Extractor::new(&base, &ExtractConfig::default());
        let features = extractor.one(&picture).unwrap().features;
        assert!(features.len() == 1280 && features.iter().all(|x| x.is_finite()));
    }
    assert!(Base::bundled_at("mobilenetv2", Some((31, 64))).is_err());
}

/// Which pictures a run uses must not depend on the memory limit of earlier runs.
#[test]
fn what_is_left_out_for_its_memory_is_so_whatever_the_cache_knows() {
    let temp = tempfile::tempdir().unwrap();
    let sides = [20, 40, 300, 60, 500];
    let pictures: Vec<PathBuf> = sides
        .iter()
        .map(|&side| {
            let pixels: Vec<u8> = (0..side * side * 3).map(|i| (i * 7 % 251) as u8).collect();
            write_png(&temp.path().join(side.to_string()), side, side, &pixels)
        })
        .collect();
    let read = |memory: Option<u64>, cache: &str| {
        let extract = extract_into(&temp.path().join(cache));
        let extractor = Extractor::new(&small_base(), &extract.with_memory(memory));
        let all = extractor.extract(
            &pictures.iter().map(Location::from).collect::<Vec<_>>(),
            &mut Context::default(),
        );
        let Extraction { kept, skipped, cached, .. } = all.unwrap();
        (kept, skipped, cached)
    };
    let little = Some(300_000);
    let (all, none, _) = read(None, "filled");
    assert_eq!((all, none.len()), (vec![0, 1, 2, 3, 4], 0));
    let (kept, skipped, cached) = read(little, "filled");
    assert_eq!((kept, skipped.len(), cached), (vec![0, 1, 3], 2, 3));
    assert_eq!(read(little, "empty"), (vec![0, 1, 3], skipped, 0));
    // A run with more memory uses the pictures that were left out.
    assert_eq!(read(None, "empty").0, [0, 1, 2, 3, 4]);
    assert_eq!(read(None, "filled").2, 5);
}

#[test]
fn a_picture_that_takes_more_memory_than_decoding_may_is_left_out() {
    let temp = tempfile::tempdir().unwrap();
    let picture = |side: usize| {
        let pixels = vec![90; side * side * 3];
        Location::from(write_png(&temp.path().join(side.to_string()), side, side, &pixels))
    };
    let pictures = [picture(20), picture(400), picture(30)];
    let config = |memory| ExtractConfig::default().with_memory(memory);
    // The pixels of the large picture take 480,000 bytes.
    for (memory, kept) in [(None, vec![0, 1, 2]), (Some(300_000), vec![0, 2])] {
        let extractor = Extractor::new(&small_base(), &config(memory));
        let extraction = extractor.extract(&pictures, &mut Context::default()).unwrap();
        assert_eq!(extraction.kept, kept);
        let reasons: Vec<String> =
            extraction.skipped.iter().map(|s| s.reason.to_string()).collect();
        assert!(reasons.iter().all(|reason| reason.contains("memory")), "{reasons:?}");
    }
}

#[test]
fn pictures_of_the_programs_own_are_trained_on_like_those_of_a_folder() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(temp.path(), &CLASSES, 8);
    let mut listing = Listing::default();
    for class in CLASSES {
        for path in &bundled_pictures(class)[..8] {
            let name = format!("{class}/{}", path.file_name().unwrap().display());
            let picture = match class {
                "Bag" => Provided::from_bytes(&name, fs::read(path).unwrap()),
                _ => {
                    let path = path.clone();
                    Provided::new(&name, move || fs::read(&path))
                }
            };
            // Class names are normalised like names of folders.
            listing.pictures.push(Listed::new(picture, format!(" {class} ").as_str(), None));
        }
    }
    let broken = Provided::from_bytes("broken", *b"\x89PNG\r\n\x1a\n");
    listing.pictures.push(Listed::new(broken, "Bag", None));
    let gone = Provided::new("gone", || Err(std::io::Error::other("no connection")));
    listing.pictures.push(Listed::new(gone, "Bag", None));
    listing.pictures.push(Listed::new(Provided::from_bytes("unnamed", *b""), "\u{0}", None));
    let config = FitConfig::default();
    let fit = |pictures: Pictures| {
        Classifier::fit(
            small_base(),
            &pictures.with_validation(0.25, 7),
            &config,
            &mut Context::default(),
        )
    };
    let (own, report) = fit(Pictures::from_listing("a database", listing).unwrap()).unwrap();
    let (of_folder, _) = fit(Pictures::open(&root).unwrap()).unwrap();
    assert_eq!(own.classes(), of_folder.classes());
    assert_eq!(own.head(), of_folder.head());
    let skipped: Vec<String> =
        report.skipped.iter().map(|s| format!("{}: {}", s.path.display(), s.reason)).collect();
    assert!(skipped.iter().any(|line| line.starts_with("broken: ")), "{skipped:?}");
    assert!(
        skipped.iter().any(|line| line.contains("gone: ") && line.contains("no connection")),
        "{skipped:?}"
    );
    assert!(skipped.iter().any(|line| line.starts_with("unnamed: its label has ")), "{skipped:?}");
}
