//! Fine-tuning: which weights it changes, interrupted and resumed runs, and divergence.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use headstart::data::Augment;
use headstart::formats;
use headstart::train::network::BatchNorm;
use headstart::train::optimizers::{Algorithm, OptimizerConfig, Sgd};
use headstart::train::schedules::{CosineDecay, Schedule};
use headstart::train::{AdamConfig, FineTuneConfig, LogisticConfig, TrainError};
use headstart::{
    Calibration, CancelToken, Classifier, Context, Error, Event, ExtractConfig, FineTunePhase,
    FineTuneReport, FineTuning, FitConfig, HeadConfig, Phase, PictureSource, Pictures, RunConfig,
    ThreadPool, TrainJob, UnknownRate, Warning,
};

use crate::support::{CLASSES, assert_one_line, bits, bundled_pictures, folder, small_base};

/// Fine-tunes the last two blocks, which is quick.
const AT: &str = "from:block_15_expand";

/// Three epochs of three batches on 15 of 18 pictures, with a learning rate that is high enough to have an effect.
fn tuning(at: &str) -> FineTuning {
    let training =
        FineTuneConfig { learning_rate: 1e-3, epochs: 3, batch_size: 6, ..Default::default() };
    FineTuning::default().with_at(at.parse().unwrap()).with_training(training)
}

/// A temporary folder of pictures, and a classifier whose head was trained on them.
struct Case {
    temp: tempfile::TempDir,
    pictures: Pictures,
    head: PathBuf,
}

impl Case {
    fn new() -> Self {
        Self::with_head(HeadConfig::default())
    }

    fn with_head(head: HeadConfig) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let root = folder(&temp.path().join("pictures"), &CLASSES, 6);
        let pictures = Pictures::open(root).unwrap();
        let config = FitConfig::default().with_head(head);
        let (classifier, _) =
            Classifier::fit(small_base(), &pictures, &config, &mut Context::default()).unwrap();
        let head = temp.path().join("head.safetensors");
        classifier.save(&head).unwrap();
        Self { pictures, head, temp }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    fn classifier(&self) -> Classifier {
        Classifier::load(&self.head).unwrap()
    }

    /// Fine-tunes the saved classifier.
    fn tuned(&self, config: &FineTuning) -> (Classifier, FineTuneReport) {
        self.tuned_in(config, &mut Context::default())
    }

    fn tuned_in(
        &self,
        config: &FineTuning,
        context: &mut Context<'_>,
    ) -> (Classifier, FineTuneReport) {
        let mut classifier = self.classifier();
        let report = classifier.fine_tune(&self.pictures, config, context).unwrap();
        (classifier, report)
    }

    /// The bytes of a model file of the classifier.
    fn bytes(&self, classifier: &Classifier) -> Vec<u8> {
        let file = self.path("some model");
        classifier.save(&file).unwrap();
        fs::read(file).unwrap()
    }
}

/// All tensors of a file, as bits.
fn tensors(file: &Path) -> BTreeMap<String, Vec<u32>> {
    let read = formats::read(file).unwrap();
    read.tensors.into_iter().map(|(name, tensor)| (name, bits(&tensor.data))).collect()
}

/// Removes the checkpoint of a run, as a caller does once it has stored the result.
fn discard(config: &FineTuning) {
    let _ = fs::remove_file(config.checkpoint.as_ref().expect("it has one"));
}

/// A context that is cancelled after this many batches of fine-tuning.
fn stop_after(batches: usize) -> Context<'static> {
    let (cancel, mut seen) = (CancelToken::new(), 0);
    let token = cancel.clone();
    Context::default().with_cancel_token(cancel).on_event(move |event| {
        seen += usize::from(matches!(event, Event::Batch { phase: Phase::FineTune, .. }));
        if seen > batches {
            token.cancel();
        }
    })
}

