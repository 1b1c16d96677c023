//! Detects the network in a file by the names and shapes of its tensors.

use headstart_model::architectures::{ARCHITECTURES, Architecture, Framework, NetworkConfig};
use headstart_model::safetensors::ARCHITECTURE;
use headstart_model::{Activation, Layer, LayerKind, Network, Tensor};

use crate::checkpoint::{Checkpoint, SEPARATORS};
use crate::format::Format;
use crate::naming::{Index, Matching, Naming, in_order};

/// The registered network whose weights a file contains.
#[derive(Clone, Debug, PartialEq)]
pub struct Detected {
    /// The id of its architecture.
    pub architecture: &'static str,
    /// Multiplier of its channel counts.
    pub width: f32,
    /// Height and width of its input, if the file specifies them; only a whole Keras model does.
    pub input_size: Option<(usize, usize)>,
    /// Number of outputs of the classifier, if the file has one. One output distinguishes two classes.
    pub classes: Option<usize>,
    /// The naming that the file uses.
    pub naming: Naming,
    /// Other architectures that the same tensors fit: timm uses the same names for TensorFlow's EfficientNet-Lite0 and
    /// for its own.
    pub also_fits: Vec<&'static str>,
    /// The prefix of the weights in the file: `state_dict_ema.module`.
    pub prefix: String,
    /// Prefixes below which the file has the same weights with other values.
    pub other_prefixes: Vec<String>,
}

/// Finds the registered architecture and width whose weights are all in the file, in the right shapes; `None` if there
/// is none.
pub fn detect(checkpoint: &Checkpoint) -> Option<Detected> {
    let said = checkpoint.metadata.get(ARCHITECTURE);
    let indexes = Index::all(checkpoint);
    let mut fits: Vec<(Unlikely, Detected)> = Vec::new();
    for architecture in ARCHITECTURES.iter().filter(|a| said.is_none_or(|id| id == a.id)) {
        for &width in architecture.widths {
            fits.extend(fit(checkpoint, &indexes, architecture, width));
        }
    }
    // If frameworks share names, the file's name decides, or else the likelier framework. Ties go to the architecture
    // listed first.
    let best = (0..fits.len()).min_by_key(|&i| fits[i].0)?;
    // A network that is a part of another one fits its file too, but leaves tensors over.
    let left_over = fits[best].0.left_over;
    // If the file's name decides, there is no ambiguity to report.
    let named = contradicts(checkpoint, fits[best].1.naming, Framework::PyTorch);
    let (_, mut detected) = fits.swap_remove(best);
    if named {
        fits.clear();
    }
    fits.retain(|(unlikely, _)| unlikely.left_over == left_over);
    detected.also_fits = fits.iter().map(|(_, other)| other.architecture).collect();
    Some(detected)
}

/// How unlikely it is that a file is meant for a network whose weights it contains. Smaller is likelier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Unlikely {
    /// The number of tensors that belong neither to the network nor to a classifier.
    left_over: usize,
    /// The rank of its framework among those whose files use these names.
    framework: usize,
}

/// The result of [`detect`] if the file contains this network, and how unlikely that is.
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

/// Whether the file's name shows that it is not for this framework. timm has networks with TensorFlow's padding and
/// normalisation under the same module names, and the names of those networks and their files begin with `tf_`.
pub(crate) fn contradicts(checkpoint: &Checkpoint, naming: Naming, framework: Framework) -> bool {
    let name = checkpoint.file.rsplit(['/', '\\']).next().unwrap_or_default();
    naming == Naming::Timm && framework != Framework::TensorFlow && name.starts_with("tf_")
}

/// A prefix without its trailing separator.
fn shown(prefix: &str) -> String {
    prefix.trim_end_matches(SEPARATORS).to_owned()
}

/// The number of outputs of the dense layer that reads the base's features.
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

/// The size of the input layer of a whole Keras model.
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

/// A readable description of what a file seems to contain:
/// `torchvision's names of mobilenetv2-torch at width 0.35 with 1000 classes`.
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

/// The name of the largest model in a Keras configuration: the base, not the model around it.
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
