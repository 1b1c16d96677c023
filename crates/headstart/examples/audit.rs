//! Audits a folder of labelled pictures and prints the findings:
//! `cargo run --example audit FOLDER`. The exit status is 1 if a finding is serious, so that the program can serve as a
//! check before training.

use std::env;
use std::error::Error;
use std::process::ExitCode;

use headstart::{AuditConfig, Base, Context, Pictures, Severity, audit};

/// The number of findings of a kind that are printed.
const SHOWN: usize = 3;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let folder = env::args().nth(1).ok_or("usage: audit FOLDER")?;
    let base = Base::bundled("mobilenetv2")?;
    let pictures = Pictures::open(&folder)?.with_validation(0.2, 0);
    let audit = audit(&base, &pictures, &AuditConfig::default(), &mut Context::default())?;

    println!("{} pictures in {} classes", audit.pictures, audit.classes.len());
    for (kind, findings) in audit.by_kind() {
        println!("\n{}: {}. {}", kind.title(), findings.len(), kind.advice());
        for finding in findings.iter().take(SHOWN) {
            let files: Vec<String> = finding.files.iter().map(ToString::to_string).collect();
            println!("  {} ({})", files.join(", "), finding.detail);
        }
    }
    let serious = audit.findings.iter().any(|finding| finding.kind.severity() == Severity::High);
    Ok(if serious { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
