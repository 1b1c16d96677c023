//! Evaluation of a classifier on labelled pictures.

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

/// The result of [`Classifier::evaluate`].
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// The metrics.
    pub evaluation: Evaluation,
    /// The answer for each picture of known classes.
    pub answers: Answers,
    /// The answer for each picture of none of the classes.
    pub of_unknown: Answers,
    /// Skipped pictures and other files, with reasons.
    pub skipped: Vec<Skipped>,
    /// The evaluated side; `None` if all pictures of an unsplit source were evaluated.
    pub subset: Option<Subset>,
    /// How many of the pictures the model was trained on; it is less accurate on others. `None` if the model
    /// has no record of its pictures.
    pub learned_from: Option<usize>,
    /// The source of the pictures, and of their labels and groups.
    pub source: Source,
}

/// The head's answers for labelled pictures, and the other parts of [`Evaluated`].
struct Said {
    pictures: Unseen,
    asked: Vec<Answered>,
    skipped: Vec<Skipped>,
    subset: Option<Subset>,
    learned_from: Option<usize>,
    source: Source,
    /// Pictures labelled `unknown`, if no class has that name.
    unknown: Vec<Location>,
}

/// The name of the folder, beside those of the classes, that contains pictures of none of them.
const UNKNOWN: &str = "unknown";

impl Said {
    fn evaluated(self, (evaluation, answers): (Evaluation, Answers)) -> Evaluated {
        let Self { skipped, subset, learned_from, source, .. } = self;
        let of_unknown = Answers::default();
        Evaluated { evaluation, answers, of_unknown, skipped, subset, learned_from, source }
    }
}

