//! The findings as a table that a script can act on.

use std::io::{BufWriter, Write};
use std::path::Path;

use headstart::data::Location;
use headstart::files::AtomicFile;
use headstart::{Audit, Finding};

use crate::output::csv_field;

/// Writes a row per file of each finding, and returns how many that are. Columns: `path`; `finding`,
/// the kind; `action`, a word for what to do; `keep`, of copies the file that may stay; `class`, that
/// it belongs to; `value`; `detail`. Paths are written as the bytes that they are, be they UTF-8 or not.
///
/// What is about a class has its folder for a path, if it has one. Of copies the one to keep has the
/// action `keep`, unless all may stay; where it is not clear which one that is, `keep` is empty.
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
        // What is to be kept together may all stay.
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
    // All that matters to CSV is ASCII, which is never a part of another character.
    let mut field = vec![b'"'];
    for &byte in path.as_os_str().as_encoded_bytes() {
        field.extend(std::iter::repeat_n(byte, if byte == b'"' { 2 } else { 1 }));
    }
    field.push(b'"');
    field
}
