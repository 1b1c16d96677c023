//! Heads from features that do not fit into memory and are read again in each pass.

use std::error::Error as StdError;
use std::time::Instant;

use headstart_data::ContentHash;
use headstart_train::{Features, Samples, StoredFeatures};
use headstart_trust::bank_rows;

use super::FeatureFiles;
use super::divide::{Sides, divide, groups, key_of_name};
use super::rows::Rows;
use super::store::Store;
use crate::fit::{Outcome, fit_head};
use crate::pictures::{LabelSets, LabelledFeatures, never_predicted};
use crate::trust::{MOST_KEPT, Unseen};
use crate::{
    Answered, Base, CancelToken, Classifier, Context, Error, Event, FitConfig, FitReport, Origin,
    Seen, SplitRecord, Warning,
};

/// Limit on the bytes of the features of evaluated rows, as f32.
const MEASURED: usize = 64_000_000;
/// With more rows, the model's record does not list the rows trained on and held back.
const MOST_RECORDED: usize = 1_000_000;

/// The rows of a store to train on.
struct Chosen<'a> {
    store: &'a Store,
    rows: Vec<u32>,
    /// Checked before each block: a pass may take minutes.
    cancel: CancelToken,
}

impl StoredFeatures for Chosen<'_> {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn read(&self, rows: &[u32], to: &mut [f32]) -> Result<(), Box<dyn StdError + Send + Sync>> {
        if self.cancel.is_cancelled() {
            return Err(Box::new(Error::Interrupted));
        }
        let rows: Vec<u32> = rows.iter().map(|&row| self.rows[row as usize]).collect();
        self.store.read(&rows, to)
    }
}

pub(super) fn fit(
    base: Base,
    files: &FeatureFiles,
    (rows, store, contents): (Rows, Store, Vec<ContentHash>),
    (config, start): (&FitConfig, Instant),
    context: &mut Context<'_>,
) -> Result<(Classifier, FitReport), Error> {
    let mut named = None;
    if files.has_groups() {
        let named = named.insert(Vec::with_capacity(files.rows()));
        for file in &files.files {
            file.for_each_group(&mut |name| named.push(key_of_name(name)))?;
        }
    }
    let named = named.as_deref();
    let sides = divide(&rows, &contents, named, &files.source.split);
    let Sides { train, validation, left_out } = &sides;
    context.tell(Event::Split { train: train.len(), validation: validation.len() });
    if train.is_empty() {
        let (path, pictures) = (files.root(), *left_out);
        return Err(Error::NothingToLearnFrom { path, pictures });
    }
    let classes = rows.classes.clone();
    let label_sets: Option<LabelSets> = rows.sets.as_ref().map(|sets| sets.as_slice().into());
    let of_all = |place: &u32| rows.rows[*place as usize];
    let label = |place: &u32| rows.labels[*place as usize] as usize;
    let of_train = groups(train, &rows, &contents, named);

    // Evaluated rows are evenly spaced over the held-back ones.
    let most = (MEASURED / (4 * files.width)).max(1).min(validation.len());
    let measured = (0..most).map(|i| validation[i * validation.len() / most]);
    let measured: Vec<u32> = measured.collect();
    let measured_rows: Vec<u32> = measured.iter().map(of_all).collect();
    let warnings = warnings(&rows, &sides, (measured.len(), &classes));
    let seen = (rows.rows.len() <= MOST_RECORDED).then(|| seen(&rows, &sides, &contents));
    let held_back: Vec<u32> = match seen.is_some() {
        true => validation.iter().map(of_all).collect(),
        false => Vec::new(),
    };
    let asked = files.locations(&measured_rows)?;
    let held_back = files.locations(&held_back)?;
    drop(contents);

    context.install(|context| {
        let measured_on = LabelledFeatures {
            features: store.features(&measured_rows)?,
            labels: measured.iter().map(label).collect(),
            label_sets: label_sets.clone(),
            // None of these rows shares a group with a training row.
            groups: (0..measured.len()).map(|index| train.len() + index).collect(),
            weights: None,
            dim: files.width,
        };
        let features = start.elapsed().as_secs_f64();
        let labels: Vec<usize> = train.iter().map(label).collect();
        let weights = rows.weights.as_ref();
        let weights: Option<Vec<f32>> =
            weights.map(|all| train.iter().map(|&place| all[place as usize]).collect());
        let (learned, cancel) = (train.iter().map(of_all).collect(), context.cancel_token());
        let chosen = Chosen { store: &store, rows: learned, cancel };
        let samples = Samples {
            features: Features::Stored(&chosen),
            label_sets: label_sets.as_deref(),
            weights: weights.as_deref(),
            groups: of_train.as_deref(),
            ..Samples::new(&[], files.width, &labels, classes.len())
        };
        let isa = config.inputs.extract.compute.isa;
        let fitted = fit_head(&config.head, isa, &samples, &measured_on, &classes, context)?;
        let bank = bank(&samples, &measured_on)?;
        let split = &files.source.split;
        let outcome = Outcome {
            origin: Origin {
                pictures: std::path::absolute(files.root())
                    .unwrap_or_else(|_| files.root())
                    .display()
                    .to_string(),
                label_from: None,
                group_from: None,
                columns: files.source.columns.clone(),
                split: Some(match rows.held_back.is_some() {
                    true => SplitRecord::Given,
                    false => SplitRecord::Share { share: split.validation, seed: split.seed },
                }),
            },
            folds: None,
            unseen: Unseen::default(),
            asked: asked.iter().map(|at| Answered::new(at, None)).collect(),
            of_learned: Vec::new(),
            held_back: held_back.iter().map(ToString::to_string).collect(),
            seen,
            train: train.len(),
            train_per_class: samples.counts(),
            duplicates: 0,
            cached: 0,
            skipped: Vec::new(),
            warnings,
            features,
            start,
            classes: classes.clone(),
        };
        outcome.finish(base, fitted, bank, measured_on, config, context)
    })
}

