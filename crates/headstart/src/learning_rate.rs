//! Looking for a learning rate: it grows from step to step until the loss does.

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

/// What [`find_head_learning_rate`] found, and on what.
#[derive(Clone, Debug)]
pub struct HeadRangeTest {
    /// The losses, and what they suggest.
    pub test: RangeTest,
    /// Pictures learned from.
    pub train: usize,
    /// Pictures held back, which it has not looked at.
    pub validation: usize,
    /// Pictures and other files that were left out, with the reason.
    pub skipped: Vec<Skipped>,
    /// What whoever owns the pictures should know, a line each.
    pub warnings: Vec<Warning>,
}

/// Looks for a learning rate to train a head with Adam on the frozen `base`, as
/// [`Classifier::fit`] does with [`HeadConfig::Adam`](crate::HeadConfig::Adam): on the pictures that
/// it would learn from, with a head that is thrown away.
///
/// # Errors
/// As [`Classifier::fit`]; a loss that diverges is no error.
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
    /// Looks for a learning rate to [fine-tune](Classifier::fine_tune) with, on the pictures that
    /// it would learn from. The classifier stays as it is; rate, epochs, schedule and checkpoint of
    /// `config` are left alone.
    ///
    /// # Errors
    /// As [`Classifier::fine_tune`]; a loss that diverges is no error.
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

/// The test, watched.
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
