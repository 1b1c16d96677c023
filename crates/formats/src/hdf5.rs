//! Keras's HDF5 files.

use std::collections::HashMap;

use hdf5_pure::{AttrValue, Datatype, DatatypeByteOrder, File, FloatingPointLayout, Group};
use headstart_model::{Float, Tensor};

use crate::budget::Budget;
use crate::checkpoint::Checkpoint;

/// Keras's groups are never nested more deeply. A damaged file may contain a link to itself.
const MAX_DEPTH: usize = 16;
/// More groups and tensors than any network has.
const MAX_OBJECTS: usize = 100_000;
/// The groups of optimizer states, at the root of a `.h5` and of a `.weights.h5`.
const OPTIMIZER: [&str; 2] = ["optimizer_weights", "optimizer"];

pub(super) fn read(bytes: Vec<u8>, mut checkpoint: Checkpoint) -> Result<Checkpoint, String> {
    let size = bytes.len();
    let file = File::from_bytes(bytes).map_err(|error| error.to_string())?;
    let claimed = file.superblock().eof_address;
    if claimed > size as u64 {
        return Err(format!("it is cut short: {size} of {claimed} bytes are there"));
    }
    let root = file.root();
    let attributes = root.attrs().map_err(|error| error.to_string())?;
    if let Some(config) = attributes.get("model_config") {
        let text = strings(config).concat();
        let mut config: serde_json::Value = serde_json::from_str(&text)
            .map_err(|error| format!("its model_config is not JSON: {error}"))?;
        // `compile_config` is the key that a `.keras` file has.
        let training = attributes.get("training_config").map(|value| strings(value).concat());
        let training = training.and_then(|text| serde_json::from_str(&text).ok());
        if let (Some(config), Some(training)) = (config.as_object_mut(), training) {
            config.insert("compile_config".to_owned(), training);
        }
        checkpoint.model_config = Some(config);
    }
    let mut walk = Walk { checkpoint, budget: Budget::of(size), objects: 0 };
    walk.group(&root, "", 0).map_err(|error| match error {
        WalkError::Hdf5(error) => error.to_string(),
        WalkError::Ours(reason) => reason,
    })?;
    let mut checkpoint = walk.checkpoint;
    checkpoint.keras_order = match root.group("model_weights") {
        Ok(group) => order(&group, "model_weights/"),
        Err(_) => order(&root, ""),
    };
    Ok(checkpoint)
}

enum WalkError {
    Hdf5(hdf5_pure::Error),
    Ours(String),
}

impl From<hdf5_pure::Error> for WalkError {
    fn from(error: hdf5_pure::Error) -> Self {
        Self::Hdf5(error)
    }
}

struct Walk {
    checkpoint: Checkpoint,
    budget: Budget,
    objects: usize,
}

impl Walk {
    fn group(&mut self, group: &Group, path: &str, depth: usize) -> Result<(), WalkError> {
        for name in group.datasets()? {
            self.count()?;
            self.dataset(group, &name, format!("{path}{name}"))?;
        }
        for name in group.groups()? {
            self.count()?;
            if depth == 0 && OPTIMIZER.contains(&name.as_str()) {
                continue;
            }
            if depth == MAX_DEPTH {
                return Err(WalkError::Ours("its groups are nested too deeply".to_owned()));
            }
            self.group(&group.group(&name)?, &format!("{path}{name}/"), depth + 1)?;
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), WalkError> {
        self.objects += 1;
        if self.objects > MAX_OBJECTS {
            return Err(WalkError::Ours("it has too many objects".to_owned()));
        }
        Ok(())
    }

    fn dataset(&mut self, group: &Group, name: &str, path: String) -> Result<(), WalkError> {
        let dataset = group.dataset(name)?;
        let datatype = dataset.datatype()?;
        let shape = dataset.shape()?;
        let size = dataset.element_size()?;
        let axes = self.budget.tensor(&path, shape, size).map_err(WalkError::Ours)?;
        if let (Datatype::FixedPoint { byte_order: DatatypeByteOrder::LittleEndian, .. }, []) =
            (&datatype, &axes[..])
        {
            // Keras stores a counter as a weight.
            let data = dataset.read_raw()?;
            let mut bytes = [0; 8];
            let length = data.len().min(bytes.len());
            bytes[..length].copy_from_slice(&data[..length]);
            let data = vec![i64::from_le_bytes(bytes) as f32];
            self.checkpoint.tensors.insert(path, Tensor { shape: axes, data });
            return Ok(());
        }
        let Datatype::FloatingPoint { size, byte_order, layout } = datatype else {
            self.checkpoint.others.insert(path, axes);
            return Ok(());
        };
        let unread = |what: String| WalkError::Ours(format!("its tensor '{path}' {what}"));
        let float = float(size, layout).filter(|_| byte_order != DatatypeByteOrder::Vax);
        let float = float.ok_or_else(|| unread("has numbers of an unknown kind".to_owned()))?;
        let mut data = dataset.read_raw()?;
        if byte_order == DatatypeByteOrder::BigEndian {
            data.chunks_exact_mut(size as usize).for_each(<[u8]>::reverse);
        }
        let data = float.decode(&data);
        if data.len() != axes.iter().product::<usize>() {
            return Err(unread(format!("has {} values for {axes:?}", data.len())));
        }
        self.checkpoint.tensors.insert(path, Tensor { shape: axes, data });
        Ok(())
    }
}

/// The floating-point type with this size and bit layout.
fn float(size: u32, layout: FloatingPointLayout) -> Option<Float> {
    match (size, layout.exponent_size, layout.mantissa_size) {
        (2, 5, 10) => Some(Float::F16),
        (2, 8, 7) => Some(Float::Bf16),
        (4, 8, 23) => Some(Float::F32),
        (8, 11, 52) => Some(Float::F64),
        _ => None,
    }
}

/// The tensors of each layer that has any, as listed in the attributes `layer_names` and
/// `weight_names`. Empty if the file has no such lists.
fn order(group: &Group, path: &str) -> Vec<Vec<String>> {
    let Ok(attributes) = group.attrs() else { return Vec::new() };
    let mut layers = Vec::new();
    for layer in chunked(&attributes, "layer_names") {
        let Ok(attributes) = group.group(&layer).and_then(|group| group.attrs()) else {
            return Vec::new();
        };
        let weights: Vec<String> = chunked(&attributes, "weight_names")
            .into_iter()
            .map(|weight| format!("{path}{layer}/{weight}"))
            .collect();
        if !weights.is_empty() {
            layers.push(weights);
        }
    }
    layers
}

/// The strings of an attribute, which Keras splits into `name0`, `name1`, … if it is long.
fn chunked(attributes: &HashMap<String, AttrValue>, name: &str) -> Vec<String> {
    if let Some(value) = attributes.get(name) {
        return strings(value);
    }
    (0..).map_while(|i| attributes.get(&format!("{name}{i}"))).flat_map(strings).collect()
}

/// The strings of an attribute with one or many strings of any HDF5 type.
fn strings(value: &AttrValue) -> Vec<String> {
    match value {
        AttrValue::StringArray(values)
        | AttrValue::AsciiStringArray(values)
        | AttrValue::VarLenStringArray(values)
        | AttrValue::VarLenAsciiStringArray(values)
        | AttrValue::StringArraySized { values, .. }
        | AttrValue::AsciiStringArraySized { values, .. } => values.clone(),
        _ => value.as_str().map(str::to_owned).into_iter().collect(),
    }
}
