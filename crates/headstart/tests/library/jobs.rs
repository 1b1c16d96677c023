//! Training as a job: serialised, run twice, run on its own pools, cancelled and resumed.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use headstart::data::{Augment, Source};
use headstart::train::{AdamConfig, FineTuneConfig};
use headstart::{
    BaseConfig, BaseSource, CancelToken, Context, Duplicates, Error, Event, FineTunePhase,
    HeadConfig, PictureSource, RunConfig, ThreadPool, TrainJob, Trained,
};

use crate::support::{CLASSES, folder, repository};

/// Trains both phases on 18 small pictures. All files are in `place`.
fn job(place: &Path) -> TrainJob {
    let pictures = place.join("pictures");
    if !pictures.exists() {
        folder(&pictures, &CLASSES, 6);
    }
    let base = BaseSource::default()
        .with_weights(repository("fixtures/keras_mobilenetv2/keras2_no_top.h5"))
        .with_config(BaseConfig::default().with_input_size((32, 32)));
    let training =
        FineTuneConfig { learning_rate: 1e-3, epochs: 3, batch_size: 6, ..Default::default() };
    let run = RunConfig::default()
        .with_augment(Augment::Standard)
        .with_views(2)
        .with_seed(7)
        .with_model(place.join("model.safetensors"))
        .with_checkpoint(place.join("checkpoint"));
    TrainJob::new(PictureSource::new(pictures).with_validation(0.25, 3))
        .with_base(base)
        .with_fine_tune(
            FineTunePhase::default()
                .with_at("from:block_15_expand".parse().unwrap())
                .with_training(training),
        )
        .with_run(run)
}

fn run(job: &TrainJob) -> Trained {
    job.run(&mut Context::default()).unwrap()
}

