//! Prints an audit for people.

use std::path::Path;

use headstart::model::thousands;
use headstart::train::Task;
use headstart::{Audit, Finding, Pictures, Severity};

use super::below;
use crate::output::{Output, count, one_line};

/// Maximum number of findings of each kind that are shown. The page and `--json` have all.
const SHOWN: usize = 3;

/// Prints the findings: one line per kind with its count, then the worst few and the advice.
pub(super) fn table(audit: &Audit, pictures: &Pictures, output: &Output) -> std::io::Result<()> {
    let cached = match audit.cached {
        0 => String::new(),
        n => format!(", {} from the cache", thousands(n)),
    };
    output.field(
        "Pictures",
        one_line(&format!(
            "{} {}{cached} ({})",
            thousands(audit.pictures),
            classes(audit),
            pictures.root().display()
        )),
    )?;
    if !audit.classes.is_empty() {
        output.field("Classes", one_line(&balance(audit)))?;
    }
    if pictures.task() == Task::MultiLabel {
        output.field("Labels", "any number a picture; wrong ones are not looked for")?;
    }
    if audit.findings.is_empty() {
        return output.field("Findings", "none");
    }
    output.field("Findings", thousands(audit.findings.len()))?;
    for (kind, findings) in audit.by_kind() {
        output.text("")?;
        let mark = match kind.severity() {
            Severity::High => "!!",
            Severity::Medium => " !",
            Severity::Low => "  ",
        };
        output.text(format!("{mark} {:<38}{:>8}", kind.title(), thousands(findings.len())))?;
        let shown = Finding::shown(findings.len(), SHOWN);
        for finding in &findings[..shown] {
            output.text(one_line(&format!("     {}", line(finding, pictures.root()))))?;
        }
        if findings.len() > shown {
            output.text(format!("     and {} more", thousands(findings.len() - shown)))?;
        }
        output.text(format!("     -> {}", kind.advice()))?;
    }
    output.text("")
}

/// The number of classes: `in 20 classes`.
fn classes(audit: &Audit) -> String {
    match audit.classes.len() {
        0 => "of one class or none".to_owned(),
        n => format!("in {}", count(n, "class")),
    }
}

/// The balance of the classes: `from 12 (salt) to 230 (rice) pictures, median 40`.
fn balance(audit: &Audit) -> String {
    let mut counts: Vec<(usize, &str)> =
        audit.counts.iter().copied().zip(audit.classes.iter().map(String::as_str)).collect();
    counts.sort_unstable();
    let (Some(&(least, small)), Some(&(most, large))) = (counts.first(), counts.last()) else {
        return String::new();
    };
    if least == most {
        return format!("{} each", count(least, "picture"));
    }
    let middle = counts[(counts.len() - 1) / 2].0 + counts[counts.len() / 2].0;
    let half = if middle.is_multiple_of(2) { "" } else { ".5" };
    format!("from {least} ({small}) to {most} ({large}) pictures, median {}{half}", middle / 2)
}

fn line(finding: &Finding, root: &Path) -> String {
    /// Maximum number of copies that are named.
    const NAMED: usize = 3;
    // The detail of a finding about a class names the class already.
    if finding.kind.is_about_a_class() {
        return finding.detail.clone();
    }
    let shown = Finding::shown(finding.files.len(), NAMED);
    let mut names: Vec<String> =
        finding.files[..shown].iter().map(|picture| below(root, picture)).collect();
    if finding.files.len() > shown {
        names.push(format!("and {} more", finding.files.len() - shown));
    }
    format!("{}: {}", names.join(", "), finding.detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audit_of(counts: &[usize]) -> Audit {
        let classes = (0..counts.len()).map(|class| format!("c{class}")).collect();
        let (counts, pictures) = (counts.to_vec(), counts.iter().sum());
        Audit { classes, counts, pictures, cached: 0, findings: Vec::new(), warning: None }
    }

    #[test]
    fn the_median_of_an_even_number_is_the_mean_of_the_middle_two() {
        for (counts, expected) in [
            (&[30, 92][..], "from 30 (c0) to 92 (c1) pictures, median 61"),
            (&[5, 1, 8, 2], "from 1 (c1) to 8 (c2) pictures, median 3.5"),
            (&[9, 1, 4], "from 1 (c1) to 9 (c0) pictures, median 4"),
            (&[1, 1], "1 picture each"),
        ] {
            assert_eq!(balance(&audit_of(counts)), expected);
        }
    }
}
