//! Checkpoints of interrupted runs: one `.safetensors` file beside the model.

use std::collections::BTreeMap;
use std::mem::take;
use std::path::Path;

use headstart_formats::FormatError;
use headstart_formats::safetensors::{Stored, write};
use headstart_model::Tensor;
use headstart_predict::Trust;
use headstart_train::network::TrainableNetwork;
use headstart_train::{Checkpoint, FineTuneConfig, Head, Task};
use serde::{Deserialize, Serialize};

use super::FineTuning;
use crate::training_set::{Augmentation, TrainingSet};
use crate::{Base, Calibration, Classifier, Error, TrainingRecord, UnknownRate};

const RUN: &str = "headstart run";
const STATE: &str = "headstart checkpoint";
const RECORD: &str = "headstart training";
const TRUST: &str = "headstart trust";
const THRESHOLDS: &str = "headstart thresholds";
/// Prefix of the names of the tensors for the detection of unknown pictures.
const TRUST_TENSORS: &str = "first/unknown/";
/// The head that the run began with. During the first epoch it is stored nowhere else.
const FIRST_KERNEL: &str = "first/head/kernel";
const FIRST_BIAS: &str = "first/head/bias";

/// Everything that must be unchanged for a run to resume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct RunFingerprint {
    /// Hash of the base's weights and of how they are computed with.
    base: String,
    /// Hash of the head that the run begins with.
    head: String,
    dropout: f32,
    /// Hash of the pictures, their classes, weights and sides, and of the names of the trained parameters.
    pictures: String,
    boundary: usize,
    options: FineTuneConfig,
    augmentation: Augmentation,
    calibration: Calibration,
    unknown_rate: UnknownRate,
    version: String,
}

impl RunFingerprint {
    /// The fingerprint of a run that began with `base` and `head`.
    pub(super) fn new(
        (base, head): (&Base, &Head),
        set: &TrainingSet,
        network: &TrainableNetwork,
        config: &FineTuning,
    ) -> Self {
        let mut pictures = blake3::Hasher::new();
        for (content, label) in set.contents.iter().zip(&set.labels) {
            pictures.update(&content.0);
            pictures.update(&(*label as u64).to_le_bytes());
        }
        for set in set.label_sets.iter().flat_map(|sets| sets.iter()) {
            pictures.update(format!("{set:?}").as_bytes());
        }
        for weight in set.weights.iter().flatten() {
            pictures.update(&weight.to_le_bytes());
        }
        for class in set.classes() {
            pictures.update(class.as_bytes());
            pictures.update(&[0]);
        }
        for side in [&set.split.train, &set.split.validation] {
            pictures.update(&(side.len() as u64).to_le_bytes());
            side.iter().for_each(|&picture| {
                pictures.update(&(picture as u64).to_le_bytes());
            });
        }
        let trains: Vec<&str> = network
            .parameters()
            .iter()
            .filter(|parameter| parameter.gradient.is_some())
            .map(|parameter| parameter.name.as_str())
            .collect();
        pictures.update(trains.join("\n").as_bytes());
        let mut values = blake3::Hasher::new();
        for value in head.weights().flatten() {
            values.update(&value.to_le_bytes());
        }
        Self {
            head: values.finalize().to_string(),
            dropout: head.dropout,
            base: blake3::Hash::from(
                base.fingerprint(config.inputs.extract.compute, config.inputs.extract.reduce),
            )
            .to_string(),
            pictures: pictures.finalize().to_string(),
            boundary: network.boundary(),
            options: config.training.clone(),
            augmentation: config.inputs.augmentation(),
            calibration: config.calibration,
            unknown_rate: config.unknown_rate,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// The first difference in `other`, if there is any.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        if self.version != other.version {
            return Some("it was written by another version of headstart");
        }
        if self.base != other.base {
            return Some("it is of another base, or of another processor");
        }
        if (&self.head, self.dropout) != (&other.head, other.dropout) {
            return Some("it is of another head");
        }
        if self.boundary != other.boundary {
            return Some("it fine-tunes other layers");
        }
        if self.pictures != other.pictures {
            return Some("it is of other pictures or layers");
        }
        if self.augmentation != other.augmentation {
            return Some("its pictures are augmented in another way");
        }
        if self.calibration != other.calibration {
            return Some("its scores are calibrated in another way");
        }
        if self.unknown_rate != other.unknown_rate {
            return Some("it turns away another share of known pictures");
        }
        (self.options != other.options).then_some("it has other options of fine-tuning")
    }
}

/// A checkpoint that has been read.
pub(super) struct Saved {
    pub(super) checkpoint: Checkpoint,
    /// The record of how the head was trained.
    pub(super) record: Option<TrainingRecord>,
    /// The calibration of the classifier that the run began with.
    trust: Trust,
    /// The tensors of `trust`, which are not part of its serialised form.
    trust_tensors: BTreeMap<String, Tensor>,
    thresholds: Vec<f32>,
    first_kernel: Vec<f32>,
    first_bias: Vec<f32>,
    run: RunFingerprint,
}

