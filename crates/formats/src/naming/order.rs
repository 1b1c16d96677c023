//! Which tensors of a file are the weights of a network, by the order that the file gives them.

use headstart_model::{LayerKind, Network, Tensor};

use crate::checkpoint::Checkpoint;

/// The tensors by the order in which a Keras file lists them, which is how Keras itself loads
/// it; only when every layer and every shape agree, and only a dense layer may be left over.
pub(crate) fn in_order<'a>(
    checkpoint: &'a Checkpoint,
    network: &Network,
) -> Option<Vec<Option<(&'a str, &'a Tensor)>>> {
    let mut listed = checkpoint.keras_order.iter();
    let mut found = Vec::new();
    for layer in network.layers().iter().filter(|layer| !layer.weights.is_empty()) {
        let names = listed.next().filter(|names| names.len() == layer.weights.len())?;
        for (name, spec) in names.iter().zip(&layer.weights) {
            let (name, tensor) = checkpoint.tensors.get_key_value(name)?;
            if tensor.shape != spec.shape {
                return None;
            }
            found.push(Some((name.as_str(), tensor)));
        }
    }
    let has_dense =
        network.layers().iter().any(|layer| matches!(layer.kind, LayerKind::Dense { .. }));
    let is_dense = |names: &Vec<String>| {
        let shape = |name: &String| checkpoint.tensors.get(name).map(|tensor| &tensor.shape);
        names.first().and_then(shape).is_some_and(|shape| shape.len() == 2)
    };
    let rest = listed.as_slice();
    (rest.is_empty() || (!has_dense && rest.len() == 1 && is_dense(&rest[0]))).then_some(found)
}
