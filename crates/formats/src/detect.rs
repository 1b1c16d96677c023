//! What a file holds, by the names and shapes of its tensors.

use headstart_model::architectures::{ARCHITECTURES, Architecture, Framework, NetworkConfig};
use headstart_model::safetensors::ARCHITECTURE;
use headstart_model::{Activation, Layer, LayerKind, Network, Tensor};

use crate::checkpoint::{Checkpoint, SEPARATORS};
use crate::format::Format;
use crate::naming::{Index, Matching, Naming, in_order};

/// The registered network whose weights a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Detected {
    /// The id of its architecture.
    pub architecture: &'static str,
    /// Multiplier of its channel counts.
    pub width: f32,
    /// Height and width of its input where the file says so; only a whole Keras model does.
    pub input_size: Option<(usize, usize)>,
    /// Outputs of its classifier where the file has one; one output tells two classes apart.
    pub classes: Option<usize>,
    /// The names that the file uses.
    pub naming: Naming,
    /// Other architectures that the same tensors fit: timm's names do not tell TensorFlow's
    /// EfficientNet-Lite0 from its own.
    pub also_fits: Vec<&'static str>,
    /// Below which prefix the weights lie in the file: `state_dict_ema.module`.
    pub prefix: String,
    /// Prefixes below which the file has other values of the same weights.
    pub other_prefixes: Vec<String>,
}

/// Finds the registered architecture and width whose weights, all of them and in the right
/// shapes, the file holds; `None` when there is none.
pub fn detect(checkpoint: &Checkpoint) -> Option<Detected> {
    let said = checkpoint.metadata.get(ARCHITECTURE);
    let indexes = Index::all(checkpoint);
    let mut fits: Vec<(Unlikely, Detected)> = Vec::new();
    for architecture in ARCHITECTURES.iter().filter(|a| said.is_none_or(|id| id == a.id)) {
        for &width in architecture.widths {
            fits.extend(fit(checkpoint, &indexes, architecture, width));
        }
    }
    // Of frameworks that share names, the one that the file's name tells, or else the likelier; of equals, the one
    // listed first.
    let best = (0..fits.len()).min_by_key(|&i| fits[i].0)?;
    // A network that is a part of another one fits its file, too, but for what is left over.
    let left_over = fits[best].0.left_over;
    // If the name tells, there is nothing left to ask.
    let named = contradicts(checkpoint, fits[best].1.naming, Framework::PyTorch);
    let (_, mut detected) = fits.swap_remove(best);
    if named {
        fits.clear();
    }
    fits.retain(|(unlikely, _)| unlikely.left_over == left_over);
    detected.also_fits = fits.iter().map(|(_, other)| other.architecture).collect();
    Some(detected)
}

/// How unlikely it is that a file is of a network whose weights it has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Unlikely {
    /// How many tensors are neither the network's nor a classifier's.
    left_over: usize,
    /// The place of its framework among those whose files have such names.
    framework: usize,
}

