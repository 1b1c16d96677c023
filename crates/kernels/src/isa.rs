//! The instruction sets that the kernels run on.
//!
//! [`MAX_ISA`] limits what is detected, so that a newer processor can stand in for an older one.

use std::fmt;
use std::sync::OnceLock;

use pulp::{Simd, WithSimd};

/// The environment variable that limits detection, reduced precision included, to an instruction set, one of [`KNOWN`],
/// and those that every processor with it also has. It is read once. Unset, empty or unknown names set no limit; since
/// kernels cannot report an unknown name, user interfaces call [`Isa::maximum`] to do so.
pub const MAX_ISA: &str = "HEADSTART_MAX_ISA";

/// The instruction sets of this architecture, fastest first. A processor that has one also has all later ones, except
/// `avx_vnni`: of the sets before it, only AMX comes with it.
pub const KNOWN: &[&str] = if cfg!(target_arch = "x86_64") {
    &["amx", "amx_int8", "avx512_bf16", "avx512_vnni", "avx512", AVX_VNNI, "avx2", "portable"]
} else if cfg!(target_arch = "aarch64") {
    &["neon", "portable"]
} else {
    &["portable"]
};

/// 256-bit VNNI: the substitute for AVX-512 VNNI in processors without AVX-512, and an addition to it in recent ones.
const AVX_VNNI: &str = "avx_vnni";

/// The value of [`MAX_ISA`], if it is not one of [`KNOWN`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownIsa(pub String);

impl fmt::Display for UnknownIsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MAX_ISA} is `{}`; it can be {}", self.0, KNOWN.join(", "))
    }
}

impl std::error::Error for UnknownIsa {}

/// The fastest instruction set that a value of [`MAX_ISA`] permits.
fn maximum(value: Option<&str>) -> Result<&'static str, UnknownIsa> {
    match value {
        None | Some("") => Ok(KNOWN[0]),
        Some(name) => {
            let known = KNOWN.iter().find(|known| **known == name);
            known.copied().ok_or_else(|| UnknownIsa(name.to_owned()))
        }
    }
}

/// Whether every processor with `maximum` also has `name`.
fn is_within(name: &str, maximum: &str) -> bool {
    if name == AVX_VNNI && maximum.starts_with("avx512") {
        return false;
    }
    KNOWN.iter().skip_while(|known| **known != maximum).any(|known| *known == name)
}

/// Whether [`MAX_ISA`] permits the instruction set `name`.
pub(crate) fn may_use(name: &str) -> bool {
    is_within(name, Isa::maximum().unwrap_or(KNOWN[0]))
}

/// An instruction set detected on this processor.
///
/// Only a successful check returns a value, so kernels that have one need no further check.
#[derive(Clone, Copy)]
pub struct Isa(Level);

#[derive(Clone, Copy)]
enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    #[cfg(target_arch = "aarch64")]
    Neon(pulp::aarch64::Neon),
}

impl Isa {
    /// The instruction set that every processor of the target supports.
    pub fn portable() -> Self {
        Self(Level::Portable)
    }

    /// The fastest instruction set that [`MAX_ISA`] permits, whether or not the processor has it.
    ///
    /// # Errors
    /// When the variable has an unknown value, in which case all sets are permitted.
    pub fn maximum() -> Result<&'static str, UnknownIsa> {
        static MAXIMUM: OnceLock<Result<&'static str, UnknownIsa>> = OnceLock::new();
        let read = || {
            let value = std::env::var_os(MAX_ISA).map(|value| value.to_string_lossy().into_owned());
            maximum(value.as_deref())
        };
        MAXIMUM.get_or_init(read).clone()
    }

    /// All sets that this processor supports, up to [`Isa::maximum`], fastest first.
    pub fn available() -> Vec<Self> {
        let levels = [
            #[cfg(target_arch = "x86_64")]
            pulp::x86::V4::try_new().map(Level::Avx512),
            #[cfg(target_arch = "x86_64")]
            pulp::x86::V3::try_new().map(Level::Avx2),
            #[cfg(target_arch = "aarch64")]
            pulp::aarch64::Neon::try_new().map(Level::Neon),
            Some(Level::Portable),
        ];
        levels.into_iter().flatten().map(Self).filter(|isa| may_use(isa.name())).collect()
    }

    /// The fastest of [`Isa::available`].
    pub fn best() -> Self {
        Self::available()[0]
    }

    /// The one called `name`, if it is [available](Isa::available).
    pub fn by_name(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|isa| isa.name() == name)
    }

    /// `avx512`, `avx2`, `neon` or `portable`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Level::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Level::Neon(_) => "neon",
        }
    }

    /// f32 values per vector.
    #[inline]
    pub fn lanes(self) -> usize {
        match self.0 {
            Level::Portable => pulp::Scalar256b::F32_LANES,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(_) => pulp::x86::V3::F32_LANES,
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(_) => pulp::x86::V4::F32_LANES,
            #[cfg(target_arch = "aarch64")]
            Level::Neon(_) => pulp::aarch64::Neon::F32_LANES,
        }
    }

    /// Runs `op` with this instruction set enabled.
    #[inline]
    pub(crate) fn run<Op: WithSimd>(self, op: Op) -> Op::Output {
        match self.0 {
            Level::Portable => pulp::Scalar256b.vectorize(op),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(simd) => Simd::vectorize(simd, op),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(simd) => Simd::vectorize(simd, op),
            #[cfg(target_arch = "aarch64")]
            Level::Neon(simd) => Simd::vectorize(simd, op),
        }
    }
}

impl fmt::Debug for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maximum_permits_what_its_processors_have() {
        for (index, maximum) in KNOWN.iter().enumerate() {
            for (other, name) in KNOWN.iter().enumerate() {
                let apart = *name == AVX_VNNI && maximum.starts_with("avx512");
                let expected = other >= index && !apart;
                assert_eq!(is_within(name, maximum), expected, "{name} within {maximum}");
            }
        }
        assert!(!is_within("mmx", KNOWN[0]));
    }

    #[test]
    fn an_empty_maximum_is_none_and_an_unknown_one_is_said_to_be_so() {
        assert_eq!(maximum(None), Ok(KNOWN[0]));
        assert_eq!(maximum(Some("")), Ok(KNOWN[0]));
        for name in KNOWN {
            assert_eq!(maximum(Some(name)), Ok(*name));
        }
        let error = maximum(Some("AVX2 ")).unwrap_err().to_string();
        assert!(error.starts_with("HEADSTART_MAX_ISA is `AVX2 `; it can be "), "{error}");
        assert!(error.ends_with("portable"), "{error}");
    }
}
