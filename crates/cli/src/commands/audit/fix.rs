//! The findings as a table that a script can act on.

use std::io::{BufWriter, Write};
use std::path::Path;

use headstart::model::atomic::AtomicFile;
use headstart::{Audit, Finding};

use crate::output::csv_field;

/// Writes a row per file of each finding, and returns how many that are. Columns: `path`; `finding`,
/// the kind; `action`, a word for what to do; `keep`, of copies the file that may stay; `class`, that
/// it belongs to; `value`; `detail`.
///
/// Rows without a path are about a class. Of copies the one to keep has the action `keep`, unless it
/// is not clear which one that is.
pub(super) fn write(path: &Path, audit: &Audit) -> anyhow::Result<usize> {
    let file = AtomicFile::create(path)?;
    let mut out = BufWriter::new(file.reopen()?);
    let mut rows = 0;
    let mut write = || -> std::io::Result<()> {
        writeln!(out, "path,finding,action,keep,class,value,detail")?;
        for finding in &audit.findings {
            for row in self::rows(finding) {
                let fields: Vec<_> = row.iter().map(|field| csv_field(field)).collect();
                writeln!(out, "{}", fields.join(","))?;
                rows += 1;
            }
        }
        out.flush()
    };
    write().map_err(|error| file.error(error))?;
    file.commit()?;
    Ok(rows)
}

fn rows(finding: &Finding) -> Vec<[String; 7]> {
    let Finding { kind, value, detail, files, class } = finding;
    let row = |path: String, action: &str, keep: String| {
        [
            path,
            kind.name().to_owned(),
            action.to_owned(),
            keep,
            class.clone().unwrap_or_default(),
            value.map_or(String::new(), |value| format!("{value:.4}")),
            detail.clone(),
        ]
    };
    let name = ToString::to_string;
    match files.split_first() {
        None => vec![row(String::new(), kind.action(), String::new())],
        Some((only, [])) => vec![row(name(only), kind.action(), String::new())],
        Some((first, others)) => {
            let action = if kind.action() == "deduplicate" { "keep" } else { kind.action() };
            let kept = row(name(first), action, String::new());
            let others = others.iter().map(|other| row(name(other), kind.action(), name(first)));
            std::iter::once(kept).chain(others).collect()
        }
    }
}
