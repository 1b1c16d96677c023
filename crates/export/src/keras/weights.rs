//! The weights of a model, in the groups where Keras 3 expects them.

use hdf5_pure::{FileBuilder, GroupBuilder};
use headstart_formats::Naming;
use headstart_model::Tensor;

use crate::ExportError;
use crate::subject::Subject;

/// The group of the base: the first nested model.
const BASE: &str = "functional";

pub(super) fn write(subject: &Subject<'_>) -> Result<Vec<u8>, ExportError> {
    let (network, weights) = (&subject.model.network, &subject.model.weights);
    let mut file = FileBuilder::new();
    let mut layers = file.create_group("layers");
    let mut base = layers.create_group(BASE);
    let mut of_base = base.create_group("layers");
    // Names like `conv2d_3/vars/0`, layer by layer.
    let names = Naming::KerasCounters.names(network);
    let mut names = names.iter().map(|names| names[0].as_str());
    for layer in network.layers().iter().filter(|layer| !layer.weights.is_empty()) {
        let mut group = "";
        let mut tensors = Vec::new();
        for spec in &layer.weights {
            let name = names.next().expect("a name for each weight");
            group = name.split('/').next().expect("a group");
            tensors.push(weights.get(layer, spec.name));
        }
        let group = vars(of_base.create_group(group), &tensors);
        of_base.add_group(group.finish());
    }
    base.add_group(of_base.finish());
    layers.add_group(base.finish());
    for (index, dense) in subject.dense().iter().enumerate() {
        let name = if index == 0 { "dense".to_owned() } else { format!("dense_{index}") };
        let group = vars(layers.create_group(&name), &[&dense.kernel, &dense.bias]);
        layers.add_group(group.finish());
    }
    file.add_group(layers.finish());
    file.finish()
        .map_err(|error| ExportError::Encoding { format: "HDF5", reason: error.to_string() })
}

/// Adds the weights of a layer, named by their index.
fn vars(mut layer: GroupBuilder, tensors: &[&Tensor]) -> GroupBuilder {
    let mut vars = layer.create_group("vars");
    for (index, tensor) in tensors.iter().enumerate() {
        let shape: Vec<u64> = tensor.shape.iter().map(|&axis| axis as u64).collect();
        let dataset = vars.create_dataset(&index.to_string());
        dataset.with_f32_data(&tensor.data).with_shape(&shape);
    }
    layer.add_group(vars.finish());
    layer
}
