//! Whether scores are calibrated.

use clap::{Args, ValueEnum};
use headstart::Calibration;

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct CalibrationArgs {
    /// How scores are made to mean what they say, on pictures that the head has not seen; it never changes
    /// which class is first
    #[arg(long = "calibrate", value_name = "HOW", value_enum, default_value_t = How::Temperature)]
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum How {
    /// Divide the logits by the temperature at which these pictures are the likeliest
    Temperature,
    /// Leave the scores as the head has them
    None,
}

impl CalibrationArgs {
    pub(crate) fn get(self) -> Calibration {
        match self.how {
            How::Temperature => Calibration::Temperature,
            How::None => Calibration::None,
        }
    }
}
