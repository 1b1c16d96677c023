//! A step of fine-tuning: loss and gradients of a batch, and the update of all weights.

use std::sync::OnceLock;

use headstart_model::Place;

use super::FineTuner;
use super::inputs::{Inputs, Label};
use super::objective::Batch;
use crate::TrainError;
use crate::clip::global_norm;
use crate::error::is_lost;
use crate::network::TrainableNetwork;
use crate::optimizers::Variable;

impl FineTuner {
    /// Takes a step on the pictures `rows` of an epoch, the first of which has this position in it. Returns the mean
    /// loss before the step and the number of correct decisions.
    pub(super) fn step(
        &mut self,
        inputs: &dyn Inputs,
        (epoch, first): (usize, usize),
        rows: &[usize],
        weights: Option<&[f32]>,
        rate: f64,
    ) -> Result<(f64, usize), TrainError> {
        let batch = Batch {
            rows,
            labels: inputs.labels(),
            label_sets: inputs.label_sets(),
            weights,
            label_smoothing: self.config.label_smoothing,
            seed: self.config.seed,
            epoch,
            first,
        };
        let shown: Vec<OnceLock<Label>> = vec![OnceLock::new(); rows.len()];
        let head = &self.head;
        let parts = self.network.step(
            rows.len(),
            |index, to| {
                let label = inputs.read(epoch, rows[index], to).map_err(TrainError::Input)?;
                let _ = shown[index].set(label);
                Ok(())
            },
            |task, features, d_features| {
                let shown: Vec<Label> = shown[task.clone()]
                    .iter()
                    .map(|label| label.get().copied().unwrap_or_default())
                    .collect();
                batch.part(head, task, &shown, features, d_features)
            },
        )?;
        let (mut loss, mut right) = (0.0, 0);
        let zeros = |weight: &Vec<f32>| vec![0.0; weight.len()];
        let mut d_head: Vec<Vec<f32>> = self.head.weights().map(zeros).collect();
        for part in &parts {
            loss += part.loss;
            right += part.right;
            for (sums, d) in d_head.iter_mut().zip(&part.d_head) {
                sums.iter_mut().zip(d).for_each(|(sum, d)| *sum += d);
            }
        }
        loss /= rows.len() as f64;
        self.update(&mut d_head, (epoch, first, loss), rate)?;
        Ok((loss, right))
    }

    /// Updates all weights by their gradients.
    fn update(
        &mut self,
        d_head: &mut [Vec<f32>],
        (epoch, first, loss): (usize, usize, f64),
        rate: f64,
    ) -> Result<(), TrainError> {
        let mut gradients: Vec<&mut [f32]> = self
            .network
            .parameters_mut()
            .iter_mut()
            .filter_map(|parameter| parameter.gradient.as_deref_mut())
            .chain(d_head.iter_mut().map(Vec::as_mut_slice))
            .collect();
        if is_lost(loss) || !global_norm(&gradients).is_finite() {
            self.good.clone().put_back(&mut self.network, &mut self.head);
            return Err(TrainError::Diverged {
                epoch,
                batch: first / self.config.batch_size + 1,
                loss,
                learning_rate: rate,
            });
        }
        if let Some(clip) = self.config.clip {
            clip.apply(&mut gradients);
        }
        let mut variables: Vec<Variable> = self
            .network
            .parameters_mut()
            .iter_mut()
            .zip(&self.rates)
            .filter_map(|(parameter, &rate)| {
                let gradient = parameter.gradient.as_deref()?;
                let (values, decays) = (&mut parameter.values[..], parameter.decays);
                Some(Variable { values, gradient, rate, decays })
            })
            .collect();
        variables.extend(crate::head::variables(&mut self.head, d_head));
        self.optimizer.step(rate, &mut variables);
        if let Some(average) = &mut self.average {
            let values: Vec<&[f32]> = variables.iter().map(|variable| &*variable.values).collect();
            average.update(&values);
        }
        self.network.refresh();
        Ok(())
    }

    /// Swaps the weights and their moving averages, if any.
    pub(super) fn swap_average(&mut self) {
        let Some(average) = &mut self.average else { return };
        let parameters = self.network.parameters_mut().iter_mut();
        let mut variables: Vec<&mut [f32]> = parameters
            .filter(|parameter| parameter.gradient.is_some())
            .map(|parameter| &mut parameter.values[..])
            .collect();
        variables.extend(self.head.weights_mut().map(Vec::as_mut_slice));
        average.swap(&mut variables);
        drop(variables);
        self.network.refresh();
    }
}

/// The learning rate multiplier of each parameter, relative to the head: `decay` for each block of layers above its
/// own, including the head.
pub(super) fn rates(network: &TrainableNetwork, decay: f64) -> Vec<f64> {
    let depth = |place| match place {
        Place::Stem => 0,
        Place::Block { index, .. } => index + 1,
        Place::Top => usize::MAX - 1,
        Place::Classifier => usize::MAX,
    };
    let all = network.parameters().iter().map(|parameter| depth(parameter.place));
    let mut depths: Vec<usize> = all.clone().collect();
    depths.sort_unstable();
    depths.dedup();
    let above = |depth| depths.len() - depths.partition_point(|&other| other < depth);
    all.map(|depth| decay.powi(above(depth) as i32)).collect()
}
