//! Base and head together: what predicts.

mod base_file;
mod compatible;
mod import;
mod model_file;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use headstart_data::split::Earlier;
use headstart_data::{DecodeError, LabelSets, Location, SkipReason, Skipped, Source, Subset};
use headstart_predict::{ClassifierHead, FeatureExtractor, PredictConfig};
pub use headstart_predict::{MODEL_FORMAT, Prediction, Predictor};
use headstart_train::{Head, Task};

use crate::records::choose_thresholds;
use crate::{Base, Bundled, Context, Error, Evaluation, ExtractConfig, Extractor, TrainingRecord};
pub use base_file::BaseConfig;
pub use import::{ImportConfig, class_names_in};

/// A base with a head on its features, and the names of the classes.
#[derive(Clone, Debug)]
pub struct Classifier {
    base: Base,
    head: ClassifierHead,
    pub(crate) training: Option<TrainingRecord>,
    /// The base, compiled when it is first needed.
    compiled: OnceLock<Arc<FeatureExtractor>>,
}

/// What [`Classifier::evaluate`] measured, and on what.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// The figures.
    pub evaluation: Evaluation,
    /// What was left out, with the reason.
    pub skipped: Vec<Skipped>,
    /// The side of a divided folder that was measured on; `None` for all of an undivided one.
    pub subset: Option<Subset>,
    /// How many of the pictures the model has learned from: on others it will do worse. `None` where the
    /// model's record does not know.
    pub learned_from: Option<usize>,
    /// Where the pictures, their labels and groups were from.
    pub source: Source,
}

impl Classifier {
    pub(crate) fn new(base: Base, head: Head, classes: Vec<String>) -> Self {
        Self::from_parts(base, ClassifierHead::new(head, classes), None)
    }

    fn from_parts(base: Base, head: ClassifierHead, training: Option<TrainingRecord>) -> Self {
        assert_eq!(head.head().dim(), base.features(), "the head is for another base");
        Self { base, head, training, compiled: OnceLock::new() }
    }

    /// Takes over what fine-tuning has made of base and head.
    pub(crate) fn set_base_and_head(&mut self, base: Base, head: Head) {
        self.base = base;
        self.head.set_head(head);
        self.compiled = OnceLock::new();
    }

    pub(crate) fn set_thresholds(&mut self, thresholds: Vec<f32>) {
        self.head.set_thresholds(thresholds);
    }

