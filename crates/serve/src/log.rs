//! Log lines: what happened, when, and in which request.

use std::io::{self, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Maximum number of lines that wait to be written.
const WAITING: usize = 4096;

/// How long the end of the program waits for lines that are not written yet.
const LAST: Duration = Duration::from_secs(1);

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: one JSON object per line.
    Json,
}

/// Starts a log that writes lines to `out`, on a separate thread.
///
/// Requests never wait for the log: lines that cannot be written, or not fast enough, are dropped. When
/// the returned value is dropped, it waits a short time for lines that are not written yet.
///
/// # Panics
/// If the program already has such a log, or if the thread cannot be started.
pub fn init(format: Format, level: Level, out: impl Write + Send + 'static) -> Log {
    let waiting = Lines::start(out);
    let lines = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::from_level(level))
        .with_target(false)
        .with_ansi(false)
        // Internal errors would go to standard error, and a failure to print them there panics.
        .log_internal_errors(false)
        .with_writer(waiting.clone());
    match format {
        Format::Text => lines.init(),
        Format::Json => lines.json().flatten_event(true).with_span_list(false).init(),
    }
    Log(waiting)
}

/// A running log.
#[derive(Debug)]
#[must_use = "dropping it waits for the last lines"]
pub struct Log(Lines);

impl Drop for Log {
    fn drop(&mut self) {
        let (written, is_written) = sync_channel(1);
        if (self.0).0.try_send(Waiting::End(written)).is_ok() {
            // If the output is blocked, stop waiting.
            let _ = is_written.recv_timeout(LAST);
        }
    }
}

/// Passes lines to the thread that writes them.
#[derive(Clone, Debug)]
struct Lines(SyncSender<Waiting>);

/// An item that waits to be written.
#[derive(Debug)]
enum Waiting {
    Line(Vec<u8>),
    /// Signals that everything before it is written.
    End(SyncSender<()>),
}

impl Lines {
    fn start(mut out: impl Write + Send + 'static) -> Self {
        let (lines, waiting) = sync_channel(WAITING);
        let write = move || {
            while let Ok(waiting) = waiting.recv() {
                let _ = match waiting {
                    // An error is ignored: a full disk may have room again for the next line.
                    Waiting::Line(line) => out.write_all(&line).and_then(|()| out.flush()),
                    Waiting::End(written) => written.send(()).map_err(io::Error::other),
                };
            }
        };
        thread::Builder::new().name("log".to_owned()).spawn(write).expect("there are threads");
        Self(lines)
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // If the queue is full because writing has stalled, the line is dropped.
        let _ = self.0.try_send(Waiting::Line(line.to_vec()));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A writer that takes a line each time it is allowed to, and fails every other time.
    struct Slow {
        go: Receiver<()>,
        written: Sender<Vec<u8>>,
        fails: bool,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.go.recv().map_err(io::Error::other)?;
            self.fails = !self.fails;
            if self.fails {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.written.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_cannot_be_written_holds_nobody_up() {
        let (go, wait) = channel();
        let (written, lines) = channel();
        let mut log = Lines::start(Slow { go: wait, written, fails: false });
        for number in 0..2 * WAITING {
            log.write_all(format!("{number}\n").as_bytes()).expect("it is left out");
        }
        for _ in 0..4 {
            go.send(()).expect("the thread lives");
        }
        let line = || String::from_utf8(lines.recv().expect("it is written")).expect("text");
        // The other lines failed because the disk was full.
        assert_eq!((line(), line()), ("1\n".to_owned(), "3\n".to_owned()));
    }

    #[test]
    fn the_last_lines_are_written_before_the_end_and_nobody_waits_for_long() {
        let (go, wait) = channel();
        let (written, lines) = channel();
        let mut log = Lines::start(Slow { go: wait, written, fails: true });
        log.write_all(b"last\n").expect("it waits");
        go.send(()).expect("the thread lives");
        drop(Log(log.clone()));
        assert_eq!(lines.try_recv().as_deref(), Ok(&b"last\n"[..]));
        log.write_all(b"stuck\n").expect("it waits");
        let begun = std::time::Instant::now();
        drop(Log(log));
        assert!(begun.elapsed() < 2 * LAST);
    }
}
