//! The report of training a head.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use headstart_data::Skipped;
use headstart_train::{Epoch, Task};
use serde::{Deserialize, Serialize, Serializer};

use super::FitConfig;
use super::head::Fitted;
use crate::pictures::LabelledFeatures;
use crate::trust::{TrustConfig, Unseen};
use crate::{
    Answered, Answers, Base, Classifier, Context, CrossValidation, Effort, EpochRecord, Error,
    Evaluation, Origin, Seen, TrainingRecord, Warning,
};
use headstart_predict::UNCHOSEN_THRESHOLD;

/// The report of training a head.
#[derive(Clone, Debug, Serialize)]
pub struct FitReport {
    /// Metrics on the held-back pictures; `None` if none are held back.
    pub validation: Option<Evaluation>,
    /// Results of cross-validation, if requested.
    pub folds: Option<CrossValidation>,
    /// The answer for each evaluated picture; in cross-validation, by the head that was not trained on it.
    #[serde(skip)]
    pub answers: Option<Arc<Answers>>,
    /// Metrics and answers of heads of folds for the training pictures, if none are held back and no folds are
    /// requested.
    ///
    /// These heads share the strength of the final head, so this is a little faster and less strict than
    /// cross-validation. `None` for a head that is trained in epochs.
    #[serde(skip)]
    pub out_of_fold: Option<OutOfFoldFigures>,
    /// Every epoch.
    pub epochs: Vec<Epoch>,
    /// The strength C chosen on the data, with [`HeadConfig::Lbfgs`](crate::HeadConfig::Lbfgs).
    pub strength: Option<f64>,
    /// The number of pictures trained on.
    pub train: usize,
    /// The number of pictures with the same pixels as another one.
    pub duplicates: usize,
    /// The number of pictures whose features came from the cache.
    pub cached: usize,
    /// Skipped pictures and other files, with reasons.
    #[serde(serialize_with = "as_lines")]
    pub skipped: Vec<Skipped>,
    /// Warnings, one line each.
    pub warnings: Vec<Warning>,
    /// Wall time.
    pub seconds: Seconds,
}

/// Metrics and answers for training pictures by heads of folds that were not trained on them.
#[derive(Clone, Debug)]
pub struct OutOfFoldFigures {
    /// The metrics.
    pub evaluation: Evaluation,
    /// The answer for each picture.
    pub answers: Arc<Answers>,
}

/// Serialises skipped files, one line each.
pub(crate) fn as_lines<S: Serializer>(skipped: &[Skipped], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(skipped.iter().map(ToString::to_string))
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

/// Data about the pictures that becomes part of the model and of the report.
pub(crate) struct Outcome {
    pub(crate) origin: Origin,
    pub(crate) folds: Option<CrossValidation>,
    pub(crate) classes: Vec<String>,
    /// Answers for training pictures by heads of folds, if they were computed.
    pub(crate) unseen: Unseen,
    /// The evaluated pictures: those held back, or those of the folds.
    pub(crate) asked: Vec<Answered>,
    /// The training pictures of `unseen`, if known.
    pub(crate) of_learned: Vec<Answered>,
    pub(crate) held_back: Vec<String>,
    /// The pictures trained on and held back, if they are not too many to record.
    pub(crate) seen: Option<Seen>,
    pub(crate) train: usize,
    pub(crate) train_per_class: Vec<usize>,
    pub(crate) duplicates: usize,
    pub(crate) cached: usize,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) warnings: Vec<Warning>,
    /// Seconds until the features were available.
    pub(crate) features: f64,
    pub(crate) start: Instant,
}

impl Outcome {
    pub(crate) fn finish(
        self,
        base: Base,
        fitted: Fitted,
        bank: LabelledFeatures,
        validation: LabelledFeatures,
        config: &FitConfig,
        context: &mut Context<'_>,
    ) -> Result<(Classifier, FitReport), Error> {
        let head_done = self.start.elapsed().as_secs_f64();
        let mut classifier = Classifier::new(base, fitted.head, self.classes);
        let mut warnings = self.warnings;
        let held_back = (!validation.labels.is_empty()).then(|| Unseen {
            held_out: validation.labels.len(),
            logits: classifier.head().logits(&validation.features),
            features: validation.features,
            groups: validation.groups,
            labels: validation.labels,
            label_sets: validation.label_sets,
        });
        let mut unseen: Cow<'_, Unseen> = Cow::Owned(self.unseen);
        match &held_back {
            Some(held_back) if unseen.is_empty() => unseen = Cow::Borrowed(held_back),
            Some(held_back) => unseen.to_mut().extend(held_back),
            None => {}
        }
        let trust = TrustConfig {
            calibration: config.calibration,
            unknown_rate: config.unknown_rate,
            strength: fitted.strength,
        };
        classifier.learn_trust(&bank, &unseen, trust, context)?;
        let deciding = held_back.as_ref().unwrap_or(&*unseen);
        if classifier.task() == Task::MultiLabel && deciding.is_empty() {
            let problem = format!(
                "every label's threshold is {UNCHOSEN_THRESHOLD}: there are no held-out pictures to choose them by"
            );
            warnings.push(problem.into());
        } else {
            classifier.choose_thresholds(deciding);
        }
        let no_figures = held_back.is_none() && self.folds.is_none() && !self.of_learned.is_empty();
        let out_of_fold =
            no_figures.then(|| classifier.out_of_fold_figures(&unseen, self.of_learned));
        let (metrics, answers) = match held_back {
            Some(held_back) => Some(classifier.measure(&held_back, self.asked)).unzip(),
            None => (None, self.folds.is_some().then(|| Answers::of_labelled(self.asked, &unseen))),
        };
        classifier.training = Some(TrainingRecord {
            origin: self.origin,
            weights: classifier.base().weights_record().cloned(),
            further_weights: classifier.base().further_records(),
            effort: Effort::Fast,
            train: self.train,
            train_per_class: self.train_per_class,
            validation: self.held_back,
            seen: self.seen,
            head: config.head.clone(),
            augment: config.inputs.augment,
            views: config.inputs.views,
            strength: fitted.strength,
            trials: fitted.trials,
            epochs: fitted.epochs.iter().map(EpochRecord::from).collect(),
            metrics: metrics.clone(),
            folds: self.folds.clone(),
            fine_tune: None,
        });
        let report = FitReport {
            validation: metrics,
            folds: self.folds,
            answers: answers.map(Arc::new),
            out_of_fold,
            epochs: fitted.epochs,
            strength: fitted.strength,
            train: self.train,
            duplicates: self.duplicates,
            cached: self.cached,
            skipped: self.skipped,
            warnings: warnings.into_iter().chain(fitted.warning).collect(),
            seconds: Seconds {
                features: self.features,
                head: head_done - self.features,
                total: self.start.elapsed().as_secs_f64(),
            },
        };
        Ok((classifier, report))
    }
}
