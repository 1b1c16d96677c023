//! Labels in `.json` files beside pictures, as WebDataset's shards may have them.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::columns::{ColumnNames, Role};
use super::super::names::{Label, Names};
use super::index::{Content, Index};
use super::sample::{key, stem};
use super::unpacked;

/// Bytes of such a file that are read.
const MOST: u64 = 1 << 20;

/// The labels of pictures, as far as there are any, and the key that one was found under.
pub(super) struct Labels {
    pub(super) labels: Vec<Option<Arc<str>>>,
    pub(super) key: Option<String>,
}

/// Looks for the label of each picture in the object of its `.json` file: under the key that is asked
/// for, or that is called as a column of labels is.
pub(super) fn labels(
    file: &File,
    members: &Index,
    pictures: &Index,
    asked: &ColumnNames,
    known: &mut Names,
) -> Labels {
    let mut found = Labels { labels: vec![None; pictures.len()], key: None };
    for (picture, label) in found.labels.iter_mut().enumerate() {
        let name = pictures.name(picture);
        let beside = [stem(name).0, key(name).0];
        let member = beside.iter().find_map(|name| members.find(&[name, &b".json"[..]].concat()));
        let object = member.and_then(|member| object(file, members.content(member)).ok());
        let Some((key, value)) = object.and_then(|object| labelled(object, asked)) else {
            continue;
        };
        if let Label::Is(text) = Label::of(Some(value.as_bytes()), known) {
            *label = Some(text);
            found.key.get_or_insert(key);
        }
    }
    found
}

fn object(file: &File, content: &Content) -> io::Result<Map<String, Value>> {
    let mut text = Vec::new();
    unpacked(file, content)?.0.take(MOST).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// The label that an object has, and its key; none where there are several labels.
fn labelled(object: Map<String, Value>, asked: &ColumnNames) -> Option<(String, String)> {
    let rank = |key: &str| match &asked.labels[..] {
        [] => Role::Label.rank(key),
        asked => asked.iter().position(|asked| asked == key),
    };
    let ranked = object.into_iter().filter_map(|(key, value)| Some((rank(&key)?, key, value)));
    let (_, key, value) = ranked.min_by_key(|(rank, ..)| *rank)?;
    let value = match value {
        Value::Array(values) => <[Value; 1]>::try_from(values).ok().map(|[value]| value)?,
        value => value,
    };
    match value {
        Value::String(text) => Some((key, text)),
        Value::Number(number) => Some((key, number.to_string())),
        Value::Bool(value) => Some((key, value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
