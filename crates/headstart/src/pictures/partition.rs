//! Features of pictures, split into those to train on and those to evaluate on.

use headstart_data::{ContentHash, Facts, Groups, PictureLabels, Skipped, Split, split};
use headstart_train::Task;

use super::note::note;
use super::{LabelSets, LabelledFeatures, Pictures};
use crate::copies::Copies;
use crate::{Answered, Appearance, Context, Error, Event, Extraction, Extractor, Seen, Warning};

/// The properties of the base that computed features.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfBase {
    /// The length of a feature vector.
    pub(crate) features: usize,
    /// The shorter side of its input, in pixels.
    pub(crate) side: usize,
}

/// The features of all pictures that could be read.
pub(crate) struct PartitionedFeatures {
    pub(crate) train: LabelledFeatures,
    pub(crate) validation: LabelledFeatures,
    pub(crate) split: Split,
    /// Index, label and group of all pictures that could be read.
    pub(crate) kept: Vec<usize>,
    pub(crate) labels: Vec<usize>,
    /// The sets that labels are indices into, if pictures may have several classes.
    pub(crate) label_sets: Option<LabelSets>,
    pub(crate) groups: Groups,
    /// Further notes on the pictures, one line each.
    notes: Vec<Warning>,
    /// What each picture looks like, if known.
    appearances: Vec<Appearance>,
    pub(crate) cached: usize,
    pub(crate) skipped: Vec<Skipped>,
}

impl PartitionedFeatures {
    /// Computes and splits the features.
    ///
    /// # Errors
    /// When fewer than two classes have pictures that can be read, nothing is left to train on, or the context
    /// is cancelled.
    pub(crate) fn new(
        extractor: &Extractor,
        pictures: &Pictures,
        context: &mut Context<'_>,
    ) -> Result<Self, Error> {
        let extraction = extractor.extract(pictures.items(), context)?;
        Self::of(extraction, pictures, extractor.of_base(), context)
    }

    /// Splits existing features. Indices of `extraction` refer to the items of `pictures`.
    ///
    /// # Errors
    /// As for [`PartitionedFeatures::new`].
    pub(crate) fn of(
        extraction: Extraction,
        pictures: &Pictures,
        of_base: OfBase,
        context: &mut Context<'_>,
    ) -> Result<Self, Error> {
        let mut skipped = pictures.skipped().to_vec();
        skipped.extend(extraction.skipped);
        let read = ReadPictures {
            kept: &extraction.kept,
            contents: &extraction.contents,
            known: (extraction.facts.len() == extraction.kept.len())
                .then_some((&extraction.features[..], &extraction.facts[..])),
            skipped: &skipped,
        };
        let Partition { labels, label_sets, groups, split, notes } =
            partition(pictures, of_base, &read, context)?;
        let all = LabelledFeatures {
            features: extraction.features,
            labels: labels.clone(),
            label_sets: label_sets.clone(),
            groups: groups.numbers().to_vec(),
            weights: pictures.weights(&extraction.kept),
            dim: of_base.features,
        };
        let (train, validation) = all.part(&split.train, &split.validation);
        Ok(Self {
            train,
            validation: LabelledFeatures { weights: None, ..validation },
            split,
            kept: extraction.kept,
            labels,
            label_sets,
            groups,
            notes,
            appearances: extraction.facts.iter().map(Into::into).collect(),
            cached: extraction.cached,
            skipped,
        })
    }

    /// The path of the picture within the folder.
    pub(crate) fn name(&self, pictures: &Pictures, picture: usize) -> String {
        pictures.name_of(self.kept[picture])
    }

    /// A picture that a head will answer for.
    pub(crate) fn asked(&self, pictures: &Pictures, picture: usize) -> Answered {
        Answered::new(&pictures.item(self.kept[picture]).at, self.appearances.get(picture).copied())
    }

    /// The number of training pictures per class.
    pub(crate) fn train_per_class(&self, classes: usize) -> Vec<usize> {
        let labels = PictureLabels::new(&self.labels, self.label_sets.as_deref());
        labels.per_class(self.split.train.iter().copied(), classes)
    }

    /// The pictures that a model trained on this split has seen.
    pub(crate) fn seen(&self) -> Seen {
        Seen::of_split(self.groups.contents(), &self.split)
    }

    /// Warnings about the split.
    pub(crate) fn warnings(&self, pictures: &Pictures) -> Vec<Warning> {
        let name = |i| self.name(pictures, i);
        let warnings = &self.split.warnings;
        let lines = split::describe_all(warnings, pictures.classes(), &self.labels, name);
        let mut lines: Vec<Warning> = lines.into_iter().map(Into::into).collect();
        lines.extend(self.never_predicted(pictures).map(Into::into));
        lines.extend(self.notes.iter().cloned());
        lines
    }

    /// See [`never_predicted`].
    pub(crate) fn never_predicted(&self, pictures: &Pictures) -> Option<String> {
        let LabelledFeatures { labels, label_sets, weights, .. } = &self.train;
        let labels = PictureLabels::new(labels, label_sets.as_deref());
        never_predicted(labels, weights.as_ref()?, pictures.classes())
    }
}

