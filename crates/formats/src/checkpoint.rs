//! What a weight file holds, whatever its format.

use std::collections::BTreeMap;

use headstart_model::Tensor;

use crate::error::FormatError;
use crate::format::Format;

/// What stands between the parts of a name.
pub(crate) const SEPARATORS: [char; 2] = ['.', '/'];

/// The entry of [`Checkpoint::metadata`] that has, as JSON, what headstart says of a model that it has
/// exported.
pub const EXPORTED: &str = "headstart.exported";

/// What a weight file holds.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The file, as errors name it.
    pub file: String,
    /// Its format.
    pub format: Format,
    /// Tensors of floating-point numbers under the file's own names, as f32.
    /// The states of optimizers are left out.
    pub tensors: BTreeMap<String, Tensor>,
    /// Names and shapes of everything else, such as counters.
    pub others: BTreeMap<String, Vec<usize>>,
    /// A whole Keras model's description, with how it was compiled under `compile_config`, if it was.
    pub model_config: Option<serde_json::Value>,
    /// The free-form entries of a safetensors header, or what says as much in another file.
    pub metadata: BTreeMap<String, String>,
    /// For a Keras file that lists its layers: for each layer that has weights, in order, the
    /// names of its tensors, in order. Keras itself goes by this order alone.
    pub keras_order: Vec<Vec<String>>,
    /// Where weights are looked for; see [`Checkpoint::look_below`].
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

    /// Takes weights only from below this prefix of their names: `state_dict_ema`, or nothing for
    /// the outermost. For a file that has several sets of them.
    ///
    /// # Errors
    /// [`FormatError::NoSuchPrefix`] when there is no tensor there.
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
