//! Findings as a table for scripts.

use std::io::{BufWriter, Write};
use std::path::Path;

use headstart::data::Location;
use headstart::files::AtomicFile;
use headstart::{Audit, Finding};

use crate::output::csv_field;

/// Writes one row per file of each finding, and returns the number of rows.
///
/// Columns:
///
/// - `path`: the file or, for a finding about a class, the folder of the class, if it has one
/// - `finding`: the kind
/// - `action`: a word for what to do
/// - `keep`: for copies, the file that may stay; empty if it is not clear which one that is
/// - `class`: the class that the finding belongs to
/// - `value`
/// - `detail`
///
/// The copy to keep has the action `keep`, unless all copies may stay. Paths are written as their own
/// bytes, even if these are not UTF-8.
pub(super) fn write(path: &Path, audit: &Audit) -> anyhow::Result<usize> {
    let file = AtomicFile::create(path)?;
    let mut out = BufWriter::new(file.reopen()?);
    let mut rows = 0;
    let mut write = || -> std::io::Result<()> {
        writeln!(out, "path,finding,action,keep,class,value,detail")?;
        for row in audit.findings.iter().flat_map(self::rows) {
            out.write_all(&row.join(&b','))?;
            out.write_all(b"\n")?;
            rows += 1;
        }
        out.flush()
    };
    write().map_err(|error| file.error(error))?;
    file.commit()?;
    Ok(rows)
}

type Row = [Vec<u8>; 7];

fn rows(finding: &Finding) -> Vec<Row> {
    let Finding { kind, value, detail, files, keep, class } = finding;
    let text = |text: &str| csv_field(text).into_bytes();
    let row = |path: Vec<u8>, action: &str, keep: Vec<u8>| {
        [
            path,
            text(kind.name()),
            text(action),
            keep,
            text(class.as_deref().unwrap_or_default()),
            text(&value.map_or(String::new(), |value| format!("{value:.4}"))),
            text(detail),
        ]
    };
    if files.is_empty() {
        return vec![row(Vec::new(), kind.action(), Vec::new())];
    }
    let kept = keep.map(|keep| &files[keep]);
    let of_copy = |file: &Location| match kept {
        Some(kept) if kept != file => row(path_field(file), kind.action(), path_field(kept)),
        // Pictures that only have to be kept together may all stay.
        Some(_) if kind.action() != "keep-together" => row(path_field(file), "keep", Vec::new()),
        _ => row(path_field(file), kind.action(), Vec::new()),
    };
    files.iter().map(of_copy).collect()
}

/// A path as a field of the table, in its own bytes.
fn path_field(file: &Location) -> Vec<u8> {
    let path = file.path();
    if let Some(text) = path.to_str() {
        return csv_field(text).into_bytes();
    }
    // All characters with a meaning in CSV are ASCII, and their bytes are never part of another character.
    let mut field = vec![b'"'];
    for &byte in path.as_os_str().as_encoded_bytes() {
        field.extend(std::iter::repeat_n(byte, if byte == b'"' { 2 } else { 1 }));
    }
    field.push(b'"');
    field
}
