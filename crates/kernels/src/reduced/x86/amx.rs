//! Intel's Advanced Matrix Extensions: eight registers of 16 rows by 64 bytes each.

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::marker::PhantomData;
use std::sync::OnceLock;

use crate::reduced::{Block, OUTPUTS, Precision};

/// Words of inputs per step: a row of a tile register.
pub(super) const STEP: usize = 16;

/// Proof that the processor has AMX for this precision and that the system lets this process use it.
#[derive(Clone, Copy)]
pub(super) struct Amx(Precision);

impl Amx {
    pub(super) fn try_new(precision: Precision) -> Option<Self> {
        static AVAILABLE: OnceLock<Vec<Precision>> = OnceLock::new();
        let available = AVAILABLE.get_or_init(|| {
            let mut all = Vec::from(Precision::ALL);
            all.retain(|precision| has_amx(*precision));
            if !all.is_empty() && !permitted() {
                all.clear();
            }
            all
        });
        available.contains(&precision).then_some(Self(precision))
    }

    /// Configures the tile registers of this thread.
    pub(super) fn begin(self) -> Session {
        let mut config = Config { palette: 1, ..Config::default() };
        config.bytes_per_row[..8].fill(64);
        config.rows[..8].fill(16);
        // SAFETY: the check that created `self` found that the processor has AMX and this process may use it; `config`
        // is a valid configuration of 64 bytes.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const config, options(nostack, readonly)) };
        Session { precision: self.0, thread: PhantomData }
    }
}

/// The operand of `ldtilecfg`, in the layout of the instruction set reference.
#[derive(Default)]
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_per_row: [u16; 16],
    rows: [u8; 16],
}

/// CPUID leaf 7: bits 24 (`amx-tile`) of `edx`, and 22 (`amx-bf16`) or 25 (`amx-int8`).
fn has_amx(precision: Precision) -> bool {
    let leaf = __cpuid_count(7, 0);
    let bit = match precision {
        Precision::Bf16 => 22,
        Precision::Int8 => 25,
    };
    leaf.edx >> bit & 1 == 1 && leaf.edx >> 24 & 1 == 1
}

/// Asks Linux to save the tile registers of this process, which it does only on request
/// (`Documentation/arch/x86/xstate.rst`).
#[cfg(target_os = "linux")]
fn permitted() -> bool {
    const SYS_ARCH_PRCTL: usize = 158;
    const ARCH_REQ_XCOMP_PERM: usize = 0x1023;
    const XFEATURE_XTILEDATA: usize = 18;
    let result: isize;
    // SAFETY: the call takes two integers and does not access memory of this process; the registers that a system call
    // clobbers are declared.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") SYS_ARCH_PRCTL => result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result == 0
}

#[cfg(not(target_os = "linux"))]
fn permitted() -> bool {
    false
}

/// A thread whose tile registers are configured. It cannot move to another thread.
pub(super) struct Session {
    precision: Precision,
    thread: PhantomData<*const ()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: a session exists only on a processor with AMX.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

impl Session {
    /// Multiplies in registers without memory accesses; returns the number of operations.
    pub(super) fn peak(&self, rounds: usize) -> usize {
        let rounds = rounds.max(1);
        // SAFETY: a session has configured the tile registers of a processor with AMX for its precision.
        unsafe {
            match self.precision {
                Precision::Bf16 => bf16::peak(rounds),
                Precision::Int8 => int8::peak(rounds),
            }
        }
        // Four products of tiles.
        rounds * 4 * 2 * 16 * 16 * STEP * self.precision.per_word()
    }

