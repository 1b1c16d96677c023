//! Paths of pictures, given as arguments or on standard input.

#[cfg(unix)]
use std::ffi::OsString;
use std::io::{self, BufRead, Read};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use clap::Args;
use headstart::data::DataError;

use crate::progress::interrupt;
use crate::usage;

/// Which pictures.
#[derive(Debug, Args)]
pub(crate) struct PathArgs {
    /// Pictures, folders, .tar and .zip archives, or Parquet files with a column of pictures; `-` reads paths
    /// from standard input, one per line
    #[arg(required = true, value_name = "PATHS")]
    paths: Vec<PathBuf>,
    /// Paths on standard input are separated by NUL, as by `find -print0`
    #[arg(long, short = '0')]
    null: bool,
}

/// The argument that stands for standard input.
const STANDARD_INPUT: &str = "-";
/// Upper limit on the length of a path, in bytes.
const LONGEST: u64 = 1 << 16;
/// Number of paths that are read ahead.
const AHEAD: usize = 256;
/// How often Ctrl-C is checked while there is nothing to read.
const PATIENCE: Duration = Duration::from_millis(50);

impl PathArgs {
    /// Whether some paths come from standard input, where more may arrive at any time.
    pub(crate) fn are_streamed(&self) -> bool {
        self.paths.iter().any(|path| path.as_os_str() == STANDARD_INPUT)
    }

    /// The paths, in order, as they arrive. After Ctrl-C the iterator ends.
    ///
    /// # Errors
    /// If options for standard input are given without it.
    pub(crate) fn stream(
        &self,
    ) -> anyhow::Result<impl Iterator<Item = io::Result<PathBuf>> + Send + '_> {
        if self.null && !self.are_streamed() {
            return Err(usage("--null requires - as a path"));
        }
        let end = if self.null { b'\0' } else { b'\n' };
        Ok(self.paths.iter().flat_map(move |path| {
            let (lines, given) = match path.as_os_str() == STANDARD_INPUT {
                true => (Some(Lines::new(end)), None),
                false => (None, Some(Ok(path.clone()))),
            };
            lines.into_iter().flatten().chain(given)
        }))
    }

    /// The name of the first path in messages.
    pub(crate) fn first(&self) -> String {
        match self.paths[0].as_os_str() == STANDARD_INPUT {
            true => "standard input".to_owned(),
            false => self.paths[0].display().to_string(),
        }
    }
}

/// The error for a path without pictures.
pub(crate) fn no_pictures(path: impl Into<PathBuf>) -> DataError {
    DataError::NothingInside { path: path.into(), left_out: Vec::new() }
}

/// Paths from standard input, read by a separate thread so that Ctrl-C works while the command waits for
/// input.
struct Lines(Receiver<io::Result<PathBuf>>);

impl Lines {
    fn new(end: u8) -> Self {
        let (sender, receiver) = mpsc::sync_channel(AHEAD);
        // The thread is never joined: it may still be reading when the process ends.
        thread::spawn(move || {
            let mut input = io::stdin().lock();
            while let Some(path) = next_path(&mut input, end).transpose() {
                let last = path.is_err();
                if sender.send(path).is_err() || last {
                    break;
                }
            }
        });
        Self(receiver)
    }
}

impl Iterator for Lines {
    type Item = io::Result<PathBuf>;

    fn next(&mut self) -> Option<Self::Item> {
        while !interrupt().is_cancelled() {
            match self.0.recv_timeout(PATIENCE) {
                Ok(path) => return Some(path),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        None
    }
}

/// The next path of `input`. Each path ends with `end`; empty ones are skipped.
fn next_path(input: &mut impl BufRead, end: u8) -> io::Result<Option<PathBuf>> {
    loop {
        let mut path = Vec::new();
        if input.take(LONGEST).read_until(end, &mut path)? == 0 {
            return Ok(None);
        }
        if path.last() == Some(&end) {
            path.pop();
        } else if path.len() as u64 == LONGEST {
            return Err(io::Error::other("a line that is longer than any path"));
        }
        if end == b'\n' && path.contains(&b'\0') {
            return Err(io::Error::other(
                "a path with a NUL in it: it takes paths, not pictures; take -0 if paths end with a NUL",
            ));
        }
        if !path.is_empty() {
            return Ok(Some(from_bytes(path)));
        }
    }
}

#[cfg(unix)]
fn from_bytes(mut path: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    // A list written on Windows, unless the file name really ends with a carriage return.
    if path.ends_with(b"\r") && !PathBuf::from(OsString::from_vec(path.clone())).exists() {
        path.pop();
    }
    OsString::from_vec(path).into()
}

#[cfg(not(unix))]
fn from_bytes(path: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&path).trim_end_matches('\r').into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(mut input: &[u8], end: u8) -> Vec<PathBuf> {
        std::iter::from_fn(|| next_path(&mut input, end).unwrap()).collect()
    }

    #[test]
    fn a_path_is_a_line_or_what_ends_with_a_nul() {
        assert_eq!(paths(b"a b.jpg\n\nc/d.jpg", b'\n'), ["a b.jpg", "c/d.jpg"].map(PathBuf::from));
        assert_eq!(paths(b"a\nb.jpg\0c.jpg\0", b'\0'), ["a\nb.jpg", "c.jpg"].map(PathBuf::from));
        assert_eq!(paths(b"", b'\n'), Vec::<PathBuf>::new());
        assert_eq!(paths(b"a.jpg\r\nb.jpg\r\n", b'\n'), ["a.jpg", "b.jpg"].map(PathBuf::from));
        let error = next_path(&mut &b"a.jpg\0b.jpg\0"[..], b'\n').unwrap_err().to_string();
        assert!(error.contains("take -0"), "{error}");
        #[cfg(unix)]
        assert_eq!(paths(b"\xFF.jpg\n", b'\n'), [from_bytes(b"\xFF.jpg".to_vec())]);
        let endless = vec![b'a'; LONGEST as usize + 1];
        assert!(next_path(&mut &endless[..], b'\n').is_err());
    }
}
