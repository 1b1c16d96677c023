//! The content of a weight file of any format.

use std::collections::BTreeMap;

use headstart_model::Tensor;

use crate::error::FormatError;
use crate::format::Format;

/// The separators between the parts of a name.
pub(crate) const SEPARATORS: [char; 2] = ['.', '/'];

/// The key of [`Checkpoint::metadata`] whose value, as JSON, is headstart's description of a model that it exported.
pub const EXPORTED: &str = "headstart.exported";

/// The content of a weight file.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The file's name in error messages.
    pub file: String,
    /// Its format.
    pub format: Format,
    /// Floating-point tensors under the file's own names, converted to f32. Optimizer states are left out.
    pub tensors: BTreeMap<String, Tensor>,
    /// Names and shapes of everything else, such as counters.
    pub others: BTreeMap<String, Vec<usize>>,
    /// The configuration of a whole Keras model. If the model was compiled, `compile_config` has the compile
    /// arguments.
    pub model_config: Option<serde_json::Value>,
    /// The free-form entries of a safetensors header, or their equivalent in another format.
    pub metadata: BTreeMap<String, String>,
    /// The order of the tensors in a Keras file that lists its layers: for each layer that has weights, the names of
    /// its tensors. Keras itself loads weights by this order alone.
    pub keras_order: Vec<Vec<String>>,
    /// The prefix below which weights are searched; see [`Checkpoint::look_below`].
    pub(crate) below: Option<String>,
}

impl Checkpoint {
    pub(crate) fn new(file: &str, format: Format) -> Self {
        Self {
            file: file.to_owned(),
            format,
            tensors: BTreeMap::new(),
            others: BTreeMap::new(),
            model_config: None,
            metadata: BTreeMap::new(),
            keras_order: Vec::new(),
            below: None,
        }
    }

    /// Restricts the search for weights to names below this prefix, such as `state_dict_ema`; an empty prefix means
    /// the outermost level. For files that contain several sets of weights.
    ///
    /// # Errors
    /// [`FormatError::NoSuchPrefix`] if no tensor is below the prefix.
    pub fn look_below(&mut self, prefix: &str) -> Result<(), FormatError> {
        let asked = prefix.trim_end_matches(SEPARATORS);
        let is_below = |name: &String| {
            let rest = name.strip_prefix(asked);
            rest.is_some_and(|rest| asked.is_empty() || rest.starts_with(SEPARATORS))
        };
        if !self.tensors.keys().any(is_below) {
            let first = |name: &String| name.split(SEPARATORS).next().map(str::to_owned);
            let mut known: Vec<String> = self.tensors.keys().filter_map(first).collect();
            known.dedup();
            let (file, prefix) = (self.file.clone(), prefix.to_owned());
            return Err(FormatError::NoSuchPrefix { file, prefix, known });
        }
        self.keras_order.retain(|layer| layer.iter().all(is_below));
        self.below = Some(asked.to_owned());
        Ok(())
    }
}
