//! Parquet files with a column of pictures, as written by pyarrow.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::Crc;
use headstart_data::sources::{Listed, Listing, list_pictures};
use headstart_data::{Limits, Subset};
use parquet::basic::{Compression, Encoding, GzipLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;
use support::parquet_file::{self, Column, Page};

fn table(name: &str) -> PathBuf {
    support::fixture("tables").join(name)
}

fn list(path: &Path) -> Listing {
    list_pictures([path])
}

fn crc(picture: &Listed) -> String {
    match picture.at.read(&Limits::default()) {
        Ok(bytes) => {
            let mut crc = Crc::new();
            crc.update(&bytes);
            crc.sum().to_string()
        }
        Err(error) => {
            assert_eq!(error.to_string(), "not a picture (nothing in this row)");
            "-".to_owned()
        }
    }
}

#[test]
fn rows_and_labels_are_those_that_pyarrow_reads() {
    let expected: Vec<[String; 4]> = support::table("tables.tsv");
    let mut tables: Vec<&str> = expected.iter().map(|row| row[0].as_str()).collect();
    tables.dedup();
    assert_eq!(tables.len(), 12);
    for name in tables {
        let listing = list(&table(name));
        assert!(listing.skipped.is_empty(), "{:?}", listing.skipped);
        let found: Vec<[String; 4]> = listing
            .pictures
            .iter()
            .enumerate()
            .map(|(row, picture)| {
                let label = picture.label.as_deref().unwrap_or("-").to_owned();
                [name.to_owned(), row.to_string(), label, crc(picture)]
            })
            .collect();
        let of_table = expected.iter().filter(|row| row[0] == name);
        assert_eq!(found, of_table.cloned().collect::<Vec<_>>());
    }
}

#[test]
fn sides_groups_and_weights_are_those_of_a_manifest() {
    let listing = list(&table("divided.parquet"));
    let found: Vec<_> =
        listing.pictures.iter().map(|p| (p.subset, p.group.as_deref(), p.weight)).collect();
    let [train, validation, test] =
        [Subset::Train, Subset::Validation, Subset::Test].map(Option::Some);
    let expected = [
        (train, Some("1"), 1.0),
        (validation, Some("1"), 0.5),
        (None, None, 1.0),
        (test, Some("2"), 2.0),
        (train, Some("2"), 0.0),
        (None, Some("3"), 1.0),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_row_is_known_by_its_name_or_its_number() {
    let path = table("hugging_face.parquet");
    let names: Vec<String> = list(&path)
        .pictures
        .iter()
        .map(|p| p.at.path().strip_prefix(&path).unwrap().display().to_string())
        .collect();
    assert_eq!(names, ["x/0.jpg", "1", "2", "3.jpg", "4.gif", "5.png"], "none leads elsewhere");
    let plain = table("plain.parquet");
    assert_eq!(list(&plain).pictures[4].at.path(), plain.join("4"));
    let path = table("snappy.parquet");
    assert_eq!(list(&path).pictures[4].at.path(), path.join("4.jpg"));
}

#[test]
fn what_cannot_be_read_is_a_line_that_names_what_there_is() {
    for (name, reason) in [
        (
            "text_only.parquet",
            "has no column of pictures (binary data); its columns are url (text), label (text), weight (float)",
        ),
        (
            "several.parquet",
            "has several columns of binary data: name that of the pictures \"image\"; its columns are left (binary), right (binary)",
        ),
        (
            "list.parquet",
            "has no column of pictures (binary data); its columns are image.list.element (binary, a list)",
        ),
    ] {
        let listing = list(&table(name));
        assert!(listing.pictures.is_empty());
        assert_eq!(listing.skipped.len(), 1, "{name}");
        assert_eq!(listing.skipped[0].reason.to_string(), reason);
    }
}

#[test]
fn a_folder_of_tables_is_one_source() {
    let folder = tempfile::tempdir().unwrap();
    for (to, from) in [("0.parquet", "plain.parquet"), ("1.parquet", "snappy.parquet")] {
        fs::copy(table(from), folder.path().join(to)).unwrap();
    }
    assert_eq!(list(folder.path()).pictures.len(), 12);
}

/// A table of `rows` rows, each a small picture followed by its number, in row groups of 150.
fn large(rows: usize) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.parquet");
    let schema = parse_message_type("message m { required binary image; }").unwrap();
    let properties = WriterProperties::builder().set_data_page_row_count_limit(20).build();
    let file = fs::File::create(&path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema.into(), properties.into()).unwrap();
    let picture = support::bytes("decode/jpeg_rgb.jpg");
    let values: Vec<ByteArray> =
        (0..rows).map(|row| [&picture[..], &(row as u32).to_le_bytes()].concat().into()).collect();
    for values in values.chunks(150) {
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(values, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
    (folder, path)
}

fn number(picture: &Listed) -> usize {
    let bytes = picture.at.read(&Limits::default()).unwrap();
    u32::from_le_bytes(*bytes.last_chunk().unwrap()) as usize
}

#[test]
fn rows_are_read_in_any_order_and_by_many_threads() {
    let (_folder, path) = large(1000);
    let pictures = list(&path).pictures;
    for row in [999, 0, 500, 149, 150, 63, 64, 1, 998, 300] {
        assert_eq!(number(&pictures[row]), row);
    }
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let row = next.fetch_add(1, Ordering::Relaxed);
                    let Some(picture) = pictures.get(row) else { break };
                    assert_eq!(number(picture), row);
                }
            });
        }
    });
}

