//! Reads a journal.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::Step;
use super::deed::{Deed, History, What};
use super::journal::Line;
use super::steps::in_trash;
use crate::StudioError;

/// The contents of a journal.
#[derive(Debug, Default)]
pub(super) struct Replay {
    pub(super) history: History,
    /// The last deed that was begun, if it has no end.
    pub(super) begun: Option<(u64, What, Deed)>,
    /// The length of the complete lines in bytes.
    pub(super) length: u64,
    /// The largest number of a deed.
    pub(super) last: u64,
    /// The folders in the trash that are named in any line.
    pub(super) trash: HashSet<String>,
}

impl Replay {
    /// Reads the journal of a project, without changing it.
    ///
    /// # Errors
    /// [`StudioError::Journal`] if it cannot be read, is not a journal, or names a path that leads out of the project.
    pub(super) fn of(root: &Path, path: &Path, file: &File) -> Result<Self, StudioError> {
        let refused = |reason: String| StudioError::Journal { journal: path.to_owned(), reason };
        let mut replay = Self::default();
        let mut reader = BufReader::new(file);
        let mut text = Vec::new();
        for number in 1.. {
            text.clear();
            let bytes = reader.read_until(b'\n', &mut text);
            let bytes = bytes.map_err(|error| refused(headstart::system_reason(&error)))?;
            // A line that a kill has cut short was not begun.
            if bytes == 0 || text.last() != Some(&b'\n') {
                break;
            }
            let line = serde_json::from_slice::<Line>(&text).map_err(|error| error.to_string());
            let line = line.and_then(|line| replay.note(&line).map(|()| line));
            let line = line.map_err(|reason| refused(format!("line {number}: {reason}")))?;
            replay.length += bytes as u64;
            replay.take(root, line);
        }
        Ok(replay)
    }

    /// Checks the paths of a line, and records the folders in the trash.
    fn note(&mut self, line: &Line) -> Result<(), String> {
        let steps = match line {
            Line::Begin { deed, .. } => &deed.steps[..],
            Line::End { steps, .. } => steps.as_deref().unwrap_or_default(),
            Line::Failed { .. } => &[],
        };
        for path in steps.iter().flat_map(Step::paths) {
            if !is_within(path) {
                return Err(format!("{path:?} is no path within the project"));
            }
            self.trash.extend(in_trash(path).map(str::to_owned));
        }
        Ok(())
    }

    fn take(&mut self, root: &Path, line: Line) {
        match line {
            Line::Begin { id, what, deed } => {
                self.last = self.last.max(id);
                // The end of the previous deed could not be written: checks which of its steps were carried out.
                if let Some((_, what, mut deed)) = self.begun.replace((id, what, deed)) {
                    deed.steps.retain(|step| step.is_done(root));
                    if !deed.steps.is_empty() {
                        self.history.take(what, deed);
                    }
                }
            }
            Line::End { id, steps } => {
                if let Some((_, what, mut deed)) = self.begun.take_if(|(begun, ..)| *begun == id) {
                    deed.steps = steps.unwrap_or(deed.steps);
                    self.history.take(what, deed);
                }
            }
            Line::Failed { .. } => self.begun = None,
        }
    }
}

/// Whether a path leads from a folder to something inside it, whatever the path refers to.
fn is_within(path: &str) -> bool {
    let mut parts = Path::new(path).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, std::path::Component::Normal(_)))
}
