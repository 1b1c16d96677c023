//! Reports the instruction sets on which the other tests run here.

use std::io::Write;
use std::process::Command;

use headstart_kernels::reduced::{Precision, Reduced};
use headstart_kernels::{Isa, KNOWN, MAX_ISA};

const TESTED: &str = "tested: ";

#[test]
fn instruction_sets_that_cannot_be_tested_here_are_named() {
    let mut available: Vec<&str> = Isa::available().into_iter().map(Isa::name).collect();
    assert_eq!(available.first(), Some(&Isa::best().name()));
    let reduced = Precision::ALL.into_iter().flat_map(Reduced::available);
    available.extend(reduced.map(Reduced::name));
    // Bypasses the test runner, which captures the output of tests that pass.
    let mut out = std::io::stderr();
    writeln!(out, "{TESTED}{}", available.join(" ")).unwrap();
    // An unknown name sets no limit, so the tests would not run on the intended set.
    let maximum = Isa::maximum().unwrap_or_else(|error| panic!("{error}"));
    for name in KNOWN.iter().filter(|name| !available.contains(name)) {
        let faster = KNOWN.iter().take_while(|known| **known != maximum).any(|known| known == name);
        let apart = *name == "avx_vnni" && maximum.starts_with("avx512");
        let above = faster || apart;
        let why = if above { "is above HEADSTART_MAX_ISA" } else { "is not in this processor" };
        writeln!(out, "skipped: {name} {why}").unwrap();
    }
    assert!(available.iter().all(|name| KNOWN.contains(name)), "{available:?}");
    assert!(available.contains(&"portable"));
}

/// The output of the test above in a process with this maximum, and whether it passes.
fn tested(maximum: &str) -> (Vec<String>, bool) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["instruction_sets_that_cannot_be_tested_here_are_named", "--exact"])
        .env(MAX_ISA, maximum)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(TESTED)).expect("it was told");
    (line.split(' ').map(str::to_owned).collect(), output.status.success())
}

#[test]
fn a_maximum_makes_a_processor_one_that_has_less() {
    let (all, _) = tested("");
    for (index, maximum) in KNOWN.iter().enumerate() {
        let apart = |name: &str| name == "avx_vnni" && maximum.starts_with("avx512");
        let left = |name: &&String| KNOWN[index..].contains(&name.as_str()) && !apart(name);
        let expected: Vec<String> = all.iter().filter(left).cloned().collect();
        assert_eq!(tested(maximum), (expected, true), "{maximum}");
    }
    assert_eq!(tested("avx1024"), (all, false), "an unknown name lowers nothing");
}
