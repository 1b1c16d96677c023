//! A head for features.

use std::ops::ControlFlow;

use headstart_engine::Isa;
use headstart_train::{
    self, Epoch, Event, Head, LogisticConfig, Samples, Strength, TrainError, fit_adam, fit_logistic,
};

use crate::pictures::LabelledFeatures;
use crate::{Error, HeadConfig, Observer};

/// A head and how it came about.
pub(super) struct Fitted {
    pub(super) head: Head,
    pub(super) epochs: Vec<Epoch>,
    pub(super) strength: Option<f64>,
    pub(super) warning: Option<String>,
}

/// What heads that have not seen them say of the pictures, n x classes: to choose thresholds by where
/// none are held back. Nothing where too few are without a class, and of a head that is trained in epochs,
/// which would take five times as long.
pub(super) fn out_of_fold(
    config: &HeadConfig,
    isa: Isa,
    strength: Option<f64>,
    train: &Samples<'_>,
    observer: &mut dyn Observer,
) -> Result<Option<Vec<f32>>, Error> {
    let (HeadConfig::Lbfgs(config), Some(strength)) = (config, strength) else { return Ok(None) };
    let config = LogisticConfig { strength: Strength::Fixed(strength), ..config.clone() };
    let mut tell = |event: Event<'_>| {
        observer.training(event);
        if observer.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    match headstart_train::out_of_fold(train, &config, isa, &mut tell) {
        Ok(said) => Ok(Some(said)),
        // Too few pictures without a class to leave some of them out.
        Err(TrainError::AllAlike) => Ok(None),
        Err(error) => Err(Error::of_training(error)),
    }
}

pub(super) fn fit_head(
    config: &HeadConfig,
    isa: Isa,
    mut train: impl headstart_train::Views,
    validation: &LabelledFeatures,
    classes: &[String],
    observer: &mut dyn Observer,
) -> Result<Fitted, Error> {
    let mut tell = |event: Event<'_>| {
        observer.training(event);
        if observer.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let named = |error| match error {
        TrainError::OneClass { class } => Error::OneClassCounts { class: classes[class].clone() },
        other => Error::of_training(other),
    };
    let validation = validation.samples(classes.len());
    let validation = (!validation.is_empty()).then_some(&validation);
    let fitted = match config {
        HeadConfig::Lbfgs(config) => {
            let train = train.view(0).map_err(Error::of_training)?;
            let fit = fit_logistic(&train, validation, config, isa, &mut tell);
            let fit = fit.map_err(named)?;
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
            let (head, history) = fitted.map_err(named)?;
            Fitted { head, epochs: history.epochs, strength: None, warning: None }
        }
    };
    if observer.is_cancelled() { Err(Error::Interrupted) } else { Ok(fitted) }
}
