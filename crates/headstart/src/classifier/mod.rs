//! The classifier: a base and a head.

mod base_file;
mod compatible;
mod evaluate;
mod explain;
mod import;
mod model_file;
mod pixels;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use headstart_data::{DecodeError, Location};
use headstart_engine::head::sigmoid;
use headstart_predict::{
    Answer, ClassifierHead, FeatureExtractor, NoLabelSet, PredictConfig, Trust,
};
pub use headstart_predict::{AnswerConfig, MODEL_FORMAT, Prediction, Predictor};
use headstart_train::{Head, Task};

use crate::pictures::LabelledFeatures;
use crate::records::choose_thresholds;
use crate::trust::{TrustConfig, Unseen};
use crate::{
    Answered, Answers, Base, BaseError, Bundled, Calibration, Context, Effort, Error, Evaluation,
    ExtractConfig, Extractor, OpenError, OutOfFoldFigures, TrainingRecord, TrainingSet,
    UnknownRate,
};
pub use base_file::BaseConfig;
pub use evaluate::Evaluated;
pub use explain::Explained;
pub use import::{ImportConfig, class_names_in};

/// A base, a head on its features, and the names of the classes.
#[derive(Clone, Debug)]
pub struct Classifier {
    base: Base,
    head: ClassifierHead,
    pub(crate) training: Option<TrainingRecord>,
    /// The base, compiled on first use.
    compiled: OnceLock<Arc<[FeatureExtractor]>>,
    answer: AnswerConfig,
}

impl Classifier {
    pub(crate) fn new(base: Base, head: Head, classes: Vec<String>) -> Self {
        Self::from_parts(base, ClassifierHead::new(head, classes), None)
    }

    fn from_parts(base: Base, head: ClassifierHead, training: Option<TrainingRecord>) -> Self {
        assert_eq!(head.head().dim(), base.features(), "the head is for another base");
        let (compiled, answer) = (OnceLock::new(), AnswerConfig::default());
        Self { base, head, training, compiled, answer }
    }

    /// Replaces base and head by the fine-tuned ones.
    pub(crate) fn set_base_and_head(&mut self, base: Base, head: Head) {
        self.base = base;
        self.head.set_head(head);
        self.move_thresholds(&Trust::default());
        self.set_trust(Trust::default());
        self.compiled = OnceLock::new();
    }

    /// Records the effort of the job.
    pub(crate) fn record_effort(&mut self, effort: Effort) {
        if let Some(record) = &mut self.training {
            record.effort = effort;
        }
    }

    /// Copies the origin of the pictures and the effort from the record of another model.
    pub(crate) fn take_origin(&mut self, from: &TrainingRecord) {
        if let Some(record) = &mut self.training {
            record.origin.clone_from(&from.origin);
            record.effort = from.effort;
        }
    }

    /// Makes features the mean of those of a picture and its mirror image, and calibrates the classifier for
    /// it. Returns metrics on the held-back pictures, if there are any.
    ///
    /// # Errors
    /// When the pictures cannot be read back, or the context is cancelled.
    pub(crate) fn mirror(
        &mut self,
        set: &TrainingSet,
        trust: TrustConfig,
        context: &mut Context<'_>,
    ) -> Result<Option<(Evaluation, Answers)>, Error> {
        self.base.set_mirrored(true);
        self.compiled = OnceLock::new();
        let measured =
            context.install(|context| set.learn_trust_and_evaluate(self, trust, context))?;
        if let (Some(record), Some((evaluation, _))) = (&mut self.training, &measured) {
            record.metrics = Some(evaluation.clone());
        }
        Ok(measured)
    }

