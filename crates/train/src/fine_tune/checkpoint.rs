use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FineTuneConfig, FineTuner, Snapshot};
use crate::Head;
use crate::average::MovingAverage;
use crate::head::History;
use crate::network::TrainableNetwork;
use crate::optimizers::{Optimizer, OptimizerState};
use crate::{TrainError, check_length};

/// The progress of training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Complete epochs.
    pub epoch: usize,
    /// Batches of the next epoch.
    pub batch: usize,
    /// The sum of the losses over the pictures of these batches.
    pub(super) loss_sum: f64,
    /// The number of correct decisions on the pictures of these batches.
    pub(super) right: usize,
}

/// The state from which training can continue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The progress so far.
    pub progress: Progress,
    /// The epochs so far.
    pub history: History,
    /// Steps of the optimizer.
    steps: usize,
    /// The lowest loss seen by early stopping.
    best: Option<f64>,
    /// All values by name; stored separately from the rest, which is text.
    #[serde(skip)]
    pub tensors: BTreeMap<String, Vec<f32>>,
}

const GOOD: &str = "good/";
const BEST: &str = "best/";
const AVERAGE: &str = "average/";
const OPTIMIZER: &str = "optimizer/";

impl FineTuner {
    /// Returns the state that [`FineTuner::restore`] needs.
    pub fn checkpoint(&self) -> Checkpoint {
        let mut tensors = BTreeMap::new();
        let current = Snapshot::of(&self.network, &self.head);
        let snapshots = [
            ("", Some(&current)),
            (GOOD, Some(&self.good)),
            (BEST, self.best.as_ref().map(|b| &b.1)),
        ];
        for (prefix, snapshot) in snapshots {
            let Some(snapshot) = snapshot else { continue };
            for (parameter, values) in self.network.parameters().iter().zip(&snapshot.parameters) {
                tensors.insert(format!("{prefix}{}", parameter.name), values.clone());
            }
            for (name, values) in self.head.weight_names().zip(&snapshot.head) {
                tensors.insert(format!("{prefix}{name}"), values.clone());
            }
        }
        if let Some(average) = &self.average {
            for (index, values) in average.averages().iter().enumerate() {
                tensors.insert(format!("{AVERAGE}{index}"), values.clone());
            }
        }
        let OptimizerState { steps, slots } = self.optimizer.state();
        for (slot, values) in slots {
            for (index, values) in values.into_iter().enumerate() {
                tensors.insert(format!("{OPTIMIZER}{slot}/{index}"), values);
            }
        }
        let best = self.best.as_ref().map(|(loss, _)| *loss);
        let (progress, history) = (self.progress, self.history.clone());
        Checkpoint { progress, history, steps, best, tensors }
    }

    /// Continues from a checkpoint of the same network, head and options, with bitwise the same results as without the
    /// interruption.
    ///
    /// # Errors
    /// As for [`FineTuner::new`], and when the checkpoint is incomplete or belongs to another network.
    pub fn restore(
        network: TrainableNetwork,
        head: Head,
        config: FineTuneConfig,
        mut checkpoint: Checkpoint,
    ) -> Result<Self, TrainError> {
        let mut own = Self::new(network, head, config)?;
        let best = checkpoint.best;
        let mut snapshot = |prefix: &str| own.snapshot(prefix, &mut checkpoint.tensors);
        let (current, good) = (snapshot("")?, snapshot(GOOD)?);
        let best = best.map(|loss| snapshot(BEST).map(|best| (loss, best))).transpose()?;

        let mut lengths: Vec<usize> = own
            .network
            .parameters()
            .iter()
            .filter_map(|p| Some(p.gradient.as_ref()?.len()))
            .collect();
        lengths.extend(own.head.weights().map(Vec::len));
        let mut series = |prefix: String| {
            let take = |index: usize| checkpoint.tensors.remove(&format!("{prefix}{index}"));
            (0..lengths.len()).map_while(take).collect::<Vec<_>>()
        };
        if let Some(momentum) = own.config.average {
            let averages = series(AVERAGE.to_owned());
            if checkpoint.steps > 0 {
                check_length("averaged weights of the checkpoint", averages.len(), lengths.len())?;
                for (values, &expected) in averages.iter().zip(&lengths) {
                    check_length("an average of the checkpoint", values.len(), expected)?;
                }
            }
            own.average = Some(MovingAverage::restore(momentum, averages)?);
        }
        let mut slots = BTreeMap::new();
        for slot in own.optimizer.config().slots() {
            let values = series(format!("{OPTIMIZER}{slot}/"));
            if !values.is_empty() {
                slots.insert(slot.to_owned(), values);
            }
        }
        let state = OptimizerState { steps: checkpoint.steps, slots };
        own.optimizer = Optimizer::restore(own.config.optimizer, state, &lengths)?;
        current.put_back(&mut own.network, &mut own.head);
        (own.good, own.best) = (good, best);
        (own.progress, own.history) = (checkpoint.progress, checkpoint.history);
        Ok(own)
    }

    fn snapshot(
        &self,
        prefix: &str,
        tensors: &mut BTreeMap<String, Vec<f32>>,
    ) -> Result<Snapshot, TrainError> {
        let mut take = |name: &str, expected: usize| {
            let name = format!("{prefix}{name}");
            let values = tensors.remove(&name).ok_or(TrainError::Incomplete { name })?;
            check_length("a weight of the checkpoint", values.len(), expected)?;
            Ok(values)
        };
        let parameters = self.network.parameters().iter();
        let parameters: Result<_, TrainError> =
            parameters.map(|parameter| take(&parameter.name, parameter.values.len())).collect();
        let parameters = parameters?;
        let head = self.head.weight_names().zip(self.head.weights());
        let head: Result<_, _> = head.map(|(name, values)| take(&name, values.len())).collect();
        Ok(Snapshot { parameters, head: head? })
    }
}
