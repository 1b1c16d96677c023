//! NumPy's `.npy`. The file contains only the matrix; paths, labels and everything else go to `FILE.npy.csv`.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use headstart::Precision;
use headstart::files::AtomicFile;

use super::{Row, Table, Writer};
use crate::output::csv_field;

/// Size of the header in bytes. It is fixed, so that the header can be written when the number of rows
/// is known.
const HEADER: usize = 128;

struct Npy {
    out: BufWriter<File>,
    rows: usize,
    table: Table,
    bytes: Vec<u8>,
    csv: BufWriter<File>,
    csv_file: AtomicFile,
}

pub(super) fn open(file: File, path: &Path, table: Table) -> anyhow::Result<Box<dyn Writer>> {
    let csv_file = AtomicFile::create(table_path(path))?;
    let mut out = BufWriter::new(file);
    out.write_all(&[0; HEADER])?;
    let mut csv = BufWriter::new(csv_file.reopen()?);
    let optional =
        [(table.has_split, ",split"), (table.has_group, ",group"), (table.has_weight, ",weight")];
    let optional: String = optional.iter().filter(|(has, _)| *has).map(|(_, name)| *name).collect();
    writeln!(csv, "path,{}{optional}", table.label)?;
    Ok(Box::new(Npy { out, rows: 0, table, bytes: Vec::new(), csv, csv_file }))
}

/// The header of an array of this shape, with two axes or more.
pub(crate) fn header(shape: &[usize], precision: Precision) -> Vec<u8> {
    let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
    let (shape, bytes) = (shape.join(", "), precision.bytes());
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend(((HEADER - 10) as u16).to_le_bytes());
    header.extend(
        format!("{{'descr': '<f{bytes}', 'fortran_order': False, 'shape': ({shape}), }}").bytes(),
    );
    header.resize(HEADER - 1, b' ');
    header.push(b'\n');
    header
}

/// The path of the table. It is not `FILE.csv`, which may be the user's own table.
pub(super) fn table_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".csv");
    PathBuf::from(name)
}

impl Writer for Npy {
    fn push(&mut self, row: &Row<'_>) -> anyhow::Result<()> {
        self.bytes.clear();
        self.table.precision.encode(row.features, &mut self.bytes);
        self.out.write_all(&self.bytes)?;
        let label = row.label().unwrap_or_default();
        write!(self.csv, "{},{}", csv_field(&row.path()), csv_field(&label))?;
        if self.table.has_split {
            write!(self.csv, ",{}", row.split().unwrap_or_default())?;
        }
        if self.table.has_group {
            write!(self.csv, ",{}", csv_field(row.group().unwrap_or_default()))?;
        }
        if self.table.has_weight {
            write!(self.csv, ",{}", row.weight())?;
        }
        writeln!(self.csv)?;
        self.rows += 1;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        let header = header(&[self.rows, self.table.width], self.table.precision);
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header)?;
        self.out.flush()?;
        self.csv.flush()?;
        self.csv_file.commit()?;
        Ok(())
    }
}
