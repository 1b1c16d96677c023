//! What models learn of their answers: calibration, and which pictures to turn away.

use clap::{Args, ValueEnum};
use headstart::{Calibration, UnknownRate};

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

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct UnknownArgs {
    /// The share of known pictures that the model may turn away as unknown, of none of its classes: the
    /// larger, the more unknown ones it finds; 0 for a model that turns none away
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = parse_rate)]
    unknown_rate: UnknownRate,
    /// Do not learn to tell unknown pictures; the same as --unknown-rate 0
    #[arg(long, conflicts_with = "unknown_rate")]
    no_unknown: bool,
}

impl UnknownArgs {
    /// Whether no picture is to be turned away.
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
