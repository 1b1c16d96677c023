//! Cross-validation of a head.

use headstart_data::split::{self, PictureLabels, describe_all, folds};

use super::{FitConfig, fit_head};
use crate::pictures::PartitionedFeatures;
use crate::records::choose_thresholds;
use crate::{
    Context, CrossValidation, Error, Evaluation, Event, FoldRecord, Pictures, Spread, Warning,
};
use headstart_predict::UNCHOSEN_THRESHOLD;

/// # Errors
/// When something says which pictures are held back.
pub(super) fn check_undivided(pictures: &Pictures) -> Result<(), Error> {
    if !pictures.is_divided() {
        return Ok(());
    }
    let root = pictures.root().display();
    Err(Error::Options(format!(
        "{root}: says itself which pictures are held back, which folds cannot heed: take one or the other"
    )))
}

/// Trains a head without each fold in turn. Beside the figures, what whoever owns the pictures should
/// know.
///
/// # Errors
/// As [`Classifier::fit`](crate::Classifier::fit), and when the pictures cannot be dealt into so many
/// folds.
pub(super) fn measure(
    divided: &PartitionedFeatures,
    pictures: &Pictures,
    count: usize,
    config: &FitConfig,
    context: &mut Context<'_>,
) -> Result<(CrossValidation, Vec<Warning>), Error> {
    let names = pictures.classes();
    let isa = config.inputs.extract.compute.isa;
    let sets = divided.label_sets.as_deref();
    let all = PictureLabels::new(&divided.labels, sets);
    let folds = folds(all, &divided.groups, count, config.inputs.seed)?;
    // Epochs are those of heads that are thrown away.
    let mut within = context.filtered(|event| !matches!(event, Event::Epoch { .. }));
    let (mut records, mut labels, mut probabilities) = (Vec::new(), Vec::new(), Vec::new());
    for fold in 0..count {
        let split::Split { train, validation, .. } = folds.split(fold);
        let (train, mut held_out) = (divided.train.of(&train), divided.train.of(&validation));
        held_out.weights = None;
        let samples = train.samples(names.len());
        let fitted = fit_head(&config.head, isa, &samples, &held_out, names, &mut within)?;
        let own = fitted.head.probabilities(&held_out.features);
        let even = vec![UNCHOSEN_THRESHOLD; names.len()];
        let evaluation = Evaluation::of(names, &even, &held_out.labels, sets, &own);
        records.push(FoldRecord {
            train: train.labels.len(),
            validation: held_out.labels.len(),
            accuracy: evaluation.accuracy,
            loss: evaluation.loss,
            macro_recall: evaluation.macro_recall(),
        });
        labels.extend(held_out.labels);
        probabilities.extend(own);
    }
    let spread = |of: fn(&FoldRecord) -> f64| Spread::of(records.iter().map(of));
    let (accuracy, loss) = (spread(|fold| fold.accuracy), spread(|fold| fold.loss));
    let macro_recall = spread(|fold| fold.macro_recall);
    // What no head had seen decides from which probability on a picture has a label.
    let thresholds = sets.map_or_else(Vec::new, |sets| {
        choose_thresholds(&labels, sets, &probabilities, names.len())
    });
    let held_out = Evaluation::of(names, &thresholds, &labels, sets, &probabilities);
    let warnings = describe_all(&folds.warnings, names, &divided.labels, |picture| {
        divided.name(pictures, picture)
    });
    let warnings = warnings.into_iter().map(Into::into).collect();
    Ok((CrossValidation { folds: records, accuracy, loss, macro_recall, held_out }, warnings))
}
