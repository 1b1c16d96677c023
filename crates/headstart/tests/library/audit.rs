//! A folder with planted defects: each is found, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use headstart::data::Location;
use headstart::{
    Audit, AuditConfig, Base, CancelToken, Classifier, Context, Duplicates, Error, Event, Finding,
    FindingKind, FitConfig, LabelErrors, Pictures, Warning, audit,
};
use image::{DynamicImage, RgbImage, imageops};

use crate::support::{bundled_pictures, extract_into, write_png};

const CLASSES: [&str; 3] = ["Bag", "Sneaker", "Trouser"];
const EACH: usize = 30;

/// The bundled pictures of a class, without two whose labels are doubtful, and without shorts among
/// the trousers.
fn pictures_of(class: &str) -> Vec<PathBuf> {
    let mut paths = bundled_pictures(class);
    paths.retain(|path| {
        !["00801.png", "10602.png", "20430.png"].iter().any(|name| path.ends_with(name))
    });
    paths
}

/// Writes a folder without defects. Its pictures are enlarged to `side`, so that they are not tiny.
fn clean(root: &Path, side: u32) -> PathBuf {
    for class in CLASSES {
        fs::create_dir_all(root.join(class)).unwrap();
        for path in &pictures_of(class)[..EACH] {
            let name = path.file_name().unwrap();
            enlarged(path, side).save(root.join(class).join(name)).unwrap();
        }
    }
    root.to_owned()
}

fn enlarged(path: &Path, side: u32) -> RgbImage {
    let picture = image::open(path).unwrap().to_rgb8();
    imageops::resize(&picture, side, side, imageops::FilterType::Nearest)
}

fn base() -> Base {
    let mut base = Base::bundled("mobilenetv2").unwrap();
    base.set_trainable(false);
    base
}

fn run(root: &Path, cache: &Path) -> Audit {
    let config = AuditConfig::default().with_extract(extract_into(cache));
    audit(&base(), &Pictures::open(root).unwrap(), &config, &mut Context::default()).unwrap()
}

/// The kinds of the findings, with the names of their files.
fn found(audit: &Audit) -> Vec<(FindingKind, Vec<String>)> {
    let name = |at: &Location| at.path().file_name().unwrap().to_string_lossy().into_owned();
    let one = |f: &headstart::Finding| (f.kind, f.files.iter().map(name).collect());
    audit.findings.iter().map(one).collect()
}

#[test]
fn planted_defects_are_found_and_nothing_else() {
    let temp = tempfile::tempdir().unwrap();
    let root = clean(&temp.path().join("pictures"), 168);
    let cache = temp.path().join("cache");
    let before = run(&root, &cache);
    assert_eq!(found(&before), []);
    assert_eq!((before.pictures, before.cached), (90, 0));
    assert_eq!(before.counts, [EACH; 3]);

    let of = |class: &str, n: usize| enlarged(&pictures_of(class)[n], 168);
    let save = |picture: &RgbImage, name: &str| picture.save(root.join(name)).unwrap();
    // Copies: with equal pixels, mirrored, and saved again; within a class and across classes.
    save(&of("Bag", 0), "Bag/equal.bmp");
    save(&imageops::flip_horizontal(&of("Sneaker", 1)), "Sneaker/mirrored.png");
    save(&of("Trouser", 2), "Bag/conflicting.jpg");
    // A wrong label, which is found by the head and the neighbours.
    save(&of("Trouser", EACH), "Sneaker/wrong.png");
    // A blank picture.
    let name_of = |class: &str, n: usize| {
        pictures_of(class)[n].file_name().unwrap().to_string_lossy().into_owned()
    };
    save(&RgbImage::from_pixel(170, 170, image::Rgb([9, 9, 9])), "Bag/blank.png");
    // Files that are not pictures, damaged or misnamed.
    fs::write(root.join("Bag/text.jpg"), "no picture").unwrap();
    // Its extension is not that of a picture, so it is not a finding.
    fs::write(root.join("Bag/notes.txt"), "no picture").unwrap();
    let jpeg = root.join("Bag/cut.jpg");
    save(&of("Bag", EACH), "Bag/cut.jpg");
    let whole = fs::read(&jpeg).unwrap();
    fs::write(&jpeg, &whole[..whole.len() * 2 / 3]).unwrap();
    of("Trouser", EACH + 1)
        .save_with_format(root.join("Trouser/misnamed.jpg"), image::ImageFormat::Png)
        .unwrap();

    let audit = run(&root, &cache);
    assert_eq!(audit.cached, 90);
    let files = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let mut conflict = vec!["conflicting.jpg".to_owned(), name_of("Trouser", 2)];
    let mut equal = vec![name_of("Bag", 0), "equal.bmp".to_owned()];
    let mut mirrored = vec![name_of("Sneaker", 1), "mirrored.png".to_owned()];
    for names in [&mut conflict, &mut equal, &mut mirrored] {
        names.sort();
    }
    let mut all = found(&audit);
    all.iter_mut().for_each(|(_, names)| names.sort());
    for expected in [
        (FindingKind::ConflictingLabels, conflict),
        (FindingKind::LabelError, files(&["wrong.png"])),
        (FindingKind::Truncated, files(&["cut.jpg"])),
        (FindingKind::NotAPicture, files(&["text.jpg"])),
        (FindingKind::Duplicate, equal),
        (FindingKind::Blank, files(&["blank.png"])),
        (FindingKind::Misnamed, files(&["misnamed.jpg"])),
    ] {
        let at = all.iter().position(|found| *found == expected);
        all.remove(at.unwrap_or_else(|| panic!("{expected:?} is not in {all:?}")));
    }
    // It depends on the split whether the mirrored pair straddles it. The blank picture may also be an outlier or a
    // label error, and the conflicting picture may also be a label error.
    let at = all.iter().position(|(_, names)| *names == mirrored);
    let (kind, _) = all.remove(at.unwrap_or_else(|| panic!("no mirrored one in {all:?}")));
    assert!(matches!(kind, FindingKind::NearDuplicate | FindingKind::Straddling));
    all.retain(|(kind, names)| match kind {
        FindingKind::Outlier => names != &["blank.png"],
        FindingKind::LabelError => names != &["conflicting.jpg"] && names != &["blank.png"],
        _ => true,
    });
    assert_eq!(all, []);
    // An audit changes no files.
    assert!(jpeg.exists() && root.join("Bag/equal.bmp").exists());
}