    /// A bundled base with the classifier that it was published with.
    ///
    /// # Errors
    /// [`BaseError::NotBundled`] when there is no base called `name`, or it has no classifier.
    pub fn bundled(name: &str) -> Result<Self, Error> {
        let with_classifier = Bundled::find(name).and_then(|b| Some((b, b.classes?)));
        let Some((bundled, names)) = with_classifier else {
            let bundled = Bundled::with_classifier();
            return Err(BaseError::NotBundled { name: name.to_owned(), bundled }.into());
        };
        let (base, kernel, bias) = Base::bundled_with_classifier(bundled)?;
        let classes: Vec<String> = names.lines().map(str::to_owned).collect();
        let (hidden, dropout) = (Vec::new(), 0.0);
        let task = Task::SingleLabel;
        let head = Head { hidden, kernel, bias, classes: classes.len(), dropout, task };
        Ok(Self::new(base, head, classes))
    }

    /// Opens a model file, or the bundled base of this name if there is no such file.
    ///
    /// # Errors
    /// As for [`Classifier::load`] and [`Classifier::bundled`].
    pub fn open(model: &str) -> Result<Self, Error> {
        // A model is often named after the folder of its pictures.
        let path = Path::new(model);
        let near = path.with_added_extension("safetensors");
        let near = Some(near).filter(|near| !path.is_file() && near.is_file());
        if path.exists() && near.is_none() {
            return Self::load(model);
        }
        if Bundled::find(model).is_some_and(Bundled::has_classifier) {
            return Self::bundled(model);
        }
        let bundled = Bundled::with_classifier();
        Err(OpenError::NotFound { model: model.to_owned(), near, bundled }.into())
    }

    /// The base.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// The head.
    pub fn head(&self) -> &Head {
        self.head.head()
    }

    /// The head with the names of the classes, calibration and thresholds: everything except the base.
    pub fn classifier_head(&self) -> &ClassifierHead {
        &self.head
    }

    /// The kind of answer: one label per picture, or any number.
    pub fn task(&self) -> Task {
        self.head.task()
    }

    /// The probability of each class from which a picture is given its label; empty unless [`Classifier::task`]
    /// is [`Task::MultiLabel`].
    pub fn thresholds(&self) -> &[f32] {
        self.head.thresholds()
    }

    /// The names of the classes.
    pub fn classes(&self) -> &[String] {
        self.head.classes()
    }

    /// The record of training; `None` if the classifier was not trained by headstart.
    pub fn training(&self) -> Option<&TrainingRecord> {
        self.training.as_ref()
    }

    /// Renames the classes.
    ///
    /// # Errors
    /// [`Error::ClassNames`] unless there is one name per class, and [`Error::BadClassNames`] for invalid
    /// names.
    pub fn set_classes(&mut self, names: Vec<String>) -> Result<(), Error> {
        if names.len() != self.classes().len() {
            return Err(Error::ClassNames { given: names.len(), classes: self.classes().len() });
        }
        self.head.set_classes(&names).map_err(Error::BadClassNames)
    }

    /// Chooses thresholds from the answers for pictures that the head was not trained on, if pictures may have
    /// several labels.
    pub(crate) fn choose_thresholds(&mut self, unseen: &Unseen) {
        if let Some(sets) = unseen.label_sets() {
            let probabilities = self.head.probabilities_of(unseen.logits.clone());
            let classes = self.classes().len();
            let chosen = choose_thresholds(&unseen.labels, sets, &probabilities, classes);
            self.head.set_thresholds(chosen);
        }
    }

    /// Calibrates the classifier on pictures that the head was not trained on, and fits the detection of
    /// unknown pictures to `known` ones.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; the classifier is then unchanged.
    pub(crate) fn learn_trust(
        &mut self,
        known: &LabelledFeatures,
        unseen: &Unseen,
        config: TrustConfig,
        context: &mut Context<'_>,
    ) -> Result<(), Error> {
        let mut trust = unseen.trust(self.task(), self.classes().len(), config.calibration);
        trust.unknown = unseen.unknown(known, self.values(), config, context)?;
        self.set_trust(trust);
        Ok(())
    }

