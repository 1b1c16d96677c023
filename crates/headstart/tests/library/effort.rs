//! Levels of effort.

use std::path::Path;

use headstart::{
    BaseSource, Classifier, Context, Effort, Error, Event, Extractor, HeadConfig, PictureSource,
    Pictures, RunConfig, TrainJob, Trained,
};

use crate::support::{CLASSES, bits, bundled_pictures, folder, small_base};

fn run(job: &TrainJob, at: &Path) -> Result<(Trained, Vec<Event>), Error> {
    let pictures = Pictures::open(at)?;
    let mut events = Vec::new();
    let mut context = Context::default().on_event(|event| {
        if matches!(event, Event::Expected { .. } | Event::Tried { .. } | Event::Fitted(_)) {
            events.push(event);
        }
    });
    let trained = job.run_on(small_base(), &pictures, &mut context)?;
    drop(context);
    Ok((trained, events))
}

fn job(at: &Path, effort: Effort) -> TrainJob {
    let job = TrainJob::new(PictureSource::new(at)).with_effort(effort);
    job.with_run(RunConfig::default().with_model(at.with_extension("safetensors")))
}

#[test]
fn good_is_a_head_on_mirrored_features_and_says_beforehand_how_long_it_takes() {
    let temp = tempfile::tempdir().unwrap();
    let at = folder(&temp.path().join("pictures"), &CLASSES, 8);
    let (fast, events) = run(&job(&at, Effort::Fast), &at).unwrap();
    assert!(matches!(events[..], [Event::Fitted(_)]));
    assert!(!fast.classifier.base().is_mirrored());
    assert_eq!(fast.classifier.training().unwrap().effort, Effort::Fast);

    let (good, events) = run(&job(&at, Effort::Good), &at).unwrap();
    assert!(matches!(events[..], [Event::Expected { seconds }, Event::Fitted(_)] if seconds > 0.0));
    let read = Classifier::load(at.with_extension("safetensors")).unwrap();
    assert!(read.base().is_mirrored());
    assert_eq!(read.training().unwrap().effort, Effort::Good);
    // As weights for another model, the file gives a base as any other.
    let source = BaseSource::default().with_weights(Some(at.with_extension("safetensors")));
    assert!(!source.load().unwrap().is_mirrored());
    let mut mirrored = small_base();
    mirrored.set_mirrored(true);
    let picture = bundled_pictures("Bag").pop().unwrap();
    let own = Extractor::new(&mirrored, &Default::default()).one(picture.clone()).unwrap();
    let said = bits(&read.predict(&picture).unwrap().scores);
    assert_eq!(said, bits(&good.classifier.classify(&own.features).scores));
    assert_ne!(said, bits(&fast.classifier.predict(&picture).unwrap().scores));
}

#[test]
fn best_keeps_the_better_of_two_models_on_the_pictures_held_back() {
    let temp = tempfile::tempdir().unwrap();
    let at = folder(&temp.path().join("pictures"), &CLASSES, 12);
    let (best, events) = run(&job(&at, Effort::Best), &at).unwrap();
    let [Event::Expected { .. }, Event::Fitted(fit), Event::Tried { gain, error, kept }] =
        &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(*kept, gain > error);
    assert_eq!(best.fine_tune.is_some(), *kept);
    let record = best.classifier.training().unwrap();
    assert_eq!((record.effort, record.fine_tune.is_some()), (Effort::Best, *kept));
    assert!(best.classifier.base().is_mirrored());
    let read = Classifier::load(at.with_extension("safetensors")).unwrap();
    assert!(read.training() == best.classifier.training(), "it is saved as it is");
    // Both were evaluated on the same pictures as a job that trains only the head.
    let (good, _) = run(&job(&at, Effort::Good), &at).unwrap();
    let of_good = good.classifier.training().unwrap();
    assert_eq!((&record.validation, &record.origin), (&of_good.validation, &of_good.origin));
    let own = record.metrics.as_ref().unwrap().accuracy;
    let before = fit.validation.as_ref().unwrap().accuracy;
    assert!((own - before - if *kept { *gain } else { 0.0 }).abs() < 1e-9, "{own} {before} {gain}");
}

#[test]
fn what_does_not_go_with_more_effort_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let at = folder(&temp.path().join("pictures"), &CLASSES, 4);
    let mut augmented = job(&at, Effort::Good);
    augmented.run = augmented.run.with_augment(headstart::data::Augment::Standard);
    let mut folds = job(&at, Effort::Best);
    folds.run = folds.run.with_folds(3);
    for (job, says) in [
        (augmented, "remove augmentation"),
        (folds, "folds hold none back"),
        (job(&at, Effort::Good).with_fine_tune(headstart::FineTunePhase::default()), "fine-tuning"),
    ] {
        let error = run(&job, &at).unwrap_err();
        assert!(matches!(error, Error::Options(_)), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    let mut nothing_held_back = job(&at, Effort::Best);
    nothing_held_back.head = HeadConfig::default();
    let pictures = Pictures::open(&at).unwrap().with_validation(0.0, 0);
    let error = nothing_held_back.run_on(small_base(), &pictures, &mut Context::default());
    assert!(error.unwrap_err().to_string().contains("held back"));
}
