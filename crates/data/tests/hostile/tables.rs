//! Small Parquet files that declare, or expand to, huge sizes: each gives an error line in little memory.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use headstart_data::Limits;
use headstart_data::sources::{Source, list_pictures};

use crate::support::parquet_file::{
    Column, DELTA_LENGTHS, DELTA_TEXTS, DICTIONARY, GZIP, INT64, Page, SNAPPY, element, empty,
    same, table, varint,
};
use crate::{alone, peak};

const MUCH: usize = 80 << 20;
/// Memory for reading besides the file and copies of it.
const LITTLE: u64 = 24 << 20;
const LIMITS: Limits = Limits { max_pixels: 1 << 18, max_bytes: 8 << 20, max_file_bytes: 1 << 20 };

/// Lists a file, as a manifest if it is one, reads some pictures, and returns the messages.
fn read(path: &Path) -> String {
    let mut said = Vec::new();
    let listing = list_pictures([path]);
    said.extend(listing.skipped.iter().map(|skipped| skipped.reason.to_string()));
    for picture in listing.pictures.iter().take(16) {
        said.extend(picture.at.read(&LIMITS).err().map(|error| error.to_string()));
    }
    drop(listing);
    said.extend(Source::new(path).list().err().map(|error| error.to_string()));
    said.join("\n")
}

/// Writes each file, reads it in little memory, and checks the messages.
///
/// Called by tests that run alone, as those that create large files must.
fn refused(files: Vec<(&str, Vec<u8>)>) {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for (says, bytes) in files {
        let path = folder.path().join("x.parquet");
        std::fs::write(&path, &bytes).unwrap();
        let (said, memory) = peak(|| read(&path));
        if !said.contains(says) || memory > LITTLE + 8 * bytes.len() as u64 {
            wrong.push(format!("{says}: {memory} bytes, said: {said}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_schema_is_as_large_as_it_is_and_no_deeper_than_the_stack() {
    let _alone = alone();
    let root = || element("m", Some(1));
    let column = || element("image", None);
    let nested =
        |depth| [vec![root()], vec![element("a", Some(1)); depth], vec![column()]].concat();
    let long = "a".repeat(1 << 16);
    let wide = vec![root(), element(&long, Some(4000))];
    refused(vec![
        ("nested too deep", empty(nested(200_000))),
        ("nested too deep", empty(nested(1000))),
        ("fewer elements", empty(vec![root(), element("a", Some(i32::MAX.into())), column()])),
        ("fewer elements", empty(vec![root(), element("a", Some(-1)), column()])),
        ("fewer elements", empty(vec![root()])),
        ("several roots", empty(vec![root(), column(), column()])),
        ("names of its columns", empty([wide, vec![column(); 4000]].concat())),
    ]);
}

fn gzipped(count: usize) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..count >> 20 {
        packed.write_all(&vec![0; 1 << 20]).unwrap();
    }
    packed.finish().unwrap()
}

#[test]
fn pages_unfold_to_no_more_than_they_declare_and_may() {
    let _alone = alone();
    let gzip = gzipped(MUCH);
    let snappy = b"\x80\x80\x80\x28hello".to_vec();
    let packed = |name, codec, data: &Vec<u8>, unfolded| {
        let page = Page { rows: 1, unfolded, encoding: 0, data: data.clone() };
        Column { codec, ..Column::new(name, vec![page]) }
    };
    let picture = Column::new("image", vec![Page::plain(&["x"])]);
    let mut files = Vec::new();
    for (codec, data, unfolded, says) in [
        (SNAPPY, &snappy, MUCH, "the limit is"),
        (SNAPPY, &snappy, 1000, "something else than it declares"),
        (GZIP, &gzip, MUCH, "the limit is"),
        (GZIP, &gzip, 10, "something else than it declares"),
    ] {
        // As pictures, as names, as labels, and in a manifest.
        files.push((says, table(&[packed("image", codec, data, unfolded)])));
        files.push((says, table(&[picture.clone(), packed("path", codec, data, unfolded)])));
        files.push((says, table(&[picture.clone(), packed("label", codec, data, unfolded)])));
        let label = packed("label", codec, data, unfolded);
        files.push((says, table(&[Column::new("path", vec![Page::plain(&["x"])]), label])));
    }
    refused(files);
}

/// A text stored once in the file, and used in all rows.
#[test]
fn names_and_paths_that_are_said_once_do_not_take_room_for_each_row() {
    let _alone = alone();
    let column = |rows: usize, length: usize| {
        let run = [vec![1], varint(2 * rows as u64), vec![0]].concat();
        let data = Page { rows, unfolded: run.len(), encoding: DICTIONARY, data: run };
        let pages = vec![Page::plain(&["a".repeat(length)]), data];
        Column { dictionary: true, ..Column::new("path", pages) }
    };
    let pictures = Column::new("image", vec![Page::plain(&vec![""; 20_000])]);
    refused(vec![
        ("its paths are longer than any are", table(&[column(5000, 1 << 20)])),
        ("not a picture", table(&[pictures, column(20_000, 4000)])),
    ]);
}

#[test]
fn values_are_no_more_than_there_are_rows_and_texts_no_longer_than_they_may_be() {
    let _alone = alone();
    const MANY: usize = 1 << 30;
    let page = |rows, encoding, data: Vec<u8>| Page { rows, unfolded: data.len(), encoding, data };
    let names = |rows: usize, encoding, data| {
        let pictures = Page::plain(&vec![""; rows.min(1000)]);
        let names = Column::new("path", vec![page(rows, encoding, data)]);
        table(&[Column::new("image", vec![pictures]), names])
    };
    let dictionary = Column {
        dictionary: true,
        ..Column::new(
            "label",
            vec![page(MANY, 0, b"\0\0\0\0".to_vec()), page(1, DICTIONARY, vec![0, 2, 0])],
        )
    };
    let picture = Column::new("image", vec![Page::plain(&["x"])]);
    let numbers = Column { kind: INT64, ..dictionary.clone() };
    refused(vec![
        ("fewer different values", table(&[picture.clone(), dictionary])),
        ("fewer different values", table(&[picture.clone(), numbers])),
        ("too many rows", names(MANY, DELTA_LENGTHS, same(0, MANY as u64))),
        ("lengths of its values", names(10, DELTA_LENGTHS, same(0, MANY as u64))),
        ("lengths of its values", names(10, DELTA_LENGTHS, same(-1, 10))),
        ("lengths of its values", names(10, DELTA_TEXTS, [same(0, 10), same(0, 11)].concat())),
        ("bytes of text", names(1000, DELTA_TEXTS, [same(0, 1000), same(1 << 20, 1000)].concat())),
    ]);
}