#[test]
fn fine_tuning_moves_what_is_trainable_and_no_bit_of_anything_else() {
    let case = Case::new();
    let before = tensors(&case.head);
    for bn in [BatchNorm::Inference, BatchNorm::Train] {
        let mut config = tuning(AT);
        config.training.bn = bn;
        let (classifier, report) = case.tuned(&config);
        let file = case.path("tuned.safetensors");
        classifier.save(&file).unwrap();
        let after = tensors(&file);
        assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());

        let mut base = small_base();
        base.apply(&config.at).unwrap();
        assert_eq!(report.first_layer, "block_15_expand");
        assert_eq!(report.trainable, base.network().trainable_params());
        let mut seen = [0; 3];
        for layer in base.network().layers() {
            for weight in &layer.weights {
                let name = format!("base/{}/{}", layer.name, weight.name);
                let moving = name.contains("/moving_");
                let trains = layer.trainable && (!moving || bn == BatchNorm::Train);
                assert_eq!(before[&name] != after[&name], trains, "{bn:?}: {name}");
                seen[usize::from(layer.trainable) + usize::from(layer.trainable && moving)] += 1;
            }
        }
        assert!(seen.iter().all(|&n| n > 8), "frozen, trained and moving weights: {seen:?}");
        assert_ne!(before["head/kernel"], after["head/kernel"]);
        assert_ne!(before["head/bias"], after["head/bias"]);
        // The base of a loaded model is frozen.
        assert_eq!(Classifier::load(&file).unwrap().base().network().trainable_params(), 0);
    }
}

#[test]
fn a_run_that_was_interrupted_anywhere_goes_on_to_the_same_file() {
    let case = Case::new();
    let sgd = Algorithm::Sgd(Sgd { momentum: 0.9, ..Sgd::default() });
    type Change = fn(&mut FineTuning);
    let changes: [(&str, Change); 9] = [
        ("rmsprop", |_| {}),
        ("adam, early stop", |c| {
            c.training.optimizer = OptimizerConfig::adam();
            // The first epoch does not improve the model, the next ones do.
            c.training.early_stop = Some(2);
            c.training.learning_rate = 3e-4;
        }),
        ("average", |c| c.training.average = Some(0.5)),
        ("batch statistics, cosine", |c| {
            c.training.bn = BatchNorm::Train;
            let warmup_steps = 3;
            c.training.schedule =
                Schedule::CosineDecay(CosineDecay { warmup_steps, ..CosineDecay::default() });
        }),
        ("two views", |c| (c.inputs.augment, c.inputs.views) = (Augment::Standard, 2)),
        ("afresh", |c| (c.inputs.augment, c.inputs.views) = (Augment::Tutorial, 0)),
        ("strong, afresh", |c| (c.inputs.augment, c.inputs.views) = (Augment::Strong, 0)),
        ("strong, two views", |c| (c.inputs.augment, c.inputs.views) = (Augment::Strong, 2)),
        ("everything, two views", |c| {
            c.at = "from:0".parse().unwrap();
            (c.inputs.augment, c.inputs.views, c.training.epochs) = (Augment::Standard, 2, 2);
        }),
    ];
    for (index, (name, change)) in changes.into_iter().enumerate() {
        let mut config = tuning(AT);
        change(&mut config);
        if index == 0 {
            config.training.optimizer.algorithm = sgd;
        }
        let (whole, report) = case.tuned(&config);
        let expected = case.bytes(&whole);
        let file = case.path("checkpoint");
        config.checkpoint = Some(file.clone());
        let all = 3 * report.epochs.len();
        let everywhere: Vec<usize> = if index == 0 { (0..all).collect() } else { vec![4, all - 1] };
        for batches in everywhere {
            config.resume = false;
            let stopped =
                case.classifier().fine_tune(&case.pictures, &config, &mut stop_after(batches));
            match stopped.unwrap_err() {
                Error::Saved { epoch, checkpoint } => {
                    assert_eq!((epoch, &checkpoint), (batches / 3 + 1, &file), "{name}");
                }
                other => panic!("{name}, {batches}: {other}"),
            }
            config.resume = true;
            // Stop twice more, at once and then a batch later; the progress stays saved.
            for more in [0, 1].into_iter().filter(|_| batches == 4) {
                let mut stop = stop_after(more);
                let again = case.classifier().fine_tune(&case.pictures, &config, &mut stop);
                assert!(matches!(again, Err(Error::Saved { .. })), "{name}, {batches}");
            }
            let (resumed, report) = case.tuned(&config);
            assert!(report.resumed >= batches / 3, "{name}");
            assert!(case.bytes(&resumed) == expected, "{name}: stopped after {batches} batches");
            // The checkpoint stays until the caller has stored the result.
            assert!(file.exists());
            discard(&config);
            assert!(!file.exists());
        }
    }
}

