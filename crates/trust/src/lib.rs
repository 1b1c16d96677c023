//! Calibration and reliability of a classifier's scores.
//!
//! Everything is learned from a classifier's predictions for pictures not used for its training, and needs no files,
//! clock or threads:
//!
//! - [`Temperature`] calibrates probabilities (Guo et al. 2017);
//! - [`CalibrationFigures`] measures their calibration;
//! - [`LabelSets`] returns as many labels as needed to contain the right one with a given coverage (Romano et al. 2020,
//!   Angelopoulos et al. 2021), and [`PerLabelSets`] does so for multi-label models;
//! - [`Unknown`] detects pictures of none of the classes (out of distribution).
#![forbid(unsafe_code)]

mod figures;
mod newton;
mod sets;
mod temperature;
mod unknown;

pub use figures::{Bin, CalibrationFigures, RELIABILITY_BINS, reliability};
pub use sets::{LabelSets, PerLabelSets, TooFewPictures};
pub use temperature::Temperature;
pub use unknown::{
    LeftOut, LogitsOf, SUREST, ScorePart, Seen, TakeTensor, Unknown, UnknownFigures, UnknownScore,
    Unseen, bank_rows, choose,
};