    /// Calibrates the classifier again, on pictures that neither the head was trained on nor the detection of
    /// unknown pictures keeps.
    ///
    /// The detection gets a new threshold. If there is none yet, it is fitted to these pictures instead of
    /// training pictures. What was learned before from enough pictures is kept if these are too few.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; the classifier is then unchanged.
    pub(crate) fn learn_trust_anew(
        &mut self,
        unseen: &Unseen,
        unknown_rate: UnknownRate,
        context: &mut Context<'_>,
    ) -> Result<(), Error> {
        if !unseen.is_enough() && self.trust().temperature.is_some() {
            let mut trust = self.trust().clone();
            trust.unknown = trust.unknown.filter(|_| !unknown_rate.is_never());
            self.set_trust(trust);
            return Ok(());
        }
        let mut trust = unseen.trust(self.task(), self.classes().len(), Calibration::Temperature);
        let own = self.head.trust().unknown.clone();
        trust.unknown = match own.filter(|_| !unknown_rate.is_never() && unseen.is_enough()) {
            Some(mut unknown) => {
                let scores = unseen.unknown_scores(&unknown);
                let scores = scores.iter().map(|found| found.score).collect();
                unknown.set_threshold(scores, unknown_rate.share());
                Some(unknown)
            }
            None => {
                let config = TrustConfig { unknown_rate, ..TrustConfig::default() };
                let known = unseen.bank(self.base.features());
                unseen.unknown(&known, self.values(), config, context)?
            }
        };
        self.move_thresholds(&trust);
        self.set_trust(trust);
        Ok(())
    }

    /// Adjusts the thresholds to new temperatures so that predicted labels stay the same: thresholds are
    /// compared with calibrated probabilities.
    fn move_thresholds(&mut self, to: &Trust) {
        let temperature = |trust: &Trust, class: usize| {
            trust.temperature.as_ref().map_or(1.0, |temperature| temperature.values()[class])
        };
        let moved = |(class, &threshold): (usize, &f32)| match threshold > 0.0 && threshold < 1.0 {
            true => {
                let (from, to) = (temperature(self.trust(), class), temperature(to, class));
                let threshold = f64::from(threshold);
                sigmoid((threshold / (1.0 - threshold)).ln() * f64::from(from / to)) as f32
            }
            false => threshold,
        };
        let thresholds = self.thresholds().iter().enumerate().map(moved).collect();
        self.head.set_thresholds(thresholds);
    }

    /// The number of weights of bases and head.
    pub(crate) fn values(&self) -> usize {
        let of_bases = self.base.parts().flat_map(|base| base.weights().iter());
        let bases: usize = of_bases.map(|(_, tensor)| tensor.data.len()).sum();
        bases + self.head().weights().map(Vec::len).sum::<usize>()
    }

    pub(crate) fn set_thresholds(&mut self, thresholds: Vec<f32>) {
        self.head.set_thresholds(thresholds);
    }

    pub(crate) fn set_trust(&mut self, trust: Trust) {
        self.head.set_trust(trust);
        if self.head.check_answer(&self.answer).is_err() {
            self.answer.coverage = None;
        }
    }

    /// The metrics on pictures, and the answers for them. `asked` are the same pictures.
    pub(crate) fn measure(&self, said: &Unseen, asked: Vec<Answered>) -> (Evaluation, Answers) {
        let (labels, logits) = (&said.labels, said.logits.clone());
        let mut evaluation = Evaluation::of_logits(&self.head, labels, said.label_sets(), logits);
        let mut answers = Answers::of_labelled(asked, said);
        let unknown = self.trust().unknown.as_ref().filter(|_| !said.features.is_empty());
        if let Some(unknown) = unknown {
            let scores = said.unknown_scores(unknown);
            evaluation.turned_away = Some(scores.iter().filter(|score| score.is_unknown).count());
            answers.set_unknown(scores);
        }
        (evaluation, answers)
    }

