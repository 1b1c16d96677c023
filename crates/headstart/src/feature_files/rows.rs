//! The rows to train or evaluate on, and their labels.

use std::collections::BTreeSet;
use std::path::PathBuf;

use headstart_data::sources::Note;
use headstart_data::sources::features::{FeatureFile, FeatureLabels};
use headstart_data::{DataError, LabelSets, Labels, Subset};

use super::FeatureFiles;
use crate::{Error, Warning};

/// The rows that are used in training. There may be many millions.
pub(super) struct Rows {
    pub(super) classes: Vec<String>,
    pub(super) sets: Option<LabelSets>,
    /// The indices of these rows among all rows. The fields below have one element per index.
    pub(super) rows: Vec<u32>,
    /// Classes, or indices of sets of classes.
    pub(super) labels: Vec<u32>,
    /// Whether each row is held back, if a column specifies it.
    pub(super) held_back: Option<Vec<bool>>,
    pub(super) weights: Option<Vec<f32>>,
    /// The names of each distinct label.
    names: Vec<Labels>,
    pub(super) notes: Vec<Note>,
    pub(super) warnings: Vec<Warning>,
}

impl Rows {
    /// Reads labels, sides and weights.
    ///
    /// # Errors
    /// When there is nothing to train on, or a file cannot be read.
    pub(super) fn read(files: &FeatureFiles) -> Result<Self, Error> {
        let FeatureLabels { distinct, of_rows, notes } =
            FeatureLabels::read(&files.files, &files.source.columns)?;
        let sides = each(files, FeatureFile::has_sides, FeatureFile::sides)?;
        let weights = each(files, FeatureFile::has_weights, FeatureFile::weights)?;
        let side = |row: usize| sides.as_ref().and_then(|sides| sides[row]);
        let is_given = (0..of_rows.len()).any(|row| side(row) == Some(Subset::Validation));
        let learned = |row: usize| matches!(side(row), None | Some(Subset::Train));

        let mut is_learned = vec![false; distinct.len()];
        let numbers = || of_rows.iter().map(|&number| number as usize).enumerate();
        numbers().for_each(|(row, number)| is_learned[number] |= learned(row));
        let learned = distinct.iter().zip(&is_learned).filter(|(_, learned)| **learned);
        let classes: BTreeSet<&str> =
            learned.flat_map(|(labels, _)| labels.names()).map(|name| &**name).collect();
        let classes: Vec<String> = classes.into_iter().map(str::to_owned).collect();
        let is_several = distinct.iter().any(|labels| matches!(labels, Labels::Set(_)));
        let path = files.root();
        check(&classes, is_several, &distinct, &is_learned, (&path, of_rows.len(), &notes))?;

        let mut sets = is_several.then(LabelSets::default);
        let mut label = |labels: &Labels| {
            let class = |name: &str| classes.binary_search_by(|class| class.as_str().cmp(name));
            let own = labels.names().iter().map(|name| class(name).ok());
            let own = own.collect::<Option<Vec<usize>>>().filter(|_| labels.is_some())?;
            match &mut sets {
                Some(sets) => Some(sets.number(own) as u32),
                None => Some(own[0] as u32),
            }
        };
        let labelled: Vec<Option<u32>> = distinct.iter().map(&mut label).collect();
        let mut all = Self {
            classes: Vec::new(),
            sets: None,
            rows: Vec::new(),
            labels: Vec::new(),
            held_back: is_given.then(Vec::new),
            weights: None,
            names: Vec::new(),
            notes,
            warnings: Vec::new(),
        };
        let (mut unlabelled, mut unknown) = (0, 0);
        for (row, number) in numbers() {
            match labelled[number] {
                Some(label) if side(row) != Some(Subset::Test) => {
                    all.rows.push(row as u32);
                    all.labels.push(label);
                    if let Some(held_back) = &mut all.held_back {
                        held_back.push(side(row) == Some(Subset::Validation));
                    }
                }
                Some(_) => {}
                None if distinct[number].is_none() => unlabelled += 1,
                None => unknown += 1,
            }
        }
        for (count, why) in
            [(unlabelled, "without a label"), (unknown, "of a class that has none to learn from")]
        {
            if count > 0 {
                let s = if count == 1 { "row" } else { "rows" };
                all.warnings.push(format!("left out: {count} {s} {why}").into());
            }
        }
        let chosen = weights.map(|weights| -> Vec<f32> {
            all.rows.iter().map(|&row| weights[row as usize]).collect()
        });
        all.weights = chosen.filter(|weights| weights.iter().any(|&weight| weight != 1.0));
        let count = labelled.iter().flatten().max().map_or(0, |last| *last as usize + 1);
        all.names = vec![Labels::None; count];
        for (labels, number) in distinct.into_iter().zip(labelled) {
            if let Some(number) = number {
                all.names[number as usize] = labels;
            }
        }
        (all.classes, all.sets) = (classes, sets);
        Ok(all)
    }

    /// The names of the label of a row, by its index in `rows`.
    pub(super) fn names(&self, place: usize) -> &Labels {
        &self.names[self.labels[place] as usize]
    }
}

/// A value for each row of all files; `None` if no file has any.
fn each<T>(
    files: &FeatureFiles,
    has: fn(&FeatureFile) -> bool,
    values: fn(&FeatureFile) -> Result<Vec<T>, DataError>,
) -> Result<Option<Vec<T>>, Error> {
    if !files.files.iter().any(has) {
        return Ok(None);
    }
    let mut all = Vec::with_capacity(files.rows());
    for file in &files.files {
        all.extend(values(file)?);
    }
    Ok(Some(all))
}

/// Fails if there is nothing to train on, with the same errors as for pictures.
fn check(
    classes: &[String],
    is_several: bool,
    distinct: &[Labels],
    is_learned: &[bool],
    (path, rows, notes): (&PathBuf, usize, &[Note]),
) -> Result<(), Error> {
    let (path, pictures) = (path.clone(), rows);
    let fewest = if is_several { 1 } else { 2 };
    if classes.len() >= fewest {
        return Ok(());
    }
    let any = |is: &dyn Fn(usize) -> bool| (0..distinct.len()).any(is);
    Err(match classes.first() {
        Some(class) => DataError::OneClass { path, class: class.clone(), unreadable: Vec::new() },
        None if !any(&|number| distinct[number].is_some()) => {
            DataError::NoLabels { path, pictures, notes: notes.to_vec() }
        }
        None if any(&|number| is_learned[number] && distinct[number].is_some()) => {
            DataError::NoneOfAnyClass { path, pictures }
        }
        None => DataError::NothingToLearn { path, pictures },
    }
    .into())
}
