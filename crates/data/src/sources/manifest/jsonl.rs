//! Manifests in JSON Lines: an object per line, whose keys are the columns.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde_json::{Map, Value as Json};

use super::super::columns::ColumnNames;
use super::super::{ListingProblem, RowProblem};
use super::cannot_be_read;
use super::rows::{Rows, Value};

/// Maximum length of a line, in bytes.
const LINE: usize = 1 << 20;
/// Maximum number of distinct keys.
const KEYS: usize = 10_000;

/// Reads all rows.
///
/// # Errors
/// A description of the problem, half a line for people.
pub(super) fn read<'a>(path: &'a Path, asked: &ColumnNames) -> Result<Rows<'a>, ListingProblem> {
    // A key may first appear in the last line, so the columns are known only after all lines.
    let mut names: Vec<String> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut is_full = false;
    lines(path, &mut |_, line| {
        for key in line.map(Map::into_iter).into_iter().flatten().map(|(key, _)| key) {
            if !places.contains_key(&key) && places.len() < KEYS {
                places.insert(key.clone(), names.len());
                names.push(key);
            } else {
                is_full |= places.len() >= KEYS;
            }
        }
        Ok(())
    })?;
    if names.is_empty() {
        return Err(
            "has no line that is a JSON object, such as {\"file_name\": \"a.jpg\", \"label\": \"x\"}"
                .to_owned()
                .into(),
        );
    }
    if is_full && places.len() >= KEYS {
        return Err(format!("has more than {KEYS} different keys").into());
    }
    let mut rows = Rows::new(path, names, asked)?;
    lines(path, &mut |number, line| {
        let line = match line {
            Ok(line) => line,
            Err(problem) => {
                rows.skip("line", number, problem);
                return Ok(());
            }
        };
        let mut values: Vec<Value> = Vec::new();
        values.resize_with(rows.len(), || Value::Text(Cow::Borrowed("")));
        for (key, json) in line {
            if let Some(&place) = places.get(&key).filter(|&&place| rows.reads(place)) {
                values[place] = value(json);
            }
        }
        rows.push("line", &|| number, &values)
    })?;
    Ok(rows)
}

/// The content of a line.
type Line = Result<Map<String, Json>, RowProblem>;

/// Passes on the object of every non-empty line, with its number.
fn lines(path: &Path, each: &mut dyn FnMut(u64, Line) -> Result<(), String>) -> Result<(), String> {
    let told = |error: io::Error| cannot_be_read(&error);
    let mut file = BufReader::new(File::open(path).map_err(told)?);
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        let read = (&mut file).take(LINE as u64 + 1).read_until(b'\n', &mut line).map_err(told)?;
        if read == 0 {
            return Ok(());
        }
        number += 1;
        if line.len() > LINE && !line.ends_with(b"\n") {
            skip_line(&mut file).map_err(told)?;
            each(number, Err(RowProblem::TooLong))?;
            continue;
        }
        if number == 1 && (line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff")) {
            return Err("is UTF-16; save it as UTF-8".to_owned());
        }
        let mark = if number == 1 && line.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let text = line[mark..].trim_ascii();
        if text.is_empty() {
            continue;
        }
        let object = match std::str::from_utf8(text) {
            Err(_) => Err(RowProblem::NotUtf8),
            Ok(text) => serde_json::from_str(text).map_err(|error| {
                let reason = error.to_string();
                // Positions are relative to this line.
                let reason = reason.split(" at line").next().unwrap_or_default().to_owned();
                RowProblem::NotJson { reason }
            }),
        };
        each(number, object)?;
    }
}

/// Reads up to the end of a line.
fn skip_line(file: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = file.fill_buf()?;
        let (end, len) = match buffer.iter().position(|&byte| byte == b'\n') {
            Some(end) => (true, end + 1),
            None => (buffer.is_empty(), buffer.len()),
        };
        file.consume(len);
        if end {
            return Ok(());
        }
    }
}

fn value(json: Json) -> Value<'static> {
    if let Json::Array(values) = json {
        let texts: Option<Vec<String>> = values.into_iter().map(text).collect();
        return texts.map_or(Value::Other, Value::Several);
    }
    text(json).map_or(Value::Other, |text| Value::Text(text.into()))
}

/// A value as in CSV; `None` for other types.
fn text(json: Json) -> Option<String> {
    match json {
        Json::Null => Some(String::new()),
        Json::Bool(value) => Some(value.to_string()),
        Json::Number(number) => Some(number.to_string()),
        Json::String(text) => Some(text),
        Json::Array(_) | Json::Object(_) => None,
    }
}
