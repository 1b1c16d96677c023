//! The table beside an `.npy`: paths, labels and other columns of manifests.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::super::columns::{ColumnNames, Columns, Role};
use super::{Cell, Problem};

/// A CSV table with a line for each row of a matrix.
pub(super) struct Table {
    path: PathBuf,
    columns: Columns,
}

impl Table {
    /// Opens the table beside a file, if there is one.
    pub(super) fn beside(file: &Path, asked: &ColumnNames) -> Result<Option<Self>, Problem> {
        let mut path = file.as_os_str().to_owned();
        path.push(".csv");
        let path = PathBuf::from(path);
        if !path.exists() {
            return Ok(None);
        }
        let mut table = reader(&path)?;
        let header = table.headers().map_err(|error| told(&path, &error))?;
        let columns = Columns::of(header.iter().map(str::to_owned).collect(), asked)?;
        Ok(Some(Self { path, columns }))
    }

    pub(super) fn name(&self, role: Role) -> Option<&str> {
        self.columns.column(role).map(|column| &*self.columns.names[column])
    }

    /// The names of its columns, for people.
    pub(super) fn listed(&self) -> String {
        self.columns.names.join(", ")
    }

    /// Passes on the values for a role.
    pub(super) fn texts(&self, role: Role, each: &mut dyn FnMut(&str)) -> Result<(), Problem> {
        let Some(column) = self.columns.column(role) else { return Ok(()) };
        let mut table = reader(&self.path)?;
        let mut record = csv::StringRecord::new();
        while table.read_record(&mut record).map_err(|error| told(&self.path, &error))? {
            each(record.get(column).unwrap_or_default());
        }
        Ok(())
    }

    /// Passes on the values of rows in the columns of classes.
    pub(super) fn marks(&self, each: &mut dyn FnMut(usize, usize, &str)) -> Result<(), Problem> {
        let mut table = reader(&self.path)?;
        let (mut record, mut row) = (csv::StringRecord::new(), 0);
        while table.read_record(&mut record).map_err(|error| told(&self.path, &error))? {
            for (class, &column) in self.columns.classes.iter().enumerate() {
                each(class, row, record.get(column).unwrap_or_default());
            }
            row += 1;
        }
        Ok(())
    }

    /// Passes on the labels.
    pub(super) fn labels(&self, each: &mut dyn FnMut(Cell<'_>)) -> Result<(), Problem> {
        self.texts(Role::Label, &mut |text| each(Cell::Text(text)))
    }
}

fn reader(path: &Path) -> Result<csv::Reader<BufReader<File>>, Problem> {
    Ok(csv::Reader::from_reader(BufReader::new(File::open(path)?)))
}

/// Describes a problem with a table.
fn told(path: &Path, error: &csv::Error) -> Problem {
    let name = path.file_name().unwrap_or_default().display();
    format!("the table beside it, {name}, cannot be read ({error})").into()
}
