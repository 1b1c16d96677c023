//! Parquet files that no library would write: the test specifies what they declare.

/// A column and the declarations of its pages.
#[derive(Clone)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: i64,
    pub(crate) codec: i64,
    pub(crate) pages: Vec<Page>,
    /// Whether the first page is a dictionary.
    pub(crate) dictionary: bool,
}

pub(crate) const INT64: i64 = 2;
pub(crate) const BYTES: i64 = 6;
pub(crate) const STORED: i64 = 0;
pub(crate) const SNAPPY: i64 = 1;
pub(crate) const GZIP: i64 = 2;
pub(crate) const PLAIN: i64 = 0;
pub(crate) const DELTA_LENGTHS: i64 = 6;
pub(crate) const DELTA_TEXTS: i64 = 7;
pub(crate) const DICTIONARY: i64 = 8;

#[derive(Clone)]
pub(crate) struct Page {
    pub(crate) rows: usize,
    pub(crate) unfolded: usize,
    pub(crate) encoding: i64,
    pub(crate) data: Vec<u8>,
}

impl Page {
    /// A page of these values, each preceded by its length.
    pub(crate) fn plain<T: AsRef<[u8]>>(values: &[T]) -> Self {
        let data: Vec<u8> = values
            .iter()
            .flat_map(|value| {
                let value = value.as_ref();
                [&(value.len() as u32).to_le_bytes(), value].concat()
            })
            .collect();
        Self { rows: values.len(), unfolded: data.len(), encoding: PLAIN, data }
    }
}

impl Column {
    pub(crate) fn new(name: &'static str, pages: Vec<Page>) -> Self {
        Self { name, kind: BYTES, codec: STORED, pages, dictionary: false }
    }
}

/// A file of one row group, without nulls.
pub(crate) fn table(columns: &[Column]) -> Vec<u8> {
    let mut file = b"PAR1".to_vec();
    let (mut schema, mut chunks) = (vec![element("m", Some(columns.len() as i64))], Vec::new());
    let rows = |column: &Column| {
        let data = &column.pages[usize::from(column.dictionary)..];
        data.iter().map(|page| page.rows).sum::<usize>() as i64
    };
    for column in columns {
        let start = file.len() as i64;
        for (index, page) in column.pages.iter().enumerate() {
            let is_dictionary = column.dictionary && index == 0;
            let own = [(1, Int(page.rows as i64)), (2, Int(page.encoding))];
            let own = match is_dictionary {
                true => own.to_vec(),
                false => [&own[..], &[(3, Int(3)), (4, Int(3))]].concat(),
            };
            file.extend(fields(&[
                (1, Int(if is_dictionary { 2 } else { 0 })),
                (2, Int(page.unfolded as i64)),
                (3, Int(page.data.len() as i64)),
                (if is_dictionary { 7 } else { 5 }, Struct(fields(&own))),
            ]));
            file.extend(&page.data);
        }
        let len = file.len() as i64 - start;
        schema.push(fields(&[
            (1, Int(column.kind)),
            (3, Int(0)),
            (4, Bytes(column.name.as_bytes().to_vec())),
        ]));
        let path = [text(column.name.as_bytes())];
        let chunk = fields(&[
            (1, Int(column.kind)),
            (2, List(INT, vec![zigzag(0)])),
            (3, List(TEXT, path.to_vec())),
            (4, Int(column.codec)),
            (5, Int(rows(column))),
            (6, Int(len)),
            (7, Int(len)),
            (9, Int(start)),
        ]);
        chunks.push(fields(&[(2, Int(start)), (3, Struct(chunk))]));
    }
    let rows = rows(&columns[0]);
    let group = fields(&[(1, List(STRUCT, chunks)), (2, Int(1)), (3, Int(rows))]);
    file.extend(footer(schema, rows, vec![group]));
    file
}

/// A file without rows, with these elements of a schema.
pub(crate) fn empty(schema: Vec<Vec<u8>>) -> Vec<u8> {
    [b"PAR1".to_vec(), footer(schema, 0, Vec::new())].concat()
}

/// An element of a schema: a group, or a column of bytes.
pub(crate) fn element(name: &str, children: Option<i64>) -> Vec<u8> {
    let name = Bytes(name.as_bytes().to_vec());
    match children {
        Some(children) => fields(&[(3, Int(0)), (4, name), (5, Int(children))]),
        None => fields(&[(1, Int(BYTES)), (3, Int(0)), (4, name)]),
    }
}

fn footer(schema: Vec<Vec<u8>>, rows: i64, groups: Vec<Vec<u8>>) -> Vec<u8> {
    let footer = fields(&[
        (1, Int(1)),
        (2, List(STRUCT, schema)),
        (3, Int(rows)),
        (4, List(STRUCT, groups)),
    ]);
    let len = (footer.len() as u32).to_le_bytes();
    [&footer, &len[..], b"PAR1"].concat()
}

#[derive(Clone)]
enum Field {
    Int(i64),
    Bytes(Vec<u8>),
    List(u8, Vec<Vec<u8>>),
    Struct(Vec<u8>),
}
use Field::{Bytes, Int, List, Struct};

const INT: u8 = 5;
const TEXT: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// A struct of Thrift's compact protocol; field numbers must increase.
fn fields(fields: &[(u8, Field)]) -> Vec<u8> {
    let (mut bytes, mut last) = (Vec::new(), 0);
    for (id, field) in fields {
        let (kind, value) = match field {
            Int(number) => (INT, zigzag(*number)),
            Bytes(bytes) => (TEXT, text(bytes)),
            List(kind, all) => {
                (LIST, [vec![0xF0 | kind], varint(all.len() as u64), all.concat()].concat())
            }
            Struct(bytes) => (STRUCT, bytes.clone()),
        };
        bytes.push((id - last) << 4 | kind);
        bytes.extend(value);
        last = *id;
    }
    bytes.push(0);
    bytes
}

fn text(bytes: &[u8]) -> Vec<u8> {
    [&varint(bytes.len() as u64), bytes].concat()
}

pub(crate) fn zigzag(number: i64) -> Vec<u8> {
    varint((number << 1 ^ number >> 63) as u64)
}

pub(crate) fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7F {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// `count` equal `DELTA_BINARY_PACKED` numbers.
pub(crate) fn same(number: i64, count: u64) -> Vec<u8> {
    let mut bytes = [varint(1 << 30), varint(1), varint(count), zigzag(number)].concat();
    if count > 1 {
        bytes.extend([0, 0]);
    }
    bytes
}
