//! What a classifier says of labelled pictures.

use std::sync::Arc;

use headstart_data::split::Earlier;
use headstart_data::{LabelSets, SkipReason, Skipped, Source, Subset};
use headstart_train::Task;

use super::Classifier;
use crate::trust::Unseen;
use crate::{Calibration, Context, Error, Evaluation, ExtractConfig, Extractor};

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

/// What the head says of labelled pictures, and the rest of [`Evaluated`].
struct Said {
    pictures: Unseen,
    skipped: Vec<Skipped>,
    subset: Option<Subset>,
    learned_from: Option<usize>,
    source: Source,
}

impl Said {
    fn evaluated(self, evaluation: Evaluation) -> Evaluated {
        let Self { skipped, subset, learned_from, source, .. } = self;
        Evaluated { evaluation, skipped, subset, learned_from, source }
    }
}

impl Classifier {
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
        let said = self.said(source.into(), side, config, context)?;
        let evaluation = self.measure(&said.pictures);
        Ok(said.evaluated(evaluation))
    }

    /// Learns what its answers are worth from labelled pictures, which it should not have learned from: an
    /// imported model, or one of an earlier version, does not know. Which these are is as in
    /// [`Classifier::evaluate_side`]; the figures are of after it.
    ///
    /// # Errors
    /// As [`Classifier::evaluate_side`].
    pub fn calibrate(
        &mut self,
        source: impl Into<Source>,
        side: Option<Subset>,
        config: &ExtractConfig,
        context: &mut Context<'_>,
    ) -> Result<Evaluated, Error> {
        let said = self.said(source.into(), side, config, context)?;
        self.learn_trust(&said.pictures, Calibration::Temperature);
        let evaluation = self.measure(&said.pictures);
        Ok(said.evaluated(evaluation))
    }

    /// What the head says of labelled pictures.
    fn said(
        &self,
        source: Source,
        side: Option<Subset>,
        config: &ExtractConfig,
        context: &mut Context<'_>,
    ) -> Result<Said, Error> {
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
        let logits = context.pool()?.install(|| head.logits(&extraction.features));
        let label_sets = sets.map(|sets| sets.as_slice().into());
        let pictures = Unseen { logits, labels, label_sets };
        let seen = self.training.as_ref().and_then(|record| record.seen.as_ref());
        let learned_from = seen.map(|seen| seen.count(Earlier::LearnedFrom, &extraction.contents));
        Ok(Said { pictures, skipped, subset: measured, learned_from, source })
    }
}
