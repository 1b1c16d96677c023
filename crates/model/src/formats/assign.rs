//! The tensors of a file to the weights of a network.

use std::collections::BTreeMap;

use super::naming::{Index, Matching};
use super::{Checkpoint, Naming, detect, looks_like, safetensors};
use crate::architectures::Architecture;
use crate::{
    Fitting, LayerKind, Misshapen, ModelError, Network, Place, Tensor, Weights, weight_name,
};

/// Puts the tensors of a file to the weights of `network`, whatever names the file gives them.
///
/// A classifier in the file is left out where the network has none; all else must fit, one to
/// one. Where the network lies below a prefix (`state_dict.`, `model_weights/base/`), tensors
/// elsewhere do not matter.
///
/// # Errors
/// - [`ModelError::WeightsDoNotFit`] when a weight is missing, surplus or misshapen; it says what
///   the file looks like it holds.
/// - [`ModelError::OtherFramework`] when the file's names are of a framework with other
///   conventions than the network's, and [`ModelError::OtherArchitecture`] when its metadata say
///   that it is for another: the names of two descriptions may agree where their arithmetic
///   does not.
/// - [`ModelError::BadValue`] as [`Weights::new`].
pub fn assign(checkpoint: Checkpoint, network: &Network) -> Result<Weights, ModelError> {
    let fail = |fitting: Fitting| ModelError::WeightsDoNotFit {
        network: network.name().to_owned(),
        fitting: Box::new(fitting),
        file: Some(checkpoint.file.clone()),
        looks_like: looks_like(&checkpoint),
    };
    if let Some(id) = checkpoint.metadata.get(safetensors::ARCHITECTURE)
        && id != network.architecture()
    {
        return Err(ModelError::OtherArchitecture {
            file: checkpoint.file.clone(),
            holds: id.clone(),
            network: network.architecture(),
        });
    }
    let matching = Matching::best(&Index::all(&checkpoint), network);
    let ordered = match matching.found.iter().all(Option::is_some) {
        true => None,
        false => in_order(&checkpoint, network),
    };
    let naming = if ordered.is_some() { Naming::KerasLayers } else { matching.naming };
    let found = ordered.as_ref().unwrap_or(&matching.found);

    let mut fitting = Fitting::default();
    let mut tensors = BTreeMap::new();
    for (i, (layer, spec)) in network.weight_specs().enumerate() {
        let own = weight_name(&layer.name, spec.name);
        match found[i] {
            // The file's own names help only where the file has some of them.
            None if matching.hits == 0 => fitting.missing.push(own),
            None => fitting.missing.push(matching.expected[i].clone()),
            Some((name, tensor)) => {
                let tensor = naming.to_ours(layer, tensor);
                if tensor.shape == spec.shape {
                    tensors.insert(own, tensor);
                } else {
                    fitting.misshapen.push(Misshapen {
                        name: name.to_owned(),
                        found: tensor.shape,
                        expected: spec.shape.clone(),
                    });
                }
            }
        }
    }
    if ordered.is_none() && matching.hits > 0 {
        let has_top = network.layers().iter().any(|layer| layer.place == Place::Classifier);
        let kept = |(_, name, tensor): &&(&str, String, &Tensor)| {
            has_top || !naming.is_classifier(name, &tensor.shape)
        };
        let surplus = matching.surplus.iter().filter(kept);
        fitting.surplus = surplus.map(|(name, ..)| (*name).to_owned()).collect();
    }
    if fitting != Fitting::default() {
        return Err(fail(fitting));
    }
    check_framework(naming, &checkpoint, network)?;
    Weights::new(network, tensors).map_err(|error| error.in_file(&checkpoint.file))
}

/// # Errors
/// When the network follows another framework than the weights under these names do.
fn check_framework(
    naming: Naming,
    checkpoint: &Checkpoint,
    network: &Network,
) -> Result<(), ModelError> {
    let framework = Architecture::find(network.architecture())?.framework;
    if naming.frameworks().contains(&framework) {
        return Ok(());
    }
    Err(ModelError::OtherFramework {
        file: checkpoint.file.clone(),
        naming: naming.about(),
        network: network.architecture(),
        instead: detect(checkpoint).map(|detected| detected.architecture),
    })
}

/// The tensors by the order in which a Keras file lists them, which is how Keras itself loads
/// it; only when every layer and every shape agree, and only a dense layer may be left over.
pub(super) fn in_order<'a>(
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
