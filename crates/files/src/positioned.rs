//! Reading and writing of a file at any position, from several threads at once.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// A part of a file, read from its start without changing the file's own position.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    file: &'a File,
    start: u64,
    end: u64,
    /// Position of the next byte, from the file's start.
    at: u64,
}

impl<'a> Section<'a> {
    /// The bytes from `start` up to, but not including, `end`, as far as they exist.
    pub fn new(file: &'a File, start: u64, end: u64) -> Self {
        Self { file, start, end, at: start }
    }
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let len = buffer.len().min(left);
        let read = read_at(self.file, &mut buffer[..len], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Section<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(offset) => self.start.checked_add(offset),
            SeekFrom::End(offset) => self.end.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = to.filter(|&to| to >= self.start).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at - self.start)
    }
}

/// Fills `buffer` with the bytes from `at` on.
///
/// # Errors
/// [`io::ErrorKind::UnexpectedEof`] if the file is too short.
pub fn read_exact_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    let end = at.saturating_add(buffer.len() as u64);
    Section::new(file, at, end).read_exact(buffer)
}

/// Writes all bytes from `at` on.
///
/// # Errors
/// The system's error.
pub fn write_all_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match write_at(file, bytes, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => (bytes, at) = (&bytes[n..], at + n as u64),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, bytes, at)
}

#[cfg(windows)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, bytes, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_where_they_were_written_and_no_others() {
        let file = tempfile::tempfile().unwrap();
        write_all_at(&file, b"cdef", 2).unwrap();
        write_all_at(&file, b"ab", 0).unwrap();
        let mut three = [0; 3];
        read_exact_at(&file, &mut three, 3).unwrap();
        assert_eq!(&three, b"def");
        let cut = read_exact_at(&file, &mut three, 4).unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);

        let mut section = Section::new(&file, 1, 4);
        let mut text = String::new();
        section.read_to_string(&mut text).unwrap();
        assert_eq!(text, "bcd");
        assert_eq!(section.seek(SeekFrom::End(-1)).unwrap(), 2);
        section.read_to_string(&mut text).unwrap();
        assert_eq!(text, "bcdd");
        assert!(section.seek(SeekFrom::Current(-4)).is_err(), "before its start");
    }
}
