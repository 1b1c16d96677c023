//! Labels in `.json` files beside pictures, as in some WebDataset shards.

use std::fs::File;
use std::io::{self, Read};

use serde_json::{Map, Value};

use super::super::Labels;
use super::super::columns::{ColumnNames, Role};
use super::super::label_cells::LabelCells;
use super::index::{Content, Index};
use super::sample::{key, stem};
use super::unpacked;
use headstart_model::class_name::{BadClassName, plain};

/// Maximum number of bytes read from such a file.
const MOST: u64 = 1 << 20;

/// The labels of pictures, if any, and the key under which one was found.
pub(super) struct Found {
    pub(super) labels: Vec<Labels>,
    pub(super) key: Option<String>,
    /// Files whose label is not a valid class name.
    pub(super) refused: Vec<(usize, BadClassName)>,
}

/// Finds the label of each picture in the object of its `.json` file: under the requested key, or one with the usual
/// name of a label column.
pub(super) fn labels(file: &File, members: &Index, pictures: &Index, asked: &ColumnNames) -> Found {
    let mut cells: Option<LabelCells> = None;
    let mut found =
        Found { labels: vec![Labels::None; pictures.len()], key: None, refused: Vec::new() };
    for (picture, label) in found.labels.iter_mut().enumerate() {
        let name = pictures.name(picture);
        let beside = [stem(name).0, key(name).0];
        let member = beside.iter().find_map(|name| members.find(&[name, &b".json"[..]].concat()));
        let Some(member) = member else { continue };
        let object = object(file, members.content(member)).ok();
        let Some((key, value)) = object.and_then(|object| labelled(object, asked)) else {
            continue;
        };
        let cells = cells.get_or_insert_with(|| LabelCells::new(Some(&key), asked));
        let own = match value {
            Value::Array(values) => {
                cells.list(&values.into_iter().filter_map(text).collect::<Vec<_>>())
            }
            value => text(value).map_or(Ok(Labels::None), |text| cells.cell(&text)),
        };
        match own {
            Err(bad) => found.refused.push((member, bad)),
            Ok(own) if own.is_some() => {
                *label = own;
                found.key.get_or_insert(key);
            }
            Ok(_) => {}
        }
    }
    found
}

fn object(file: &File, content: &Content) -> io::Result<Map<String, Value>> {
    let mut text = Vec::new();
    unpacked(file, content)?.0.take(MOST).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// The label of an object, and its key.
fn labelled(object: Map<String, Value>, asked: &ColumnNames) -> Option<(String, Value)> {
    let rank = |key: &str| match &asked.labels[..] {
        [] => Role::Label.rank(key),
        asked => asked.iter().position(|asked| plain(asked) == plain(key)),
    };
    let ranked = object.into_iter().filter_map(|(key, value)| Some((rank(&key)?, key, value)));
    let (_, key, value) = ranked.min_by_key(|(rank, ..)| *rank)?;
    Some((key, value))
}

/// A label as text.
fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