#[test]
fn a_damaged_page_costs_the_rest_of_its_row_group_only() {
    let (_folder, path) = large(450);
    let mut bytes = fs::read(&path).unwrap();
    // The second row group's header, or the data in its place.
    let middle = bytes.len() / 3 + 40;
    bytes[middle..middle + 3000].fill(0xEE);
    fs::write(&path, bytes).unwrap();
    let pictures = list(&path).pictures;
    assert_eq!(pictures.len(), 450);
    let read: Vec<bool> = pictures.iter().map(|p| p.at.read(&Limits::default()).is_ok()).collect();
    let lost = read.iter().filter(|&&whole| !whole).count();
    assert!((1..=150).contains(&lost), "{lost} are lost");
    assert!(read[..150].iter().all(|&whole| whole) && read[300..].iter().all(|&whole| whole));
}

/// A table of these columns.
fn written(columns: &[Column]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    fs::write(&path, parquet_file::table(columns)).unwrap();
    (folder, path)
}

/// Pictures followed by their numbers.
fn numbered(rows: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    let picture = support::bytes("decode/jpeg_rgb.jpg");
    rows.map(|row| [&picture[..], &row.to_le_bytes()].concat()).collect()
}

#[test]
fn a_damaged_page_costs_what_follows_the_damage_in_it_and_no_more() {
    let mut damaged = Page::plain(&numbered(50..60));
    // The fourth picture of ten is longer than the whole page.
    let fourth = damaged.data.len() / 10 * 3;
    damaged.data[fourth..fourth + 4].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0x7F]);
    let pages = vec![Page::plain(&numbered(0..50)), damaged, Page::plain(&numbered(60..90))];
    let (_folder, path) = written(&[Column::new("image", pages)]);
    for rows in [(0..90).collect::<Vec<_>>(), (0..90).rev().collect(), vec![55, 52, 60, 59, 0]] {
        let pictures = list(&path).pictures;
        for row in rows {
            match pictures[row].at.read(&Limits::default()) {
                Ok(_) => assert_eq!(number(&pictures[row]), row),
                Err(error) => assert!((53..60).contains(&row), "{row}: {error}"),
            }
        }
    }
}

#[test]
fn what_is_no_label_is_none_and_one_of_control_characters_is_refused() {
    let pictures = || Column::new("image", vec![Page::plain(&numbered(0..4))]);
    let labels = Page::plain(&["cat", "", " dog ", "a\nb"]);
    let (_folder, path) = written(&[pictures(), Column::new("label", vec![labels])]);
    let listing = list(&path);
    let labels: Vec<_> = listing.pictures.iter().map(|picture| picture.label.as_deref()).collect();
    assert_eq!(labels, [Some("cat"), None, Some("dog")]);
    assert_eq!(listing.skipped.len(), 1);
    assert_eq!(listing.skipped[0].path, path.join("3"));
    assert_eq!(
        listing.skipped[0].reason.to_string(),
        "its label has control characters (\"a\\nb\")"
    );
}