/// A warning about classes for which no training picture has a weight above 0, given label and weight of each
/// training picture.
pub(crate) fn never_predicted(
    labels: PictureLabels<'_>,
    weights: &[f32],
    classes: &[String],
) -> Option<String> {
    let mut counts = vec![false; classes.len()];
    for (picture, _) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
        labels.classes_of(picture).iter().for_each(|&class| counts[class] = true);
    }
    let none = classes.iter().zip(&counts).filter(|(_, counts)| !**counts);
    let names: Vec<String> = none.map(|(class, _)| format!("\"{class}\"")).collect();
    let (s, are) = if names.len() == 1 { ("", "is") } else { ("es", "are") };
    (!names.is_empty()).then(|| {
        format!(
            "class{s} {} {are} never predicted: no picture of such a class that is learned from has a weight above 0",
            names.join(", ")
        )
    })
}

/// The pictures that could be read.
pub(crate) struct ReadPictures<'a> {
    pub(crate) kept: &'a [usize],
    pub(crate) contents: &'a [ContentHash],
    /// Their features and facts. Without these, only equal pixels are recognised as copies.
    pub(crate) known: Option<(&'a [f32], &'a [Facts])>,
    pub(crate) skipped: &'a [Skipped],
}

/// The split of the pictures that could be read. All fields refer to these pictures.
pub(crate) struct Partition {
    pub(crate) labels: Vec<usize>,
    /// The sets that labels are indices into, if pictures may have several classes.
    pub(crate) label_sets: Option<LabelSets>,
    /// The groups of pictures that must stay together, including copies.
    pub(crate) groups: Groups,
    pub(crate) split: Split,
    /// Further notes on the pictures, one line each.
    pub(crate) notes: Vec<Warning>,
}

/// Splits the pictures that could be read. Copies stay together unless the split is specified. Near-duplicates
/// are searched for as set by [`Pictures::with_duplicates`].
///
/// # Errors
/// When fewer than two classes have pictures that can be read, nothing is left to train on, or the context is
/// cancelled.
pub(crate) fn partition(
    pictures: &Pictures,
    of_base: OfBase,
    read: &ReadPictures<'_>,
    context: &mut Context<'_>,
) -> Result<Partition, Error> {
    let mut labels = pictures.labels(read.kept);
    let label_sets = pictures.label_sets(&mut labels, read.contents);
    check_readable(pictures, &labels, read.skipped)?;
    let said = pictures.groups(read.kept, read.contents);
    let known = read.known.filter(|_| pictures.wants_near_duplicates(read.kept.len()));
    let copies = match known {
        Some((features, facts)) => {
            let dim = of_base.features;
            Some(context.install(|context| {
                let go_on = &mut context.watch_comparing();
                let copies = Copies::find(features, dim, read.contents, facts, go_on);
                copies.ok_or(Error::Interrupted)
            })?)
        }
        None => None,
    };
    let groups = match &copies {
        Some(copies) => said.clone().join(&copies.groups),
        None => said.clone(),
    };
    let unparted = if pictures.is_divided() { &said } else { &groups };
    let all = PictureLabels::new(&labels, label_sets.as_deref());
    let split = pictures.split(read.kept, all, unparted)?;
    context.tell(Event::Split { train: split.train.len(), validation: split.validation.len() });
    if split.train.is_empty() {
        let (path, pictures) = (pictures.root().to_owned(), split.left_out.len());
        return Err(Error::NothingToLearnFrom { path, pictures });
    }
    let note = read.known.and_then(|(_, facts)| {
        let seen = note(copies.as_ref(), facts, &labels, &split, of_base.side)?;
        Some(Warning::Pictures { seen, root: pictures.root().to_owned() })
    });
    let earlier = pictures.notes_on_earlier(read.contents, &split).into_iter().map(Into::into);
    let notes = earlier.chain(note).collect();
    Ok(Partition { labels, label_sets, groups, split, notes })
}

pub(crate) fn check_readable(
    pictures: &Pictures,
    labels: &[usize],
    skipped: &[Skipped],
) -> Result<(), Error> {
    let Some(&first) = labels.first() else {
        return Err(Error::none_readable(skipped.to_vec()));
    };
    if pictures.task() == Task::SingleLabel && labels.iter().all(|&label| label == first) {
        return Err(Error::OneReadableClass {
            class: pictures.classes()[first].clone(),
            skipped: skipped.len(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_which_nothing_that_is_learned_from_counts_are_named() {
        let classes: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let told = |pictures: &[(usize, f32)]| {
            let (labels, weights): (Vec<usize>, Vec<f32>) = pictures.iter().copied().unzip();
            never_predicted(PictureLabels::from(&labels), &weights, &classes)
        };
        assert_eq!(told(&[(0, 1.0), (1, 0.5), (2, 0.0), (2, 2.0)]), None);
        let one = told(&[(0, 1.0), (1, 0.0), (2, 2.0)]).unwrap();
        assert!(one.contains("\"b\"") && !one.contains("\"a\""), "{one}");
        let two = told(&[(0, 1.0), (1, 0.0)]).unwrap();
        assert!(two.contains("\"b\", \"c\""), "{two}");
        let sets = [vec![], vec![0, 1], vec![1, 2]];
        let labels = PictureLabels::new(&[0, 1, 2], Some(&sets));
        let one = never_predicted(labels, &[1.0, 1.0, 0.0], &classes).unwrap();
        assert!(one.contains("\"c\"") && !one.contains("\"b\""), "{one}");
    }
}