/// Runs both phases on one set, like the command `train`.
fn both(
    pictures: &Pictures,
    fit: &FitConfig,
    config: &FineTuning,
    context: &mut Context<'_>,
) -> Result<(Classifier, FineTuneReport), Error> {
    let job = TrainJob::new(PictureSource::new(pictures.root()))
        .with_head(fit.head.clone())
        .with_fine_tune(
            FineTunePhase::default()
                .with_at(config.at.clone())
                .with_training(config.training.clone()),
        )
        .with_run(
            RunConfig::default()
                .with_inputs(config.inputs.clone())
                .with_checkpoint(config.checkpoint.clone())
                .with_resume(config.resume),
        );
    let trained = job.run_on(small_base(), pictures, context)?;
    let (classifier, report) = (trained.classifier, trained.fine_tune.expect("it was asked for"));
    Ok((classifier, report))
}

#[test]
fn both_phases_go_on_without_training_the_head_again() {
    let case = Case::new();
    let adam = AdamConfig { epochs: 2, dropout: 0.4, ..AdamConfig::default() };
    for (head, augment) in [
        (HeadConfig::default(), Augment::None),
        (HeadConfig::default(), Augment::Standard),
        (HeadConfig::Adam(adam), Augment::Strong),
    ] {
        let fit = FitConfig::default().with_head(head).with_augment(augment).with_views(2);
        let mut config = tuning(AT).with_augment(augment).with_views(2);
        let (whole, report) = both(&case.pictures, &fit, &config, &mut Context::default()).unwrap();
        config.checkpoint = Some(case.path("checkpoint"));
        config.resume = true;
        for batches in [1, 4] {
            let stopped = both(&case.pictures, &fit, &config, &mut stop_after(batches));
            assert!(matches!(stopped, Err(Error::Saved { .. })));
            let (resumed, again) =
                both(&case.pictures, &fit, &config, &mut Context::default()).unwrap();
            assert!(case.bytes(&resumed) == case.bytes(&whole), "{augment}, {batches}");
            // `before` has the metrics of the trained head, not those of a head of zeros.
            assert_eq!(again.before, report.before);
            assert_eq!(again.validation, report.validation);
            discard(&config);
        }
    }
}

#[test]
fn a_checkpoint_of_another_run_is_refused_and_nothing_is_lost() {
    let case = Case::new();
    let checkpoint = case.path("run.checkpoint");
    let ours = || tuning(AT).with_checkpoint(Some(checkpoint.clone())).with_resume(true);
    let stopped = case.classifier().fine_tune(&case.pictures, &ours(), &mut stop_after(4));
    assert!(matches!(stopped, Err(Error::Saved { epoch: 2, .. })));
    let saved = fs::read(&checkpoint).unwrap();

    let refused = |config: &FineTuning, pictures: &Pictures, part: &str| {
        let mut classifier = case.classifier();
        let error = classifier.fine_tune(pictures, config, &mut Context::default()).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(part), "'{part}' is not in: {message}");
        assert!(message.contains("run.checkpoint"), "{message}");
        assert_one_line(&message);
        assert!(case.bytes(&classifier) == fs::read(&case.head).unwrap());
    };
    type Change = fn(&mut FineTuning);
    let changes: [(Change, &str); 10] = [
        (|c| c.training.learning_rate = 1e-4, "other options"),
        (|c| c.training.epochs = 4, "other options"),
        (|c| c.training.seed = 1, "other options"),
        (|c| c.training.average = Some(0.9), "other options"),
        (|c| c.training.optimizer = OptimizerConfig::adam(), "other options"),
        (|c| c.at = "from:block_16_expand".parse().unwrap(), "other layers"),
        (|c| c.inputs.augment = Augment::Standard, "augmented in another way"),
        (|c| c.training.bn = BatchNorm::Train, "other options"),
        (|c| c.calibration = Calibration::None, "calibrated in another way"),
        (|c| c.unknown_rate = UnknownRate::NEVER, "another share of known pictures"),
    ];
    for (change, part) in changes {
        let mut config = ours();
        change(&mut config);
        refused(&config, &case.pictures, part);
    }
    let fewer = folder(&case.path("fewer"), &CLASSES, 5);
    refused(&ours(), &Pictures::open(fewer).unwrap(), "other pictures");
    let other_split = case.pictures.clone().with_validation(0.5, 0);
    refused(&ours(), &other_split, "other pictures");

    // Another head on the same base.
    let head = HeadConfig::Lbfgs(LogisticConfig { seed: 9, ..LogisticConfig::default() });
    let fit = FitConfig::default().with_head(head);
    let error = both(&case.pictures, &fit, &ours(), &mut Context::default()).unwrap_err();
    assert!(error.to_string().contains("its head was fitted with other options"), "{error}");
    let adam = HeadConfig::Adam(AdamConfig { epochs: 1, ..AdamConfig::default() });
    let fit = FitConfig::default().with_head(adam);
    let mut other =
        Classifier::fit(small_base(), &case.pictures, &fit, &mut Context::default()).unwrap().0;
    let error = other.fine_tune(&case.pictures, &ours(), &mut Context::default()).unwrap_err();
    assert!(error.to_string().contains("of another head"), "{error}");
    assert!(fs::read(&checkpoint).unwrap() == saved, "a refusal leaves the checkpoint");

    // Files that are damaged or not checkpoints.
    let head = fs::read(&case.head).unwrap();
    let picture = fs::read(&bundled_pictures("Bag")[0]).unwrap();
    let mut flipped = saved.clone();
    flipped[40] ^= 0x40;
    for (content, part) in [
        (&saved[..saved.len() - 1], "truncated"),
        (&saved[..saved.len() / 2], "truncated"),
        (&saved[..100], "truncated"),
        (&saved[..5], "not a checkpoint"),
        (b"", "is empty"),
        (b"this is no checkpoint", "not a checkpoint"),
        (&head, "no state of training"),
        (&picture, "not a checkpoint"),
        (&flipped, "not a checkpoint"),
    ] {
        fs::write(&checkpoint, content).unwrap();
        refused(&ours(), &case.pictures, part);
    }
    fs::write(&checkpoint, &saved).unwrap();
    case.tuned(&ours());
}

