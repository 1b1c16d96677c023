//! A head for features.

use std::ops::ControlFlow;

use headstart_engine::train::{self, Epoch, Event, Head, Samples, fit_adam, fit_logistic};

use super::HeadConfig;
use crate::{Error, Observer};

/// The features of one side of the split, in memory of their own.
pub(crate) struct Side {
    pub(crate) features: Vec<f32>,
    pub(crate) labels: Vec<usize>,
    pub(crate) groups: Vec<usize>,
    /// What each picture counts for in training; nothing where all count 1.
    pub(crate) weights: Option<Vec<f32>>,
    pub(crate) dim: usize,
}

impl Side {
    pub(crate) fn samples(&self, classes: usize) -> Samples<'_> {
        let samples = Samples::new(&self.features, self.dim, &self.labels, classes);
        Samples { groups: Some(&self.groups), weights: self.weights.as_deref(), ..samples }
    }

    /// A copy of some of its pictures.
    pub(crate) fn of(&self, pictures: &[usize]) -> Self {
        let each = || pictures.iter().copied();
        let row = |i: usize| &self.features[i * self.dim..][..self.dim];
        Self {
            features: each().flat_map(row).copied().collect(),
            labels: each().map(|i| self.labels[i]).collect(),
            groups: each().map(|i| self.groups[i]).collect(),
            weights: self.weights.as_ref().map(|weights| each().map(|i| weights[i]).collect()),
            dim: self.dim,
        }
    }
}

/// A head and how it came about.
pub(super) struct Fitted {
    pub(super) head: Head,
    pub(super) epochs: Vec<Epoch>,
    pub(super) strength: Option<f64>,
    pub(super) warning: Option<String>,
}

pub(super) fn fit_head(
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
