//! Manifests in CSV: RFC 4180's quotes, in UTF-8, parted by `,`, `;` or tabs, whichever the header is.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use csv::{ErrorKind, ReaderBuilder, StringRecord};

use super::{Column, Row, Rows, cannot_be_read};

/// What fields may be parted by.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];
/// What the header has to fit into to tell the separator by.
const HEADER: usize = 64 << 10;

/// Reads all rows.
///
/// # Errors
/// What is wrong with the file, half a line for people.
pub(super) fn read(path: &Path, rows: &mut Rows) -> Result<(), String> {
    let file = File::open(path).map_err(|error| cannot_be_read(&error))?;
    let mut file = BufReader::with_capacity(HEADER, file);
    let start = file.fill_buf().map_err(|error| cannot_be_read(&error))?;
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return Err("is UTF-16; save it as UTF-8".to_owned());
    }
    let mark = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let separator = separator(&start[mark..]);
    file.consume(mark);

    // Rows of other lengths are skipped one by one.
    let mut reader = ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(file);
    let header = reader.headers().map_err(|error| describe(&error))?.clone();
    let columns = Column::all(header.iter())?;
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| describe(&error))? {
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != columns.len() {
            let (fields, expected) = (record.len(), columns.len());
            rows.skip(format!(
                "line {line} has {fields} fields where the header has {expected}; quote what has a separator in it"
            ));
            continue;
        }
        let mut row = Row::default();
        for (value, column) in record.iter().zip(&columns) {
            column.iter().for_each(|&column| row.set(column, value));
        }
        rows.push(&format!("line {line}"), &row)?;
    }
    Ok(())
}

/// The separator that finds a column `path` in the header, or else the one that finds most columns.
fn separator(start: &[u8]) -> u8 {
    let header = |separator: u8| {
        let mut reader = ReaderBuilder::new().delimiter(separator).from_reader(start);
        reader.headers().cloned().unwrap_or_default()
    };
    let finds = |separator: &u8| {
        let header = header(*separator);
        (header.iter().any(|name| Column::named(name) == Some(Column::Path)), header.len())
    };
    // Of equal ones the first is taken.
    SEPARATORS.into_iter().rev().max_by_key(finds).unwrap_or(b',')
}

fn describe(error: &csv::Error) -> String {
    match error.kind() {
        ErrorKind::Io(error) => cannot_be_read(error),
        ErrorKind::Utf8 { pos, .. } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            format!("line {line} is not UTF-8; save the file as UTF-8")
        }
        _ => error.to_string(),
    }
}
