//! Augmentation.

mod draws;
mod fixtures;
mod mixing;
