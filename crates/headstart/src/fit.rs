//! Training a head on a frozen base.

use std::ops::ControlFlow;
use std::time::Instant;

use headstart_data::{Augment, Skipped, split};
use headstart_engine::train::network::{BatchNorm, TrainableNetwork};
use headstart_engine::train::{
    self, AdamConfig, Epoch, Event, Head, LogisticConfig, Samples, TrainError, fit_adam,
    fit_logistic,
};
use headstart_model::Trainable;
use serde::{Deserialize, Serialize};

use crate::divided::Divided;
use crate::training_set::{Augmentation, HeadViews, TrainingSet};
use crate::{
    Base, Classifier, Error, Evaluation, ExtractConfig, Extractor, FineTuneRecord, FineTuneReport,
    Observer, Pictures,
};

/// How to train.
#[derive(Clone, Debug)]
pub struct FitConfig {
    /// How the head is fitted.
    pub head: HeadConfig,
    /// How features are computed.
    pub extract: ExtractConfig,
    /// How pictures are varied.
    pub augment: Augment,
    /// Views of each picture that are drawn once, where pictures are varied: epochs cycle through
    /// them. With 0, every epoch draws afresh, as Keras does.
    pub views: usize,
    /// Decides how pictures are varied.
    pub seed: u64,
}

/// Views of each picture, unless something else is asked for.
pub const DEFAULT_VIEWS: usize = 4;

impl Default for FitConfig {
    fn default() -> Self {
        Self {
            head: HeadConfig::default(),
            extract: ExtractConfig::default(),
            augment: Augment::None,
            views: DEFAULT_VIEWS,
            seed: 0,
        }
    }
}

impl FitConfig {
    fn augmentation(&self) -> Augmentation {
        Augmentation { augment: self.augment, views: self.views, seed: self.seed }
    }

    /// Fails where an option has a value that makes no sense, or two do not go together.
    ///
    /// # Errors
    /// [`TrainError::Option`], naming it, and [`Error::Options`].
    pub fn check(&self) -> Result<(), Error> {
        self.head.check()?;
        if !matches!(self.head, HeadConfig::Lbfgs(_)) {
            return Ok(());
        }
        let problem = match (self.augment, self.views) {
            (Augment::None, _) => return Ok(()),
            (Augment::Strong, _) => "strong augmentation mixes pictures",
            (_, 0) => "0 views are other ones in every epoch",
            _ => return Ok(()),
        };
        Err(Error::Options(format!("{problem}, which takes a head trained in epochs: --head adam")))
    }
}

/// How a head is fitted to features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "lowercase")]
pub enum HeadConfig {
    /// Regularised logistic regression: nothing to tune, done in a moment.
    Lbfgs(LogisticConfig),
    /// Stochastic gradient descent as in Keras's tutorial.
    Adam(AdamConfig),
}

impl Default for HeadConfig {
    fn default() -> Self {
        Self::Lbfgs(LogisticConfig::default())
    }
}

impl FitReport {
    /// A report of a head that an earlier, interrupted run had trained: what fine-tuning knows.
    pub fn of_resumed(tuned: &FineTuneReport) -> Self {
        Self {
            validation: tuned.before.clone(),
            epochs: Vec::new(),
            strength: None,
            train: tuned.train,
            duplicates: 0,
            cached: 0,
            skipped: tuned.skipped.clone(),
            warnings: tuned.warnings.clone(),
            seconds: Seconds::default(),
        }
    }
}

impl HeadConfig {
    /// How many epochs there will be, where the method has any.
    pub fn epochs(&self) -> Option<usize> {
        match self {
            Self::Lbfgs(_) => None,
            Self::Adam(config) => Some(config.epochs),
        }
    }

    /// Fails where an option has a value that makes no sense.
    ///
    /// # Errors
    /// [`TrainError::Option`], naming it.
    pub fn check(&self) -> Result<(), TrainError> {
        match self {
            Self::Lbfgs(config) => config.check(),
            Self::Adam(config) => config.check(),
        }
    }
}

/// How training went.
#[derive(Clone, Debug)]
pub struct FitReport {
    /// Figures on the pictures held back; `None` if none were.
    pub validation: Option<Evaluation>,
    /// Every epoch.
    pub epochs: Vec<Epoch>,
    /// The strength C that the data chose, with [`HeadConfig::Lbfgs`].
    pub strength: Option<f64>,
    /// Pictures learned from.
    pub train: usize,
    /// Pictures whose pixels another one has too.
    pub duplicates: usize,
    /// Pictures whose features came from the cache.
    pub cached: usize,
    /// Pictures and other files that were left out, with the reason.
    pub skipped: Vec<Skipped>,
    /// What whoever owns the pictures should know, a line each.
    pub warnings: Vec<String>,
    /// How long it took.
    pub seconds: Seconds,
}

/// Wall time of the parts of training, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// Decoding and features.
    pub features: f64,
    /// Fitting the head.
    pub head: f64,
    /// Everything.
    pub total: f64,
}

