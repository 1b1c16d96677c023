//! PyTorch: a state dict in safetensors, with the names of torchvision or timm, for models that these libraries build.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use headstart_formats::{EXPORTED, Naming};
use headstart_model::architectures::{Architecture, NetworkConfig};
use headstart_model::safetensors::{self, ARCHITECTURE, Stored};
use headstart_model::{LayerKind, Tensor};
use headstart_predict::Model;

use crate::subject::Subject;
use crate::{ExportError, Names, Proof};

pub(crate) const FORMAT: &str = "pytorch";

/// The library whose names a model's weights get by default.
pub(crate) fn default_names(model: &Model) -> Names {
    match is_mobilenet(model) {
        true => Names::Torchvision,
        false => Names::Timm,
    }
}

fn is_mobilenet(model: &Model) -> bool {
    model.network.architecture().starts_with("mobilenetv2")
}

/// The widths of MobileNetV2 that timm has.
const WIDTHS_OF_TIMM: [f32; 5] = [0.35, 0.5, 0.75, 1.0, 1.4];

pub(crate) fn write(subject: &Subject<'_>, _: &Proof) -> Result<Vec<u8>, ExportError> {
    let model = subject.model;
    let names = subject.names();
    let lacks = |part: String, instead| Err(ExportError::Lacks { format: FORMAT, part, instead });
    let dense = subject.dense();
    let [head] = dense.as_slice() else {
        let part = "the hidden layers of the head".to_owned();
        return lacks(part, "onnx and keras have");
    };
    if !is_mobilenet(model) && !model.network.architecture().starts_with("efficientnet-lite") {
        return lacks(format!("{} yet", model.network.architecture()), "onnx has");
    }
    let naming = match names {
        Names::Torchvision if is_mobilenet(model) => Naming::Torchvision,
        Names::Torchvision => {
            let part = format!("{}, which torchvision does not have", model.network.name());
            return lacks(part, "timm has it");
        }
        Names::Timm if is_mobilenet(model) && !WIDTHS_OF_TIMM.contains(&model.network.width()) => {
            let part = format!("{}, which timm does not have", model.network.name());
            return lacks(part, "torchvision has it");
        }
        Names::Timm => Naming::Timm,
    };
    let (height, width) = subject.size();
    let config = NetworkConfig {
        input_size: Some((height, width)),
        width: Some(model.network.width()),
        top: Some(model.head.classes().len()),
    };
    let architecture = Architecture::find(model.network.architecture());
    let network = architecture.and_then(|own| own.build(&config)).expect("the model is of it");
    let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
    for ((layer, spec), names) in network.weight_specs().zip(naming.names(&network)) {
        let own = match (&layer.kind, spec.name) {
            (LayerKind::Dense { .. }, "kernel") => &head.kernel,
            (LayerKind::Dense { .. }, _) => &head.bias,
            _ => model.weights.get(layer, spec.name),
        };
        tensors.insert(names[0].clone(), naming.from_ours(layer, own));
    }
    let text = |key: &str| match subject.description[key].as_str() {
        Some(text) => text.to_owned(),
        None => subject.description[key].to_string(),
    };
    let metadata = BTreeMap::from([
        // Readers of such files for PyTorch expect this entry.
        ("format".to_owned(), "pt".to_owned()),
        ("classes".to_owned(), text("classes")),
        ("preprocessing".to_owned(), text("preprocessing_in_words")),
        (ARCHITECTURE.to_owned(), model.network.architecture().to_owned()),
        (EXPORTED.to_owned(), subject.description.to_string()),
    ]);
    let mut file = Vec::new();
    let stored = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor, Stored::F32));
    safetensors::write(&mut file, stored, &metadata).map_err(|error| ExportError::Encoding {
        format: "safetensors",
        reason: error.to_string(),
    })?;
    Ok(file)
}