#[test]
fn a_job_that_was_written_down_gives_the_same_model() {
    let temp = tempfile::tempdir().unwrap();
    let mut job = job(temp.path());
    job.source.from =
        Source { group_from: Some("(.*)".parse().unwrap()), ..job.source.from.clone() };
    job.source.duplicates = Some(Duplicates::Exact);
    let model = job.run.model.clone().unwrap();
    run(&job);
    let expected = fs::read(&model).unwrap();
    fs::remove_file(&model).unwrap();

    let text = serde_json::to_string(&job).unwrap();
    let again: TrainJob = serde_json::from_str(&text).unwrap();
    assert_eq!(again, job);
    run(&again);
    assert!(fs::read(&model).unwrap() == expected);
    assert!(!job.run.checkpoint.unwrap().exists(), "the model is safe");

    // Missing fields have their default values.
    let short: TrainJob =
        serde_json::from_str(r#"{"source":{"from":{"path":"flowers"}}}"#).unwrap();
    assert_eq!(short, TrainJob::new(PictureSource::new("flowers")));
    let unknown =
        r#"{"source":{"from":{"path":"a"}},"run":{"inputs":{"extract":{"compute":"abacus"}}}}"#;
    let error = serde_json::from_str::<TrainJob>(unknown).unwrap_err().to_string();
    assert!(error.contains("this processor has no abacus"), "{error}");
}

#[test]
fn a_job_that_is_cancelled_from_another_thread_ends_soon_and_goes_on_to_the_same_model() {
    let temp = tempfile::tempdir().unwrap();
    let mut job = job(temp.path());
    let adam = AdamConfig { epochs: 2, ..AdamConfig::default() };
    job = job.with_head(HeadConfig::Adam(adam));
    let (model, checkpoint) =
        (temp.path().join("model.safetensors"), temp.path().join("checkpoint"));
    let mut events = Vec::new();
    let trained = job.run(&mut Context::default().on_event(|event| events.push(event))).unwrap();
    assert_eq!(trained.fine_tune.unwrap().resumed, 0);
    let expected = fs::read(&model).unwrap();
    // Every event serialises, and they are in the order of the work.
    let names: Vec<String> = events
        .iter()
        .map(|event| serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned())
        .collect();
    let at = |name: &str| names.iter().position(|n| n == name).unwrap();
    assert!(at("disk") < at("pictures") && at("pictures") < at("split"), "{names:?}");
    assert!(at("split") < at("epoch") && at("epoch") < at("fitted"), "{names:?}");
    assert_eq!(names.iter().filter(|name| *name == "epoch").count(), 5);
    assert_eq!(names.last().unwrap(), "done");

    // There is a third epoch after the one in which the job is cancelled.
    job.fine_tune.as_mut().unwrap().training.epochs = 3;
    let (cancel, (begun, begin)) = (CancelToken::new(), mpsc::channel());
    let token = cancel.clone();
    let other = thread::spawn(move || {
        // Sent at the second batch of the second epoch.
        begin.recv().unwrap();
        token.cancel();
        Instant::now()
    });
    let mut context = Context::default().with_cancel_token(cancel).on_event(move |event| {
        if let Event::Batch { phase: headstart::Phase::FineTune, epoch: 2, batch: 2, .. } = event {
            begun.send(()).unwrap();
            // Gives the other thread time to cancel.
            thread::sleep(Duration::from_millis(200));
        }
    });
    let stopped = job.run(&mut context).unwrap_err();
    let ended = Instant::now();
    drop(context);
    assert!(ended - other.join().unwrap() < Duration::from_secs(20));
    assert!(matches!(stopped, Error::Saved { epoch: 2, .. }), "{stopped}");
    assert!(checkpoint.exists() && model.exists(), "the first phase is saved, too");
    assert!(fs::read(&model).unwrap() != expected);

    job.run.resume = true;
    let mut resumed = Vec::new();
    let trained = job
        .run(&mut Context::default().on_event(|event| match event {
            Event::Resumed { epochs } => resumed.push(epochs),
            Event::Fitted(_) => panic!("the head need not be trained again"),
            _ => {}
        }))
        .unwrap();
    assert_eq!((resumed, trained.fine_tune.unwrap().resumed), (vec![1], 1));
    assert!(fs::read(&model).unwrap() == expected);
    assert!(!checkpoint.exists());
}

#[test]
fn two_jobs_run_at_once_on_pools_of_their_own() {
    let places = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let model = |place: &tempfile::TempDir| fs::read(place.path().join("model.safetensors"));
    let alone = tempfile::tempdir().unwrap();
    run(&job(alone.path()));
    thread::scope(|scope| {
        for (threads, place) in places.iter().enumerate() {
            scope.spawn(move || {
                let pool = ThreadPool::with_threads(threads + 1).unwrap();
                let mut said = 0;
                let mut context = Context::default().with_pool(pool).on_event(|_| said += 1);
                job(place.path()).run(&mut context).unwrap();
                drop(context);
                assert!(said > 10, "{said}");
            });
        }
    });
    let [one, two] = places.map(|place| tensors_of(&model(&place).unwrap()));
    let alone = tensors_of(&model(&alone).unwrap());
    assert!(one == alone && two == alone);

    // A job that is called on the only thread of its own pool does not wait for that thread.
    let place = tempfile::tempdir().unwrap();
    let pool = ThreadPool::with_threads(1).unwrap();
    let mut context = Context::default().with_pool(pool.clone());
    pool.install(|| job(place.path()).run(&mut context)).unwrap();
    assert!(tensors_of(&model(&place).unwrap()) == alone);
}

/// The tensors of a model file. The rest differs between folders: the description contains the path of the pictures.
fn tensors_of(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    let tensors = safetensors::SafeTensors::deserialize(file).unwrap();
    let mut all: Vec<_> =
        tensors.iter().map(|(name, view)| (name.to_owned(), view.data().to_vec())).collect();
    all.sort();
    all
}

#[test]
fn what_a_job_cannot_do_is_said_before_pictures_are_read() {
    let temp = tempfile::tempdir().unwrap();
    let job = job(temp.path());
    let mut folds = job.clone();
    folds.run = folds.run.with_augment(Augment::None).with_folds(2);
    let mut nowhere = job.clone();
    nowhere.run.model = Some(temp.path().join("no folder/model"));
    let mut no_layer = job.clone();
    no_layer.fine_tune = Some(FineTunePhase::default().with_at("from:1000".parse().unwrap()));
    let mut no_manifest = job.clone();
    no_manifest.run.export_split = Some(temp.path().join("split.txt"));
    for (job, part) in [
        (folds, "folds cannot be combined with fine-tuning"),
        (nowhere, "no folder"),
        (no_layer, "1000"),
        (no_manifest, "call it .csv"),
    ] {
        let mut context = Context::default().on_event(|event| panic!("{event:?}"));
        let error = job.run(&mut context).unwrap_err().to_string();
        assert!(error.contains(part), "'{part}' is not in: {error}");
    }
}
