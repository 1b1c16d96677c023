use std::sync::Arc;

use headstart_model::{Network, Weights};
use serde_json::value::RawValue;

use crate::ClassifierHead;

/// A classifier as its file has it: base, head, names of the classes, and how pictures are prepared.
#[derive(Clone, Debug)]
pub struct Model {
    /// The base, which has its preprocessing with it. All of its layers are frozen.
    pub network: Network,
    /// The base's weights.
    pub weights: Arc<Weights>,
    /// The head, with the names of the classes.
    pub head: ClassifierHead,
    /// How it was trained, in JSON, for whoever reads that.
    pub training: Option<Box<RawValue>>,
}