#[test]
fn near_duplicates_stay_on_one_side_and_training_tells_of_conflicts_in_one_line() {
    let temp = tempfile::tempdir().unwrap();
    let root = clean(&temp.path().join("pictures"), 160);
    for class in CLASSES {
        for path in &pictures_of(class)[..8] {
            let mirrored = imageops::flip_horizontal(&enlarged(path, 160));
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            write_png(&root.join(class).join(format!("{name}-mirrored")), 160, 160, &mirrored);
        }
    }
    let cache = temp.path().join("cache");
    let config = FitConfig::default().with_extract(extract_into(&cache));
    for augment in ["none", "tutorial"] {
        let config = config.clone().with_augment(augment.parse().unwrap()).with_views(1);
        for seed in 0..2 {
            let pictures = Pictures::open(&root).unwrap().with_validation(0.3, seed);
            let fitted = Classifier::fit(base(), &pictures, &config, &mut Context::default());
            let (classifier, report) = fitted.unwrap();
            assert_eq!(report.warnings, []);
            let held_back = &classifier.training().unwrap().validation;
            for name in held_back {
                if let Some(stem) = name.strip_suffix("-mirrored.png") {
                    assert!(held_back.contains(&format!("{stem}.png")), "{name}");
                }
                let twin = name.replace(".png", "-mirrored.png");
                assert!(!root.join(&twin).exists() || held_back.contains(&twin), "{name}");
            }
        }
    }
    let first = enlarged(&pictures_of("Bag")[0], 160);
    DynamicImage::ImageRgb8(first).save(root.join("Trouser/bag.jpg")).unwrap();
    let (_, report) =
        Classifier::fit(base(), &Pictures::open(&root).unwrap(), &config, &mut Context::default())
            .unwrap();
    let seen = "1 group of near-duplicates with different labels".to_owned();
    assert_eq!(report.warnings, [Warning::Pictures { seen, root }]);
}

/// A context that stores the progress of comparing in `said`, and that is cancelled after `stop_after` reports.
fn comparing(said: &mut Vec<(usize, usize)>, stop_after: Option<usize>) -> Context<'_> {
    let cancel = CancelToken::new();
    Context::default().with_cancel_token(cancel.clone()).on_event(move |event| {
        if let Event::Comparing { done, total } = event {
            said.push((done, total));
            if stop_after.is_some_and(|most| said.len() >= most) {
                cancel.cancel();
            }
        }
    })
}

