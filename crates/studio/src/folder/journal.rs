//! The journal of what was done to the project, so that it can be undone even after a crash.
//!
//! An append-only file with one JSON object per line. An entry is on the disk before its steps are carried out, and its
//! end is written afterwards. A deed without an end, after a kill, is finished when the project is opened the next
//! time.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::deed::{Deed, History, What};
use super::replay::Replay;
use super::steps::finish;
use super::{Stamp, Step};
use crate::StudioError;

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Line {
    /// The deed is about to be carried out.
    Begin { id: u64, what: What, deed: Deed },
    /// The deed was carried out. `steps` are the steps that were carried out, if not all of them.
    End {
        id: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        steps: Option<Vec<Step>>,
    },
    /// The deed was not carried out.
    Failed { id: u64 },
}

impl Line {
    fn text(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec(self).expect("plain data serialises");
        text.push(b'\n');
        text
    }
}

/// The file, which is open for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    /// The length of the complete lines in bytes.
    length: u64,
    next: u64,
    /// The folders in the trash that are named in any line.
    trash: HashSet<String>,
    /// Lines that could not be written yet; they must be written before any other.
    untold: Vec<Line>,
}

impl Journal {
    /// Opens the journal of a project, and finishes a deed that was begun but not ended.
    ///
    /// # Errors
    /// [`StudioError::Folder`] if the system refuses access to the file; [`StudioError::Journal`] if it cannot be read,
    /// or is not a journal.
    pub(crate) fn open(root: &Path, path: &Path) -> Result<(Self, History), StudioError> {
        let refused = |reason: String| StudioError::Journal { journal: path.to_owned(), reason };
        let of_system = |error: io::Error| refused(headstart::system_reason(&error));
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).open(path);
        let file = file.map_err(|cause| StudioError::Folder { folder: path.to_owned(), cause })?;
        let Replay { mut history, begun, length, last, trash } = Replay::of(root, path, &file)?;
        let (path, untold) = (path.to_owned(), Vec::new());
        let mut journal = Self { path, file, length, next: last + 1, trash, untold };
        journal.file.set_len(length).map_err(of_system)?;
        if let Some((id, what, mut deed)) = begun {
            deed.steps = finish(root, deed.steps);
            journal.write(&Line::End { id, steps: Some(deed.steps.clone()) }).map_err(of_system)?;
            history.take(what, deed);
        }
        Ok((journal, history))
    }

    /// Reads the journal of a project that cannot be written to. Without a journal, the history is empty.
    ///
    /// # Errors
    /// If the file is not a journal.
    pub(crate) fn history(root: &Path, path: &Path) -> Result<History, StudioError> {
        let Ok(file) = File::open(path) else { return Ok(History::default()) };
        Ok(Replay::of(root, path, &file)?.history)
    }

    /// Whether no deed was ever begun.
    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether any line named a folder in the trash when the journal was opened.
    pub(crate) fn has_named(&self, in_trash: &str) -> bool {
        self.trash.contains(in_trash)
    }

    /// Whether the path still refers to the open file. If someone removes the folder and creates it again, the journal
    /// is lost as well.
    pub(crate) fn is_in_place(&self) -> bool {
        Stamp::is_same_place(&self.file, &self.path)
    }

    /// The number of the next deed.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Writes a deed to the disk before it is carried out.
    ///
    /// # Errors
    /// If the system refuses; the deed must not be carried out then.
    pub(crate) fn begin(&mut self, what: What, deed: &Deed) -> io::Result<u64> {
        while let Some(line) = self.untold.first() {
            let text = line.text();
            self.append(&text)?;
            self.untold.remove(0);
        }
        let id = self.next;
        self.write(&Line::Begin { id, what, deed: deed.clone() })?;
        self.next += 1;
        Ok(id)
    }

    /// Writes that a deed was carried out; with its steps if not all of them were.
    pub(crate) fn end(&mut self, id: u64, steps: Option<&[Step]>) {
        self.told(Line::End { id, steps: steps.map(<[Step]>::to_vec) });
    }

    /// Writes that a deed was not carried out.
    pub(crate) fn failed(&mut self, id: u64) {
        self.told(Line::Failed { id });
    }

    /// Writes a line about a deed that is over. Failure is not an error: the line is written before the next deed, and
    /// if there is none, the deed counts as unfinished at the next start, which finds its steps done.
    fn told(&mut self, line: Line) {
        if let Err(error) = self.write(&line) {
            tracing::warn!(%error, "the journal cannot be written");
            self.untold.push(line);
        }
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        self.append(&line.text())
    }

    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(text).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.length += text.len() as u64,
            // A partial line would merge with the next one.
            Err(_) => self.file.set_len(self.length)?,
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    struct Place {
        folder: tempfile::TempDir,
    }

    impl Place {
        fn with(files: &[&str]) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            for file in files {
                let path = folder.path().join(file);
                fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("room");
                fs::write(path, file).expect("room");
            }
            Self { folder }
        }

        fn open(&self) -> (Journal, History) {
            Journal::open(self.folder.path(), &self.folder.path().join("journal"))
                .expect("it opens")
        }

        fn is_there(&self, path: &str) -> bool {
            self.folder.path().join(path).exists()
        }
    }

    fn deed(title: &str, moves: &[(&str, &str)]) -> Deed {
        let step =
            |(from, to): &(&str, &str)| Step::Move { from: (*from).into(), to: (*to).into() };
        Deed {
            title: title.to_owned(),
            pictures: None,
            batch: None,
            steps: moves.iter().map(step).collect(),
        }
    }

    fn titles(deeds: &[Deed]) -> Vec<&str> {
        deeds.iter().map(|deed| &*deed.title).collect()
    }

    #[test]
    fn what_was_done_and_undone_is_known_the_next_time() {
        let place = Place::with(&[]);
        let (mut journal, history) = place.open();
        assert!(history.done.is_empty() && history.undone.is_empty());
        for (what, title, ends) in [
            (What::Do, "a", true),
            (What::Do, "b", true),
            (What::Do, "refused", false),
            (What::Undo, "b", true),
            (What::Undo, "a", true),
            (What::Redo, "a", true),
        ] {
            let id = journal.begin(what, &deed(title, &[])).expect("room");
            if ends { journal.end(id, None) } else { journal.failed(id) }
        }
        let (journal, history) = place.open();
        assert_eq!((titles(&history.done), titles(&history.undone)), (vec!["a"], vec!["b"]));
        assert_eq!(journal.next(), 7);
    }

    #[test]
    fn what_a_kill_has_interrupted_is_finished() {
        let place = Place::with(&["b/1", "a/2", "a/3"]);
        let (mut journal, _) = place.open();
        // The first was moved already, and the last is gone.
        let moves = [("a/1", "b/1"), ("a/2", "b/2"), ("a/3", "c/3"), ("a/4", "b/4")];
        journal.begin(What::Do, &deed("move", &moves)).expect("room");
        drop(journal);
        let (_, history) = place.open();
        for (path, is_there) in
            [("b/1", true), ("b/2", true), ("c/3", true), ("a/2", false), ("a/3", false)]
        {
            assert_eq!(place.is_there(path), is_there, "{path}");
        }
        assert_eq!(history.done, [deed("move", &moves[..3])]);
        let (_, again) = place.open();
        assert_eq!(again.done, history.done);
    }

    #[test]
    fn half_a_line_was_never_begun() {
        let place = Place::with(&["a/1"]);
        let (mut journal, _) = place.open();
        let id = journal.begin(What::Do, &deed("first", &[])).expect("room");
        journal.end(id, None);
        let path = place.folder.path().join("journal");
        let whole = fs::read(&path).expect("it is there");
        journal.begin(What::Do, &deed("second", &[("a/1", "b/1")])).expect("room");
        let both = fs::read(&path).expect("it is there");
        for end in whole.len()..both.len() {
            fs::write(&path, &both[..end]).expect("room");
            let (_, history) = place.open();
            assert_eq!(titles(&history.done), ["first"]);
            assert!(place.is_there("a/1"));
            assert_eq!(fs::read(&path).expect("it is there"), whole);
        }
    }

    #[test]
    fn a_path_that_leads_out_of_the_project_is_refused() {
        for path in ["../out", "/tmp/out", "a/../../out", "..", ".", ""] {
            let moves = [[(path, "b/1")], [("a/1", path)]].map(|moves| deed("move", &moves).steps);
            let folders =
                [Step::Make { folder: path.into() }, Step::Remove { folder: path.into() }];
            for steps in moves.into_iter().chain(folders.map(|step| vec![step])) {
                let begin = |steps| Line::Begin {
                    id: 1,
                    what: What::Do,
                    deed: Deed { steps, ..deed("crafted", &[]) },
                };
                let end = Line::End { id: 1, steps: Some(steps.clone()) };
                for lines in [vec![begin(steps)], vec![begin(Vec::new()), end]] {
                    let place = Place::with(&["a/1"]);
                    let file = place.folder.path().join("journal");
                    fs::write(&file, lines.iter().flat_map(Line::text).collect::<Vec<_>>())
                        .expect("room");
                    let opened = Journal::open(place.folder.path(), &file);
                    let error = opened.expect_err(path).to_string();
                    assert!(error.contains("within the project"), "{error}");
                    assert!(place.is_there("a/1"));
                }
            }
        }
    }

    #[test]
    #[cfg(unix)]
    fn what_was_interrupted_is_not_finished_where_a_link_leads() {
        let place = Place::with(&["project/a/1", "project/a/2", "outside/1"]);
        let root = place.folder.path().join("project");
        std::os::unix::fs::symlink("../outside", root.join("link")).expect("room");
        let (mut journal, _) = Journal::open(&root, &root.join("journal")).expect("it opens");
        let moves = [("link/1", "a/3"), ("a/1", "link/new/1"), ("a/2", "new/2")];
        journal.begin(What::Do, &deed("crafted", &moves)).expect("room");
        drop(journal);
        let (_, history) = Journal::open(&root, &root.join("journal")).expect("it opens");
        assert_eq!(history.done, [deed("crafted", &moves[2..])]);
        for path in ["outside/1", "project/a/1", "project/new/2"] {
            assert!(place.is_there(path), "{path}");
        }
    }

    #[test]
    fn an_end_that_could_not_be_written_goes_before_what_is_begun_next() {
        let place = Place::with(&["a/1", "a/2"]);
        let (mut journal, _) = place.open();
        let first = deed("first", &[("a/1", "b/1")]);
        let id = journal.begin(What::Do, &first).expect("room");
        // Makes the file unwritable.
        let read = File::open(&journal.path).expect("it is there");
        let file = std::mem::replace(&mut journal.file, read);
        journal.end(id, Some(&first.steps[..]));
        journal.begin(What::Do, &deed("refused", &[])).expect_err("there is no room");
        journal.file = file;
        let id = journal.begin(What::Undo, &deed("first", &[("b/1", "a/1")])).expect("room");
        journal.end(id, None);
        let (_, history) = place.open();
        assert_eq!((titles(&history.done), titles(&history.undone)), (vec![], vec!["first"]));
    }

    #[test]
    fn what_has_no_end_before_another_begins_is_known_as_far_as_it_was_done() {
        let place = Place::with(&["b/1", "a/2"]);
        let (mut journal, _) = place.open();
        journal.begin(What::Do, &deed("first", &[("a/1", "b/1"), ("a/2", "b/2")])).expect("room");
        journal.begin(What::Do, &deed("refused", &[("a/2", "c/2")])).expect("room");
        let id = journal.begin(What::Do, &deed("last", &[])).expect("room");
        journal.end(id, None);
        let (_, history) = place.open();
        assert_eq!(history.done, [deed("first", &[("a/1", "b/1")]), deed("last", &[])]);
    }

    #[test]
    fn what_is_no_journal_is_told_with_its_line() {
        let place = Place::with(&[]);
        fs::write(place.folder.path().join("journal"), "{\"begin\":7}\n").expect("room");
        let path = place.folder.path().join("journal");
        let error = Journal::open(place.folder.path(), &path).expect_err("it is none").to_string();
        assert!(error.contains("line 1") && error.contains("journal"), "{error}");
    }
}
