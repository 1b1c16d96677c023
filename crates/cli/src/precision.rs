//! The option for the precision of the base.

use headstart::engine::frozen::{Precision, Reduced};

/// The precision of 1x1 convolutions. `None` is f32.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PrecisionOption(pub(crate) Option<Precision>);

/// Parses the name of a precision that this processor supports.
pub(crate) fn parse_precision(name: &str) -> Result<PrecisionOption, String> {
    if name == "f32" {
        return Ok(PrecisionOption(None));
    }
    let precision = Precision::ALL.into_iter().find(|precision| precision.name() == name);
    let precision = precision.ok_or("there are f32, bf16 and int8")?;
    if Reduced::best(precision).is_none() {
        return Err(match precision {
            Precision::Bf16 => "this processor has neither amx nor avx512_bf16; use f32",
            Precision::Int8 => {
                "this processor has none of amx_int8, avx512_vnni and avx_vnni; use f32"
            }
        }
        .to_owned());
    }
    Ok(PrecisionOption(Some(precision)))
}

/// Advice on a precision in which the processor multiplies `speedup` times as fast as in f32.
pub(crate) fn advice(precision: &str, speedup: f64) -> Option<String> {
    // The conversion of inputs takes some of the gain.
    const WORTH: f64 = 1.2;
    (speedup < WORTH).then(|| {
        format!(
            "this processor multiplies in {precision} {speedup:.1} times as fast as in f32, so \
             --precision f32 takes less time"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_precision_that_does_not_pay_is_advised_against() {
        assert_eq!(
            advice("bf16", 0.5).unwrap(),
            "this processor multiplies in bf16 0.5 times as fast as in f32, so --precision f32 \
             takes less time"
        );
        assert!(advice("bf16", 1.0).is_some());
        assert_eq!(advice("bf16", 2.0), None);
        assert_eq!(advice("int8", 3.3), None);
    }
}
