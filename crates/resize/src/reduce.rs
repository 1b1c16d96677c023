use headstart_decode::MinSize;
use headstart_model::Preprocessing;
use serde::{Deserialize, Serialize};

/// The permitted reduction in decoding of a picture that will be resized.
///
/// The content hash of a reduced picture is that of its reduced pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduce {
    /// Pictures are decoded in full.
    Never,
    /// The minimum ratio of the decoded width and height to those of the part of the result that they fill, at least 1.
    ///
    /// With 2, the antialiasing filters hide the reduction, and only pictures of four times the network's size or more
    /// are reduced (Pillow's `thumbnail` with `reducing_gap=2.0`). With 1, from twice its size on (Pillow's `draft`).
    Gap(f32),
}

impl Default for Reduce {
    /// A gap of 2.
    fn default() -> Self {
        Self::Gap(2.0)
    }
}

impl Reduce {
    /// The minimum ratio of the decoded size to the result; infinity for no reduction.
    pub fn gap(self) -> f32 {
        match self {
            Self::Never => f32::INFINITY,
            Self::Gap(gap) => gap.max(1.0),
        }
    }

    /// The minimum size to which a picture must be decoded for a network's input: full size, if the interpolation needs
    /// the exact pixels.
    ///
    /// In every fit, a side of the result is filled by at most the same side of the picture, so both are required.
    pub fn at_least(self, to: &Preprocessing) -> MinSize {
        if !to.may_reduce() {
            return MinSize::FULL;
        }
        let side = |pixels: usize| (pixels as f64 * f64::from(self.gap())).ceil() as usize;
        MinSize { width: side(to.width), height: side(to.height) }
    }
}

#[cfg(test)]
mod tests {
    use headstart_model::{Fit, Interpolation, Scaling};

    use super::*;

    #[test]
    fn a_gap_asks_for_so_many_times_the_result_and_never_for_less_than_it() {
        let to = Preprocessing {
            height: 160,
            width: 225,
            interpolation: Interpolation::Bilinear,
            fit: Fit::Stretch,
            scaling: Scaling::minus_one_to_one(),
        };
        for (reduce, width, height) in [
            (Reduce::default(), 450, 320),
            (Reduce::Gap(1.5), 338, 240),
            (Reduce::Gap(0.1), 225, 160),
            (Reduce::Gap(f32::NAN), 225, 160),
            (Reduce::Never, usize::MAX, usize::MAX),
        ] {
            assert_eq!(reduce.at_least(&to), MinSize { width, height }, "{reduce:?}");
        }
        assert_eq!(Reduce::Never.at_least(&to), MinSize::FULL);
    }
}
