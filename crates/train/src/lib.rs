//! Training: layers with forward and backward passes, losses, optimizers, schedules, metrics, and the head on top of a
//! frozen base.
//!
//! Results are bitwise the same for the same seed, regardless of the number of threads: sums are split by the number of
//! rows, never by the number of threads, and added in order.
#![forbid(unsafe_code)]

pub mod average;
pub mod clip;
mod error;
mod features;
mod fine_tune;
pub mod head;
pub mod layers;
pub mod losses;
pub mod metrics;
pub mod network;
pub mod optimizers;
mod samples;
pub mod schedules;

pub use error::TrainError;
use error::check_length;
pub use features::{Features, StoredFeatures};
pub use fine_tune::{
    Checkpoint, FineTuneConfig, FineTuner, Inputs, Label, Progress, RangeTest, RangeTestConfig,
    range_test,
};
pub use head::{
    AdamConfig, Epoch, Event, HeadSteps, History, LogisticConfig, LogisticFit, OutOfFold, Strength,
    Trial, Views, fit_adam, fit_adam_from, fit_logistic, out_of_fold, out_of_fold_logits,
};
pub use headstart_engine::head::{Head, Hidden, Task};
pub use samples::{ClassWeight, Samples};
