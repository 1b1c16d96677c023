//! A split drawn by training, as a table that reproduces it.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;

use headstart_data::sources::manifest;
use headstart_data::{Item, Skipped};
use headstart_files::AtomicFile;

use super::Pictures;
use crate::Error;

impl Pictures {
    /// Writes the pictures as a manifest in CSV that, used in their place, holds back the pictures `names`.
    ///
    /// Names are those of [`TrainingRecord::validation`](crate::TrainingRecord::validation). Returns the
    /// pictures that a manifest cannot name.
    ///
    /// # Errors
    /// When `file` cannot be written or does not have the extension of a CSV manifest, and for pictures that
    /// are not separate files.
    pub fn export_split(
        &self,
        names: &[String],
        file: impl AsRef<Path>,
    ) -> Result<Vec<Skipped>, Error> {
        let held_back: HashSet<&str> = names.iter().map(String::as_str).collect();
        let is_held_back = |item: &Item| held_back.contains(self.dataset.name_of(item).as_str());
        let file = AtomicFile::create(file)?;
        let left_out = self.write_split(file.reopen()?, &file, &is_held_back)?;
        file.commit()?;
        Ok(left_out)
    }

    /// Fails as [`Pictures::export_split`] would, without writing anything. For a check before long work.
    ///
    /// # Errors
    /// As for [`Pictures::export_split`].
    pub fn check_export(&self, file: impl AsRef<Path>) -> Result<(), Error> {
        self.write_split(io::sink(), &AtomicFile::create(file)?, &|_| false).map(drop)
    }

    fn write_split(
        &self,
        out: impl Write,
        file: &AtomicFile,
        is_held_back: &dyn Fn(&Item) -> bool,
    ) -> Result<Vec<Skipped>, Error> {
        if !manifest::is_csv(file.path()) {
            return Err(file.error(io::Error::other("call it .csv, or it is no manifest")).into());
        }
        let folder = file.path().parent().unwrap_or(Path::new(""));
        manifest::write(out, folder, &self.dataset, is_held_back)
            .map_err(|error| file.error(error).into())
    }
}
