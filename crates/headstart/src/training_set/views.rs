//! Views of pictures: the output of the frozen layers for each, with or without augmentation.

use std::error::Error as StdError;
use std::sync::Mutex;

use headstart_data::augment::Scratch;
use headstart_data::{Augmenter, Subset};
use headstart_engine::frozen::{Arena, FrozenConfig, Plan};
use headstart_model::LayerId;
use headstart_train::{Inputs, Label};
use rayon::prelude::*;

use super::records::Values;
use super::{Augmentation, TrainingSet, scratch_folder};
use crate::{Context, Error, Event, Precision, Stage};

/// The layer and the augmentation of views.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ViewKey {
    /// The layer whose output is kept; `None` for the features.
    pub(crate) boundary: Option<LayerId>,
    pub(crate) augmentation: Augmentation,
}

/// The output of the frozen layers for the pictures of both sides.
pub(crate) struct AugmentedViews {
    pub(crate) key: ViewKey,
    frozen: Frozen,
    train: Option<Kept>,
    validation: Kept,
}

/// The compiled frozen layers, with the augmentation of their input.
struct Frozen {
    plan: Plan,
    augmenter: Augmenter,
    workers: Mutex<Vec<Worker>>,
}

/// The buffers of a thread.
struct Worker {
    arena: Arena,
    scratch: Scratch,
    pixels: Vec<u8>,
    view: Vec<u8>,
    partner: Vec<u8>,
}

/// Views stored in a file, one after the other.
struct Kept {
    values: Values,
    views: usize,
    pictures: usize,
    /// The labels, `[views][pictures]`; empty if every picture shows only its own class.
    labels: Vec<Label>,
}

impl Kept {
    fn record(&self, epoch: usize, picture: usize) -> usize {
        (epoch - 1) % self.views * self.pictures + picture
    }

    fn label(&self, epoch: usize, picture: usize) -> Label {
        self.labels.get(self.record(epoch, picture)).copied().unwrap_or_default()
    }
}

impl AugmentedViews {
    pub(super) fn new(
        set: &TrainingSet,
        key: ViewKey,
        context: &mut Context<'_>,
    ) -> Result<Self, Error> {
        let base = set.base();
        let config = FrozenConfig {
            output: key.boundary,
            pooled: key.boundary.is_none(),
            compute: set.config.compute,
            ..FrozenConfig::default()
        };
        let plan = Plan::compile(base.network(), base.weights(), &config);
        let size = base.network().preprocessing();
        let Augmentation { augment, seed, .. } = key.augmentation;
        let augmenter = Augmenter::new(augment, seed, size.height, size.width);
        let frozen = Frozen { plan, augmenter, workers: Mutex::default() };
        // If the picture itself is the input, nothing is computed, so nothing is kept.
        let picture = key.boundary == Some(0);
        let kept = if picture { 0 } else { key.augmentation.kept() };
        let total = kept * set.train() + set.validation();
        let mut progress = Progress { done: 0, total, context };
        let of = |epoch| Job { epoch, set, frozen: &frozen };
        let validation = of(None).keep(Subset::Validation, 1, &mut progress)?;
        let train =
            (kept > 0).then(|| of(Some(1)).keep(Subset::Train, kept, &mut progress)).transpose()?;
        Ok(Self { key, frozen, train, validation })
    }

    /// The pictures of a subset as inputs.
    pub(crate) fn inputs<'a>(&'a self, set: &'a TrainingSet, subset: Subset) -> ViewInputs<'a> {
        let pictures = set.subset(subset);
        let labels = pictures.iter().map(|&picture| set.labels[picture]).collect();
        // Weights do not affect evaluation.
        let weights = set.weights.as_ref().filter(|_| subset == Subset::Train);
        let weights =
            weights.map(|weights| pictures.iter().map(|&picture| weights[picture]).collect());
        ViewInputs { views: self, set, subset, labels, weights }
    }

    /// The number of values of an input.
    pub(crate) fn len(&self) -> usize {
        self.frozen.plan.output_shape().len()
    }

    /// The number of views per picture; `usize::MAX` if every epoch has a new one.
    pub(crate) fn count(&self) -> usize {
        match self.key.augmentation.kept() {
            0 => usize::MAX,
            views => views,
        }
    }
}

/// Reports progress.
struct Progress<'a, 'c> {
    done: usize,
    total: usize,
    context: &'a mut Context<'c>,
}

/// Pictures computed between two checks for cancellation.
const WINDOW: usize = 64;

/// Computes views. `epoch` is the first epoch of the augmentation, or `None` without augmentation.
struct Job<'a> {
    epoch: Option<usize>,
    set: &'a TrainingSet,
    frozen: &'a Frozen,
}

impl Job<'_> {
    /// Computes and stores `views` views of all pictures of a subset.
    fn keep(
        self,
        subset: Subset,
        views: usize,
        progress: &mut Progress<'_, '_>,
    ) -> Result<Kept, Error> {
        let pictures = self.set.subset(subset);
        let len = self.frozen.plan.output_shape().len();
        // Pictures for evaluation are not rounded.
        let precision = if subset == Subset::Train { Precision::F16 } else { Precision::F32 };
        let values =
            Values::new(&scratch_folder(&self.set.config), len, views * pictures.len(), precision)?;
        let mut labels = Vec::with_capacity(views * pictures.len());
        for view in 0..views {
            for first in (0..pictures.len()).step_by(WINDOW) {
                progress.context.check()?;
                let window = first..(first + WINDOW).min(pictures.len());
                let count = window.len();
                let shown: Result<Vec<Label>, Error> = window
                    .into_par_iter()
                    .map(|index| {
                        let mut out = vec![0.0; len];
                        let epoch = self.epoch.map(|first| first + view);
                        let label =
                            self.frozen.compute(self.set, subset, epoch, index, &mut out)?;
                        values.write(view * pictures.len() + index, &out)?;
                        Ok(label)
                    })
                    .collect();
                labels.extend(shown?);
                progress.done += count;
                let (done, total) = (progress.done, progress.total);
                progress.context.tell(Event::Pictures { stage: Stage::Views, done, total });
            }
        }
        if labels.iter().all(|label| *label == Label::Own) {
            labels = Vec::new();
        }
        Ok(Kept { values, views, pictures: pictures.len(), labels })
    }
}

