//! NumPy's `.npy`: the matrix alone; paths and labels go to `FILE.npy.csv`.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use headstart::data::sources::Listed;
use headstart::files::AtomicFile;

use super::{Writer, label_column};
use crate::output::csv_field;

/// Bytes of the header, fixed so that it can be completed when the number of rows is known.
const HEADER: usize = 128;

struct Npy {
    out: BufWriter<File>,
    rows: usize,
    features: usize,
    table: BufWriter<File>,
    table_file: AtomicFile,
}

pub(super) fn open(
    file: File,
    path: &Path,
    pictures: &[Listed],
    features: usize,
) -> anyhow::Result<Box<dyn Writer>> {
    let table_file = AtomicFile::create(table_path(path))?;
    let mut out = BufWriter::new(file);
    out.write_all(&[0; HEADER])?;
    let mut table = BufWriter::new(table_file.reopen()?);
    writeln!(table, "path,{}", label_column(pictures))?;
    Ok(Box::new(Npy { out, rows: 0, features, table, table_file }))
}

/// What stands before the f32 values of an array of this shape, of two axes or more.
pub(crate) fn header(shape: &[usize]) -> Vec<u8> {
    let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
    let shape = shape.join(", ");
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend(((HEADER - 10) as u16).to_le_bytes());
    header.extend(
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}").bytes(),
    );
    header.resize(HEADER - 1, b' ');
    header.push(b'\n');
    header
}

/// Not `FILE.csv`, which may well be a table of the user's own.
pub(super) fn table_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".csv");
    PathBuf::from(name)
}

impl Writer for Npy {
    fn push(&mut self, path: &str, label: Option<&str>, features: &[f32]) -> anyhow::Result<()> {
        for value in features {
            self.out.write_all(&value.to_le_bytes())?;
        }
        writeln!(self.table, "{},{}", csv_field(path), csv_field(label.unwrap_or("")))?;
        self.rows += 1;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        let header = header(&[self.rows, self.features]);
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header)?;
        self.out.flush()?;
        self.table.flush()?;
        self.table_file.commit()?;
        Ok(())
    }
}