    /// A bundled base with the classifier that it was published with.
    ///
    /// # Errors
    /// [`Error::NotBundled`] when there is no base of this name, or it has no classifier.
    pub fn bundled(name: &str) -> Result<Self, Error> {
        let with_classifier = Bundled::find(name).and_then(|b| Some((b, b.classes?)));
        let Some((bundled, names)) = with_classifier else {
            let bundled = Bundled::with_classifier();
            return Err(Error::NotBundled { name: name.to_owned(), bundled });
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
    /// As [`Classifier::load`] and [`Classifier::bundled`].
    pub fn open(model: &str) -> Result<Self, Error> {
        if Path::new(model).exists() {
            return Self::load(model);
        }
        if Bundled::find(model).is_some_and(Bundled::has_classifier) {
            return Self::bundled(model);
        }
        let bundled = Bundled::with_classifier();
        Err(Error::NoSuchModel { model: model.to_owned(), bundled })
    }

    /// The base.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// The head.
    pub fn head(&self) -> &Head {
        self.head.head()
    }

    /// What it says of a picture.
    pub fn task(&self) -> Task {
        self.head.task()
    }

    /// Of each class, the probability from which on a picture has this label; empty unless
    /// [`Classifier::task`] is [`Task::MultiLabel`].
    pub fn thresholds(&self) -> &[f32] {
        self.head.thresholds()
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        self.head.classes()
    }

    /// How it was trained; `None` if not here.
    pub fn training(&self) -> Option<&TrainingRecord> {
        self.training.as_ref()
    }

    /// Renames the classes.
    ///
    /// # Errors
    /// [`Error::ClassNames`] unless there is a name for each.
    pub fn set_classes(&mut self, names: Vec<String>) -> Result<(), Error> {
        if names.len() != self.classes().len() {
            return Err(Error::ClassNames { given: names.len(), classes: self.classes().len() });
        }
        self.head.set_classes(&names).map_err(Error::BadClassNames)
    }

    /// Chooses the thresholds by what it says of pictures that it has not learned from, if they may have
    /// several labels.
    pub(crate) fn choose_thresholds(
        &mut self,
        labels: &[usize],
        sets: Option<&[Vec<usize>]>,
        probabilities: &[f32],
    ) {
        if let Some(sets) = sets {
            let classes = self.classes().len();
            self.head.set_thresholds(choose_thresholds(labels, sets, probabilities, classes));
        }
    }

    /// Figures on pictures of these labels and of these probabilities, n x classes.
    pub(crate) fn measure(
        &self,
        labels: &[usize],
        sets: Option<&[Vec<usize>]>,
        probabilities: &[f32],
    ) -> Evaluation {
        Evaluation::of(self.classes(), self.thresholds(), labels, sets, probabilities)
    }

    /// What the head makes of one picture's features.
    pub fn classify(&self, features: &[f32]) -> Prediction {
        self.head.classify(features)
    }

    /// What predicts without this library's other parts, and can be shared among threads. The base is
    /// compiled by the first call, and again after fine-tuning.
    pub fn predictor(&self) -> Predictor {
        let config = PredictConfig::default();
        let compile = || Arc::new(self.base.compile(config.compute).into());
        let base = self.compiled.get_or_init(compile);
        Predictor::compiled(base.clone(), self.head.clone(), &config)
    }

    /// Predicts one picture. Many are predicted by [`Classifier::predict_each`] on all processors, or
    /// on threads of the caller's with a [`Classifier::predictor`].
    ///
    /// # Errors
    /// [`Error::Picture`].
    pub fn predict(&self, path: impl AsRef<Path>) -> Result<Prediction, Error> {
        let path = path.as_ref();
        self.predictor().predict(path).map_err(|error| Error::of_prediction(path, error))
    }

    /// Predicts pictures, which may come one by one, and hands the answers to `each` in order, as
    /// soon as there are any.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the context is cancelled, and what `each` returns.
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

    /// The pictures of a source, labelled as those were that the model was trained on, where the source
    /// itself has no labels and the model's were found in paths. Of a model that gives any number of labels,
    /// so may the pictures have.
    ///
    /// # Errors
    /// When the source cannot be listed, or nothing is found in its paths.
    pub fn labelled(&self, source: impl Into<Source>) -> Result<Source, Error> {
        let mut source = source.into();
        source.multi_label |= self.task() == Task::MultiLabel;
        let Some(record) = &self.training else { return Ok(source) };
        let own = &record.origin;
        // Columns that were named are there again, or this is another table.
        if source.columns.is_empty() && !own.columns.is_empty() {
            let named = Source { columns: own.columns.clone(), ..source.clone() };
            if named.list().is_ok() {
                source = named;
            }
        }
        if let Some(own) = own.label_from.as_ref().filter(|_| source.label_from.is_none())
            && source.list()?.pictures.iter().all(|picture| picture.label.is_none())
        {
            source.label_from = Some(own.parse()?);
        }
        Ok(source)
    }

    /// Measures the classifier on a folder with one folder of pictures per class, a manifest, or any
    /// other source of labelled pictures; of one that is divided into `train` and `validation` or
    /// `test`, on the latter. Labels are found as [`Classifier::labelled`] has it.
    ///
    /// # Errors
    /// When the source cannot be listed, has no labelled pictures that can be read, or has a class that
    /// the model does not know.
    pub fn evaluate(
        &self,
        source: impl Into<Source>,
        config: &ExtractConfig,
        context: &mut Context<'_>,
    ) -> Result<Evaluated, Error> {
        self.evaluate_side(source, None, config, context)
    }

    /// [`Classifier::evaluate`] on one side of a divided source.
    ///
    /// # Errors
    /// As [`Classifier::evaluate`], and when no picture is on that side.
    pub fn evaluate_side(
        &self,
        source: impl Into<Source>,
        side: Option<Subset>,
        config: &ExtractConfig,
        context: &mut Context<'_>,
    ) -> Result<Evaluated, Error> {
        let source = self.labelled(source)?;
        let listing = source.list()?;
        if listing.is_multi_label() {
            self.check_task(Task::MultiLabel)?;
        }
        let mut skipped = listing.skipped;
        // What was trained on is no measure where there is something else.
        let has = |subset| listing.pictures.iter().any(|p| p.subset == Some(subset));
        let measured = side
            .or_else(|| [Subset::Validation, Subset::Test].into_iter().find(|&subset| has(subset)));
        let mut sets = (self.task() == Task::MultiLabel).then(LabelSets::default);
        let (mut measured_on, mut labels) = (Vec::new(), Vec::new());
        for picture in listing.pictures {
            if measured.is_some() && picture.subset != measured {
                continue;
            }
            if picture.label.is_none() {
                skipped.push(Skipped::new(picture.at.path(), SkipReason::NoLabel));
                continue;
            };
            let class = |name: &Arc<str>| {
                let class = self.classes().iter().position(|known| **known == **name);
                class.ok_or_else(|| Error::UnknownClass {
                    class: name.to_string(),
                    known: self.classes().to_vec(),
                })
            };
            let own: Vec<usize> =
                picture.label.names().iter().map(class).collect::<Result<_, _>>()?;
            labels.push(match &mut sets {
                Some(sets) => sets.number(own),
                None => own[0],
            });
            measured_on.push(picture.at);
        }
        if measured_on.is_empty() {
            let path = source.path;
            return Err(match side {
                Some(side) => Error::NothingOnSide { path, side },
                None => Error::NothingToEvaluate { path },
            });
        }
        let extraction = Extractor::new(&self.base, config).extract(&measured_on, context)?;
        skipped.extend(extraction.skipped);
        if extraction.kept.is_empty() {
            return Err(Error::none_readable(skipped));
        }
        let mut labels: Vec<usize> = extraction.kept.iter().map(|&i| labels[i]).collect();
        if let Some(sets) = sets.as_mut().filter(|_| source.multi_label) {
            sets.unite(&mut labels, &extraction.contents);
        }
        let head = self.head();
        let probabilities = context.pool()?.install(|| head.probabilities(&extraction.features));
        let sets = sets.as_ref().map(LabelSets::as_slice);
        let evaluation = self.measure(&labels, sets, &probabilities);
        let seen = self.training.as_ref().and_then(|record| record.seen.as_ref());
        let learned_from = seen.map(|seen| seen.count(Earlier::LearnedFrom, &extraction.contents));
        Ok(Evaluated { evaluation, skipped, subset: measured, learned_from, source })
    }
}
