//! Records of equal length in a file that is gone when the process ends.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use headstart_files::{read_exact_at, write_all_at};

use crate::{Error, Precision};

/// A file of records, which several threads can read at once.
#[derive(Debug)]
pub(crate) struct Records {
    file: File,
    /// The folder of the file, for errors. The file itself has no name.
    folder: PathBuf,
    /// The length of a record in bytes.
    len: usize,
}

impl Records {
    /// Creates a file in `folder` for about `count` records of `len` bytes.
    ///
    /// # Errors
    /// When the folder cannot be written to, or its file system has too little space for all records.
    pub(crate) fn new(folder: &Path, len: usize, count: usize) -> Result<Self, Error> {
        let file = check_room(folder, place(count, len))?;
        Ok(Self { file, folder: folder.to_owned(), len })
    }

    fn failed(&self, cause: io::Error) -> Error {
        Error::Scratch { folder: self.folder.clone(), cause }
    }

    /// Writes a record.
    ///
    /// # Errors
    /// When there is no space left.
    pub(crate) fn write(&self, record: usize, bytes: &[u8]) -> Result<(), Error> {
        assert_eq!(bytes.len(), self.len, "a record of another length");
        write_all_at(&self.file, bytes, place(record, self.len)).map_err(|error| self.failed(error))
    }

    /// Reads a record.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn read(&self, record: usize, bytes: &mut [u8]) -> Result<(), Error> {
        assert_eq!(bytes.len(), self.len, "a record of another length");
        read_exact_at(&self.file, bytes, place(record, self.len))
            .map_err(|error| self.failed(error))
    }
}

/// Creates an unnamed file in `folder` and checks that its file system has space for `needed` bytes.
///
/// # Errors
/// When the folder cannot be written to, or its file system has too little space.
pub(crate) fn check_room(folder: &Path, needed: u64) -> Result<File, Error> {
    let failed = |cause| Error::Scratch { folder: folder.to_owned(), cause };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let file = tempfile::tempfile_in(folder).map_err(failed)?;
    match room(&file).filter(|free| *free < needed) {
        Some(free) => Err(Error::NoRoom { folder: folder.to_owned(), needed, free }),
        None => Ok(file),
    }
}

/// The position of a record, or the length of so many records. It is 64 bits wide because files may be larger
/// than the address space; on overflow it saturates, and no file system has space for that.
pub(super) fn place(record: usize, len: usize) -> u64 {
    (record as u64).saturating_mul(len as u64)
}

/// The number of bytes that this process may still write to the file system of `file`, if known.
#[cfg(unix)]
fn room(file: &File) -> Option<u64> {
    let stat = rustix::fs::fstatvfs(file).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
fn room(_: &File) -> Option<u64> {
    None
}

/// Records of f32 values, stored in full or as f16.
#[derive(Debug)]
pub(crate) struct Values {
    records: Records,
    precision: Precision,
}

impl Values {
    /// Creates a file for records of `len` values.
    ///
    /// # Errors
    /// As for [`Records::new`].
    pub(crate) fn new(
        folder: &Path,
        len: usize,
        count: usize,
        precision: Precision,
    ) -> Result<Self, Error> {
        Ok(Self { records: Records::new(folder, len * precision.bytes(), count)?, precision })
    }

    /// Writes a record.
    ///
    /// # Errors
    /// As for [`Records::write`].
    pub(crate) fn write(&self, record: usize, values: &[f32]) -> Result<(), Error> {
        let mut bytes = Vec::with_capacity(self.records.len);
        self.precision.encode(values, &mut bytes);
        self.records.write(record, &bytes)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// As for [`Records::read`].
    pub(crate) fn read(&self, record: usize, values: &mut [f32]) -> Result<(), Error> {
        let mut bytes = vec![0; self.records.len];
        self.records.read(record, &mut bytes)?;
        self.precision.decode(&bytes, values);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_whole_or_rounded_to_f16() {
        let folder = tempfile::tempdir().unwrap();
        let values = [0.0, -1.5, 1.0 / 3.0, 65504.0, 1e6, -1e6, 1e-9];
        for (precision, tolerance) in [(Precision::F32, 0.0), (Precision::F16, 5e-4)] {
            let store = Values::new(folder.path(), values.len(), 2, precision).unwrap();
            store.write(1, &values).unwrap();
            store.write(0, &[7.0; 7]).unwrap();
            let mut back = [f32::NAN; 7];
            store.read(1, &mut back).unwrap();
            for (back, value) in back.iter().zip(values) {
                let bound = if precision == Precision::F16 { 65504.0 } else { f32::MAX };
                let value = value.clamp(-bound, bound);
                assert!((back - value).abs() <= tolerance * value.abs() + tolerance, "{value}");
            }
            let error = store.read(2, &mut back).unwrap_err();
            assert!(error.to_string().contains(&folder.path().display().to_string()), "{error}");
        }
    }

    #[test]
    fn places_go_beyond_what_32_bits_count() {
        // A million pictures of 224 x 224, and the largest count in 32 bits.
        assert_eq!(place(1_000_000, 224 * 224 * 3), 150_528_000_000);
        let all = u32::MAX as usize;
        assert_eq!(place(all, all), u64::from(u32::MAX).pow(2));
    }

    #[test]
    #[cfg(unix)]
    fn more_than_the_file_system_has_room_for_is_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let error = Records::new(folder.path(), 1 << 30, 1 << 32).unwrap_err();
        let Error::NoRoom { needed, free, .. } = error else { panic!("{error}") };
        assert!(needed == 1 << 62 && free < needed);
    }
}
