//! Training a head on a frozen base.

use std::ops::ControlFlow;
use std::time::Instant;

use headstart_data::{Skipped, split};
use headstart_engine::train::{
    AdamConfig, Epoch, Event, Head, LogisticConfig, Samples, TrainError, fit_adam, fit_logistic,
};
use serde::{Deserialize, Serialize};

use crate::{
    Base, Classifier, Error, Evaluation, ExtractConfig, Extraction, Extractor, Observer, Pictures,
};

/// How to train.
#[derive(Clone, Debug, Default)]
pub struct FitConfig {
    /// How the head is fitted.
    pub head: HeadConfig,
    /// How features are computed.
    pub extract: ExtractConfig,
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

impl HeadConfig {
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
    /// The strength C that the data chose.
    pub strength: Option<f64>,
    /// Every epoch.
    pub epochs: Vec<EpochRecord>,
    /// Figures on the pictures held back.
    pub metrics: Option<Evaluation>,
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
        // What is wrong with the options is better known before the pictures are read than after.
        config.head.check()?;
        let start = Instant::now();
        let extractor = Extractor::new(&base, &config.extract);
        let mut extraction = extractor.extract(&pictures.paths(), observer)?;
        let mut skipped = pictures.skipped().to_vec();
        skipped.extend(extraction.skipped.iter().cloned());
        let labels = pictures.labels(&extraction.kept);
        check_readable(pictures, &labels, &extraction)?;
        let features_done = start.elapsed();

        let split = pictures.divide(&extraction.kept, &labels, &extraction.contents)?;
        observer.split(split.train.len(), split.validation.len());
        let dim = extractor.features();
        if split.train.is_empty() {
            let (path, pictures) = (pictures.root().to_owned(), split.left_out.len());
            return Err(Error::NothingToLearnFrom { path, pictures });
        }
        let groups = split::groups(&extraction.contents);
        let side = |side: &[usize]| Side {
            features: side
                .iter()
                .flat_map(|&i| &extraction.features[i * dim..][..dim])
                .copied()
                .collect(),
            labels: side.iter().map(|&i| labels[i]).collect(),
            groups: side.iter().map(|&i| groups[i]).collect(),
            dim,
        };
        let (train, validation) = (side(&split.train), side(&split.validation));
        // Both sides have their own copy.
        extraction.features = Vec::new();
        let classes = pictures.classes();
        let samples = train.samples(classes.len());
        let held_back = validation.samples(classes.len());
        let held_back = (!held_back.is_empty()).then_some(&held_back);
        let fitted = fit_head(&config.head, &samples, held_back, observer)?;
        let head_done = start.elapsed();

        let mut classifier = Self::new(base, fitted.head, classes.to_vec());
        let metrics = held_back.map(|side| {
            let probabilities = classifier.head.probabilities(side.features);
            Evaluation::new(classes, side.labels, &probabilities)
        });
        let name = |&i: &usize| pictures.name_of(extraction.kept[i]);
        classifier.training = Some(TrainingRecord {
            pictures: pictures.root().display().to_string(),
            train: split.train.len(),
            validation: split.validation.iter().map(name).collect(),
            head: config.head.clone(),
            strength: fitted.strength,
            epochs: fitted.epochs.iter().map(EpochRecord::from).collect(),
            metrics: metrics.clone(),
        });
        let report = FitReport {
            validation: metrics,
            epochs: fitted.epochs,
            strength: fitted.strength,
            train: split.train.len(),
            duplicates: duplicates(&groups),
            cached: extraction.cached,
            skipped,
            warnings: split::describe_all(&split.warnings, classes, &labels, |i| name(&i))
                .into_iter()
                .chain(fitted.warning)
                .chain(extractor.cache_warning())
                .collect(),
            seconds: Seconds {
                features: features_done.as_secs_f64(),
                head: (head_done - features_done).as_secs_f64(),
                total: start.elapsed().as_secs_f64(),
            },
        };
        Ok((classifier, report))
    }
}

fn check_readable(
    pictures: &Pictures,
    labels: &[usize],
    extraction: &Extraction,
) -> Result<(), Error> {
    let Some(&first) = labels.first() else {
        return Err(Error::none_readable(extraction.skipped.clone()));
    };
    if labels.iter().all(|&label| label == first) {
        return Err(Error::OneReadableClass {
            class: pictures.classes()[first].clone(),
            skipped: extraction.skipped.len(),
        });
    }
    Ok(())
}

/// Pictures whose pixels an earlier one has, by the groups of equal ones.
fn duplicates(groups: &[usize]) -> usize {
    groups.len() - groups.iter().max().map_or(0, |last| last + 1)
}

/// The pictures of one side of the split, in memory of their own.
struct Side {
    features: Vec<f32>,
    labels: Vec<usize>,
    groups: Vec<usize>,
    dim: usize,
}

impl Side {
    fn samples(&self, classes: usize) -> Samples<'_> {
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
    train: &Samples<'_>,
    validation: Option<&Samples<'_>>,
    observer: &mut dyn Observer,
) -> Result<Fitted, Error> {
    let mut tell = |event: Event<'_>| {
        observer.training(event);
        if observer.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let stopped = |error| match error {
        TrainError::Stopped => Error::Interrupted,
        other => other.into(),
    };
    let fitted = match config {
        HeadConfig::Lbfgs(config) => {
            let fit = fit_logistic(train, validation, config, &mut tell).map_err(stopped)?;
            let unfinished = format!("the head had not converged after {} steps", fit.steps);
            Fitted {
                head: fit.head,
                epochs: fit.history.epochs,
                strength: Some(fit.strength),
                warning: (!fit.converged).then_some(unfinished),
            }
        }
        HeadConfig::Adam(config) => {
            let (head, history) =
                fit_adam(train, validation, config, &mut tell).map_err(stopped)?;
            Fitted { head, epochs: history.epochs, strength: None, warning: None }
        }
    };
    if observer.is_cancelled() { Err(Error::Interrupted) } else { Ok(fitted) }
}
