//! The search for a learning rate: a range test, in which it grows from step to step until the loss does.

use headstart_data::{Skipped, Subset};
use headstart_train::{
    AdamConfig, FineTuner, HeadSteps, RangeTest, RangeTestConfig, TrainError, range_test,
};

use crate::pictures::PartitionedFeatures;
use crate::training_set::TrainingSet;
use crate::{
    Base, Classifier, Context, Error, Event, ExtractConfig, Extractor, FineTuning, Pictures,
    Warning,
};

/// The result of [`find_head_learning_rate`].
#[derive(Clone, Debug)]
pub struct HeadRangeTest {
    /// The losses, and the suggested rate.
    pub test: RangeTest,
    /// The number of pictures trained on.
    pub train: usize,
    /// The number of held-back pictures, which are not used.
    pub validation: usize,
    /// Skipped pictures and other files, with reasons.
    pub skipped: Vec<Skipped>,
    /// Warnings about the pictures, one line each.
    pub warnings: Vec<Warning>,
}

/// Searches for a learning rate to train a head with Adam on the frozen `base`, as [`Classifier::fit`] does
/// with [`HeadConfig::Adam`](crate::HeadConfig::Adam).
///
/// It uses the pictures that [`Classifier::fit`] would train on. Its head is discarded.
///
/// # Errors
/// As for [`Classifier::fit`]. A diverging loss is not an error.
pub fn find_head_learning_rate(
    base: &Base,
    pictures: &Pictures,
    config: &AdamConfig,
    extract: &ExtractConfig,
    range: &RangeTestConfig,
    context: &mut Context<'_>,
) -> Result<HeadRangeTest, Error> {
    config.check()?;
    range.check()?;
    let extractor = Extractor::new(base, extract);
    let divided = PartitionedFeatures::new(&extractor, pictures, context)?;
    let samples = divided.train.samples(pictures.classes().len());
    let mut steps = HeadSteps::new(samples, config)?;
    let test = context.install(|context| test(range, context, &mut |rate| steps.step_at(rate)))?;
    Ok(HeadRangeTest {
        test,
        train: divided.train.labels.len(),
        validation: divided.validation.labels.len(),
        warnings: divided
            .warnings(pictures)
            .into_iter()
            .chain(extractor.cache_warning().map(Into::into))
            .collect(),
        skipped: divided.skipped,
    })
}

impl Classifier {
    /// Searches for a learning rate for [fine-tuning](Classifier::fine_tune), on the pictures that it would
    /// train on.
    ///
    /// The classifier is not changed. The rate, epochs, schedule and checkpoint of `config` are ignored.
    ///
    /// # Errors
    /// As for [`Classifier::fine_tune`]. A diverging loss is not an error.
    pub fn find_learning_rate(
        &self,
        set: &mut TrainingSet,
        config: &FineTuning,
        range: &RangeTestConfig,
        context: &mut Context<'_>,
    ) -> Result<RangeTest, Error> {
        config.training.check()?;
        range.check()?;
        self.check_classes(set.classes())?;
        self.check_task(set.task())?;
        let (_, network) = config.network(self.base())?;
        context.install(|context| {
            set.views(Some(&network), config.inputs.augmentation(), context)?;
            let train = set.made().inputs(set, Subset::Train);
            let mut tuner = FineTuner::new(network, self.head().clone(), config.training.clone())?;
            test(range, context, &mut |rate| tuner.step_at(&train, rate))
        })
    }
}

/// Runs the range test, with events and cancellation.
fn test(
    range: &RangeTestConfig,
    context: &mut Context<'_>,
    step_at: &mut dyn FnMut(f64) -> Result<f64, TrainError>,
) -> Result<RangeTest, Error> {
    let mut step = 0;
    let test = range_test(range, &mut |rate| {
        if context.is_cancelled() {
            return Err(TrainError::Stopped);
        }
        step += 1;
        context.tell(Event::LearningRate { step, steps: range.steps, rate });
        step_at(rate)
    });
    test.map_err(Error::of_training)
}