#[test]
fn a_rate_that_diverges_leaves_the_last_good_weights() {
    let case = Case::new();
    let before = tensors(&case.head);
    let sgd =
        OptimizerConfig { algorithm: Algorithm::Sgd(Sgd::default()), ..OptimizerConfig::adam() };
    // Warmup starts at a rate of 0, so the first epoch, which is one step, changes nothing.
    let rising = Schedule::CosineDecay(CosineDecay { warmup_steps: 9, ..CosineDecay::default() });
    for (name, batch_size, epochs, schedule, first) in [
        ("amid the first epoch", 6, 3, Schedule::Constant, true),
        ("in the last batch there is", 100, 1, Schedule::Constant, true),
        ("in a later epoch", 100, 9, rising, false),
    ] {
        let mut config = tuning(AT);
        config.checkpoint = Some(case.path("checkpoint"));
        config.training = FineTuneConfig {
            // So large that weights overflow, whatever the gradients are.
            learning_rate: 1e60,
            optimizer: sgd,
            batch_size,
            epochs,
            schedule,
            ..config.training
        };
        let mut classifier = case.classifier();
        let error =
            classifier.fine_tune(&case.pictures, &config, &mut Context::default()).unwrap_err();
        let Error::Train(TrainError::Diverged { epoch, .. }) = &error else {
            panic!("{name}: {error}");
        };
        assert_eq!(*epoch == 1, first, "{name}: {error}");
        assert!(error.to_string().contains("the learning rate of 1e60"), "{error}");
        assert_one_line(&error.to_string());
        let file = case.path("diverged");
        classifier.save(&file).unwrap();
        // A step at a rate of 0 turns -0 into 0.
        let signs = |tensors: BTreeMap<String, Vec<u32>>| -> Vec<Vec<u32>> {
            let plus = |x: u32| (f32::from_bits(x) + 0.0).to_bits();
            tensors.into_values().map(|values| values.into_iter().map(plus).collect()).collect()
        };
        assert!(signs(tensors(&file)) == signs(before.clone()), "{name}: other weights");
        let record = classifier.training().unwrap().fine_tune.as_ref();
        assert_eq!(record.map(|record| record.epochs.len()), (!first).then(|| epoch - 1));
        let prediction = Classifier::load(&file).unwrap().predict(&bundled_pictures("Bag")[9]);
        assert!(prediction.unwrap().scores.iter().all(|score| score.is_finite()));
        discard(&config);
    }
}

