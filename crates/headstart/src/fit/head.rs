//! Fitting a head to features.

use headstart_engine::Isa;
use headstart_train::{
    Epoch, Head, OutOfFold, Samples, TrainError, Trial, fit_adam, fit_logistic, out_of_fold_logits,
};

use crate::pictures::LabelledFeatures;
use crate::trust::Unseen;
use crate::{Context, Error, HeadConfig, Phase, Warning};

/// A fitted head, and how it was fitted.
pub(crate) struct Fitted {
    pub(crate) head: Head,
    pub(crate) epochs: Vec<Epoch>,
    pub(crate) strength: Option<f64>,
    /// See [`headstart_train::LogisticFit::scale`].
    scale: f64,
    pub(crate) trials: Vec<Trial>,
    pub(crate) warning: Option<Warning>,
}

/// Answers for training pictures by heads of folds, and the rows of these pictures. They are used for
/// calibration, since the held-back pictures may be too few.
///
/// Empty if too few pictures lack one of the classes, and for a head that is trained in epochs, which would
/// take five times as long.
pub(super) fn out_of_fold(
    config: &HeadConfig,
    isa: Isa,
    fitted: &Fitted,
    train: &LabelledFeatures,
    samples: &Samples<'_>,
    context: &mut Context<'_>,
) -> Result<(Unseen, Vec<usize>), Error> {
    let (HeadConfig::Lbfgs(config), Some(strength)) = (config, fitted.strength) else {
        return Ok(Default::default());
    };
    let mut watch = context.watch(Phase::Head);
    let own = (&fitted.head, strength, fitted.scale);
    let found = out_of_fold_logits(samples, own, config, isa, &mut watch);
    let OutOfFold { logits, held_out } = match found {
        Ok(found) => found,
        // Too few pictures lack a class, so none of these can be left out.
        Err(TrainError::AllAlike) => return Ok(Default::default()),
        Err(error) => return Err(Error::of_training(error)),
    };
    let units = fitted.head.units();
    let mut unseen = Unseen { label_sets: train.label_sets.clone(), ..Unseen::default() };
    let rows: Vec<usize> = (0..samples.len()).filter(|&row| held_out[row]).collect();
    let numbers: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
    unseen.features = samples.features_of(&numbers).map_err(Error::of_training)?;
    for &row in &rows {
        unseen.logits.extend(&logits[row * units..][..units]);
        unseen.groups.push(train.groups[row]);
        unseen.labels.push(samples.labels[row]);
    }
    Ok((unseen, rows))
}

pub(crate) fn fit_head(
    config: &HeadConfig,
    isa: Isa,
    mut train: impl headstart_train::Views,
    validation: &LabelledFeatures,
    classes: &[String],
    context: &mut Context<'_>,
) -> Result<Fitted, Error> {
    let named = |error| match error {
        TrainError::OneClass { class } => Error::OneClassCounts { class: classes[class].clone() },
        other => Error::of_training(other),
    };
    let validation = validation.samples(classes.len());
    let validation = (!validation.is_empty()).then_some(&validation);
    let fitted = match config {
        HeadConfig::Lbfgs(config) => {
            let train = train.view(0).map_err(Error::of_training)?;
            let fit =
                fit_logistic(&train, validation, config, isa, &mut context.watch(Phase::Head));
            let fit = fit.map_err(named)?;
            let unfinished = format!("the head had not converged after {} steps", fit.steps);
            Fitted {
                head: fit.head,
                epochs: fit.history.epochs,
                strength: Some(fit.strength),
                scale: fit.scale,
                trials: fit.trials,
                warning: (!fit.converged).then_some(unfinished.into()),
            }
        }
        HeadConfig::Adam(config) => {
            let fitted = fit_adam(train, validation, config, &mut context.watch(Phase::Head));
            let (head, history) = fitted.map_err(named)?;
            let unfinished = Warning::StillFalling { epochs: history.epochs.len() };
            Fitted {
                warning: history.still_falls().then_some(unfinished),
                head,
                epochs: history.epochs,
                strength: None,
                scale: 1.0,
                trials: Vec::new(),
            }
        }
    };
    context.check()?;
    Ok(fitted)
}
