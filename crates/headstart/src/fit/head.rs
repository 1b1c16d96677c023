//! A head for features.

use std::ops::ControlFlow;

use headstart_engine::Isa;
use headstart_engine::train::{
    self, Epoch, Event, Head, LogisticConfig, Samples, Strength, TrainError, fit_adam, fit_logistic,
};

use super::HeadConfig;
use crate::pictures::LabelSets;
use crate::{Error, Observer};

/// The features of one side of the split, in memory of their own.
pub(crate) struct Side {
    pub(crate) features: Vec<f32>,
    /// Classes, or indices into the sets of them.
    pub(crate) labels: Vec<usize>,
    pub(crate) label_sets: Option<LabelSets>,
    pub(crate) groups: Vec<usize>,
    /// What each picture counts for in training; nothing where all count 1.
    pub(crate) weights: Option<Vec<f32>>,
    pub(crate) dim: usize,
}

impl Side {
    pub(crate) fn samples(&self, classes: usize) -> Samples<'_> {
        let samples = Samples::new(&self.features, self.dim, &self.labels, classes);
        Samples {
            groups: Some(&self.groups),
            weights: self.weights.as_deref(),
            label_sets: self.label_sets.as_deref(),
            ..samples
        }
    }

    /// A copy of some of its pictures.
    pub(crate) fn of(&self, pictures: &[usize]) -> Self {
        let each = || pictures.iter().copied();
        let row = |i: usize| &self.features[i * self.dim..][..self.dim];
        Self {
            features: each().flat_map(row).copied().collect(),
            labels: each().map(|i| self.labels[i]).collect(),
            label_sets: self.label_sets.clone(),
            groups: each().map(|i| self.groups[i]).collect(),
            weights: self.weights.as_ref().map(|weights| each().map(|i| weights[i]).collect()),
            dim: self.dim,
        }
    }

    /// Parts it into the pictures of `train` and those of `validation`, which are ascending and have
    /// none in common. The former stay in the same memory: there may be too many for another copy.
    pub(crate) fn part(mut self, train: &[usize], validation: &[usize]) -> (Self, Self) {
        let validation = self.of(validation);
        keep(&mut self.features, self.dim, train);
        keep(&mut self.labels, 1, train);
        keep(&mut self.groups, 1, train);
        if let Some(weights) = &mut self.weights {
            keep(weights, 1, train);
        }
        (self, validation)
    }
}

/// Keeps some rows of `width` values, ascending.
fn keep<T: Copy>(values: &mut Vec<T>, width: usize, rows: &[usize]) {
    for (to, &from) in rows.iter().enumerate() {
        // An earlier row, whose values are where they belong by now, or not needed.
        values.copy_within(from * width..(from + 1) * width, to * width);
    }
    values.truncate(rows.len() * width);
    values.shrink_to_fit();
}

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
    match train::out_of_fold(train, &config, isa, &mut tell) {
        Ok(said) => Ok(Some(said)),
        // Too few pictures without a class to leave some of them out.
        Err(TrainError::AllAlike) => Ok(None),
        Err(error) => Err(Error::of_training(error)),
    }
}

pub(super) fn fit_head(
    config: &HeadConfig,
    isa: Isa,
    mut train: impl train::Views,
    validation: &Side,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Of these pictures, whose values tell which they are.
    fn side(pictures: &[usize]) -> Side {
        Side {
            features: pictures.iter().flat_map(|&n| [n as f32, -(n as f32)]).collect(),
            labels: pictures.to_vec(),
            label_sets: None,
            groups: pictures.iter().map(|n| n + 10).collect(),
            weights: Some(pictures.iter().map(|&n| n as f32 / 2.0).collect()),
            dim: 2,
        }
    }

    #[test]
    fn each_side_gets_its_pictures_in_order() {
        let cases: [(&[usize], &[usize]); 5] = [
            (&[0, 1, 2, 3, 4], &[]),
            (&[0, 2, 4], &[1, 3]),
            (&[1, 3], &[0, 2, 4]),
            // One on neither side.
            (&[2, 4], &[0, 1]),
            (&[4], &[0, 1, 2, 3]),
        ];
        for (train, validation) in cases {
            let parted = side(&[0, 1, 2, 3, 4]).part(train, validation);
            for (part, expected) in [(parted.0, side(train)), (parted.1, side(validation))] {
                assert_eq!(part.features, expected.features);
                assert_eq!(part.labels, expected.labels);
                assert_eq!(part.groups, expected.groups);
                assert_eq!(part.weights, expected.weights);
            }
        }
    }
}
