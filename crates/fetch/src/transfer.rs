//! One run of a program.

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::{Child, ChildStderr, ChildStdout};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use crate::program::{End, Program};

/// How often whoever watches is asked while nothing arrives.
const PATIENCE: Duration = Duration::from_millis(100);
/// Bytes that are handed on at once.
const CHUNK: usize = 1 << 16;
/// Chunks that wait to be written.
const WAITING: usize = 8;
/// Of what a program says, no more is kept.
const WORDS: u64 = 1 << 14;

/// Why a run has ended before the program did.
pub(crate) enum Stop {
    /// Whoever watches wanted no more.
    Cancelled,
    /// More arrives than is wanted.
    TooLong,
    /// It cannot be written.
    Write(io::Error),
}

/// Runs a program once and appends what arrives to `file`, which has `offset` bytes.
///
/// # Errors
/// [`Stop`], when there is no use in going on; what has arrived is written.
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
    // A reader that still has something to hand on is told that nobody takes it.
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

/// A program that is ended with whoever started it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
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

/// What a program says, read to its end so that it never waits for us.
fn words_of(mut words: ChildStderr) -> String {
    let mut kept = Vec::new();
    let _ = words.by_ref().take(WORDS).read_to_end(&mut kept);
    let _ = io::copy(&mut words, &mut io::sink());
    String::from_utf8_lossy(&kept).into_owned()
}
