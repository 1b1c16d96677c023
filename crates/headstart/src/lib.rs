//! Turns a folder of labelled pictures into a classifier by transfer learning.
//!
//! A pre-trained network, the **base**, is frozen and used as a feature extractor; a small
//! classifier, the **head**, is trained on its features.
//!
//! ```no_run
//! use headstart::{Base, Classifier, FitConfig, Pictures, Quiet};
//!
//! # fn main() -> Result<(), headstart::Error> {
//! let mut base = Base::bundled("mobilenetv2")?;
//! base.set_trainable(false);
//! println!("{}", base.summary());
//!
//! let pictures = Pictures::open("flowers")?.with_validation(0.2, 42);
//! let (classifier, report) =
//!     Classifier::fit(base, &pictures, &FitConfig::default(), &mut Quiet)?;
//! if let Some(validation) = &report.validation {
//!     println!("accuracy {:.3} on {} pictures", validation.accuracy, validation.pictures);
//! }
//!
//! classifier.save("flowers.safetensors")?;
//! # Ok(())
//! # }
//! ```
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let classifier = headstart::Classifier::load("flowers.safetensors")?;
//! let prediction = classifier.predict("rose.jpg")?;
//! for (class, probability) in prediction.ranked() {
//!     println!("{:.3} {}", probability, classifier.classes()[class]);
//! }
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod audit;
mod base;
mod bench;
mod bundled;
mod classifier;
mod divided;
mod error;
mod evaluation;
mod extract;
mod fine_tune;
mod fit;
mod import;
mod in_order;
mod learning_rate;
mod model_file;
mod observer;
mod pictures;
mod seen;
mod training_set;

pub use headstart_data as data;
pub use headstart_engine as engine;
pub use headstart_model as model;

#[doc(hidden)]
pub use audit::neighbours_for_benchmarks;
pub use audit::{Audit, AuditConfig, Finding, Kind, LabelErrors, Severity, audit};
pub use base::{Base, BaseConfig};
pub use bench::{
    BenchConfig, BenchReport, StepTime, TrainBenchConfig, TrainBenchReport, bench, bench_training,
};
pub use bundled::{BUNDLED, Bundled};
pub use classifier::{Classifier, Evaluated, Prediction};
pub use error::Error;
pub use evaluation::{Evaluation, MultiLabelFigures};
pub use extract::{ExtractConfig, Extraction, Extractor, PictureFeatures, default_cache};
pub use fine_tune::{FineTuneRecord, FineTuneReport, FineTuneSeconds, FineTuning};
pub use fit::{
    CrossValidation, DEFAULT_VIEWS, EpochRecord, FitConfig, FitReport, FoldRecord, HeadConfig,
    Origin, Seconds, SplitRecord, Spread, TrainingRecord,
};
pub use import::{ImportConfig, class_names_in};
pub use learning_rate::{HeadRangeTest, find_head_learning_rate};
pub use model_file::MODEL_FORMAT;
pub use observer::{Observer, Quiet};
pub use pictures::{Duplicates, Pictures};
pub use seen::{Contents, Seen};
pub use training_set::{DiskNeed, TrainingSet};
