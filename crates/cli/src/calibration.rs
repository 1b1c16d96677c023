//! Options for calibration and for the detection of unknown pictures.

use clap::{Args, ValueEnum};
use headstart::{Calibration, UnknownRate};

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct CalibrationArgs {
    /// How to calibrate scores
    ///
    /// Calibration uses pictures that the head has not seen, and never changes which class comes first.
    #[arg(long = "calibrate", value_name = "HOW", value_enum, default_value_t = How::Temperature)]
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum How {
    /// Divide the logits by a temperature
    Temperature,
    /// Do not calibrate
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

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct UnknownArgs {
    /// Share of known pictures that the model may reject as unknown
    ///
    /// The larger it is, the more pictures of none of the classes are recognised. 0 turns it off.
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = parse_rate)]
    unknown_rate: UnknownRate,
    /// Do not learn to recognise unknown pictures; same as --unknown-rate 0
    #[arg(long, conflicts_with = "unknown_rate")]
    no_unknown: bool,
}

impl UnknownArgs {
    /// Whether the detection of unknown pictures is off.
    pub(crate) fn is_never(self) -> bool {
        self.rate() == UnknownRate::NEVER
    }

    pub(crate) fn rate(self) -> UnknownRate {
        if self.no_unknown { UnknownRate::NEVER } else { self.unknown_rate }
    }
}

fn parse_rate(text: &str) -> Result<UnknownRate, String> {
    let rate = text.parse().ok().and_then(UnknownRate::new);
    rate.ok_or_else(|| "give a share from 0 to below 1, such as 0.05".to_owned())
}