#[test]
fn the_number_of_threads_changes_no_bit_and_the_seed_does() {
    let case = Case::new();
    let run = |threads: usize, seed: u64, augment: Augment| {
        let mut config = tuning(AT).with_seed(seed).with_augment(augment).with_views(2);
        config.training.seed = seed;
        let pool = ThreadPool::with_threads(threads).unwrap();
        case.bytes(&case.tuned_in(&config, &mut Context::default().with_pool(pool)).0)
    };
    for augment in [Augment::None, Augment::Strong] {
        let first = run(1, 0, augment);
        assert!(run(2, 0, augment) == first && run(3, 0, augment) == first, "{augment}");
        assert!(run(2, 1, augment) != first, "{augment}");
    }
}

#[test]
fn early_stopping_takes_the_weights_of_the_best_epoch() {
    // A head that fine-tuning can improve.
    let adam = AdamConfig { epochs: 1, ..AdamConfig::default() };
    let case = Case::with_head(HeadConfig::Adam(adam));
    let mut config = tuning(AT);
    // So high that the loss stops falling after some epochs.
    (config.training.learning_rate, config.training.epochs) = (3e-4, 30);
    config.training.early_stop = Some(2);
    let (_, report) = case.tuned(&config);
    assert!(report.stopped_early && report.epochs.len() < 30);
    let best = report.best_epoch.unwrap();
    assert_eq!(report.epochs.len(), best + 2);
    let losses: Vec<f64> = report.epochs.iter().map(|epoch| epoch.val_loss.unwrap()).collect();
    assert!(losses.iter().all(|loss| *loss >= losses[best - 1]), "{losses:?}");
    // Epochs are evaluated with the trainable network, the result with the compiled one.
    let (end, epoch) = (report.validation.unwrap(), &report.epochs[best - 1]);
    assert_eq!(Some(end.accuracy), epoch.val_accuracy);
    assert!((end.loss - losses[best - 1]).abs() < 1e-2 * end.loss, "{} {losses:?}", end.loss);
}

#[test]
fn what_training_needs_on_disk_is_known_before() {
    let case = Case::new();
    let base = small_base();
    let layers = base.network().layers();
    let at = layers.iter().position(|layer| layer.name == "block_15_expand").unwrap();
    let value = layers[at - 1].output.len() as f64;
    let features = base.network().output().channels() as f64;
    // 18 pictures of 32 x 32 pixels. 15 of them are trained on, in four views.
    let (pixels, views) = (18.0 * 3072.0, 4.0 * 15.0);
    let view_bytes = |value: f64, kept: f64| 15.0 * kept * value * 2.0 + 3.0 * value * 4.0;
    let close = |found: u64, expected: f64| {
        assert!((found as f64 / expected - 1.0).abs() < 0.07, "{found} {expected}");
    };
    let plain = FitConfig::default();
    assert_eq!(plain.disk_need(&base, &case.pictures, None).unwrap().bytes, 0);
    let as_they_are = tuning(AT).disk_need(&base, &case.pictures).unwrap();
    close(as_they_are.bytes, pixels + view_bytes(value, 1.0));
    assert_eq!(as_they_are.folder, std::env::temp_dir());
    let augment = Augment::Standard;
    let varied = tuning(AT).with_augment(augment).with_views(4);
    let bytes = varied.disk_need(&base, &case.pictures).unwrap().bytes;
    close(bytes, pixels + view_bytes(value, 4.0));
    let fit = plain.with_augment(augment).with_views(4);
    let both = fit.disk_need(&base, &case.pictures, Some(&varied)).unwrap().bytes;
    close(both, pixels + view_bytes(value, 4.0) + views * features * 4.0);
    let head = fit.disk_need(&base, &case.pictures, None).unwrap().bytes;
    close(head, pixels + view_bytes(features, 4.0) + views * features * 4.0);
    // If the whole base is trained, only the held-back pictures are stored a second time.
    let whole = tuning("from:0").with_augment(augment).with_views(4);
    let bytes = whole.disk_need(&base, &case.pictures).unwrap().bytes;
    close(bytes, pixels + view_bytes(3072.0, 0.0) * 4.0 / 3.0);
}

