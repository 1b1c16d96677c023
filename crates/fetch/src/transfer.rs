//! Runs a program once.

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::{Child, ChildStderr, ChildStdout};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use crate::program::{End, Program};

/// Interval between calls of the callback while nothing arrives.
const PATIENCE: Duration = Duration::from_millis(100);
/// Size of a chunk in bytes.
const CHUNK: usize = 1 << 16;
/// Number of chunks buffered before writing.
const WAITING: usize = 8;
/// Maximum number of bytes kept of a program's messages.
const WORDS: u64 = 1 << 14;

/// Why a run was stopped before the program ended.
pub(crate) enum Stop {
    /// The callback requested cancellation.
    Cancelled,
    /// The data exceeds the limit.
    TooLong,
    /// The data cannot be written.
    Write(io::Error),
}

/// Runs a program once and appends its output to `file`, which has `offset` bytes. Returns how the
/// run ended, and the total number of bytes.
///
/// # Errors
/// [`Stop`], if retrying is pointless. The data received so far is written.
pub(crate) fn run(
    program: &Program,
    (url, offset): (&str, u64),
    file: &mut File,
    most: u64,
    watch: &mut dyn FnMut(u64) -> bool,
) -> Result<(End, u64), Stop> {
    let mut child = match program.command(url, offset).spawn() {
        Ok(child) => child,
        Err(error) => return Ok((End::Broken(error.to_string()), offset)),
    };
    let output = child.stdout.take().expect("it is piped");
    let words = child.stderr.take().expect("it is piped");
    let mut running = Running(child);
    let (sender, chunks) = mpsc::sync_channel(WAITING);
    let reader = thread::spawn(move || read(output, &sender));
    let said = thread::spawn(move || words_of(words));
    let received = receive(&chunks, (file, offset), most, watch);
    // Disconnects the channel, so that a reader that is still sending stops.
    drop(chunks);
    let received = match received {
        Ok(received) => received,
        Err(stop) => {
            drop(running);
            return Err(stop);
        }
    };
    let status = running.0.wait();
    let _ = reader.join();
    let said = said.join().unwrap_or_default();
    let end = program.end(status.ok().and_then(|status| status.code()), &said);
    Ok((end, received))
}

/// A child process that is killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn receive(
    chunks: &Receiver<Vec<u8>>,
    (file, offset): (&mut File, u64),
    most: u64,
    watch: &mut dyn FnMut(u64) -> bool,
) -> Result<u64, Stop> {
    let mut received = offset;
    loop {
        let chunk = match chunks.recv_timeout(PATIENCE) {
            Ok(chunk) => chunk,
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => return Ok(received),
        };
        received += chunk.len() as u64;
        if received > most {
            return Err(Stop::TooLong);
        }
        file.write_all(&chunk).map_err(Stop::Write)?;
        if !watch(received) {
            return Err(Stop::Cancelled);
        }
    }
}

fn read(mut output: ChildStdout, to: &SyncSender<Vec<u8>>) {
    loop {
        let mut chunk = vec![0; CHUNK];
        match output.read(&mut chunk) {
            Ok(0) => return,
            Ok(n) => {
                chunk.truncate(n);
                if to.send(chunk).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Reads a program's messages to the end, so that it never blocks on a full pipe.
fn words_of(mut words: ChildStderr) -> String {
    let mut kept = Vec::new();
    let _ = words.by_ref().take(WORDS).read_to_end(&mut kept);
    let _ = io::copy(&mut words, &mut io::sink());
    String::from_utf8_lossy(&kept).into_owned()
}