/// What a model file tells of how the model came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// The folder of pictures, as it was given.
    pub pictures: String,
    /// Pictures learned from.
    pub train: usize,
    /// Paths of the pictures held back, from the folder on.
    pub validation: Vec<String>,
    /// How the head was fitted.
    pub head: HeadConfig,
    /// How pictures were varied.
    #[serde(default)]
    pub augment: Augment,
    /// Views of each picture, where they were.
    #[serde(default)]
    pub views: usize,
    /// The strength C that the data chose.
    pub strength: Option<f64>,
    /// Every epoch.
    pub epochs: Vec<EpochRecord>,
    /// Figures on the pictures held back.
    pub metrics: Option<Evaluation>,
    /// How the base was fine-tuned, if it was; the figures are of after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fine_tune: Option<FineTuneRecord>,
}

/// An epoch without the time that it took: the same training gives the same file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean loss over the batches.
    pub loss: f64,
    /// Accuracy over the batches.
    pub accuracy: f64,
    /// Loss on the pictures held back.
    pub val_loss: Option<f64>,
    /// Accuracy on the pictures held back.
    pub val_accuracy: Option<f64>,
}

impl From<&Epoch> for EpochRecord {
    fn from(epoch: &Epoch) -> Self {
        let &Epoch { epoch, loss, accuracy, val_loss, val_accuracy, .. } = epoch;
        Self { epoch, loss, accuracy, val_loss, val_accuracy }
    }
}

impl Classifier {
    /// Trains a head for `pictures` on the frozen `base`.
    ///
    /// A picture that cannot be read is left out and listed in the report.
    ///
    /// # Errors
    /// When fewer than two classes have pictures that can be read, the options make no sense, the
    /// loss diverges, or the observer asks to stop.
    pub fn fit(
        base: Base,
        pictures: &Pictures,
        config: &FitConfig,
        observer: &mut dyn Observer,
    ) -> Result<(Self, FitReport), Error> {
        config.check()?;
        if config.augment != Augment::None {
            let mut set = TrainingSet::new(&base, pictures, &config.extract, observer)?;
            return Self::fit_on(&mut set, config, None, observer);
        }
        let start = Instant::now();
        let extractor = Extractor::new(&base, &config.extract);
        let divided = Divided::new(&extractor, pictures, observer)?;
        let features = start.elapsed().as_secs_f64();
        let classes = pictures.classes();
        let Divided { train, validation, split, .. } = &divided;
        let samples = train.samples(classes.len());
        let fitted = fit_head(&config.head, &samples, validation, classes.len(), observer)?;
        let held_back = split.validation.iter().map(|&i| divided.name(pictures, i));
        let outcome = Outcome {
            root: pictures.root().display().to_string(),
            classes: classes.to_vec(),
            held_back: held_back.collect(),
            train: split.train.len(),
            duplicates: duplicates(&divided.groups),
            cached: divided.cached,
            skipped: divided.skipped.clone(),
            warnings: divided
                .warnings(pictures)
                .into_iter()
                .chain(extractor.cache_warning())
                .collect(),
            features,
            start,
        };
        Ok(outcome.finish(base, fitted, validation, config))
    }

    /// [`Classifier::fit`] on pictures that have been decoded, in their views. With `fine_tune_at`,
    /// what the layers below it make of them is kept, for
    /// [`fine_tune_on`](Classifier::fine_tune_on) with the same options.
    ///
    /// # Errors
    /// As [`Classifier::fit`], and when there is no room for the views.
    pub fn fit_on(
        set: &mut TrainingSet,
        config: &FitConfig,
        fine_tune_at: Option<&Trainable>,
        observer: &mut dyn Observer,
    ) -> Result<(Self, FitReport), Error> {
        config.check()?;
        let start = Instant::now();
        let network = fine_tune_at
            .map(|at| {
                let mut base = set.base().clone();
                base.apply(at)?;
                let (network, weights) = (base.network(), base.weights());
                TrainableNetwork::new(
                    network,
                    weights,
                    BatchNorm::Inference,
                    config.extract.compute.isa,
                )
                .map_err(Error::of_training)
            })
            .transpose()?;
        let augmentation = config.augmentation();
        set.views(network.as_ref(), augmentation, observer)?;
        let features = set.seconds + start.elapsed().as_secs_f64();
        let begin = Instant::now();
        let groups = split::groups(&set.contents);
        let head = HeadViews::new(set, network.as_ref(), &groups);
        let validation = head.validation()?;
        let classes = set.classes().len();
        let fitted = match &config.head {
            HeadConfig::Adam(_) => fit_head(&config.head, head, &validation, classes, observer)?,
            HeadConfig::Lbfgs(_) => {
                let all = head.all()?;
                let samples = all.samples(classes);
                fit_head(&config.head, &samples, &validation, classes, observer)?
            }
        };
        let outcome = Outcome {
            root: set.root().to_owned(),
            classes: set.classes().to_vec(),
            held_back: set.held_back(),
            train: set.train(),
            duplicates: duplicates(&groups),
            cached: 0,
            skipped: set.skipped.clone(),
            warnings: set.warnings(),
            features,
            start: begin.checked_sub(std::time::Duration::from_secs_f64(features)).unwrap_or(begin),
        };
        Ok(outcome.finish(set.base().clone(), fitted, &validation, config))
    }
}