/// The features of at most as many rows as a model keeps for the detection of unknown pictures, from both
/// sides.
fn bank(samples: &Samples<'_>, measured: &LabelledFeatures) -> Result<LabelledFeatures, Error> {
    let learned = samples.len();
    let labels: Vec<usize> = samples.labels.iter().chain(&measured.labels).copied().collect();
    let kept = bank_rows(&labels, MOST_KEPT);
    let (own, others) = kept.split_at(kept.partition_point(|&row| row < learned));
    let own: Vec<u32> = own.iter().map(|&row| row as u32).collect();
    let others: Vec<usize> = others.iter().map(|row| row - learned).collect();
    let mut bank = measured.of(&others);
    let mut features = samples.features_of(&own).map_err(Error::of_training)?;
    features.append(&mut bank.features);
    let group = |&row: &u32| samples.groups.map_or(row as usize, |groups| groups[row as usize]);
    Ok(LabelledFeatures {
        features,
        labels: kept.iter().map(|&row| labels[row]).collect(),
        groups: own.iter().map(group).chain(bank.groups).collect(),
        ..bank
    })
}

/// The pictures that are trained on and those that are held back.
fn seen(rows: &Rows, sides: &Sides, contents: &[ContentHash]) -> Seen {
    let of = |side: &[u32]| -> Vec<ContentHash> {
        side.iter().map(|&place| contents[rows.rows[place as usize] as usize]).collect()
    };
    Seen::of_sides(&of(&sides.train), &of(&sides.validation))
}

/// Warnings about the rows and their split.
fn warnings(rows: &Rows, sides: &Sides, (measured, classes): (usize, &[String])) -> Vec<Warning> {
    let mut warnings = rows.warnings.clone();
    let Sides { train, validation, left_out } = sides;
    if *left_out > 0 {
        let text = format!("left out: {left_out} rows to learn from that are held back, too");
        warnings.push(text.into());
    }
    if validation.is_empty() {
        let text = "probabilities are not calibrated, and unknown pictures not told: of features that do not fit into memory, this is learned from rows held back";
        warnings.push(text.to_owned().into());
    } else if measured < validation.len() {
        let text = format!(
            "measured on {measured} of the {} rows held back, taken evenly",
            validation.len()
        );
        warnings.push(text.into());
    }
    if let Some(weights) = &rows.weights {
        let labels: Vec<usize> =
            train.iter().map(|&place| rows.labels[place as usize] as usize).collect();
        let weights: Vec<f32> = train.iter().map(|&place| weights[place as usize]).collect();
        let sets = rows.sets.as_ref().map(|sets| sets.as_slice());
        let labels = headstart_data::PictureLabels::new(&labels, sets);
        warnings.extend(never_predicted(labels, &weights, classes).map(Into::into));
    }
    warnings
}