#[test]
fn minus_one_is_no_label_where_numbers_have_names() {
    let picture = support::bytes("decode/jpeg_rgb.jpg");
    let pictures: Vec<ByteArray> = vec![picture.into(); 3];
    let features = r#"{"info": {"features": {"label": {"names": ["cat", "dog"]}}}}"#;
    for (metadata, first) in [(None, Some("-1")), (Some(features), None)] {
        let metadata = metadata.map(|json| {
            vec![KeyValue { key: "huggingface".to_owned(), value: Some(json.to_owned()) }]
        });
        let properties = WriterProperties::builder().set_key_value_metadata(metadata).build();
        let schema = "message m { required binary image; required int64 label; }";
        let (_folder, path) = by_library(schema, properties, |group| {
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<ByteArrayType>().write_batch(&pictures, None, None).unwrap();
            column.close().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<Int64Type>().write_batch(&[-1, 1, 2], None, None).unwrap();
            column.close().unwrap();
        });
        let labels: Vec<_> =
            list(&path).pictures.into_iter().map(|picture| picture.label).collect();
        let last = ["1", "dog"][usize::from(first.is_none())];
        assert_eq!(labels[0].as_deref(), first);
        assert_eq!(labels[1].as_deref(), Some(last));
        assert_eq!(labels[2].as_deref(), Some("2"), "there is no name for it");
    }
}

/// A table written by the library, with one row group.
fn by_library(
    schema: &str,
    properties: WriterProperties,
    write: impl Fn(&mut SerializedRowGroupWriter<fs::File>),
) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let schema = parse_message_type(schema).unwrap();
    let file = fs::File::create(&path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema.into(), properties.into()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    write(&mut group);
    group.close().unwrap();
    writer.close().unwrap();
    (folder, path)
}

#[test]
fn every_encoding_packing_and_version_of_pages_is_read() {
    let pictures: Vec<ByteArray> = numbered(0..70).into_iter().map(Into::into).collect();
    let names: Vec<ByteArray> = (0..70)
        .map(|row| format!("{}/{row}.jpg", "long".repeat(row % 9)).as_str().into())
        .collect();
    // Every eighth is missing.
    let levels: Vec<i16> = (0..80).map(|row| (row % 8 != 7).into()).collect();
    let plain = [Encoding::PLAIN, Encoding::DELTA_LENGTH_BYTE_ARRAY, Encoding::DELTA_BYTE_ARRAY];
    let packed =
        [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::GZIP(GzipLevel::default())];
    for encoding in plain {
        for (compression, version) in packed
            .into_iter()
            .flat_map(|c| [(c, WriterVersion::PARQUET_1_0), (c, WriterVersion::PARQUET_2_0)])
        {
            let properties = WriterProperties::builder()
                .set_writer_version(version)
                .set_compression(compression)
                .set_dictionary_enabled(false)
                .set_encoding(encoding)
                .set_data_page_row_count_limit(30)
                .set_write_batch_size(10);
            let schema = "message m { optional binary image; optional binary path (UTF8); }";
            let (_folder, path) = by_library(schema, properties.build(), |group| {
                for values in [&pictures, &names] {
                    let mut column = group.next_column().unwrap().unwrap();
                    let column_of = column.typed::<ByteArrayType>();
                    column_of.write_batch(values, Some(&levels), None).unwrap();
                    column.close().unwrap();
                }
            });
            let listing = list(&path);
            assert!(listing.skipped.is_empty(), "{encoding} {compression}: {:?}", listing.skipped);
            assert_eq!(listing.pictures.len(), 80);
            for (row, picture) in listing.pictures.iter().enumerate() {
                let (nth, is_there) = (row - row / 8, row % 8 != 7);
                let read = picture.at.read(&Limits::default());
                assert_eq!(
                    read.is_ok(),
                    is_there,
                    "{encoding} {compression} {version:?}: {read:?}"
                );
                if is_there {
                    assert_eq!(number(picture), nth);
                    let name = format!("{}/{nth}.jpg", "long".repeat(nth % 9));
                    assert_eq!(picture.at.path(), path.join(name.trim_start_matches('/')));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_tables_never_panic(
        which in 0..6usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let names = ["plain", "snappy", "dictionary", "nulls", "row_groups", "hugging_face"];
        let mut bytes = fs::read(table(&format!("{}.parquet", names[which]))).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            let cut = cut.index(bytes.len());
            bytes.drain(cut..bytes.len().min(cut + 7));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, bytes).unwrap();
        for picture in list(&path).pictures {
            let _ = picture.at.read(&Limits::default());
        }
    }
}
