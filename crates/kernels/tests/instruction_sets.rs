//! Which instruction sets this processor lets the other tests run, said where it is seen.

use std::io::Write;

use headstart_kernels::Isa;
use headstart_kernels::bf16::Bf16;

#[test]
fn instruction_sets_that_cannot_be_tested_here_are_named() {
    let known: &[&str] = if cfg!(target_arch = "x86_64") {
        &["avx512", "avx2", "portable", "amx", "avx512_bf16"]
    } else if cfg!(target_arch = "aarch64") {
        &["neon", "portable"]
    } else {
        &["portable"]
    };
    let mut available: Vec<&str> = Isa::available().iter().map(|isa| isa.name()).collect();
    available.extend(Bf16::available().iter().map(|bf16| bf16.name()));
    for name in known.iter().filter(|name| !available.contains(name)) {
        // Past the test runner, which keeps to itself what a test that passes prints.
        writeln!(std::io::stderr(), "skipped: this processor has no {name}").unwrap();
    }
    assert!(available.iter().all(|name| known.contains(name)), "{available:?} and {known:?}");
    assert!(available.contains(&"portable"));
}
