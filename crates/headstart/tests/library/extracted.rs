//! Heads and audits from features that have already been extracted.

use std::fs;

use headstart::data::{Labels, Listed, Listing};
use headstart::{
    AuditConfig, Classifier, Context, Error, ExtractConfig, Extraction, Extractor, FitConfig,
    Pictures, audit, audit_extracted,
};

use crate::support::{CLASSES, bits, bundled_pictures, extract_into, folder, small_base};

/// The features of all pictures.
fn extraction(pictures: &Pictures, config: &ExtractConfig) -> Extraction {
    let at: Vec<_> = pictures.locations().cloned().collect();
    Extractor::new(&small_base(), config).extract(&at, &mut Context::default()).unwrap()
}

#[test]
fn a_head_from_features_is_that_from_pictures_bit_for_bit() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("pictures"), &CLASSES, 20);
    fs::write(root.join("Bag/broken.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    let extract = extract_into(temp.path());
    for (share, folds) in [(0.3, None), (0.0, None), (0.0, Some(4))] {
        let pictures = Pictures::open(&root).unwrap().with_validation(share, 3);
        let config = FitConfig::default().with_extract(extract.clone()).with_folds(folds);
        let mut context = Context::default();
        let (expected, of_pictures) =
            Classifier::fit(small_base(), &pictures, &config, &mut context).unwrap();
        let known = extraction(&pictures, &extract);
        let (found, report) =
            Classifier::fit_extracted(small_base(), &pictures, known, &config, &mut context)
                .unwrap();
        assert_eq!(bits(&found.head().kernel), bits(&expected.head().kernel));
        assert_eq!(found.training(), expected.training());
        assert_eq!(report.validation, of_pictures.validation);
        assert_eq!(report.folds, of_pictures.folds);
        assert_eq!(report.skipped, of_pictures.skipped);
        assert_eq!(report.skipped.len(), 1);
        // Out-of-fold metrics are reported if there are no other metrics.
        let stands_in = share == 0.0 && folds.is_none();
        assert_eq!(report.out_of_fold.is_some(), stands_in);
        if let Some(figures) = report.out_of_fold {
            assert_eq!(figures.evaluation.pictures, 60);
            assert_eq!(figures.answers.pictures.len(), 60);
            let right = (0..60).filter(|&i| {
                let scores = figures.answers.logits[i * 3..][..3].to_vec();
                let best = (0..3).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
                best == Some(figures.answers.classes_of(i)[0])
            });
            assert_eq!(right.count(), figures.evaluation.correct());
            let scores = found.probabilities(figures.answers.logits.clone());
            assert_eq!(scores.len(), 180);
        }
    }
}

#[test]
fn pictures_of_a_listing_are_counted_in_its_order() {
    let temp = tempfile::tempdir().unwrap();
    let mut listing = Listing::default();
    for number in 0..12 {
        for class in ["Sneaker", "Bag"] {
            let at = bundled_pictures(class)[number].clone();
            listing.pictures.push(Listed::new(at, Labels::One(class.into()), None));
        }
    }
    let expected: Vec<_> = listing.pictures.iter().map(|listed| listed.at.clone()).collect();
    let pictures = Pictures::from_listing("mine", listing).unwrap().with_validation(0.0, 0);
    assert_eq!(pictures.locations().cloned().collect::<Vec<_>>(), expected);
    let known = extraction(&pictures, &extract_into(temp.path()));
    let config = FitConfig::default();
    let mut context = Context::default();
    let (found, report) =
        Classifier::fit_extracted(small_base(), &pictures, known, &config, &mut context).unwrap();
    assert_eq!(report.train, 24);
    let (expected, _) = Classifier::fit(small_base(), &pictures, &config, &mut context).unwrap();
    assert_eq!(bits(&found.head().kernel), bits(&expected.head().kernel));
}

#[test]
fn features_cannot_be_varied_and_must_be_of_the_base() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("pictures"), &CLASSES[..2], 6);
    let pictures = Pictures::open(&root).unwrap();
    let known = extraction(&pictures, &extract_into(temp.path()));
    let config = FitConfig::default().with_augment(headstart::data::Augment::Standard);
    let mut context = Context::default();
    let error =
        Classifier::fit_extracted(small_base(), &pictures, known.clone(), &config, &mut context);
    assert!(matches!(error, Err(Error::Options(_))));
    let short = Extraction { features: known.features[1..].to_vec(), ..known };
    let fit = || {
        let config = FitConfig::default();
        Classifier::fit_extracted(small_base(), &pictures, short, &config, &mut Context::default())
    };
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(fit)).is_err());
}

#[test]
fn an_audit_of_features_finds_what_one_of_pictures_does() {
    let temp = tempfile::tempdir().unwrap();
    let root = folder(&temp.path().join("pictures"), &CLASSES, 20);
    fs::write(root.join("Bag/broken.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    fs::copy(&bundled_pictures("Trouser")[0], root.join("Bag/wrong.png")).unwrap();
    let config = AuditConfig::default().with_extract(extract_into(temp.path()));
    let pictures = Pictures::open(&root).unwrap();
    let mut context = Context::default();
    let expected = audit(&small_base(), &pictures, &config, &mut context).unwrap();
    let known = extraction(&pictures, &config.extract);
    let found = audit_extracted(&small_base(), &pictures, known, &config, &mut context).unwrap();
    assert!(expected.findings.len() >= 2, "{:?}", expected.findings);
    assert_eq!(found.findings, expected.findings);
    assert_eq!((found.pictures, found.counts), (expected.pictures, expected.counts));
}
