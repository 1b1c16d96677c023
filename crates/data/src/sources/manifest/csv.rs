//! Manifests in CSV: RFC 4180 quoting, UTF-8, separated by `,`, `;` or tabs, as in the header.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::str;

use csv::{ByteRecord, ErrorKind, Position, ReaderBuilder, StringRecord};
use headstart_files::Section;

use super::super::columns::{ColumnNames, Role};
use super::super::{ListingProblem, RowProblem};
use super::cannot_be_read;
use super::rows::{Rows, Value};
use headstart_model::class_name::plain;

/// Possible separators.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];
/// Maximum length of the header for detecting the separator.
const HEADER: usize = 64 << 10;

/// Reads all rows.
///
/// # Errors
/// A description of the problem, half a line for people.
pub(super) fn read<'a>(path: &'a Path, asked: &ColumnNames) -> Result<Rows<'a>, ListingProblem> {
    let file = File::open(path).map_err(|error| cannot_be_read(&error))?;
    let mut file = BufReader::with_capacity(HEADER, file);
    let start = file.fill_buf().map_err(|error| cannot_be_read(&error))?;
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return Err("is UTF-16; save it as UTF-8".to_owned().into());
    }
    let mark = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let (stated, separator) = match stated_separator(&start[mark..]) {
        Some((line, separator)) => (line, separator),
        None => (0, separator(&start[mark..], asked)),
    };
    let passed = Passed { bytes: (mark + stated) as u64, lines: u64::from(stated > 0) };
    file.consume(mark + stated);

    // Rows of other lengths are skipped individually.
    let mut reader = ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(file);
    let header = reader.headers().map_err(|error| describe(&error, &passed))?.clone();
    // A space after each separator is not part of the values, and quotes after it are quotes.
    let is_spaced = header.len() > 1 && header.iter().skip(1).all(|name| name.starts_with(' '));
    let value =
        |text: &'_ str| if is_spaced { unquoted(text).into_owned() } else { text.to_owned() };
    let mut rows = Rows::new(path, header.iter().map(value).collect(), asked)?;
    let mut record = ByteRecord::new();
    'rows: while reader.read_byte_record(&mut record).map_err(|error| describe(&error, &passed))? {
        let line = || passed.line(path, record.position());
        if record.len() != rows.len() {
            let (found, expected) = (record.len(), rows.len());
            rows.skip("line", line(), RowProblem::Fields { found, expected });
            continue;
        }
        let mut values = Vec::with_capacity(record.len());
        for (column, value) in record.iter().enumerate() {
            if !rows.reads(column) {
                values.push(Value::Text(Cow::Borrowed("")));
                continue;
            }
            let Ok(text) = str::from_utf8(value) else {
                // A column that may turn out not to be a class is no reason to skip a row.
                if rows.may_be_class(column) {
                    values.push(Value::Other);
                    continue;
                }
                rows.skip("line", line(), RowProblem::NotUtf8);
                continue 'rows;
            };
            values.push(Value::Text(if is_spaced { unquoted(text) } else { Cow::Borrowed(text) }));
        }
        rows.push("line", &line, &values)?;
    }
    Ok(rows)
}

/// The text before the table itself.
struct Passed {
    bytes: u64,
    lines: u64,
}

impl Passed {
    /// The line in which a row starts, from 1.
    fn line(&self, path: &Path, position: Option<&Position>) -> u64 {
        let Some(position) = position else { return 0 };
        // The position is the end of the previous row: the rest of its line ending and empty lines precede the row.
        let passed = File::open(path).map_or(0, |file| {
            let section = Section::new(&file, self.bytes + position.byte(), u64::MAX);
            let ends = BufReader::new(section).bytes().map_while(Result::ok);
            let ends = ends.take_while(|b| matches!(b, b'\r' | b'\n'));
            ends.filter(|&byte| byte == b'\n').count()
        });
        self.lines + position.line() + passed as u64
    }
}

/// The separator specified by a line `sep=;` before the header, as used by Excel, and the length of that line including
/// its end.
fn stated_separator(start: &[u8]) -> Option<(usize, u8)> {
    let end = start.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
    let line = start[..end].strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\""));
    let [name @ .., separator] = line.unwrap_or(&start[..end]) else { return None };
    if !name.eq_ignore_ascii_case(b"sep=") || !separator.is_ascii() {
        return None;
    }
    let ends = if start[end..].starts_with(b"\r\n") { 2 } else { 1 };
    Some((end + ends, *separator))
}

/// A value after a space, with or without quotes.
fn unquoted(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(inner) => Cow::Owned(inner.replace("\"\"", "\"")),
        None => Cow::Borrowed(text),
    }
}

/// The separator for which the header has a column of paths, otherwise the one that gives the most columns.
fn separator(start: &[u8], asked: &ColumnNames) -> u8 {
    let header = |separator: u8| {
        let mut reader = ReaderBuilder::new().delimiter(separator).from_reader(start);
        reader.headers().cloned().unwrap_or_default()
    };
    let is_path = |name: &str| match &asked.path {
        Some(asked) => plain(name) == plain(asked),
        None => Role::Path.rank(name).is_some(),
    };
    let finds = |separator: &u8| {
        let header: StringRecord = header(*separator);
        (header.iter().any(is_path), header.len())
    };
    // The first of equal ones is used.
    SEPARATORS.into_iter().rev().max_by_key(finds).unwrap_or(b',')
}

fn describe(error: &csv::Error, passed: &Passed) -> String {
    match error.kind() {
        ErrorKind::Io(error) => cannot_be_read(error),
        ErrorKind::Utf8 { pos, .. } => {
            let line = pos.as_ref().map_or(0, Position::line) + passed.lines;
            format!("line {line} is not UTF-8; save the file as UTF-8")
        }
        _ => error.to_string(),
    }
}
