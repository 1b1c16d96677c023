//! Matches the tensors of a file with the weights of a network by their order in the file.

use headstart_model::{Network, Place, Tensor};

use crate::checkpoint::Checkpoint;

/// The weights' tensors in the order in which a Keras file lists them, which is how Keras itself
/// loads weights.
///
/// Requires that every layer and every shape agree. Only a classifier may be left over: a dense
/// layer, or 1x1 convolutions.
pub(crate) fn in_order<'a>(
    checkpoint: &'a Checkpoint,
    network: &Network,
) -> Option<Vec<Option<(&'a str, &'a Tensor)>>> {
    let mut listed = checkpoint.keras_order.iter();
    let mut found = Vec::new();
    for layer in network.layers().iter().filter(|layer| !layer.weights.is_empty()) {
        // Listed tensors that are in `others`, not in `tensors`, are skipped.
        let names = listed.next()?.iter();
        let own: Vec<_> = names.filter_map(|name| checkpoint.tensors.get_key_value(name)).collect();
        if own.len() != layer.weights.len() {
            return None;
        }
        for ((name, tensor), spec) in own.into_iter().zip(&layer.weights) {
            if tensor.shape != spec.shape {
                return None;
            }
            found.push(Some((name.as_str(), tensor)));
        }
    }
    let has_top = network.layers().iter().any(|layer| layer.place == Place::Classifier);
    let shape = |name: &String| checkpoint.tensors.get(name).map(|tensor| tensor.shape.as_slice());
    let is_dense = |names: &Vec<String>| {
        matches!(names.first().and_then(shape), Some([_, _] | [1, 1, _, _])) && names.len() <= 2
    };
    let rest = listed.as_slice();
    let dense = rest.iter().filter(|names| matches!(names.first().and_then(shape), Some([_, _])));
    let is_classifier = !has_top && dense.count() <= 1 && rest.iter().all(is_dense);
    (rest.is_empty() || is_classifier).then_some(found)
}
