//! Cross-validation of a head.

use headstart_data::split::{self, PictureLabels, describe_all, folds};

use super::{FitConfig, fit_head};
use crate::pictures::PartitionedFeatures;
use crate::records::choose_thresholds;
use crate::trust::Unseen;
use crate::{
    Answered, Context, CrossValidation, Error, Evaluation, Event, FoldRecord, Pictures, Spread,
    Warning,
};
use headstart_predict::ClassifierHead;

/// Checks that the pictures have no split yet.
///
/// # Errors
/// When the held-back pictures are specified.
pub(super) fn check_undivided(pictures: &Pictures) -> Result<(), Error> {
    if !pictures.is_divided() {
        return Ok(());
    }
    let root = pictures.root().display();
    Err(Error::Options(format!("{root}: already has a split; it cannot be combined with folds")))
}

/// Trains a head without each fold in turn. Returns the metrics, the answers of these heads for their folds,
/// the pictures of these answers, and warnings.
///
/// # Errors
/// As for [`Classifier::fit`](crate::Classifier::fit), and when the pictures cannot be divided into so many
/// folds.
pub(super) fn measure(
    divided: &PartitionedFeatures,
    pictures: &Pictures,
    count: usize,
    config: &FitConfig,
    context: &mut Context<'_>,
) -> Result<(CrossValidation, Unseen, Vec<Answered>, Vec<Warning>), Error> {
    let names = pictures.classes();
    let isa = config.inputs.extract.compute.isa;
    let sets = divided.label_sets.as_deref();
    let all = PictureLabels::new(&divided.labels, sets);
    let folds = folds(all, &divided.groups, count, config.inputs.seed)?;
    // Heads of folds are discarded, so their epochs are not reported.
    let mut within = context.filtered(|event| !matches!(event, Event::Epoch { .. }));
    let (mut records, mut like, mut asked) = (Vec::new(), None, Vec::new());
    let mut unseen = Unseen { label_sets: divided.label_sets.clone(), ..Unseen::default() };
    for fold in 0..count {
        let split::Split { train, validation, .. } = folds.split(fold);
        let (train, mut held_out) = (divided.train.of(&train), divided.train.of(&validation));
        held_out.weights = None;
        let samples = train.samples(names.len());
        let fitted = fit_head(&config.head, isa, &samples, &held_out, names, &mut within)?;
        let own = fitted.head.logits(&held_out.features);
        let head = ClassifierHead::new(fitted.head, names.to_vec());
        let evaluation = Evaluation::of_logits(&head, &held_out.labels, sets, own.clone());
        like.get_or_insert(head);
        records.push(FoldRecord {
            train: train.labels.len(),
            validation: held_out.labels.len(),
            accuracy: evaluation.accuracy,
            loss: evaluation.loss,
            macro_recall: evaluation.macro_recall(),
        });
        asked.extend(validation.iter().map(|&picture| divided.asked(pictures, picture)));
        unseen.features.extend(held_out.features);
        unseen.groups.extend(held_out.groups);
        unseen.labels.extend(held_out.labels);
        unseen.logits.extend(own);
    }
    let spread = |of: fn(&FoldRecord) -> f64| Spread::of(records.iter().map(of));
    let (accuracy, loss) = (spread(|fold| fold.accuracy), spread(|fold| fold.loss));
    let macro_recall = spread(|fold| fold.macro_recall);
    // Calibration and thresholds are fitted to answers for pictures that the heads were not trained on.
    let mut head = like.expect("there are folds");
    head.set_trust(unseen.trust(head.task(), names.len(), config.calibration));
    if let Some(sets) = sets {
        let probabilities = head.probabilities_of(unseen.logits.clone());
        head.set_thresholds(choose_thresholds(&unseen.labels, sets, &probabilities, names.len()));
    }
    let held_out = Evaluation::of_logits(&head, &unseen.labels, sets, unseen.logits.clone());
    let warnings = describe_all(&folds.warnings, names, &divided.labels, |picture| {
        divided.name(pictures, picture)
    });
    let warnings = warnings.into_iter().map(Into::into).collect();
    let figures = CrossValidation { folds: records, accuracy, loss, macro_recall, held_out };
    Ok((figures, unseen, asked, warnings))
}
