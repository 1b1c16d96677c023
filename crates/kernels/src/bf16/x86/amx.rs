//! Intel's Advanced Matrix Extensions: eight registers of 16 rows by 64 bytes each.

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::marker::PhantomData;
use std::sync::OnceLock;

use crate::bf16::{Block, INPUTS, OUTPUTS};

/// Proof that the processor has AMX for bf16 and that the system lets this process use it.
#[derive(Clone, Copy)]
pub(super) struct Amx(());

impl Amx {
    pub(super) fn try_new() -> Option<Self> {
        static AVAILABLE: OnceLock<bool> = OnceLock::new();
        AVAILABLE.get_or_init(|| has_amx_bf16() && permitted()).then_some(Self(()))
    }

    /// Configures the tile registers of this thread.
    pub(super) fn begin(self) -> Session {
        let mut config = Config { palette: 1, ..Config::default() };
        config.bytes_per_row[..8].fill(64);
        config.rows[..8].fill(16);
        // SAFETY: the check that created `self` found that the processor has AMX and this process may use it; `config`
        // is a valid configuration of 64 bytes.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const config, options(nostack, readonly)) };
        Session(PhantomData)
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

/// CPUID leaf 7: bits 22 (`amx-bf16`) and 24 (`amx-tile`) of `edx`.
fn has_amx_bf16() -> bool {
    let leaf = __cpuid_count(7, 0);
    leaf.edx >> 22 & 1 == 1 && leaf.edx >> 24 & 1 == 1
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
pub(super) struct Session(PhantomData<*const ()>);

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: a session exists only on a processor with AMX.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

impl Session {
    /// Multiplies in registers without memory accesses; returns the number of floating-point operations.
    pub(super) fn peak(&self, rounds: usize) -> usize {
        let rounds = rounds.max(1);
        // SAFETY: the tile registers are configured; memory is not accessed.
        unsafe {
            asm!(
                "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                "tilezero tmm4", "tilezero tmm5", "tilezero tmm6", "tilezero tmm7",
                "2:",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "dec {rounds}",
                "jnz 2b",
                rounds = inout(reg) rounds => _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _, out("tmm4") _,
                out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack, nomem),
            );
        }
        // Four products of tiles.
        rounds * 4 * 2 * 16 * 16 * 32
    }

    /// See [`super::Session::sum`], which checks the lengths.
    #[inline]
    pub(super) fn sum(
        &self,
        x: &[u16],
        pixel: usize,
        count: usize,
        weights: &[f32],
        block: &mut Block,
    ) {
        let steps = pixel / INPUTS;
        // SAFETY: the tile registers are configured as 16 rows of 64 bytes. Each step reads 32 inputs of 16 pixels,
        // `pixel` values apart, at each of two locations: `x` has `PIXELS = 32` pixels of `steps * 32` values. It reads
        // two tiles of 1024 bytes of weights, of which there are `steps * 16 * OUTPUTS` pairs. `block` has 32 rows of
        // 128 bytes. For up to 16 pixels the second half of the pixels is skipped.
        unsafe {
            if count <= 16 {
                asm!(
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "2:",
                    "tileloadd tmm4, [{x} + {stride}]",
                    "tileloadd tmm6, [{w} + {line}]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tileloadd tmm7, [{w} + {line} + 1024]",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "add {x}, 64",
                    "add {w}, 2048",
                    "dec {steps}",
                    "jnz 2b",
                    "tilestored [{out} + {row}], tmm0",
                    "tilestored [{out} + {row} + 64], tmm1",
                    x = inout(reg) x.as_ptr() => _,
                    w = inout(reg) weights.as_ptr() => _,
                    steps = inout(reg) steps => _,
                    stride = in(reg) pixel * size_of::<u16>(),
                    line = in(reg) 64_usize,
                    out = in(reg) block.0.as_mut_ptr(),
                    row = in(reg) OUTPUTS * size_of::<f32>(),
                    out("tmm0") _, out("tmm1") _, out("tmm4") _, out("tmm6") _, out("tmm7") _,
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
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tileloadd tmm7, [{w} + {line} + 1024]",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tileloadd tmm5, [{second} + {stride}]",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
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
                    second = inout(reg) x.as_ptr().add(16 * pixel) => _,
                    w = inout(reg) weights.as_ptr() => _,
                    steps = inout(reg) steps => _,
                    stride = in(reg) pixel * size_of::<u16>(),
                    line = in(reg) 64_usize,
                    out = in(reg) block.0.as_mut_ptr(),
                    row = in(reg) OUTPUTS * size_of::<f32>(),
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _, out("tmm4") _,
                    out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }
    }
}
