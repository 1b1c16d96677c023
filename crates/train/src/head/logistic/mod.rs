//! Regularised logistic regression: a head that needs no tuning.

mod folds;
mod held_out;
mod objective;
mod out_of_fold;
mod problem;
mod standardise;
mod strength;

use std::{ops::ControlFlow, time::Instant};

use headstart_kernels::Isa;
use serde::{Deserialize, Serialize};

use self::problem::Problem;
use super::{Epoch, Event, History, check_fits, evaluate_weighted, untrained, validate};
use crate::Head;
use crate::{ClassWeight, Samples, TrainError, error::readable, optimizers::LbfgsStatus};
pub use out_of_fold::{OutOfFold, out_of_fold, out_of_fold_logits};

/// The inverse regularisation strength: scikit-learn's `C`, for standardised features. The objective is C x sum of
/// weight x loss + |kernel|²/2.
///
/// With few samples, neither the deviations of features nor held-out losses are reliable. When the strength is chosen,
/// both are therefore shrunk as if by a few more samples: deviations towards that of all features, the strength towards
/// a value that was best on small sets of photographs.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Chosen by the loss on held-out samples, with the kernel multiplied by the best factor, which the head's kernel is
    /// then multiplied by, too: 5-fold cross-validation, stratified and by groups. With more than 600
    /// samples, only as many folds are used as hold out 600; with more than 4,000, only a subset of that size.
    #[default]
    Auto,
    /// This strength.
    Fixed(f64),
}

/// Options of fitting a head by logistic regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogisticConfig {
    /// The strength C.
    pub strength: Strength,
    /// The random seed of the folds.
    pub seed: u64,
    /// The weight of samples of each class.
    pub class_weight: ClassWeight,
    /// The fit has converged when no element of the gradient of the mean loss is larger: 1e-4, as in scikit-learn.
    pub tolerance: f64,
    /// The same for choosing the strength: 1e-3.
    pub tolerance_while_choosing: f64,
    /// The number of features of each base, if the features of several bases are concatenated; each block is then
    /// standardised separately, and all blocks have the same weight. Empty otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<usize>,
}

impl Default for LogisticConfig {
    fn default() -> Self {
        Self {
            strength: Strength::Auto,
            seed: 0,
            class_weight: ClassWeight::Uniform,
            tolerance: 1e-4,
            tolerance_while_choosing: 1e-3,
            blocks: Vec::new(),
        }
    }
}

/// A fitted head and the details of its fit.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticFit {
    /// The head: a single dense layer on the original features, into which the standardisation is folded.
    pub head: Head,
    /// A single epoch: the fit.
    pub history: History,
    /// The strength chosen or given.
    pub strength: f64,
    /// The factor of the kernel: the best one for held-out samples, or 1 if the strength was given.
    pub scale: f64,
    /// The strengths tried on held-out samples, in order.
    pub trials: Vec<Trial>,
    /// The number of steps of the final fit, on all samples.
    pub steps: usize,
    /// Whether the gradient fell below the tolerance.
    pub converged: bool,
}

/// A strength tried on held-out samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The strength C.
    pub strength: f64,
    /// The mean loss of the held-out samples, with the kernel multiplied by the best factor.
    pub log_loss: f64,
}

/// Fits a head by multinomial logistic regression (with a single logit for two classes) with an L2 penalty on the
/// kernel, on standardised features: scikit-learn's `LogisticRegression`, solved by L-BFGS. If samples have sets of
/// classes, all classes are fitted at once with the same strength, like scikit-learn's `OneVsRestClassifier` of it.
///
/// Matrix products use `isa`, which affects the last bits of the head.
///
/// `callback` receives progress several times a second, and one epoch at the end, when it is too late to stop. The
/// epoch's loss excludes the penalty.
///
/// # Errors
/// Invalid samples or options, [`TrainError::SoftTargets`] if the samples have any, and [`TrainError::Stopped`] if the
/// callback breaks.
pub fn fit_logistic(
    train: &Samples,
    validation: Option<&Samples>,
    config: &LogisticConfig,
    isa: Isa,
    callback: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<LogisticFit, TrainError> {
    let start = Instant::now();
    config.check()?;
    train.check_trainable()?;
    if train.soft_targets.is_some() {
        return Err(TrainError::SoftTargets);
    }
    let validation = validation.filter(|samples| !samples.is_empty());
    if let Some(validation) = validation {
        validation.check()?;
    }
    if let Some(validation) = validation {
        check_fits(&untrained(train.task(), train.dim, train.classes, 0.0, 0), validation)?;
    }
    let weights = train.total_weights(&config.class_weight)?;
    let problem = Problem::new(isa, train, weights.as_deref(), config)?;
    let (choice, solver) = problem.solve(config, callback)?;

    let head = problem.head(train.classes, solver.best(), choice.scale);
    let (loss, accuracy) = evaluate_weighted(&head, train, weights.as_deref())?;
    let (val_loss, val_accuracy) = validate(&head, validation)?;
    let epoch = Epoch {
        epoch: 1,
        loss,
        accuracy,
        val_loss,
        val_accuracy,
        seconds: start.elapsed().as_secs_f64(),
    };
    // There is nothing left to stop.
    let _ = callback(Event::Epoch(&epoch));
    Ok(LogisticFit {
        head,
        history: History { epochs: vec![epoch], best_epoch: None, stopped_early: false },
        strength: choice.strength,
        scale: choice.scale,
        trials: choice.trials,
        steps: solver.steps(),
        converged: solver.status() == LbfgsStatus::Converged,
    })
}

impl LogisticConfig {
    /// Checks the options, except the class weights, which depend on the samples.
    ///
    /// # Errors
    /// [`TrainError::Option`] for the first invalid one.
    pub fn check(&self) -> Result<(), TrainError> {
        let strength = match self.strength {
            Strength::Auto => 1.0,
            Strength::Fixed(strength) => strength,
        };
        for (option, value) in [
            ("the strength", strength),
            ("the tolerance", self.tolerance),
            ("the tolerance while choosing", self.tolerance_while_choosing),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return Err(TrainError::Option {
                    option,
                    value: readable(value),
                    expected: "it must be a number above 0",
                });
            }
        }
        Ok(())
    }
}
