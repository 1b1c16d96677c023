//! The search for a learning rate, on the bundled demo pictures.

use headstart::model::Trainable;
use headstart::train::{AdamConfig, RangeTest, RangeTestConfig};
use headstart::{
    Base, CancelToken, Classifier, Context, Error, Event, ExtractConfig, FineTuning, FitConfig,
    HeadConfig, Pictures, ThreadPool, TrainingSet, find_head_learning_rate,
};

use crate::support::{CLASSES, bits, extract_into, folder};

const RANGE: RangeTestConfig = RangeTestConfig { first: 1e-7, last: 1.0, steps: 60 };

fn base() -> Base {
    let mut base = Base::bundled_at("mobilenetv2", Some((32, 32))).unwrap();
    base.set_trainable(false);
    base
}

fn config() -> AdamConfig {
    AdamConfig { batch_size: 8, ..AdamConfig::default() }
}

fn assert_near(test: &RangeTest, exponents: std::ops::Range<f64>) {
    let suggestion = test.suggestion.expect("the loss falls");
    assert!(exponents.contains(&suggestion.log10()), "{suggestion:e} of {test:?}");
    assert!(suggestion <= test.most.unwrap());
    assert_eq!(test.rates.len(), test.losses.len());
    assert_eq!(test.rates.len(), test.smoothed.len());
}

#[test]
fn the_heads_rate_is_sensible_and_the_same_each_time_on_any_number_of_threads() {
    let temporary = tempfile::tempdir().unwrap();
    let pictures =
        Pictures::open(folder(&temporary.path().join("pictures"), &CLASSES, 12)).unwrap();
    let extract = extract_into(&temporary.path().join("cache"));
    let find_in = |config: &AdamConfig, extract: &ExtractConfig, mut context: Context<'_>| {
        let context = &mut context;
        find_head_learning_rate(&base(), &pictures, config, extract, &RANGE, context).unwrap()
    };
    let find = |config: &AdamConfig, extract| find_in(config, extract, Context::default());
    let found = find(&config(), &extract);
    assert_near(&found.test, -4.0..-1.5);
    // An epoch has fewer batches than the test has steps, so there are several epochs.
    assert_eq!((found.train, found.validation), (30, 6));
    let one = Context::default().with_pool(ThreadPool::with_threads(1).unwrap());
    assert_eq!(find_in(&config(), &ExtractConfig::default(), one).test, found.test);
    let other = find(&AdamConfig { seed: 1, ..config() }, &extract);
    assert_ne!(other.test.losses, found.test.losses);
    assert_near(&other.test, -4.0..-1.5);
    // A batch size above the number of pictures means all pictures.
    find(&AdamConfig { batch_size: 1000, ..config() }, &extract);
}

#[test]
fn the_rate_of_fine_tuning_is_sensible_and_no_weight_moves() {
    let temporary = tempfile::tempdir().unwrap();
    let root = folder(&temporary.path().join("pictures"), &CLASSES, 12);
    let pictures = Pictures::open(root).unwrap();
    // A head that fine-tuning can improve.
    let head = HeadConfig::Adam(AdamConfig { epochs: 2, ..config() });
    let fit = FitConfig::default().with_head(head);
    let (classifier, _) =
        Classifier::fit(base(), &pictures, &fit, &mut Context::default()).unwrap();
    let mut config = FineTuning::default().with_at(Trainable::FromIndex(140));
    config.training.batch_size = 8;
    let mut set = TrainingSet::new(
        classifier.base(),
        &pictures,
        &config.inputs.extract,
        &mut Context::default(),
    )
    .unwrap();
    let weights = |classifier: &Classifier| -> Vec<u32> {
        let base = classifier.base().weights().iter().flat_map(|(_, tensor)| bits(&tensor.data));
        base.chain(bits(&classifier.head().kernel)).chain(bits(&classifier.head().bias)).collect()
    };
    let before = weights(&classifier);
    let mut find =
        |range| classifier.find_learning_rate(&mut set, &config, range, &mut Context::default());
    let test = find(&RANGE).unwrap();
    assert_near(&test, -6.5..-3.0);
    assert_eq!(find(&RANGE).unwrap(), test);
    assert!(before == weights(&classifier));
    let error = find(&RangeTestConfig { steps: 9, ..RANGE }).unwrap_err().to_string();
    assert!(error.contains("steps is 9; it must be 10 or more"), "{error}");
}

#[test]
fn the_context_is_told_of_each_step_and_can_end_it() {
    let temporary = tempfile::tempdir().unwrap();
    let pictures = Pictures::open(folder(temporary.path(), &CLASSES, 4)).unwrap();
    let extract = ExtractConfig::default().with_cache(None);
    let (cancel, mut last) = (CancelToken::new(), 0);
    let mut context = Context::default().with_cancel_token(cancel.clone()).on_event(|event| {
        if let Event::LearningRate { step, steps, .. } = event {
            assert_eq!(steps, RANGE.steps);
            last = step;
            if step == 7 {
                cancel.cancel();
            }
        }
    });
    let found =
        find_head_learning_rate(&base(), &pictures, &config(), &extract, &RANGE, &mut context);
    assert!(matches!(found, Err(Error::Interrupted)));
    drop(context);
    assert_eq!(last, 7);
}
