//! Manifests in CSV: RFC 4180's quotes, in UTF-8, parted by `,`, `;` or tabs, whichever the header is.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::str;

use csv::{ByteRecord, ErrorKind, Position, ReaderBuilder};

use super::{Column, Row, Rows, cannot_be_read};
use crate::positioned::Part;

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
    let mut record = ByteRecord::new();
    'rows: while reader.read_byte_record(&mut record).map_err(|error| describe(&error))? {
        let place = || format!("line {}", line(path, mark as u64, record.position()));
        if record.len() != columns.len() {
            let (fields, expected) = (record.len(), columns.len());
            rows.skip(format!(
                "{} has {fields} fields where the header has {expected}; quote what has a separator in it",
                place()
            ));
            continue;
        }
        let mut row = Row::default();
        for (value, column) in record.iter().zip(&columns) {
            let Some(column) = *column else { continue };
            let Ok(value) = str::from_utf8(value) else {
                rows.skip(format!("{} is not UTF-8; save the file as UTF-8", place()));
                continue 'rows;
            };
            row.set(column, value);
        }
        rows.push(&place, &row)?;
    }
    Ok(())
}

/// The line in which a row begins, from 1 on, behind a byte order mark of so many bytes.
fn line(path: &Path, mark: u64, position: Option<&Position>) -> u64 {
    let Some(position) = position else { return 0 };
    // It is where the row before ended: the rest of its line end, and empty lines, come first.
    let passed = File::open(path).map_or(0, |file| {
        let rest = BufReader::new(Part::new(&file, mark + position.byte(), u64::MAX));
        let ends = rest.bytes().map_while(Result::ok).take_while(|b| matches!(b, b'\r' | b'\n'));
        ends.filter(|&byte| byte == b'\n').count()
    });
    position.line() + passed as u64
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
            let line = pos.as_ref().map_or(0, Position::line);
            format!("line {line} is not UTF-8; save the file as UTF-8")
        }
        _ => error.to_string(),
    }
}
