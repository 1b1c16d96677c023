//! The audit for people, in a terminal.

use std::path::Path;

use headstart::model::thousands;
use headstart::{Audit, Finding, Kind, Pictures, Severity};

use super::below;
use crate::output::{Output, count};

/// Findings of a kind that are shown; the page and `--json` have more.
const SHOWN: usize = 3;

/// What was found, a line per kind with its count, below it the worst few and what to do.
pub(super) fn table(audit: &Audit, pictures: &Pictures, output: &Output) -> std::io::Result<()> {
    let cached = match audit.cached {
        0 => String::new(),
        n => format!(", {} from the cache", thousands(n)),
    };
    output.field(
        "Pictures",
        format!(
            "{} in {}{cached} ({})",
            thousands(audit.pictures),
            count(audit.classes.len(), "class"),
            pictures.root().display()
        ),
    )?;
    output.field("Classes", balance(audit))?;
    if audit.findings.is_empty() {
        return output.field("Findings", "none");
    }
    output.field("Findings", count(audit.findings.len(), "finding"))?;
    for (kind, findings) in audit.by_kind() {
        output.text("")?;
        let mark = match kind.severity() {
            Severity::High => "!!",
            Severity::Medium => " !",
            Severity::Low => "  ",
        };
        output.text(format!("{mark} {:<38}{:>8}", kind.title(), thousands(findings.len())))?;
        // Nothing is to be done about these.
        let shown = if kind == Kind::Rotated { 0 } else { SHOWN };
        for finding in findings.iter().take(shown) {
            output.text(format!("     {}", line(finding, pictures.root())))?;
        }
        if findings.len() > shown && shown > 0 {
            output.text(format!("     and {} more", thousands(findings.len() - shown)))?;
        }
        output.text(format!("     -> {}", kind.advice()))?;
    }
    output.text("")
}

/// `from 12 (salt) to 230 (rice), median 40`.
fn balance(audit: &Audit) -> String {
    let mut counts: Vec<(usize, &str)> =
        audit.counts.iter().copied().zip(audit.classes.iter().map(String::as_str)).collect();
    counts.sort_unstable();
    match (counts.first(), counts.get(counts.len() / 2), counts.last()) {
        (Some((least, _)), _, Some((most, _))) if least == most => {
            format!("{} each", count(*least, "picture"))
        }
        (Some((least, small)), Some((median, _)), Some((most, large))) => {
            format!("from {least} ({small}) to {most} ({large}) pictures, median {median}")
        }
        _ => String::new(),
    }
}

fn line(finding: &Finding, root: &Path) -> String {
    /// Copies that are named.
    const NAMED: usize = 3;
    let shown = finding.files.iter().take(NAMED);
    let mut names: Vec<String> = shown.map(|picture| below(root, picture)).collect();
    if finding.files.len() > NAMED {
        names.push(format!("and {} more", finding.files.len() - NAMED));
    }
    // Of a class the sentence says it.
    let value = value(finding).filter(|_| !names.is_empty());
    let value = value.map_or(String::new(), |value| format!("  {value}"));
    match names.is_empty() {
        true => format!("{}{value}", finding.detail),
        false => format!("{}: {}{value}", names.join(", "), finding.detail),
    }
}

/// A finding's number as people read it.
pub(super) fn value(finding: &Finding) -> Option<String> {
    let value = finding.value?;
    Some(match finding.kind {
        Kind::FewPictures | Kind::Tiny | Kind::Rotated => format!("{value:.0}"),
        Kind::Dark | Kind::Bright | Kind::Imbalance | Kind::OddAspect => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    })
}
