//! Reads and checks the footer of a Parquet file.

use std::fs::File;

use headstart_files::read_exact_at;
use parquet::errors::Result;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use crate::error::damaged;
use crate::thrift::Shape::{Bool, Byte, Bytes, Double, Int, List, Struct};
use crate::thrift::{self, Shape, Thrift};

/// Maximum length of a footer in bytes, enough for some hundred thousand row groups.
const LONGEST: u64 = 64 << 20;
/// Maximum nesting of columns: the library recurses.
const DEEPEST: usize = 64;
/// Maximum total size of all column names in bytes. A name includes those of the groups around it.
const NAMES: usize = 16 << 20;

const EMPTY: Shape = Struct(&[]);
const KEY_VALUE: Shape = Struct(&[(1, Bytes), (2, Bytes)]);
const TIME: Shape = Struct(&[(1, Bool), (2, Struct(&[(1, EMPTY), (2, EMPTY), (3, EMPTY)]))]);
const LOGICAL_TYPE: Shape = Struct(&[
    (1, EMPTY),
    (2, EMPTY),
    (3, EMPTY),
    (4, EMPTY),
    (5, Struct(&[(1, Int), (2, Int)])),
    (6, EMPTY),
    (7, TIME),
    (8, TIME),
    (10, Struct(&[(1, Byte), (2, Bool)])),
    (11, EMPTY),
    (12, EMPTY),
    (13, EMPTY),
    (14, EMPTY),
    (15, EMPTY),
    (16, Struct(&[(1, Byte)])),
    (17, Struct(&[(1, Bytes)])),
    (18, Struct(&[(1, Bytes), (2, Int)])),
    (19, EMPTY),
]);
const STATISTICS: Shape = Struct(&[
    (1, Bytes),
    (2, Bytes),
    (3, Int),
    (4, Int),
    (5, Bytes),
    (6, Bytes),
    (7, Bool),
    (8, Bool),
    (9, Int),
]);
const SIZES: Shape = Struct(&[(1, Int), (2, List(&Int)), (3, List(&Int))]);
const BOX: Shape = Struct(&[
    (1, Double),
    (2, Double),
    (3, Double),
    (4, Double),
    (5, Double),
    (6, Double),
    (7, Double),
    (8, Double),
]);
const COLUMN: Shape = Struct(&[
    (1, Int),
    (2, List(&Int)),
    (3, List(&Bytes)),
    (4, Int),
    (5, Int),
    (6, Int),
    (7, Int),
    (8, List(&KEY_VALUE)),
    (9, Int),
    (10, Int),
    (11, Int),
    (12, STATISTICS),
    (13, List(&Struct(&[(1, Int), (2, Int), (3, Int)]))),
    (14, Int),
    (15, Int),
    (16, SIZES),
    (17, Struct(&[(1, BOX), (2, List(&Int))])),
]);
const CHUNK: Shape =
    Struct(&[(1, Bytes), (2, Int), (3, COLUMN), (4, Int), (5, Int), (6, Int), (7, Int)]);
const ROW_GROUP: Shape = Struct(&[
    (1, List(&CHUNK)),
    (2, Int),
    (3, Int),
    (4, List(&Struct(&[(1, Int), (2, Bool), (3, Bool)]))),
    (5, Int),
    (6, Int),
    (7, Int),
]);
/// The fields of a file, except its schema.
const FILE: [(i16, Shape); 6] = [
    (1, Int),
    (3, Int),
    (4, List(&ROW_GROUP)),
    (5, List(&KEY_VALUE)),
    (6, Bytes),
    (7, List(&Struct(&[(1, EMPTY), (2, EMPTY)]))),
];
/// The fields of a schema element, except its name and its number of children.
const ELEMENT: [(i16, Shape); 8] =
    [(1, Int), (2, Int), (3, Int), (6, Int), (7, Int), (8, Int), (9, Int), (10, LOGICAL_TYPE)];

/// Reads the footer of a file of `len` bytes.
///
/// # Errors
/// If the file cannot be read, or its footer is invalid.
pub(crate) fn read(file: &File, len: u64) -> Result<ParquetMetaData> {
    let mut tail = [0; 8];
    let end = len.checked_sub(8).ok_or_else(|| damaged("it ends early"))?;
    read_exact_at(file, &mut tail, end)?;
    match &tail[4..] {
        b"PAR1" => {}
        b"PARE" => return Err(damaged("it is encrypted")),
        _ => return Err(damaged("its end is missing")),
    }
    let bytes = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    let start = end.checked_sub(bytes).filter(|_| bytes <= LONGEST);
    let start = start.ok_or_else(|| damaged(&format!("its footer has {bytes} bytes")))?;
    let mut footer = vec![0; bytes as usize];
    read_exact_at(file, &mut footer, start)?;
    check(&footer).map_err(damaged)?;
    ParquetMetaDataReader::decode_metadata(&footer)
}

/// Checks that a footer is safe for the library, which allocates memory and recurses as the footer
/// declares.
fn check(footer: &[u8]) -> thrift::Result<()> {
    let mut thrift = Thrift::new(footer);
    thrift.all_fields(&mut |thrift, id, wire| match id {
        2 => check_schema(thrift, wire),
        _ => check_field(thrift, &FILE, id, wire),
    })
}

fn check_field(
    thrift: &mut Thrift,
    known: &'static [(i16, Shape)],
    id: i16,
    wire: u8,
) -> thrift::Result<()> {
    match known.iter().find(|(own, _)| *own == id) {
        Some((_, shape)) => thrift.check(shape, wire),
        None => thrift.pass(wire),
    }
}

fn check_schema(thrift: &mut Thrift, wire: u8) -> thrift::Result<()> {
    let (count, wire) = thrift.list(wire)?;
    // For each group around the current element: the number of children to come, and the bytes of
    // its full name.
    let mut groups: Vec<(usize, usize)> = Vec::new();
    let mut names = 0_usize;
    for index in 0..count {
        let (mut children, mut name) = (0, 0);
        thrift.fields(wire, |thrift, id, wire| {
            match id {
                4 => name = thrift.bytes(wire)?.len() + size_of::<String>(),
                5 => children = thrift.int(wire)?,
                _ => check_field(thrift, &ELEMENT, id, wire)?,
            }
            Ok(())
        })?;
        if let Some((to_come, above)) = groups.last_mut() {
            *to_come -= 1;
            name += *above;
        } else if index > 0 {
            return Err("its schema has several roots");
        }
        let children = usize::try_from(children).ok().filter(|&children| children < count - index);
        match children.ok_or("its schema has fewer elements than it declares")? {
            0 => names = names.saturating_add(name),
            children => groups.push((children, name)),
        }
        if groups.len() > DEEPEST {
            return Err("its columns are nested too deep");
        }
        if names > NAMES {
            return Err("the names of its columns are too long");
        }
        while groups.last().is_some_and(|(to_come, _)| *to_come == 0) {
            groups.pop();
        }
    }
    match groups.is_empty() {
        true => Ok(()),
        false => Err("its schema has fewer elements than it declares"),
    }
}
