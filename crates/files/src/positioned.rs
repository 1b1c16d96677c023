//! Reading a file at any place, from several threads at once.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// A part of a file, read from its start; the file's own position is left alone.
#[derive(Clone, Debug)]
pub(crate) struct Part<'a> {
    file: &'a File,
    start: u64,
    end: u64,
    /// Where the next byte is read, counted from the file's start.
    at: u64,
}

impl<'a> Part<'a> {
    /// The bytes from `start` up to, but not including, `end`, as far as there are any.
    pub(crate) fn new(file: &'a File, start: u64, end: u64) -> Self {
        Self { file, start, end, at: start }
    }
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let len = buffer.len().min(left);
        let read = read_at(self.file, &mut buffer[..len], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Part<'_> {
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
/// [`io::ErrorKind::UnexpectedEof`] where the file ends before.
pub(crate) fn read_exact_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    let end = at.saturating_add(buffer.len() as u64);
    Part::new(file, at, end).read_exact(buffer)
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}