#[test]
fn where_no_epoch_is_better_than_before_the_classifier_stays_as_it_was() {
    let case = Case::new();
    let head = fs::read(&case.head).unwrap();
    let mut config = tuning(AT);
    // So high that no epoch improves the model.
    config.training.learning_rate = 0.3;
    for (patience, epochs, stopped_early) in [(1, 1, true), (2, 2, true), (3, 3, false)] {
        config.training.early_stop = Some(patience);
        let (classifier, report) = case.tuned(&config);
        assert_eq!((report.best_epoch, report.epochs.len()), (Some(0), epochs));
        assert_eq!(report.stopped_early, stopped_early, "{patience}");
        assert!(case.bytes(&classifier) == head, "{patience}");
        assert_eq!(report.validation, report.before);
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    }
    // Without early stopping, the last epoch is kept, with a warning.
    config.training.early_stop = None;
    let (classifier, report) = case.tuned(&config);
    let (before, after) = (report.before.unwrap(), report.validation.unwrap());
    assert!(after.accuracy < before.accuracy && case.bytes(&classifier) != head);
    assert_eq!((report.best_epoch, report.epochs.len(), report.warnings.len()), (None, 3, 1));
    let worse =
        Warning::Worse { before: before.accuracy, after: after.accuracy, early_stop: false };
    assert_eq!(report.warnings, [worse]);
    let warning = report.warnings[0].to_string();
    assert!(warning.contains("made the model worse"), "{warning}");
    assert_one_line(&warning);
}

#[test]
fn folders_of_all_kinds_can_be_fine_tuned_on() {
    let temp = tempfile::tempdir().unwrap();
    let every = ["Ankle_boot", "Bag", "Coat", "Dress", "Pullover", "Sandal", "Shirt", "Sneaker"];
    let two = folder(&temp.path().join("two"), &["Bag", "Coat"], 6);
    fs::write(two.join("Bag/text.jpg"), "this is no picture").unwrap();
    let many = folder(&temp.path().join("many"), &every, 3);
    for (root, classes, share, skipped) in
        [(&two, 2, 0.2, 1), (&two, 2, 0.0, 1), (&many, 8, 0.3, 0)]
    {
        let pictures = Pictures::open(root).unwrap().with_validation(share, 0);
        for (augment, at) in
            [(Augment::None, AT), (Augment::Standard, "from:0"), (Augment::Standard, "from:Conv_1")]
        {
            let mut config = tuning(at).with_augment(augment).with_views(2);
            (config.training.epochs, config.training.batch_size) = (1, 64);
            let fit = FitConfig::default().with_augment(augment).with_views(2);
            let (classifier, report) =
                both(&pictures, &fit, &config, &mut Context::default()).unwrap();
            assert_eq!((classifier.classes().len(), report.skipped.len()), (classes, skipped));
            assert_eq!(
                (report.validation.is_none(), report.before.is_none()),
                (share == 0.0, share == 0.0)
            );
            let one_step =
                |warning: &&Warning| warning.to_string().contains("an epoch is one step");
            assert_eq!(report.warnings.iter().filter(one_step).count(), 1, "{:?}", report.warnings);
            assert_eq!(classifier.training().unwrap().metrics, report.validation);
        }
    }
}

#[test]
fn what_cannot_be_fine_tuned_is_said_before_pictures_are_read() {
    // Reading pictures takes time, so these errors come before it.
    let mut no_picture = Context::default().on_event(|event| {
        assert!(!matches!(event, Event::Pictures { .. }), "pictures are read");
    });
    let case = Case::new();
    let unknown = Pictures::open(folder(&case.path("unknown"), &["Bag", "Coat"], 2)).unwrap();
    let fewer = Pictures::open(folder(&case.path("fewer"), &["Bag", "Sneaker"], 2)).unwrap();
    let file = case.path("file");
    fs::write(&file, "").unwrap();
    let nowhere = ExtractConfig::default().with_cache(Some(file));
    let enormous = tuning(AT).with_augment(Augment::Standard).with_views(usize::MAX);
    let mut wrong_rate = tuning(AT);
    wrong_rate.training.learning_rate = f64::NAN;
    for (pictures, config, part) in [
        (&unknown, tuning(AT), "has no class \"Coat\""),
        (&fewer, tuning(AT), "needs pictures of exactly the model's classes"),
        (&case.pictures, tuning("from:block_15_expnd"), "block_15_expand"),
        (&case.pictures, tuning("from:1000"), "1000"),
        (&case.pictures, tuning("from:out_relu"), "nothing to fine-tune"),
        (&case.pictures, wrong_rate, "learning rate"),
        (&case.pictures, enormous, "MB here while it runs, and "),
        (&case.pictures, tuning(AT).with_extract(nowhere), "choose another folder"),
    ] {
        let mut classifier = case.classifier();
        let error = classifier.fine_tune(pictures, &config, &mut no_picture).unwrap_err();
        assert!(error.to_string().contains(part), "'{part}' is not in: {error}");
        assert_one_line(&error.to_string());
    }
}
