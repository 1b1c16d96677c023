//! What a classifier says of labelled pictures.

use std::collections::HashMap;
use std::iter::zip;
use std::mem::take;
use std::path::Path;
use std::sync::Arc;

use headstart_data::sources::list_pictures;
use headstart_data::split::Earlier;
use headstart_data::{LabelSets, Location, SkipReason, Skipped, Source, Subset};
use headstart_predict::{UnknownFigures, UnknownScore};
use headstart_train::Task;

use super::Classifier;
use crate::trust::Unseen;
use crate::{
    Answered, Answers, Context, Error, Evaluation, ExtractConfig, Extractor, UnknownEvaluation,
    UnknownRate,
};

/// What [`Classifier::evaluate`] measured, and on what.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// The figures.
    pub evaluation: Evaluation,
    /// What it says of each picture.
    pub answers: Answers,
    /// What it says of each picture of none of the classes.
    pub of_unknown: Answers,
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
    asked: Vec<Answered>,
    skipped: Vec<Skipped>,
    subset: Option<Subset>,
    learned_from: Option<usize>,
    source: Source,
    /// Pictures in a folder `unknown`, where no class is called that.
    unknown: Vec<Location>,
}

/// What a folder of pictures of none of the classes is called, beside theirs.
const UNKNOWN: &str = "unknown";

impl Said {
    fn evaluated(self, (evaluation, answers): (Evaluation, Answers)) -> Evaluated {
        let Self { skipped, subset, learned_from, source, .. } = self;
        let of_unknown = Answers::default();
        Evaluated { evaluation, answers, of_unknown, skipped, subset, learned_from, source }
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
        self.evaluate_beside(source, side, None, config, context)
    }

    /// [`Classifier::evaluate_side`], which also measures how pictures of none of the classes are told from
    /// these: those below the folder `unknown`, and, where no class is called so, those labelled `unknown`.
    ///
    /// # Errors
    /// As [`Classifier::evaluate_side`], [`Error::CannotTellUnknown`], and when `unknown` is given and holds
    /// no pictures that can be read.
    pub fn evaluate_beside(
        &self,
        source: impl Into<Source>,
        side: Option<Subset>,
        unknown: Option<&Path>,
        config: &ExtractConfig,
        context: &mut Context<'_>,
    ) -> Result<Evaluated, Error> {
        let mut said = self.said(source.into(), side, config, context)?;
        let (mut evaluation, answers) = self.measure(&said.pictures, take(&mut said.asked));
        let mut of_unknown = Answers::default();
        let mut pictures = take(&mut said.unknown);
        if let Some(folder) = unknown {
            let listing = list_pictures([folder]);
            said.skipped.extend(listing.skipped);
            if listing.pictures.is_empty() {
                return Err(Error::NothingToEvaluate { path: folder.to_owned() });
            }
            pictures.extend(listing.pictures.into_iter().map(|picture| picture.at));
        }
        if !pictures.is_empty() {
            let unknown = self.trust().unknown.as_ref().ok_or(Error::CannotTellUnknown)?;
            let extraction = Extractor::new(&self.base, config).extract(&pictures, context)?;
            said.skipped.extend(extraction.skipped);
            if extraction.kept.is_empty() {
                return Err(Error::none_readable(said.skipped));
            }
            let logits = context.pool()?.install(|| self.head().logits(&extraction.features));
            let (n, features) = (extraction.kept.len(), extraction.features);
            let asked = zip(&extraction.kept, &extraction.facts);
            of_unknown.pictures =
                asked.map(|(&i, facts)| Answered::new(&pictures[i], Some(facts.into()))).collect();
            of_unknown.logits.clone_from(&logits);
            let others = Unseen { features, logits, labels: vec![0; n], ..Unseen::default() };
            let found = others.unknown_scores(unknown);
            let scores = |found: &[UnknownScore]| -> Vec<f32> {
                found.iter().map(|found| found.score).collect()
            };
            let known: Vec<f32> = answers.unknown().map(|known| known.score).collect();
            let figures = UnknownFigures::of(&known, &scores(&found));
            evaluation.unknown = figures.map(|figures| UnknownEvaluation {
                pictures: n,
                turned_away: found.iter().filter(|found| found.is_unknown).count(),
                figures,
            });
            of_unknown.set_unknown(found);
        }
        Ok(Evaluated { of_unknown, ..said.evaluated((evaluation, answers)) })
    }

    /// Learns what its answers are worth from labelled pictures, which it should not have learned from: an
    /// imported model, or one of an earlier version, does not know. Which these are is as in
    /// [`Classifier::evaluate_side`]; the figures are of after it. A model that does not know which pictures
    /// to turn away as of none of its classes goes by how near they are to these.
    ///
    /// # Errors
    /// As [`Classifier::evaluate_side`].
    pub fn calibrate(
        &mut self,
        source: impl Into<Source>,
        side: Option<Subset>,
        unknown_rate: UnknownRate,
        config: &ExtractConfig,
        context: &mut Context<'_>,
    ) -> Result<Evaluated, Error> {
        let mut said = self.said(source.into(), side, config, context)?;
        context.install(|context| self.learn_trust_anew(&said.pictures, unknown_rate, context))?;
        let measured = self.measure(&said.pictures, take(&mut said.asked));
        Ok(said.evaluated(measured))
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
        let mut unknown = Vec::new();
        let tells = !self.classes().iter().any(|class| class == UNKNOWN);
        for picture in listing.pictures {
            if measured.is_some() && picture.subset != measured {
                continue;
            }
            if picture.label.is_none() {
                skipped.push(Skipped::new(picture.at.path(), SkipReason::NoLabel));
                continue;
            };
            let is_unknown = |names: &[Arc<str>]| names.len() == 1 && *names[0] == *UNKNOWN;
            if tells && is_unknown(picture.label.names()) {
                unknown.push(picture.at);
                continue;
            }
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
        // Pictures of the same pixels are in one group.
        let mut numbers = HashMap::new();
        let group = |content| {
            let next = numbers.len();
            *numbers.entry(content).or_insert(next)
        };
        let groups = extraction.contents.iter().map(group).collect();
        let asked = zip(&extraction.kept, &extraction.facts);
        let asked =
            asked.map(|(&i, facts)| Answered::new(&measured_on[i], Some(facts.into()))).collect();
        let features = extraction.features;
        let held_out = labels.len();
        let pictures = Unseen { features, logits, labels, groups, label_sets, held_out };
        let seen = self.training.as_ref().and_then(|record| record.seen.as_ref());
        let learned_from = seen.map(|seen| seen.count(Earlier::LearnedFrom, &extraction.contents));
        Ok(Said { pictures, asked, skipped, subset: measured, learned_from, source, unknown })
    }
}
