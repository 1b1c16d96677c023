//! Turns a folder of labelled pictures into a classifier by transfer learning.
//!
//! A pre-trained network, the **base**, is frozen and used as a feature extractor; a small
//! classifier, the **head**, is trained on its features.
//!
//! ```
//! use headstart::{Base, Classifier, Context, FitConfig, Pictures};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let temp = tempfile::tempdir()?;
//! # let (pictures, model) = (temp.path().join("pictures"), temp.path().join("model"));
//! # for class in ["Bag", "Sneaker"] {
//! #     std::fs::create_dir_all(pictures.join(class))?;
//! #     let bundled = std::path::Path::new("../cli/assets/fashion-mnist").join(class);
//! #     for file in std::fs::read_dir(bundled)?.take(10) {
//! #         let file = file?;
//! #         std::fs::copy(file.path(), pictures.join(class).join(file.file_name()))?;
//! #     }
//! # }
//! # let picture = &std::fs::read_dir(pictures.join("Bag"))?.next().expect("ten were copied")?.path();
//! let mut base = Base::bundled("mobilenetv2")?;
//! base.set_trainable(false);
//!
//! // A folder with one folder of pictures per class: Bag and Sneaker.
//! let pictures = Pictures::open(pictures)?.with_validation(0.2, 42);
//! let (classifier, report) =
//!     Classifier::fit(base, &pictures, &FitConfig::default(), &mut Context::default())?;
//! let validation = report.validation.expect("a fifth is held back");
//! println!("accuracy {:.3} on {} pictures", validation.accuracy, validation.pictures);
//! # assert_eq!(validation.pictures, 4);
//!
//! classifier.save(&model)?;
//! let classifier = Classifier::load(&model)?;
//! let prediction = classifier.predict(picture)?;
//! for (class, probability) in prediction.ranked() {
//!     println!("{:.3} {}", probability, classifier.classes()[class]);
//! }
//! assert_eq!(classifier.classes()[prediction.labels[0]], "Bag");
//! # Ok(())
//! # }
//! ```
//!
//! Every layer, with its shape and its parameters, frozen or not:
//!
//! ```
//! # fn main() -> Result<(), headstart::Error> {
//! let mut base = headstart::Base::bundled("mobilenetv2")?;
//! base.apply(&"from:100".parse().expect("an index"))?;
//! println!("{}", base.summary());
//! assert_eq!(base.features(), 1280);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod assumption;
mod audit;
mod base;
mod bases;
mod bundled;
mod classifier;
mod config;
mod copies;
mod error;
mod feature_files;
mod features;
mod fine_tune;
mod fit;
mod job;
mod learning_rate;
mod looks;
mod pictures;
mod records;
mod robust;
mod training_set;
mod trust;
mod warning;
mod work;

pub use headstart_data as data;
pub use headstart_engine as engine;
pub use headstart_files as files;
pub use headstart_formats as formats;
pub use headstart_model as model;
pub use headstart_neighbours as neighbours;
pub use headstart_predict as predict;
pub use headstart_train as train;

pub use assumption::Assumption;
pub use audit::{
    Audit, AuditConfig, Finding, FindingKind, LabelErrors, Severity, audit, audit_extracted,
};
pub use base::Base;
pub use bases::{
    BaseStore, CompareConfig, ComparedBase, Comparison, FetchError, Hash, Health, PUBLISHED,
    Program, Published, Recommendation, Size, Step, StoredBase, WeightsRecord, compare_bases,
    default_bases, recommend_base,
};
pub use bundled::{BUNDLED, Bundled};
pub use classifier::{
    AnswerConfig, BaseConfig, Classifier, Evaluated, Explained, ImportConfig, MODEL_FORMAT,
    Prediction, Predictor, class_names_in,
};
pub use config::InputConfig;
pub use error::{BaseError, Error, OpenError};
pub use feature_files::{FeatureFiles, FeatureSource};
pub use features::{
    ExtractConfig, Extraction, Extractor, FeatureOrigin, FeaturePart, PictureFeatures, Precision,
    Shard, default_cache,
};
pub use fine_tune::{FineTuneReport, FineTuneSeconds, FineTuning};
pub use fit::{FitConfig, FitReport, OutOfFoldFigures, Seconds};
pub use headstart_error::{ErrorKind, system_reason};
pub use job::{
    BaseSource, DEFAULT_BASE, Effort, FineTunePhase, FineTuneSummary, FoldsSummary, JOINS_BASES,
    PictureSource, RunConfig, SkippedSummary, TrainJob, TrainSummary, Trained,
};
pub use learning_rate::{HeadRangeTest, find_head_learning_rate};
pub use pictures::{Duplicates, Pictures};
pub use records::{
    Answered, Answers, Appearance, Contents, CrossValidation, EpochRecord, Evaluation,
    FineTuneRecord, FoldRecord, HeadConfig, MultiLabelFigures, Origin, Seen, SplitRecord, Spread,
    TrainingRecord, UnknownEvaluation,
};
pub use training_set::{DEFAULT_VIEWS, DiskNeed, TrainingSet};
pub use trust::{Calibration, FEWEST_TO_CALIBRATE, UnknownRate};
pub use warning::Warning;
pub use work::{CancelToken, Context, Event, Phase, Stage, ThreadPool};
