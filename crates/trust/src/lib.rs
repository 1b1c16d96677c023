//! What a classifier's scores are worth.
//!
//! All of it is learned from what a classifier says of pictures that it has not learned from, and
//! needs no files, clock or threads:
//!
//! - [`Temperature`] makes probabilities mean what they say (Guo et al. 2017);
//! - [`CalibrationFigures`] tells how far they are from that;
//! - [`LabelSets`] answers with as many labels as it takes to contain the right one as often as
//!   promised (Romano et al. 2020, Angelopoulos et al. 2021), and [`PerLabelSets`] where there are several;
//! - [`Unknown`] tells whether a picture is of none of the classes.
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
