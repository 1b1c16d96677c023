//! Features of views, to train the head on.

use headstart_data::Subset;
use headstart_train::network::TrainableNetwork;
use headstart_train::{Inputs, Label, Samples, TrainError};

use super::records::Values;
use super::views::ViewInputs;
use super::{TrainingSet, scratch_folder};
use crate::{Error, Precision, pictures};

/// The features of the training pictures, one view after the other.
pub(crate) struct HeadViews<'a> {
    set: &'a TrainingSet,
    network: Option<&'a TrainableNetwork>,
    inputs: ViewInputs<'a>,
    count: usize,
    dim: usize,
    groups: Vec<usize>,
    /// Views that have been computed, and which ones; `None` if every epoch has other views.
    kept: Option<(Values, Vec<bool>)>,
    features: Vec<f32>,
    soft_targets: Option<Vec<f32>>,
}

impl<'a> HeadViews<'a> {
    /// From the views of `set`. `network` is the trainable part, whose output is then the features.
    pub(crate) fn new(set: &'a TrainingSet, network: Option<&'a TrainableNetwork>) -> Self {
        let views = set.views.as_ref().expect("they have been made");
        let dim = network.map_or_else(|| views.len(), TrainableNetwork::features);
        Self {
            set,
            network,
            inputs: views.inputs(set, Subset::Train),
            count: views.count(),
            dim,
            groups: groups(set, Subset::Train),
            kept: None,
            features: Vec::new(),
            soft_targets: None,
        }
    }

    /// The features of the held-back pictures.
    ///
    /// # Errors
    /// When a picture cannot be read.
    pub(crate) fn validation(&self) -> Result<pictures::LabelledFeatures, Error> {
        let views = self.set.views.as_ref().expect("they have been made");
        let inputs = views.inputs(self.set, Subset::Validation);
        Ok(pictures::LabelledFeatures {
            features: features(&inputs, self.network, self.dim, 1)?,
            labels: inputs.labels().to_vec(),
            label_sets: self.set.label_sets.clone(),
            groups: groups(self.set, Subset::Validation),
            weights: None,
            dim: self.dim,
        })
    }

    /// All views as separate pictures. The views of one picture are in one group.
    ///
    /// # Errors
    /// When a picture cannot be read.
    pub(crate) fn all(&self) -> Result<pictures::LabelledFeatures, Error> {
        let mut all = pictures::LabelledFeatures {
            features: Vec::new(),
            labels: Vec::new(),
            label_sets: self.set.label_sets.clone(),
            groups: Vec::new(),
            weights: self.inputs.weights().map(|weights| weights.repeat(self.count)),
            dim: self.dim,
        };
        for epoch in 1..=self.count {
            all.features.extend(features(&self.inputs, self.network, self.dim, epoch)?);
            all.labels.extend(self.inputs.labels());
            all.groups.extend(&self.groups);
        }
        Ok(all)
    }

    /// Loads the features of a view: stored ones if they have been computed before.
    fn load(&mut self, index: usize) -> Result<(), Error> {
        if self.count == usize::MAX {
            self.features = features(&self.inputs, self.network, self.dim, index + 1)?;
            return Ok(());
        }
        let n = self.groups.len();
        if self.kept.is_none() {
            let folder = scratch_folder(&self.set.config);
            let values = Values::new(&folder, n * self.dim, self.count, Precision::F32)?;
            self.kept = Some((values, vec![false; self.count]));
        }
        let (values, computed) = self.kept.as_mut().expect("made just now");
        if computed[index] {
            self.features.resize(n * self.dim, 0.0);
            return values.read(index, &mut self.features);
        }
        self.features = features(&self.inputs, self.network, self.dim, index + 1)?;
        computed[index] = true;
        // A single view stays in memory while it is used.
        if self.count > 1 { values.write(index, &self.features) } else { Ok(()) }
    }
}

/// The group of each picture of a subset.
fn groups(set: &TrainingSet, subset: Subset) -> Vec<usize> {
    set.subset(subset).iter().map(|&picture| set.groups.numbers()[picture]).collect()
}

/// The features of an epoch, `[pictures][dim]`.
fn features(
    inputs: &ViewInputs<'_>,
    network: Option<&TrainableNetwork>,
    dim: usize,
    epoch: usize,
) -> Result<Vec<f32>, Error> {
    let Some(network) = network else { return inputs.all(epoch) };
    let n = inputs.labels().len();
    let mut features = vec![0.0; n * dim];
    let read = |picture: usize, to: &mut [f32]| {
        inputs.read(epoch, picture, to).map(|_| ()).map_err(Error::from_input)
    };
    network.infer(n, read, &mut features)?;
    Ok(features)
}

impl headstart_train::Views for HeadViews<'_> {
    fn count(&self) -> usize {
        self.count
    }

    fn view(&mut self, index: usize) -> Result<Samples<'_>, TrainError> {
        if self.count > 1 || self.features.is_empty() {
            self.load(index).map_err(|error| TrainError::Input(error.into()))?;
        }
        let classes = self.set.classes().len();
        let labels = self.inputs.labels();
        let label_sets = self.set.label_sets.as_deref();
        let own = Samples::new(&self.features, self.dim, labels, classes);
        let own = Samples { label_sets, ..own };
        let shown = self.inputs.shown(index + 1);
        self.soft_targets = shown.iter().any(|label| *label != Label::Own).then(|| {
            let loss = headstart_train::losses::Loss::of_task(own.task(), classes);
            let rows: Vec<usize> = (0..labels.len()).collect();
            let mut targets = loss.soften(own.targets(), &rows, 0.0);
            for (target, label) in targets.chunks_exact_mut(loss.units()).zip(&shown) {
                label.mix(loss, label_sets, target);
            }
            targets
        });
        let soft_targets = self.soft_targets.as_deref();
        let weights = self.inputs.weights();
        Ok(Samples { groups: Some(&self.groups), soft_targets, weights, ..own })
    }
}