/// What [`detect`] reports if the file holds this network, and how unlikely that is.
fn fit(
    checkpoint: &Checkpoint,
    indexes: &[Index<'_>],
    architecture: &'static Architecture,
    width: f32,
) -> Option<(Unlikely, Detected)> {
    let config = NetworkConfig { width: Some(width), ..NetworkConfig::default() };
    let base = architecture.build(&config).ok()?;
    let matching = Matching::best(indexes, &base);
    let (naming, left_over) = if matching.is_exact(&base) {
        let naming = matching.naming;
        let is_left = |(_, name, tensor): &&(&str, String, &Tensor)| {
            !naming.is_classifier(name, &tensor.shape)
        };
        (naming, matching.surplus.iter().filter(is_left).count())
    } else {
        (in_order(checkpoint, &base).map(|_| Naming::KerasLayers)?, 0)
    };
    let framework = match checkpoint.metadata.contains_key(ARCHITECTURE) {
        true => 0,
        false => {
            let frameworks = naming.frameworks();
            let rank = frameworks.iter().position(|f| *f == architecture.framework)?;
            match contradicts(checkpoint, naming, architecture.framework) {
                true => rank + frameworks.len(),
                false => rank,
            }
        }
    };
    Some((
        Unlikely { left_over, framework },
        Detected {
            architecture: architecture.id,
            width,
            input_size: input_size(checkpoint),
            classes: classes(checkpoint, &matching, &base),
            naming,
            also_fits: Vec::new(),
            prefix: shown(&matching.prefix),
            other_prefixes: matching.others.iter().map(|prefix| shown(prefix)).collect(),
        },
    ))
}

/// Whether a file's name tells another framework than this one: timm has networks of TensorFlow's padding and
/// normalisation under the same names of modules, and calls the networks and their files `tf_…`.
pub(crate) fn contradicts(checkpoint: &Checkpoint, naming: Naming, framework: Framework) -> bool {
    let name = checkpoint.file.rsplit(['/', '\\']).next().unwrap_or_default();
    naming == Naming::Timm && framework != Framework::TensorFlow && name.starts_with("tf_")
}

/// A prefix without the separator at its end.
fn shown(prefix: &str) -> String {
    prefix.trim_end_matches(SEPARATORS).to_owned()
}

/// Outputs of the dense layer that reads the base's features.
fn classes(checkpoint: &Checkpoint, matching: &Matching<'_>, base: &Network) -> Option<usize> {
    let features = base.output().channels();
    let dense = LayerKind::Dense { units: 1, activation: Activation::Linear };
    let layer = Layer { kind: dense, ..base.layers().last()?.clone() };
    let below = matching.surplus.iter().map(|(_, name, tensor)| (name.as_str(), *tensor));
    let anywhere = checkpoint.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
    below.chain(anywhere).find_map(|(name, tensor)| {
        let name = matching.naming.canonical(name);
        let shape = matching.naming.shape_to_ours(&layer, &tensor.shape);
        // The hidden layer of MobileNetV3, in timm and in torchvision.
        let is_hidden = ["conv_head.", "classifier.0."].iter().any(|part| name.starts_with(part));
        let is_kernel = matching.naming.is_classifier(&name, &tensor.shape) && shape.len() == 2;
        let is_kernel = is_kernel && !is_hidden;
        (is_kernel && shape[0] == features).then(|| shape[1])
    })
}

/// The size that a whole Keras model's input layer has.
fn input_size(checkpoint: &Checkpoint) -> Option<(usize, usize)> {
    fn find(model: &serde_json::Value) -> Option<(usize, usize)> {
        let config = &model["config"];
        for key in ["batch_shape", "batch_input_shape"] {
            let side = |axis: usize| Some(config[key][axis].as_u64()? as usize);
            if let (Some(height), Some(width)) = (side(1), side(2)) {
                return Some((height, width));
            }
        }
        config["layers"].as_array().or(config.as_array())?.iter().find_map(find)
    }
    find(checkpoint.model_config.as_ref()?)
}

/// For people, what a file looks like it holds: `torchvision's names of mobilenetv2-torch at
/// width 0.35 with 1000 classes`.
pub fn looks_like(checkpoint: &Checkpoint) -> Option<String> {
    if let Some(detected) = detect(checkpoint) {
        return Some(detected.to_string());
    }
    if let Some(name) = checkpoint.model_config.as_ref().and_then(model_name) {
        return Some(format!("a Keras model `{name}`"));
    }
    let what = match checkpoint.format {
        Format::Hdf5 | Format::KerasZip => "Keras weights",
        Format::PyTorch => "a PyTorch state dict",
        Format::Safetensors => "safetensors",
    };
    let mut names: Vec<&str> = checkpoint.tensors.keys().map(String::as_str).take(3).collect();
    if let Some(first) = checkpoint.keras_order.first() {
        names = first.iter().map(String::as_str).take(3).collect();
    }
    Some(match names.len() {
        0 => format!("{what} without any tensors"),
        _ => {
            format!("{what} with {} tensors such as {}", checkpoint.tensors.len(), names.join(", "))
        }
    })
}

/// The name of the largest model in a Keras configuration: the base rather than what is around.
fn model_name(model: &serde_json::Value) -> Option<String> {
    let nested = model["config"]["layers"].as_array()?;
    let largest = nested
        .iter()
        .filter(|layer| layer["config"]["layers"].is_array())
        .max_by_key(|layer| layer["config"]["layers"].as_array().map_or(0, Vec::len));
    let inner = largest
        .filter(|layer| layer["config"]["layers"].as_array().map_or(0, Vec::len) > nested.len());
    inner.unwrap_or(model)["config"]["name"].as_str().map(str::to_owned)
}

impl std::fmt::Display for Detected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at width {} under {}", self.architecture, self.width, self.naming.about())?;
        match self.classes {
            Some(1) => f.write_str(", with one output"),
            Some(classes) => write!(f, ", with {classes} classes"),
            None => f.write_str(", without a classifier"),
        }
    }
}
