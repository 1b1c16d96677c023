//! Weights of bases: published ones, and the folder in which the user keeps them.

mod compare;
mod published;
mod record;
mod store;

pub use compare::{
    CompareConfig, ComparedBase, Comparison, Recommendation, compare_bases, recommend_base,
};
pub use headstart_fetch::{FetchError, Hash, Program, Size, Step};
pub use published::{PUBLISHED, Published};
pub use record::{StoredBase, WeightsRecord};
pub use store::{BaseStore, Health, default_bases};
