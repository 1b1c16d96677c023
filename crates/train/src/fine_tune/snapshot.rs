use crate::Head;
use crate::network::TrainableNetwork;

/// The values of all weights, including the head's.
#[derive(Clone)]
pub(super) struct Snapshot {
    pub(super) parameters: Vec<Vec<f32>>,
    pub(super) head: Vec<Vec<f32>>,
}

impl Snapshot {
    pub(super) fn of(network: &TrainableNetwork, head: &Head) -> Self {
        Self {
            parameters: network.parameters().iter().map(|p| p.values.clone()).collect(),
            head: head.weights().cloned().collect(),
        }
    }

    pub(super) fn is_finite(&self) -> bool {
        let all = self.parameters.iter().chain(&self.head);
        all.flatten().all(|value| value.is_finite())
    }

    pub(super) fn put_back(self, network: &mut TrainableNetwork, head: &mut Head) {
        for (parameter, values) in network.parameters_mut().iter_mut().zip(self.parameters) {
            parameter.values = values;
        }
        head.weights_mut().zip(self.head).for_each(|(weight, values)| *weight = values);
        network.refresh();
    }
}
