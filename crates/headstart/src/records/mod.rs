//! The contents of a model file about a model: origin of its pictures, which it has seen, training, and
//! metrics.

mod answers;
mod cross_validation;
mod evaluation;
mod head_config;
mod seen;
mod training;

pub use answers::{Answered, Answers, Appearance};
pub(crate) use answers::{right_share, right_shares};
pub use cross_validation::{CrossValidation, FoldRecord, Spread};
pub use evaluation::{Evaluation, MultiLabelFigures, UnknownEvaluation};
pub(crate) use evaluation::{choose_thresholds, has_each};
pub use head_config::HeadConfig;
pub use seen::{Contents, Seen};
pub use training::{EpochRecord, FineTuneRecord, Origin, SplitRecord, TrainingRecord};