/// What is known of the pictures, and becomes a part of the model and of the report.
struct Outcome {
    root: String,
    classes: Vec<String>,
    held_back: Vec<String>,
    train: usize,
    duplicates: usize,
    cached: usize,
    skipped: Vec<Skipped>,
    warnings: Vec<String>,
    /// Seconds until the features were there.
    features: f64,
    start: Instant,
}

impl Outcome {
    fn finish(
        self,
        base: Base,
        fitted: Fitted,
        validation: &Side,
        config: &FitConfig,
    ) -> (Classifier, FitReport) {
        let head_done = self.start.elapsed().as_secs_f64();
        let mut classifier = Classifier::new(base, fitted.head, self.classes);
        let metrics = (!validation.labels.is_empty()).then(|| {
            let probabilities = classifier.head.probabilities(&validation.features);
            Evaluation::new(&classifier.classes, &validation.labels, &probabilities)
        });
        classifier.training = Some(TrainingRecord {
            pictures: self.root,
            train: self.train,
            validation: self.held_back,
            head: config.head.clone(),
            augment: config.augment,
            views: config.views,
            strength: fitted.strength,
            epochs: fitted.epochs.iter().map(EpochRecord::from).collect(),
            metrics: metrics.clone(),
            fine_tune: None,
        });
        let report = FitReport {
            validation: metrics,
            epochs: fitted.epochs,
            strength: fitted.strength,
            train: self.train,
            duplicates: self.duplicates,
            cached: self.cached,
            skipped: self.skipped,
            warnings: self.warnings.into_iter().chain(fitted.warning).collect(),
            seconds: Seconds {
                features: self.features,
                head: head_done - self.features,
                total: self.start.elapsed().as_secs_f64(),
            },
        };
        (classifier, report)
    }
}

pub(crate) fn check_readable(
    pictures: &Pictures,
    labels: &[usize],
    skipped: &[Skipped],
) -> Result<(), Error> {
    let Some(&first) = labels.first() else {
        return Err(Error::none_readable(skipped.to_vec()));
    };
    if labels.iter().all(|&label| label == first) {
        return Err(Error::OneReadableClass {
            class: pictures.classes()[first].clone(),
            skipped: skipped.len(),
        });
    }
    Ok(())
}

/// Pictures whose pixels an earlier one has, by the groups of equal ones.
fn duplicates(groups: &[usize]) -> usize {
    groups.len() - groups.iter().max().map_or(0, |last| last + 1)
}

/// The features of one side of the split, in memory of their own.
pub(crate) struct Side {
    pub(crate) features: Vec<f32>,
    pub(crate) labels: Vec<usize>,
    pub(crate) groups: Vec<usize>,
    pub(crate) dim: usize,
}

impl Side {
    pub(crate) fn samples(&self, classes: usize) -> Samples<'_> {
        let samples = Samples::new(&self.features, self.dim, &self.labels, classes);
        Samples { groups: Some(&self.groups), ..samples }
    }
}

/// A head and how it came about.
struct Fitted {
    head: Head,
    epochs: Vec<Epoch>,
    strength: Option<f64>,
    warning: Option<String>,
}

fn fit_head(
    config: &HeadConfig,
    mut train: impl train::Views,
    validation: &Side,
    classes: usize,
    observer: &mut dyn Observer,
) -> Result<Fitted, Error> {
    let mut tell = |event: Event<'_>| {
        observer.training(event);
        if observer.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let validation = validation.samples(classes);
    let validation = (!validation.is_empty()).then_some(&validation);
    let fitted = match config {
        HeadConfig::Lbfgs(config) => {
            let train = train.view(0).map_err(Error::of_training)?;
            let fit = fit_logistic(&train, validation, config, &mut tell);
            let fit = fit.map_err(Error::of_training)?;
            let unfinished = format!("the head had not converged after {} steps", fit.steps);
            Fitted {
                head: fit.head,
                epochs: fit.history.epochs,
                strength: Some(fit.strength),
                warning: (!fit.converged).then_some(unfinished),
            }
        }
        HeadConfig::Adam(config) => {
            let fitted = fit_adam(train, validation, config, &mut tell);
            let (head, history) = fitted.map_err(Error::of_training)?;
            Fitted { head, epochs: history.epochs, strength: None, warning: None }
        }
    };
    if observer.is_cancelled() { Err(Error::Interrupted) } else { Ok(fitted) }
}
