//! NumPy's `.npy`: a matrix of floats, in any byte order and axis order.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use headstart_files::read_exact_at;

use super::super::ListingProblem;
use super::super::columns::{ColumnNames, Role};
use super::table::Table;
use super::{Cell, Contents, FeatureFile, Number, Problem, Raw, Take, rows_of_piece, runs};
use crate::decode::ContentHash;

/// Maximum length of a header.
const LONGEST: u64 = 1 << 20;

struct Npy {
    raw: Raw,
    rows: usize,
    width: usize,
    number: Number,
    big_endian: bool,
    /// Whether columns rather than rows are contiguous.
    fortran: bool,
    table: Option<Table>,
}

pub(super) fn open(path: &Path, asked: &ColumnNames) -> Result<FeatureFile, Problem> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    let mut start = [0; 12];
    read_exact_at(&file, &mut start, 0).map_err(|_| "is no .npy file")?;
    if &start[..6] != b"\x93NUMPY" {
        return Err("is no .npy file".into());
    }
    let (length, at) = match start[6] {
        1 => (u64::from(u16::from_le_bytes([start[8], start[9]])), 10),
        _ => (u64::from(u32::from_le_bytes([start[8], start[9], start[10], start[11]])), 12),
    };
    if length > LONGEST {
        return Err("is no .npy file".into());
    }
    let mut header = vec![0; length as usize];
    read_exact_at(&file, &mut header, at)?;
    let header = String::from_utf8(header).map_err(|_| "is no .npy file")?;
    let (number, big_endian) = number(&header)?;
    let fortran = field(&header, "fortran_order").is_some_and(|text| text.starts_with("True"));
    let (rows, width) = shape(&header)?;
    let bytes = (rows as u64).checked_mul(width as u64);
    let bytes = bytes.and_then(|n| n.checked_mul(number.bytes() as u64));
    let at = at + length;
    if bytes.is_none_or(|bytes| bytes > len.saturating_sub(at)) {
        return Err("ends early: it was not written to its end".into());
    }
    let raw = Raw { file: Arc::new(file), at };
    let table = Table::beside(path, asked)?;
    Ok(FeatureFile {
        path: path.to_owned(),
        rows,
        width: (rows > 0).then_some(width),
        number,
        origin: None,
        contents: Box::new(Npy { raw, rows, width, number, big_endian, fortran, table }),
    })
}

/// The text after a key of the header, which is a Python dictionary.
fn field<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let at = [format!("'{key}'"), format!("\"{key}\"")];
    let start = at.iter().find_map(|key| Some(header.find(&**key)? + key.len()))?;
    Some(header[start..].trim_start().strip_prefix(':')?.trim_start())
}

fn number(header: &str) -> Result<(Number, bool), Problem> {
    let text = field(header, "descr").unwrap_or_default();
    let text: String = text.chars().skip(1).take_while(|c| !matches!(c, '\'' | '"')).collect();
    let number = match text.trim_start_matches(['<', '>', '=', '|']) {
        "f2" => Number::F16,
        "f4" => Number::F32,
        "f8" => Number::F64,
        _ => return Err(format!("holds {text}; features are f2, f4 or f8").into()),
    };
    Ok((number, text.starts_with('>')))
}

fn shape(header: &str) -> Result<(usize, usize), Problem> {
    let text = field(header, "shape").and_then(|text| text.strip_prefix('('));
    let text = text.and_then(|text| text.split(')').next()).unwrap_or_default();
    let axes = text.split(',').map(str::trim).filter(|axis| !axis.is_empty());
    let axes: Option<Vec<usize>> = axes.map(|axis| axis.parse().ok()).collect();
    match axes.as_deref() {
        Some(&[rows, width]) if width > 0 => Ok((rows, width)),
        _ => Err(format!("has the shape ({text}); features have a row for each picture").into()),
    }
}

impl Npy {
    /// The table with the labels.
    fn table(&self) -> Result<&Table, Problem> {
        self.table.as_ref().ok_or_else(|| {
            "has no labels: put a table beside it, called the same with .csv behind it, that has a line \
             for each row and a column label"
                .into()
        })
    }
}

impl Contents for Npy {
    fn raw(&self) -> Option<Raw> {
        (!self.big_endian && !self.fortran).then(|| self.raw.clone())
    }

    fn pieces(&self) -> Vec<Range<usize>> {
        runs(self.rows, rows_of_piece(self.width * self.number.bytes()))
    }

    fn read(&self, piece: usize, each: &mut Take<'_>) -> Result<(), Problem> {
        let (rows, size) = (self.pieces()[piece].clone(), self.number.bytes());
        let mut turned = Vec::new();
        let mut each = |numbers: &[u8]| {
            if !self.big_endian {
                return each(numbers);
            }
            turned.clear();
            turned.extend_from_slice(numbers);
            turned.chunks_exact_mut(size).for_each(<[u8]>::reverse);
            each(&turned)
        };
        if !self.fortran {
            return self.raw.read(rows, self.width * size, &mut each);
        }
        let (mut column, mut all) =
            (vec![0; rows.len() * size], vec![0; rows.len() * self.width * size]);
        for index in 0..self.width {
            let at = (index as u64 * self.rows as u64 + rows.start as u64) * size as u64;
            read_exact_at(&self.raw.file, &mut column, self.raw.at + at)?;
            let to = all.chunks_exact_mut(self.width * size);
            for (row, number) in to.zip(column.chunks_exact(size)) {
                row[index * size..][..size].copy_from_slice(number);
            }
        }
        Ok(each(&all)?)
    }

    fn label_name(&self) -> Option<&str> {
        self.table.as_ref()?.name(Role::Label)
    }

    fn labels(&self, each: &mut dyn FnMut(Cell<'_>)) -> Result<(), Problem> {
        let table = self.table()?;
        if table.name(Role::Label).is_none() {
            let columns = table.listed();
            let lacks = format!("the table beside it has no column of labels; it has: {columns}");
            return Err(ListingProblem::NoLabels { lacks }.into());
        }
        table.labels(each)
    }

    fn marks(&self, each: &mut dyn FnMut(usize, usize, &str)) -> Result<(), Problem> {
        self.table()?.marks(each)
    }

    fn has(&self, role: Role) -> bool {
        self.table.as_ref().is_some_and(|table| table.name(role).is_some())
    }

    fn texts(&self, role: Role, each: &mut dyn FnMut(&str)) -> Result<(), Problem> {
        self.table.as_ref().map_or(Ok(()), |table| table.texts(role, each))
    }

    fn contents(&self) -> Result<Option<Vec<ContentHash>>, Problem> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_numpy_are_read() {
        let of = |descr: &str, shape: &str| {
            let header = format!("{{'descr': {descr}, 'fortran_order': True, 'shape': {shape}, }}");
            let number = number(&header).ok()?;
            Some((number, super::shape(&header).ok()?))
        };
        assert_eq!(of("'<f2'", "(3, 4)"), Some(((Number::F16, false), (3, 4))));
        assert_eq!(of("'>f8'", "(0, 4)"), Some(((Number::F64, true), (0, 4))));
        for (descr, shape) in [
            ("'<i4'", "(3, 4)"),
            ("'<f4'", "(3,)"),
            ("'<f4'", "(3, 0)"),
            ("'<f4'", "(3, 4, 5)"),
            ("'<f4'", "(3, -1)"),
        ] {
            assert_eq!(of(descr, shape), None, "{descr} {shape}");
        }
    }
}
