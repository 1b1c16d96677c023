//! What the lines of a journal come to.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::Step;
use super::journal::{Deed, History, Line, What};
use super::steps::in_trash;
use crate::StudioError;

/// What the lines of a journal come to.
#[derive(Debug, Default)]
pub(super) struct Replay {
    pub(super) history: History,
    /// What was begun last and has no end.
    pub(super) begun: Option<(u64, What, Deed)>,
    /// Bytes of whole lines.
    pub(super) length: u64,
    /// The largest number of a deed.
    pub(super) last: u64,
    /// What any line has named of the trash.
    pub(super) trash: HashSet<String>,
}

impl Replay {
    /// Reads the journal of a project; changes nothing.
    ///
    /// # Errors
    /// When it cannot be read, is none, or names a path that leads out of the project.
    pub(super) fn of(root: &Path, path: &Path, file: &File) -> Result<Self, StudioError> {
        let refused = |reason: String| StudioError::Journal { journal: path.to_owned(), reason };
        let mut replay = Self::default();
        let mut reader = BufReader::new(file);
        let mut text = Vec::new();
        for number in 1.. {
            text.clear();
            let bytes = reader.read_until(b'\n', &mut text);
            let bytes = bytes.map_err(|error| refused(headstart::system_reason(&error)))?;
            // What a kill has left half-written was not begun.
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

    /// Looks at the paths of a line.
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
                // The end of the one before could not be written: what it has done is to be seen.
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

/// Whether a path leads from a folder to something in it, whatever lies there.
fn is_within(path: &str) -> bool {
    let mut parts = Path::new(path).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, std::path::Component::Normal(_)))
}
