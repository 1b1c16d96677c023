//! Assigns the tensors of a file to the weights of a network.

use std::collections::BTreeMap;

use headstart_model::architectures::Architecture;
use headstart_model::safetensors::ARCHITECTURE;
use headstart_model::{
    Fitting, Misshapen, ModelError, Network, Place, Tensor, Weights, weight_name,
};

use crate::checkpoint::Checkpoint;
use crate::detect::{contradicts, detect, looks_like};
use crate::error::FormatError;
use crate::naming::{Index, Matching, Naming, in_order};

/// Assigns the tensors of a file to the weights of `network`, under any known naming.
///
/// A classifier in the file is ignored if the network has none. Everything else must match one to one. If the weights
/// are below a prefix (`state_dict.`, `model_weights/base/`), tensors outside it are ignored.
///
/// # Errors
/// - [`ModelError::WeightsDoNotFit`] if a weight is missing, surplus or misshapen. The error describes what the file
///   seems to contain.
/// - [`FormatError::OtherFramework`] if the file's names belong to a framework whose conventions differ from the
///   network's, and [`FormatError::OtherArchitecture`] if its metadata name another architecture: two architectures
///   may share names but not arithmetic.
/// - [`ModelError::BadValue`] as [`Weights::new`].
pub fn assign(checkpoint: Checkpoint, network: &Network) -> Result<Weights, FormatError> {
    let fail = |fitting: Fitting| ModelError::WeightsDoNotFit {
        network: network.name().to_owned(),
        fitting: Box::new(fitting),
        file: Some(checkpoint.file.clone()),
        looks_like: looks_like(&checkpoint),
    };
    if let Some(id) = checkpoint.metadata.get(ARCHITECTURE)
        && id != network.architecture()
    {
        return Err(FormatError::OtherArchitecture {
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
            // The file's own naming is helpful only if at least one of its names matched.
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
        return Err(fail(fitting).into());
    }
    check_framework(naming, &checkpoint, network)?;
    Weights::new(network, tensors).map_err(|error| error.in_file(&checkpoint.file).into())
}

/// Checks that the naming of the weights belongs to the network's framework.
///
/// # Errors
/// [`FormatError::OtherFramework`] if it belongs to another one, unless the file's metadata name the network's
/// architecture.
fn check_framework(
    naming: Naming,
    checkpoint: &Checkpoint,
    network: &Network,
) -> Result<(), FormatError> {
    let framework = Architecture::find(network.architecture())?.framework;
    if checkpoint.metadata.get(ARCHITECTURE).is_some_and(|id| id == network.architecture()) {
        return Ok(());
    }
    let contradicted = contradicts(checkpoint, naming, framework);
    if naming.frameworks().contains(&framework) && !contradicted {
        return Ok(());
    }
    let instead = detect(checkpoint).map(|detected| detected.architecture);
    Err(FormatError::OtherFramework {
        file: checkpoint.file.clone(),
        naming: match contradicted {
            true => "timm's names of a network of TensorFlow's",
            false => naming.about(),
        },
        network: network.architecture(),
        instead: instead.filter(|id| *id != network.architecture()),
    })
}
