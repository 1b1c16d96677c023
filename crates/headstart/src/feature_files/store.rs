//! Features on disk, which several threads can read at once.

use std::error::Error as StdError;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headstart_data::sources::features::{FeatureFile, Number};
use headstart_data::{ContentHash, DataError};
use headstart_files::{read_exact_at, write_all_at};
use headstart_train::StoredFeatures;
use rayon::prelude::*;

use super::FeatureFiles;
use crate::training_set::check_room;
use crate::{CancelToken, Context, Error, Event, Precision, Stage};

/// Consecutive rows in a file.
struct Part {
    file: Arc<File>,
    at: u64,
    rows: Range<usize>,
    precision: Precision,
    path: PathBuf,
}

/// All rows of some files: read in place, or from a copy in a file that is gone when the process ends.
pub(super) struct Store {
    parts: Vec<Part>,
    width: usize,
}

/// The precision in which the features of a file are stored.
fn precision(file: &FeatureFile) -> Precision {
    match file.number() {
        Number::F16 => Precision::F16,
        Number::F32 | Number::F64 => Precision::F32,
    }
}

/// Whether the rows of a file can be read in place.
fn in_place(file: &FeatureFile) -> bool {
    file.number() != Number::F64 && file.raw().is_some()
}

/// A piece of a file that one thread reads in the first pass.
struct Piece<'a> {
    file: &'a FeatureFile,
    index: usize,
    rows: Range<usize>,
    /// Where its features are copied to, if they are.
    to: Option<(&'a File, u64)>,
    /// Whether to hash the features of rows, to identify them.
    hashes: bool,
}

/// Pieces read between two checks for cancellation.
const AT_ONCE: usize = 16;

impl Store {
    /// The number of bytes kept on disk during training.
    pub(super) fn scratch_bytes(files: &FeatureFiles) -> u64 {
        let copied = files.files.iter().filter(|file| !in_place(file));
        let bytes = copied.map(|file| {
            let values = (file.rows() as u64).saturating_mul(files.width as u64);
            values.saturating_mul(precision(file).bytes() as u64)
        });
        bytes.fold(0, u64::saturating_add)
    }

    /// Reads all files once. Also returns the hash of each row's picture or features.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged, a feature is not finite, there is no space for copies, or the
    /// context is cancelled.
    pub(super) fn prepare(
        files: &FeatureFiles,
        folder: &Path,
        context: &mut Context<'_>,
    ) -> Result<(Self, Vec<ContentHash>), Error> {
        let width = files.width;
        let needed = Self::scratch_bytes(files);
        let scratch = match needed {
            0 => None,
            _ => Some(Arc::new(check_room(folder, needed)?)),
        };
        let (mut parts, mut contents, mut pieces) = (Vec::new(), Vec::new(), Vec::new());
        let (mut first, mut end) = (0, 0);
        for file in &files.files {
            let rows = first..first + file.rows();
            first = rows.end;
            let (path, precision) = (file.path().to_owned(), precision(file));
            let raw = if in_place(file) { file.raw() } else { None };
            let (from, at, to) = match (raw, &scratch) {
                (Some(raw), _) => (raw.file, raw.at, None),
                (None, Some(scratch)) => (scratch.clone(), end, Some((&**scratch, end))),
                (None, None) => continue,
            };
            let row = (width * precision.bytes()) as u64;
            let known = file.contents()?;
            for (index, rows) in file.pieces().into_iter().enumerate() {
                let to = to.map(|(file, at)| (file, at + rows.start as u64 * row));
                pieces.push((
                    rows.start + parts_end(&parts),
                    Piece { file, index, rows, to, hashes: known.is_none() },
                ));
            }
            if to.is_some() {
                end += row * rows.len() as u64;
            }
            contents.extend(known.unwrap_or_else(|| vec![ContentHash([0; 16]); rows.len()]));
            parts.push(Part { file: from, at, rows, precision, path });
        }
        let (cancel, total) = (context.cancel_token(), first);
        let mut done = 0;
        for pieces in pieces.chunks(AT_ONCE) {
            context.check()?;
            let found: Result<Vec<Vec<ContentHash>>, Error> = pieces
                .par_iter()
                .map(|(_, piece)| piece.go_through(width, folder, &cancel))
                .collect();
            for ((start, piece), hashes) in pieces.iter().zip(found?) {
                contents[*start..][..hashes.len()].copy_from_slice(&hashes);
                done += piece.rows.len();
            }
            context.tell(Event::Pictures { stage: Stage::Features, done, total });
        }
        Ok((Self { parts, width }, contents))
    }

    /// The features of some rows.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn features(&self, rows: &[u32]) -> Result<Vec<f32>, Error> {
        let mut features = vec![0.0; rows.len() * self.width];
        let blocks = features.par_chunks_mut(ROWS * self.width).zip(rows.par_chunks(ROWS));
        blocks.try_for_each(|(to, rows)| self.read(rows, to)).map_err(Error::from_input)?;
        Ok(features)
    }
}