impl Saved {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// When the file is damaged or not a checkpoint.
    pub(super) fn read(file: &Path) -> Result<Self, Error> {
        let damaged = |reason: String| Error::NoCheckpoint { file: file.to_owned(), reason };
        let mut read = headstart_formats::read(file).map_err(|error| match error {
            FormatError::NotAWeightFile { reason, .. } => damaged(format!("it {reason}")),
            FormatError::BadFile { reason, .. } => damaged(reason),
            other => other.into(),
        })?;
        let entry = |name: &str| read.metadata.get(name).map(String::as_str);
        let (Some(run), Some(state)) = (entry(RUN), entry(STATE)) else {
            return Err(damaged("it holds weights, but no state of training".to_owned()));
        };
        let other = |_| damaged("it is damaged, or of another version of headstart".to_owned());
        let mut checkpoint: Checkpoint = serde_json::from_str(state).map_err(other)?;
        let run = serde_json::from_str(run).map_err(other)?;
        let record = entry(RECORD).map(serde_json::from_str).transpose().map_err(other)?;
        let trust = entry(TRUST).map(serde_json::from_str).transpose().map_err(other)?;
        let trust = trust.unwrap_or_default();
        let thresholds = entry(THRESHOLDS).map(serde_json::from_str).transpose().map_err(other)?;
        let thresholds = thresholds.unwrap_or_default();
        let mut take = |name: &str| {
            let tensor = read.tensors.remove(name);
            tensor.map(|tensor| tensor.data).ok_or_else(|| damaged(format!("it has no {name}")))
        };
        let (first_kernel, first_bias) = (take(FIRST_KERNEL)?, take(FIRST_BIAS)?);
        let (mut trust_tensors, mut tensors) = (BTreeMap::new(), BTreeMap::new());
        for (name, tensor) in read.tensors {
            match name.strip_prefix(TRUST_TENSORS) {
                Some(name) => trust_tensors.insert(name.to_owned(), tensor),
                None => tensors.insert(name, tensor),
            };
        }
        let tensors = tensors.into_iter();
        checkpoint.tensors = tensors.map(|(name, tensor)| (name, tensor.data)).collect();
        Ok(Self {
            checkpoint,
            record,
            trust,
            trust_tensors,
            thresholds,
            first_kernel,
            first_bias,
            run,
        })
    }

    /// Takes the calibration of the classifier that the run began with.
    ///
    /// # Errors
    /// When the checkpoint is damaged.
    pub(super) fn take_trust(
        &mut self,
        file: &Path,
        (features, task): (usize, Task),
        classes: usize,
    ) -> Result<Trust, Error> {
        let trust = take(&mut self.trust).with_tensors(features, task, classes, &mut |name| {
            self.trust_tensors.remove(name).map(|tensor| (tensor.shape, tensor.data))
        });
        trust.map_err(|reason| Error::NoCheckpoint { file: file.to_owned(), reason })
    }

    /// Takes the thresholds of the classifier that the run began with; `None` with one label per picture.
    ///
    /// # Errors
    /// When the checkpoint is damaged.
    pub(super) fn take_thresholds(
        &mut self,
        file: &Path,
        task: Task,
        classes: usize,
    ) -> Result<Option<Vec<f32>>, Error> {
        let thresholds = take(&mut self.thresholds);
        if task.is_single_label() || thresholds.is_empty() {
            return Ok(None);
        }
        match thresholds.len() == classes && thresholds.iter().all(|threshold| *threshold >= 0.0) {
            true => Ok(Some(thresholds)),
            false => {
                let reason = "its thresholds are not one for each class".to_owned();
                Err(Error::NoCheckpoint { file: file.to_owned(), reason })
            }
        }
    }

    /// The head that the run began with.
    pub(super) fn first_head(&mut self, classes: usize, task: Task) -> Head {
        let (kernel, bias) = (take(&mut self.first_kernel), take(&mut self.first_bias));
        let (hidden, dropout) = (Vec::new(), self.run.dropout);
        Head { hidden, kernel, bias, classes, dropout, task }
    }

    /// Checks that the checkpoint belongs to this run.
    ///
    /// # Errors
    /// [`Error::OtherRun`].
    pub(super) fn check(&self, file: &Path, run: &RunFingerprint) -> Result<(), Error> {
        match run.difference(&self.run) {
            None => Ok(()),
            Some(reason) => {
                Err(Error::OtherRun { file: file.to_owned(), reason: reason.to_owned() })
            }
        }
    }
}

/// Writes a checkpoint, under a temporary name first.
///
/// # Errors
/// When there is no space or no permission.
pub(super) fn save(
    file: &Path,
    run: &RunFingerprint,
    first: &Classifier,
    mut checkpoint: Checkpoint,
) -> Result<(), Error> {
    let text = |value: Result<String, serde_json::Error>| value.expect("plain data serialises");
    let mut metadata = BTreeMap::from([
        (RUN.to_owned(), text(serde_json::to_string(run))),
        (STATE.to_owned(), text(serde_json::to_string(&checkpoint))),
    ]);
    let trust = first.trust();
    if !trust.is_none() {
        metadata.insert(TRUST.to_owned(), text(serde_json::to_string(trust)));
    }
    if !first.thresholds().is_empty() {
        let thresholds = serde_json::to_string(first.thresholds());
        metadata.insert(THRESHOLDS.to_owned(), text(thresholds));
    }
    if let Some(record) = first.training() {
        metadata.insert(RECORD.to_owned(), text(serde_json::to_string(record)));
    }
    let unknown = trust.unknown.as_ref().map(|unknown| unknown.tensors()).unwrap_or_default();
    let tensors: Vec<(String, Tensor)> = take(&mut checkpoint.tensors)
        .into_iter()
        .chain([
            (FIRST_KERNEL.to_owned(), first.head().kernel.clone()),
            (FIRST_BIAS.to_owned(), first.head().bias.clone()),
        ])
        .map(|(name, values)| (name, Tensor::new(vec![values.len()], values)))
        .chain(unknown.into_iter().map(|(name, shape, values, _)| {
            (format!("{TRUST_TENSORS}{name}"), Tensor::new(shape, values.to_vec()))
        }))
        .collect();
    let stored = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor, Stored::F32));
    write(file, stored, &metadata)?;
    Ok(())
}
