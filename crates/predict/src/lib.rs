//! Prediction only: a model is loaded from the bytes of its file and compiled once, and predicts pictures from the
//! bytes of theirs.
//!
//! ```no_run
//! use headstart_predict::{Model, Predictor};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = Model::from_bytes(&std::fs::read("flowers.safetensors")?)?;
//! let predictor = Predictor::new(&model);
//! let prediction = predictor.predict_bytes(&std::fs::read("rose.jpg")?)?;
//! for (class, probability) in prediction.ranked() {
//!     println!("{probability:.3} {}", predictor.classes()[class]);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Other crates handle training, sources of pictures and foreign weight files; the crate `headstart` combines them all.
#![forbid(unsafe_code)]

mod answer;
mod answer_config;
mod class_names;
mod classifier_head;
mod error;
mod explain;
mod features;
mod model;
mod model_file;
mod predictor;
mod trust;

pub use answer::{Answer, Rest, Scores};
pub use answer_config::AnswerConfig;
pub use class_names::class_names;
pub use classifier_head::{ClassifierHead, Prediction, UNCHOSEN_THRESHOLD};
pub use error::{ModelFileError, PredictError};
pub use explain::{ActivationMap, Explainer, Explanation, OVERLAY_AT_LEAST, overlay_picture};
pub use features::{FeatureExtractor, FeatureScratch};
pub use headstart_decode::{DecodeError, Limits, Rgb};
pub use headstart_engine::Isa;
pub use headstart_engine::frozen::{Compute, Precision, Reduced};
pub use headstart_engine::head::{Head, Hidden, Task};
pub use headstart_resize::{Fitted, Rect, Reduce};
pub use headstart_trust::{
    Bin, CalibrationFigures, LabelSets, PerLabelSets, RELIABILITY_BINS, Temperature,
    TooFewPictures, Unknown, UnknownFigures, UnknownScore, reliability,
};
pub use model::{Model, ModelBase};
pub use model_file::MODEL_FORMAT;
pub use predictor::{PredictConfig, Predictor};
pub use trust::{NoLabelSet, Trust};