    /// The metrics of heads of folds on pictures that the classifier's own head was trained on, calibrated like
    /// the classifier. Whether these pictures are unknown is not computed: it would take longer than the head.
    pub(crate) fn out_of_fold_figures(
        &self,
        said: &Unseen,
        asked: Vec<Answered>,
    ) -> OutOfFoldFigures {
        let (labels, logits) = (&said.labels, said.logits.clone());
        let evaluation = Evaluation::of_logits(&self.head, labels, said.label_sets(), logits);
        let answers = Answers::of_labelled(asked, said).into();
        OutOfFoldFigures { evaluation, answers }
    }

    /// Calibrated probabilities, `[pictures][classes]`, from the head's logits, `[pictures][units]`.
    pub fn probabilities(&self, logits: Vec<f32>) -> Vec<f32> {
        self.head.probabilities_of(logits)
    }

    /// The calibration of its answers, and the detection of unknown pictures.
    pub fn trust(&self) -> &Trust {
        self.head.trust()
    }

    /// A set of labels with a coverage guarantee, from the scores of a [`Prediction`]; see
    /// [`ClassifierHead::label_set`].
    ///
    /// # Errors
    /// The reason why the coverage cannot be guaranteed.
    pub fn label_set(&self, scores: &[f32], coverage: f64) -> Result<Vec<usize>, NoLabelSet> {
        self.head.label_set(scores, coverage)
    }

    /// Sets what predictions contain. If a later calibration can no longer guarantee the coverage, they contain
    /// no label sets.
    ///
    /// # Errors
    /// The reason why the requested coverage cannot be guaranteed.
    pub fn set_answer(&mut self, config: AnswerConfig) -> Result<(), NoLabelSet> {
        self.head.check_answer(&config)?;
        self.answer = config;
        Ok(())
    }

    /// The answer for a prediction in machine-readable form, with the scores of the `top_k` likeliest classes,
    /// or of all.
    pub fn answer(&self, prediction: &Prediction, top_k: Option<usize>) -> Answer<'_> {
        self.head.answer(prediction, top_k)
    }

    /// The head's prediction for the features of one picture.
    pub fn classify(&self, features: &[f32]) -> Prediction {
        self.head.classify_as(features, &self.answer)
    }

    /// A predictor that does not need the rest of this library, and can be shared among threads. The base is
    /// compiled by the first call, and again after fine-tuning.
    pub fn predictor(&self) -> Predictor {
        let config = PredictConfig::default();
        let bases = self.compiled.get_or_init(|| self.base.extractors(config.compute));
        let predictor = Predictor::compiled(bases.clone(), self.head.clone(), &config);
        predictor.with_answer(self.answer).expect("it is checked when it is set")
    }

    /// Predicts one picture. For many, use [`Classifier::predict_each`], which uses all processors, or your own
    /// threads with a [`Classifier::predictor`].
    ///
    /// # Errors
    /// [`Error::Picture`].
    pub fn predict(&self, path: impl AsRef<Path>) -> Result<Prediction, Error> {
        let path = path.as_ref();
        self.predictor().predict(path).map_err(|error| Error::of_prediction(path, error))
    }

    /// Predicts pictures, which may arrive one by one, and passes the answers to `each` in order, as soon as
    /// they are available.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the context is cancelled, and errors returned by `each`.
    pub fn predict_each<P: AsRef<Location> + Send>(
        &self,
        pictures: impl IntoIterator<Item = P, IntoIter: Send>,
        config: &ExtractConfig,
        context: &mut Context<'_>,
        each: &mut dyn FnMut(P, Result<Prediction, DecodeError>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let extractor = Extractor::new(&self.base, config);
        extractor.for_each_in(pictures.into_iter(), context, &mut |picture, result| {
            each(picture, result.map(|features| self.classify(&features.features)))
        })
    }
}