impl Classifier {
    /// Adds the labelling of the training pictures to a source, if the source has no labels and the model's
    /// were extracted from paths. If the model predicts several labels per picture, pictures of the source may
    /// have several, too.
    ///
    /// # Errors
    /// When the source cannot be listed, or the pattern matches none of its paths.
    pub fn labelled(&self, source: impl Into<Source>) -> Result<Source, Error> {
        let mut source = source.into();
        source.multi_label |= self.task() == Task::MultiLabel;
        let Some(record) = &self.training else { return Ok(source) };
        let own = &record.origin;
        // The columns named in training are used again, unless the table does not have them.
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

    /// Evaluates the classifier on a folder with one folder of pictures per class, a manifest, or any other
    /// source of labelled pictures.
    ///
    /// If the source is split into `train` and `validation` or `test`, the latter is used. Labels are found as
    /// in [`Classifier::labelled`].
    ///
    /// # Errors
    /// When the source cannot be listed, has no labelled pictures that can be read, or has a class that the
    /// model does not know.
    pub fn evaluate(
        &self,
        source: impl Into<Source>,
        config: &ExtractConfig,
        context: &mut Context<'_>,
    ) -> Result<Evaluated, Error> {
        self.evaluate_side(source, None, config, context)
    }

    /// Like [`Classifier::evaluate`], on one side of the source.
    ///
    /// In a source that is not split, the pictures that the model was trained on are the training side, and all
    /// others the validation side, if the model has a record of its pictures.
    ///
    /// # Errors
    /// As for [`Classifier::evaluate`], and when there are no pictures on that side.
    pub fn evaluate_side(
        &self,
        source: impl Into<Source>,
        side: Option<Subset>,
        config: &ExtractConfig,
        context: &mut Context<'_>,
    ) -> Result<Evaluated, Error> {
        self.evaluate_beside(source, side, None, config, context)
    }

    /// Like [`Classifier::evaluate_side`], and also evaluates the detection of unknown pictures: those below
    /// the folder `unknown` and, if no class has that name, those labelled `unknown`.
    ///
    /// # Errors
    /// As for [`Classifier::evaluate_side`], [`Error::CannotTellUnknown`], and when `unknown` is given and
    /// contains no pictures that can be read.
    pub fn evaluate_beside(
        &self,
        source: impl Into<Source>,
        side: Option<Subset>,
        unknown: Option<&Path>,
        config: &ExtractConfig,
        context: &mut Context<'_>,
    ) -> Result<Evaluated, Error> {
        let mut said = self.said(source.into(), (side, None), config, context)?;
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

    /// Calibrates the classifier on labelled pictures that it was not trained on, and returns the metrics after
    /// that.
    ///
    /// Imported models and those of earlier versions are not calibrated. Pictures are chosen as in
    /// [`Classifier::evaluate_side`]; of a source that is not split, those that the model was trained on are
    /// left out unless `side` asks for them, because scores on them are too high. A model that cannot detect
    /// unknown pictures learns to, by the similarity to these pictures.
    ///
    /// # Errors
    /// As for [`Classifier::evaluate_side`], and [`Error::AllLearned`].
    pub fn calibrate(
        &mut self,
        source: impl Into<Source>,
        side: Option<Subset>,
        unknown_rate: UnknownRate,
        config: &ExtractConfig,
        context: &mut Context<'_>,
    ) -> Result<Evaluated, Error> {
        let sides = (side, Some(Subset::Validation));
        let mut said = self.said(source.into(), sides, config, context)?;
        context.install(|context| self.learn_trust_anew(&said.pictures, unknown_rate, context))?;
        let measured = self.measure(&said.pictures, take(&mut said.asked));
        Ok(said.evaluated(measured))
    }

    /// The head's answers for labelled pictures. `sides` are the side asked for, and the one of an unsplit
    /// source if none is asked for.
    fn said(
        &self,
        source: Source,
        (side, of_unsplit): (Option<Subset>, Option<Subset>),
        config: &ExtractConfig,
        context: &mut Context<'_>,
    ) -> Result<Said, Error> {
        let source = self.labelled(source)?;
        let listing = source.list()?;
        if listing.is_multi_label() {
            self.check_task(Task::MultiLabel)?;
        }
        let mut skipped = listing.skipped;
        // Training pictures are no measure of accuracy if there are others.
        let has = |subset| listing.pictures.iter().any(|p| p.subset == Some(subset));
        let measured = side
            .or_else(|| [Subset::Validation, Subset::Test].into_iter().find(|&subset| has(subset)));
        let seen = self.training.as_ref().and_then(|record| record.seen.as_ref());
        // A source that is not split is split by what the model was trained on.
        let is_split = listing.pictures.iter().any(|picture| picture.subset.is_some());
        let by_record = seen
            .filter(|_| !is_split)
            .zip(side.or(of_unsplit))
            .filter(|&(_, side)| side != Subset::Test);
        let mut sets = (self.task() == Task::MultiLabel).then(LabelSets::default);
        let (mut measured_on, mut labels) = (Vec::new(), Vec::new());
        let mut unknown = Vec::new();
        let tells = !self.classes().iter().any(|class| class == UNKNOWN);
        for picture in listing.pictures {
            if by_record.is_none() && measured.is_some() && picture.subset != measured {
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
        let mut extraction = Extractor::new(&self.base, config).extract(&measured_on, context)?;
        skipped.append(&mut extraction.skipped);
        if extraction.kept.is_empty() {
            return Err(Error::none_readable(skipped));
        }
        if let Some((seen, side)) = by_record {
            let learned = side == Subset::Train;
            extraction.retain(|content| (seen.earlier(content) == Earlier::LearnedFrom) == learned);
            if extraction.kept.is_empty() {
                let path = source.path;
                return Err(match learned {
                    true => Error::NothingOnSide { path, side },
                    false => Error::AllLearned { path },
                });
            }
        }
        let measured = measured.or(by_record.map(|(_, side)| side));
        let mut labels: Vec<usize> = extraction.kept.iter().map(|&i| labels[i]).collect();
        if let Some(sets) = sets.as_mut().filter(|_| source.multi_label) {
            sets.unite(&mut labels, &extraction.contents);
        }
        let head = self.head();
        let logits = context.pool()?.install(|| head.logits(&extraction.features));
        let label_sets = sets.map(|sets| sets.as_slice().into());
        // Pictures with the same pixels form a group.
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
        let learned_from = seen.map(|seen| seen.count(Earlier::LearnedFrom, &extraction.contents));
        Ok(Said { pictures, asked, skipped, subset: measured, learned_from, source, unknown })
    }
}
