//! Records of one length in a file that vanishes with the process.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use headstart_files::{read_exact_at, write_all_at};

use crate::{Error, Precision};

/// A file of records, read by several threads at once.
#[derive(Debug)]
pub(crate) struct Records {
    file: File,
    /// Where it lies, for errors: it has no name.
    folder: PathBuf,
    /// Bytes of a record.
    len: usize,
}

impl Records {
    /// Room for about `count` records of `len` bytes in `folder`.
    ///
    /// # Errors
    /// When the folder cannot be written to, or its file system has too little room for all.
    pub(crate) fn new(folder: &Path, len: usize, count: usize) -> Result<Self, Error> {
        let file = check_room(folder, place(count, len))?;
        Ok(Self { file, folder: folder.to_owned(), len })
    }

    fn failed(&self, cause: io::Error) -> Error {
        Error::Scratch { folder: self.folder.clone(), cause }
    }

    /// # Errors
    /// When there is no room left.
    pub(crate) fn write(&self, record: usize, bytes: &[u8]) -> Result<(), Error> {
        assert_eq!(bytes.len(), self.len, "a record of another length");
        write_all_at(&self.file, bytes, place(record, self.len)).map_err(|error| self.failed(error))
    }

    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn read(&self, record: usize, bytes: &mut [u8]) -> Result<(), Error> {
        assert_eq!(bytes.len(), self.len, "a record of another length");
        read_exact_at(&self.file, bytes, place(record, self.len))
            .map_err(|error| self.failed(error))
    }
}

/// A file without a name in `folder`, whose file system has room for `needed` bytes.
///
/// # Errors
/// When the folder cannot be written to, or its file system has too little room.
pub(crate) fn check_room(folder: &Path, needed: u64) -> Result<File, Error> {
    let failed = |cause| Error::Scratch { folder: folder.to_owned(), cause };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let file = tempfile::tempfile_in(folder).map_err(failed)?;
    match room(&file).filter(|free| *free < needed) {
        Some(free) => Err(Error::NoRoom { folder: folder.to_owned(), needed, free }),
        None => Ok(file),
    }
}

/// Where a record begins, or bytes of so many: files are larger than the memory of some machines. No
/// file system has room for what is more than fits.
pub(super) fn place(record: usize, len: usize) -> u64 {
    (record as u64).saturating_mul(len as u64)
}

/// Bytes that this process may still write to the file system of a file, where that can be told.
#[cfg(unix)]
fn room(file: &File) -> Option<u64> {
    let stat = rustix::fs::fstatvfs(file).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
fn room(_: &File) -> Option<u64> {
    None
}

/// Records of f32 values, kept whole or as f16.
#[derive(Debug)]
pub(crate) struct Values {
    records: Records,
    precision: Precision,
}

impl Values {
    /// Room for records of `len` values.
    ///
    /// # Errors
    /// As [`Records::new`].
    pub(crate) fn new(
        folder: &Path,
        len: usize,
        count: usize,
        precision: Precision,
    ) -> Result<Self, Error> {
        Ok(Self { records: Records::new(folder, len * precision.bytes(), count)?, precision })
    }

    /// # Errors
    /// As [`Records::write`].
    pub(crate) fn write(&self, record: usize, values: &[f32]) -> Result<(), Error> {
        let mut bytes = Vec::with_capacity(self.records.len);
        self.precision.encode(values, &mut bytes);
        self.records.write(record, &bytes)
    }

    /// # Errors
    /// As [`Records::read`].
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
        // A million pictures of 224 x 224, and as many as 32 bits can count.
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