/// Rows that a thread reads at once.
const ROWS: usize = 256;

fn parts_end(parts: &[Part]) -> usize {
    parts.last().map_or(0, |part| part.rows.end)
}

/// The largest gap between two rows that is read with them instead of being skipped.
const GAP: usize = 8;

impl StoredFeatures for Store {
    fn rows(&self) -> usize {
        parts_end(&self.parts)
    }

    fn read(&self, rows: &[u32], to: &mut [f32]) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let mut done = 0;
        while let Some(&first) = rows.get(done) {
            let first = first as usize;
            let part = self.parts.partition_point(|part| part.rows.end <= first);
            let Part { file, at, rows: own, precision, path } = &self.parts[part];
            // Rows that are close to each other are read together.
            let mut last = first;
            let run = rows[done..].iter().take_while(|&&row| {
                let row = row as usize;
                let near = (last..=last + GAP).contains(&row) && row < own.end;
                last = if near { row } else { last };
                near
            });
            let run = &rows[done..done + run.count()];
            let size = self.width * precision.bytes();
            let mut bytes = vec![0; (last + 1 - first) * size];
            let at = at + (first - own.start) as u64 * size as u64;
            read_exact_at(file, &mut bytes, at).map_err(|cause| {
                Box::new(Error::Data(DataError::Unreadable { path: path.clone(), cause }))
            })?;
            let to = to[done * self.width..].chunks_exact_mut(self.width);
            for (to, &row) in to.zip(run) {
                precision.decode(&bytes[(row as usize - first) * size..][..size], to);
            }
            done += run.len();
        }
        Ok(())
    }
}

impl Piece<'_> {
    /// Reads a piece, checks that its features are finite, and copies them if needed. Returns the hashes of its
    /// rows.
    fn go_through(
        &self,
        width: usize,
        folder: &Path,
        cancel: &CancelToken,
    ) -> Result<Vec<ContentHash>, Error> {
        let (number, row) = (self.file.number(), width * self.file.number().bytes());
        let (mut hashes, mut hash, mut of_row) = (Vec::new(), blake3::Hasher::new(), 0);
        let (mut seen, mut failed) = (0_usize, None);
        let mut at = self.to.map_or(0, |(_, at)| at);
        let mut kept = Vec::new();
        let read = self.file.read(self.index, &mut |numbers| {
            let fail = |error: Error, failed: &mut Option<Error>| {
                *failed = Some(error);
                Err(io::Error::other(""))
            };
            if cancel.is_cancelled() {
                return fail(Error::Interrupted, &mut failed);
            }
            if let Some(index) = not_finite(numbers, number) {
                let index = seen + index;
                let (row, column) = (self.rows.start + index / width + 1, index % width + 1);
                let reason = format!("row {row}: feature {column} is no finite number");
                let file = self.file.path().to_owned();
                return fail(Error::Features { file, reason }, &mut failed);
            }
            seen += numbers.len() / number.bytes();
            if self.hashes {
                let mut left = numbers;
                while !left.is_empty() {
                    let (own, others) = left.split_at(left.len().min(row - of_row));
                    hash.update(own);
                    (of_row, left) = (of_row + own.len(), others);
                    if of_row == row {
                        hashes.push(ContentHash::from_blake3(&hash.finalize()));
                        hash.reset();
                        of_row = 0;
                    }
                }
            }
            if let Some((file, _)) = self.to {
                let numbers = match number {
                    Number::F64 => {
                        kept.clear();
                        let narrow = |b: &[u8; 8]| (f64::from_le_bytes(*b) as f32).to_le_bytes();
                        kept.extend(numbers.as_chunks().0.iter().flat_map(narrow));
                        &kept[..]
                    }
                    Number::F16 | Number::F32 => numbers,
                };
                if let Err(cause) = write_all_at(file, numbers, at) {
                    let folder = folder.to_owned();
                    return fail(Error::Scratch { folder, cause }, &mut failed);
                }
                at += numbers.len() as u64;
            }
            Ok(())
        });
        match failed {
            Some(error) => Err(error),
            None => read.map(|()| hashes).map_err(Error::from),
        }
    }
}

/// The index of the first number that is not finite as f32.
fn not_finite(numbers: &[u8], number: Number) -> Option<usize> {
    const HALF: u16 = 0x7C00;
    const SINGLE: u32 = 0x7F80_0000;
    match number {
        Number::F16 => {
            let numbers = numbers.as_chunks().0.iter();
            numbers.map(|b| u16::from_le_bytes(*b)).position(|bits| bits & HALF == HALF)
        }
        Number::F32 => {
            let numbers = numbers.as_chunks().0.iter();
            numbers.map(|b| u32::from_le_bytes(*b)).position(|bits| bits & SINGLE == SINGLE)
        }
        Number::F64 => {
            let numbers = numbers.as_chunks().0.iter();
            numbers.map(|b| f64::from_le_bytes(*b) as f32).position(|number| !number.is_finite())
        }
    }
}