impl Frozen {
    /// Computes the view of a picture of a subset, augmented for an epoch, or without augmentation.
    fn compute(
        &self,
        set: &TrainingSet,
        subset: Subset,
        epoch: Option<usize>,
        index: usize,
        out: &mut [f32],
    ) -> Result<Label, Error> {
        let mut worker = self.worker();
        let pictures = set.subset(subset);
        let (own, mut label) = (pictures[index], Label::Own);
        match epoch.filter(|_| !self.augmenter.is_none()) {
            None => set.pixels.read(own, &mut worker.view)?,
            Some(epoch) => {
                let Worker { scratch, pixels, view, partner, .. } = &mut worker;
                let augment =
                    |picture: usize, pixels: &mut [u8], scratch: &mut _, to: &mut [u8]| {
                        set.pixels.read(pictures[picture], pixels)?;
                        self.augmenter.apply(epoch, picture, pixels, scratch, to);
                        Ok::<(), Error>(())
                    };
                augment(index, pixels, scratch, view)?;
                if let Some(mix) = self.augmenter.mix(epoch, index, pictures.len()) {
                    augment(mix.partner(), pixels, scratch, partner)?;
                    mix.blend(view, partner);
                }
                label = self.label(set, subset, epoch, index);
            }
        }
        self.plan.run(&mut worker.arena, &worker.view, out);
        self.workers.lock().expect("nobody panics while holding it").push(worker);
        Ok(label)
    }

    /// The label of a picture of a subset in an epoch.
    fn label(&self, set: &TrainingSet, subset: Subset, epoch: usize, index: usize) -> Label {
        let pictures = set.subset(subset);
        self.augmenter.mix(epoch, index, pictures.len()).map_or(Label::Own, |mix| Label::Mixed {
            share: mix.share(),
            other: set.labels[pictures[mix.partner()]],
        })
    }

    fn worker(&self) -> Worker {
        let idle = self.workers.lock().expect("nobody panics while holding it").pop();
        idle.unwrap_or_else(|| {
            let size = self.plan.preprocessing();
            let picture = || vec![0; size.height * size.width * 3];
            Worker {
                arena: self.plan.arena(),
                scratch: Scratch::default(),
                pixels: picture(),
                view: picture(),
                partner: picture(),
            }
        })
    }
}

impl TrainingSet {
    /// The pictures of a subset. Training has no test pictures.
    pub(crate) fn subset(&self, subset: Subset) -> &[usize] {
        match subset {
            Subset::Train => &self.split.train,
            Subset::Validation => &self.split.validation,
            Subset::Test => &[],
        }
    }
}

/// The views of a subset, in the form that training reads.
pub(crate) struct ViewInputs<'a> {
    views: &'a AugmentedViews,
    set: &'a TrainingSet,
    subset: Subset,
    labels: Vec<usize>,
    weights: Option<Vec<f32>>,
}

impl Inputs for ViewInputs<'_> {
    fn labels(&self) -> &[usize] {
        &self.labels
    }

    fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    fn label_sets(&self) -> Option<&[Vec<usize>]> {
        self.set.label_sets.as_deref()
    }

    fn read(
        &self,
        epoch: usize,
        picture: usize,
        to: &mut [f32],
    ) -> Result<Label, Box<dyn StdError + Send + Sync>> {
        let kept = match self.subset {
            Subset::Train => self.views.train.as_ref(),
            Subset::Validation | Subset::Test => Some(&self.views.validation),
        };
        let Some(kept) = kept else {
            let frozen = &self.views.frozen;
            let epoch = self.views.key.augmentation.cycled(epoch);
            return Ok(frozen.compute(self.set, self.subset, Some(epoch), picture, to)?);
        };
        kept.values.read(kept.record(epoch, picture), to)?;
        Ok(kept.label(epoch, picture))
    }
}

impl ViewInputs<'_> {
    /// All inputs of an epoch, `[pictures][values]`.
    ///
    /// # Errors
    /// When a picture cannot be read.
    pub(crate) fn all(&self, epoch: usize) -> Result<Vec<f32>, Error> {
        let len = self.views.len();
        let mut values = vec![0.0; self.labels.len() * len];
        let read = |(picture, to): (usize, &mut [f32])| {
            self.read(epoch, picture, to).map(|_| ()).map_err(Error::from_input)
        };
        values.par_chunks_mut(len).enumerate().try_for_each(read)?;
        Ok(values)
    }

    /// The label of each picture in an epoch.
    pub(crate) fn shown(&self, epoch: usize) -> Vec<Label> {
        let of = |picture| match &self.views.train {
            Some(kept) if self.subset == Subset::Train => kept.label(epoch, picture),
            None if self.subset == Subset::Train => {
                let epoch = self.views.key.augmentation.cycled(epoch);
                self.views.frozen.label(self.set, self.subset, epoch, picture)
            }
            _ => Label::Own,
        };
        (0..self.labels.len()).map(of).collect()
    }
}