    /// See [`super::Session::sum`], which checks the lengths. In int8, the sums are i32.
    #[inline]
    pub(super) fn sum(
        &self,
        x: &[u32],
        words: usize,
        count: usize,
        weights: &[f32],
        block: &mut Block,
    ) {
        assert!(words.is_multiple_of(STEP), "a pixel amid the inputs of a product");
        // SAFETY: as above, and the caller has checked the lengths.
        unsafe {
            match self.precision {
                Precision::Bf16 => bf16::sum(x, words, count, weights, block),
                Precision::Int8 => int8::sum(x, words, count, weights, block),
            }
        }
    }
}

/// Functions that multiply tiles with the instruction `$multiply`: the first operand is the sums, the second the
/// inputs and the third the weights.
macro_rules! products {
    ($name:ident, $multiply:literal) => {
        mod $name {
            use super::{Block, OUTPUTS, STEP, asm};

            /// # Safety
            /// The tile registers must be configured, on a processor with the instruction.
            pub(super) unsafe fn peak(rounds: usize) {
                // SAFETY: the caller has configured the tile registers; memory is not accessed.
                unsafe {
                    asm!(
                        "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                        "tilezero tmm4", "tilezero tmm5", "tilezero tmm6", "tilezero tmm7",
                        "2:",
                        concat!($multiply, " tmm0, tmm4, tmm6"),
                        concat!($multiply, " tmm1, tmm4, tmm7"),
                        concat!($multiply, " tmm2, tmm5, tmm6"),
                        concat!($multiply, " tmm3, tmm5, tmm7"),
                        "dec {rounds}",
                        "jnz 2b",
                        rounds = inout(reg) rounds => _,
                        out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                        out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                        options(nostack, nomem),
                    );
                }
            }

            /// # Safety
            /// As above; `x` must have `PIXELS` pixels of `words` words, a multiple of `STEP`, and `weights` as many
            /// for `OUTPUTS` outputs.
            #[inline]
            pub(super) unsafe fn sum(
                x: &[u32],
                words: usize,
                count: usize,
                weights: &[f32],
                block: &mut Block,
            ) {
                let steps = words / STEP;
                // SAFETY: the tile registers are configured as 16 rows of 64 bytes. Each step reads 16 words of 16
                // pixels, `words` words apart, at each of two locations: `x` has `PIXELS = 32` pixels of `steps * 16`
                // words. It reads two tiles of 1024 bytes of weights, of which there are `steps * 16 * OUTPUTS` words.
                // `block` has 32 rows of 128 bytes. For up to 16 pixels the second half of the pixels is skipped.
                unsafe {
                    if count <= 16 {
                        asm!(
                            "tilezero tmm0",
                            "tilezero tmm1",
                            "2:",
                            "tileloadd tmm4, [{x} + {stride}]",
                            "tileloadd tmm6, [{w} + {line}]",
                            concat!($multiply, " tmm0, tmm4, tmm6"),
                            "tileloadd tmm7, [{w} + {line} + 1024]",
                            concat!($multiply, " tmm1, tmm4, tmm7"),
                            "add {x}, 64",
                            "add {w}, 2048",
                            "dec {steps}",
                            "jnz 2b",
                            "tilestored [{out} + {row}], tmm0",
                            "tilestored [{out} + {row} + 64], tmm1",
                            x = inout(reg) x.as_ptr() => _,
                            w = inout(reg) weights.as_ptr() => _,
                            steps = inout(reg) steps => _,
                            stride = in(reg) words * size_of::<u32>(),
                            line = in(reg) 64_usize,
                            out = in(reg) block.0.as_mut_ptr(),
                            row = in(reg) OUTPUTS * size_of::<f32>(),
                            out("tmm0") _, out("tmm1") _, out("tmm4") _, out("tmm6") _,
                            out("tmm7") _,
                            options(nostack),
                        );
                    } else {
                        asm!(
                            "tilezero tmm0",
                            "tilezero tmm1",
                            "tilezero tmm2",
                            "tilezero tmm3",
                            "2:",
                            "tileloadd tmm4, [{x} + {stride}]",
                            "tileloadd tmm6, [{w} + {line}]",
                            concat!($multiply, " tmm0, tmm4, tmm6"),
                            "tileloadd tmm7, [{w} + {line} + 1024]",
                            concat!($multiply, " tmm1, tmm4, tmm7"),
                            "tileloadd tmm5, [{second} + {stride}]",
                            concat!($multiply, " tmm2, tmm5, tmm6"),
                            concat!($multiply, " tmm3, tmm5, tmm7"),
                            "add {x}, 64",
                            "add {second}, 64",
                            "add {w}, 2048",
                            "dec {steps}",
                            "jnz 2b",
                            "tilestored [{out} + {row}], tmm0",
                            "tilestored [{out} + {row} + 64], tmm1",
                            "tilestored [{out} + {row} + 2048], tmm2",
                            "tilestored [{out} + {row} + 2112], tmm3",
                            x = inout(reg) x.as_ptr() => _,
                            second = inout(reg) x.as_ptr().add(16 * words) => _,
                            w = inout(reg) weights.as_ptr() => _,
                            steps = inout(reg) steps => _,
                            stride = in(reg) words * size_of::<u32>(),
                            line = in(reg) 64_usize,
                            out = in(reg) block.0.as_mut_ptr(),
                            row = in(reg) OUTPUTS * size_of::<f32>(),
                            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                            options(nostack),
                        );
                    }
                }
            }
        }
    };
}

products!(bf16, "tdpbf16ps");
// Unsigned bytes by signed ones.
products!(int8, "tdpbusd");