#[test]
fn comparing_is_told_can_be_stopped_and_is_left_out_where_only_the_same_pixels_are_asked_for() {
    let temp = tempfile::tempdir().unwrap();
    let root = clean(&temp.path().join("pictures"), 64);
    let bag = enlarged(&pictures_of("Bag")[0], 64);
    imageops::flip_horizontal(&bag).save(root.join("Trouser/mirrored.png")).unwrap();
    fs::copy(
        root.join("Bag").join(pictures_of("Bag")[1].file_name().unwrap()),
        root.join("Bag/equal.png"),
    )
    .unwrap();
    let config = FitConfig::default().with_extract(extract_into(&temp.path().join("cache")));
    let pictures = Pictures::open(&root).unwrap();
    let fit = |pictures: &Pictures, mut context: Context<'_>| {
        Classifier::fit(base(), pictures, &config, &mut context).map(|(_, report)| report)
    };
    let mut near = Vec::new();
    let report = fit(&pictures, comparing(&mut near, None)).unwrap();
    assert_eq!(report.warnings.len(), 1, "{:?}", report.warnings);
    // Two of the 92 pictures have the same pixels, so 91 are compared.
    assert!(near.is_sorted() && near.last() == Some(&(91, 91)), "{near:?}");

    let exact = pictures.clone().with_duplicates(Duplicates::Exact);
    let mut quiet = Vec::new();
    let report_of_exact = fit(&exact, comparing(&mut quiet, None)).unwrap();
    assert_eq!((quiet, report_of_exact.warnings), (vec![], vec![]));
    assert_eq!((report_of_exact.duplicates, report.duplicates), (1, 1));
    let set = headstart::TrainingSet::new(
        &base(),
        &exact,
        &config.inputs.extract,
        &mut Context::default(),
    )
    .unwrap();
    assert_eq!(set.warnings(), []);

    for stop_after in 1..3 {
        let mut said = Vec::new();
        let stopped = fit(&pictures, comparing(&mut said, Some(stop_after)));
        assert!(matches!(stopped, Err(Error::Interrupted)));
        assert_eq!(said.len(), stop_after);
    }
}

#[test]
fn a_given_split_is_kept_and_what_straddles_it_is_told() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().join("pictures");
    for (side, which) in [("train", 0..12), ("val", 12..16)] {
        for class in CLASSES {
            fs::create_dir_all(root.join(side).join(class)).unwrap();
            for path in &pictures_of(class)[which.clone()] {
                fs::copy(path, root.join(side).join(class).join(path.file_name().unwrap()))
                    .unwrap();
            }
        }
    }
    let leaked = &pictures_of("Bag")[3];
    fs::copy(leaked, root.join("val/Bag/leaked.png")).unwrap();
    let audit = run(&root, &temp.path().join("cache"));
    let straddling: Vec<_> =
        audit.findings.iter().filter(|f| f.kind == FindingKind::Straddling).collect();
    assert_eq!(straddling.len(), 1, "{:?}", audit.findings);
    assert_eq!(straddling[0].files.len(), 2);
    assert!(straddling[0].files.contains(&root.join("val/Bag/leaked.png").into()));

    // So are copies of test pictures.
    fs::create_dir_all(root.join("test/Sneaker")).unwrap();
    let leaked = root.join("test/Sneaker/leaked.png");
    fs::copy(&pictures_of("Sneaker")[5], &leaked).unwrap();
    let audit = run(&root, &temp.path().join("cache"));
    let of_tests = |f: &&Finding| f.files.contains(&leaked.clone().into());
    let found: Vec<&Finding> = audit.findings.iter().filter(of_tests).collect();
    let [Finding { kind: FindingKind::Straddling, detail, .. }] = found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(detail, "the same pixels, among those kept for testing and among the others");
}

#[test]
fn all_label_errors_are_told_on_demand_and_the_clear_ones_say_which_copy_to_keep() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().join("pictures");
    let classes = ["Shirt", "T-shirt", "Trouser"];
    for class in classes {
        fs::create_dir_all(root.join(class)).unwrap();
        for path in &bundled_pictures(class)[..EACH] {
            fs::copy(path, root.join(class).join(path.file_name().unwrap())).unwrap();
        }
    }
    let copied = &bundled_pictures("Trouser")[1];
    fs::copy(copied, root.join("Shirt/a.png")).unwrap();
    let cache = extract_into(&temp.path().join("cache"));
    let told = |label_errors| {
        let config =
            AuditConfig::default().with_extract(cache.clone()).with_label_errors(label_errors);
        let audit =
            audit(&base(), &Pictures::open(&root).unwrap(), &config, &mut Context::default())
                .unwrap();
        let conflict = audit
            .findings
            .iter()
            .find(|f| f.kind == FindingKind::ConflictingLabels)
            .unwrap()
            .clone();
        let errors = audit.findings.into_iter().filter(|f| f.kind == FindingKind::LabelError);
        (errors.map(|f| f.files[0].clone()).collect::<Vec<_>>(), conflict)
    };
    let (clear, conflict) = told(LabelErrors::Clear);
    let (all, same) = told(LabelErrors::All);
    assert!(clear.contains(&root.join("Shirt/a.png").into()), "{clear:?}");
    assert!(clear.iter().all(|file| all.contains(file)) && clear.len() < all.len());
    // The mislabelled copy comes first, but is not the one to keep.
    assert_eq!(conflict.files[0], root.join("Shirt/a.png").into());
    assert_eq!((conflict.keep, conflict.class.as_deref()), (Some(1), Some("Trouser")));
    assert_eq!(conflict, same);
}

#[test]
fn an_audit_can_be_stopped() {
    let temp = tempfile::tempdir().unwrap();
    let root = clean(temp.path(), 32);
    let pictures = Pictures::open(root).unwrap();
    let mut context = Context::default();
    context.cancel_token().cancel();
    let result = audit(&base(), &pictures, &AuditConfig::default(), &mut context);
    assert!(matches!(result, Err(Error::Interrupted)));
}
