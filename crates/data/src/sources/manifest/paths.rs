//! Files that the paths of a table mean.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use super::super::RowProblem;
use super::super::walk::{entries, named_like_a_picture};
use headstart_model::class_name::composed;

/// Rows of which none is found, after which paths are taken to count from the table's own folder.
const TRIES: usize = 32;
/// Folders beside the table in which pictures are looked for.
const FOLDERS: usize = 64;
/// Folders whose names are kept, to look pictures up without their endings.
const INDEXES: usize = 4096;

/// Finds files as tables of other programs name them: without ending, with the backslashes of Windows,
/// with spaces around them, in another of Unicode's normalisation forms, or counted from a folder beside
/// the table.
///
/// A path that names a file is that file. Whether a path with the ending of a picture is there is looked
/// at only where this decides something.
pub(super) struct Paths<'a> {
    folder: &'a Path,
    /// The folder that paths count from, once a picture has been found.
    base: Option<PathBuf>,
    tries: usize,
    indexes: HashMap<PathBuf, Index>,
    others: HashMap<PathBuf, Composed>,
    /// An ending that was added.
    ending: Option<String>,
    has_backslashes: bool,
}

/// What lies in a folder and has a name that is not in normalisation form C or not ASCII, by that form.
type Composed = HashMap<Box<str>, OsString>;

/// The files in a folder that have the ending of a picture, by their names without it, in normalisation
/// form C; of several the first two.
type Index = HashMap<Box<str>, (Box<str>, Option<Box<str>>)>;

impl<'a> Paths<'a> {
    /// Paths in a table that lies in `folder`.
    pub(super) fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            base: None,
            tries: 0,
            indexes: HashMap::new(),
            others: HashMap::new(),
            ending: None,
            has_backslashes: false,
        }
    }

    /// The file that a path means; of one that is nowhere what is written.
    ///
    /// # Errors
    /// When several files fit.
    pub(super) fn find(&mut self, text: &str) -> Result<PathBuf, RowProblem> {
        let is_plain = text.is_ascii()
            && named_like_a_picture(text.as_bytes())
            && !text.contains('\\')
            && text.trim().len() == text.len();
        if let Some(base) = &self.base {
            let written = base.join(text);
            if is_plain {
                return Ok(written);
            }
            let base = base.clone();
            return Ok(self.in_folder(&base, text)?.unwrap_or(written));
        }
        let written = self.folder.join(text);
        if self.tries >= TRIES {
            return match is_plain {
                true => Ok(written),
                false => Ok(self.in_folder(self.folder, text)?.unwrap_or(written)),
            };
        }
        if let Some(found) = self.in_folder(self.folder, text)? {
            self.base = Some(self.folder.to_owned());
            return Ok(found);
        }
        self.tries += 1;
        let beside = entries(here(self.folder));
        let mut found = Vec::new();
        for folder in beside.map(|entries| entries.folders).unwrap_or_default().iter().take(FOLDERS)
        {
            let name = folder.file_name().unwrap_or_default();
            let folder = self.folder.join(name);
            if let Some(file) = self.in_folder(&folder, text)? {
                found.push((folder, file));
            }
        }
        match <[_; 1]>::try_from(found) {
            Ok([(folder, file)]) => {
                self.base = Some(folder);
                Ok(file)
            }
            Err(_) => Ok(written),
        }
    }

    /// The file below `base` that is meant, if there is one.
    fn in_folder(&mut self, base: &Path, text: &str) -> Result<Option<PathBuf>, RowProblem> {
        let trimmed = text.trim();
        let mut spellings = vec![Cow::Borrowed(text)];
        if trimmed.len() < text.len() {
            spellings.push(Cow::Borrowed(trimmed));
        }
        if trimmed.contains('\\') {
            spellings.push(Cow::Owned(trimmed.replace('\\', "/")));
        }
        for (place, text) in spellings.iter().enumerate() {
            let path = base.join(&**text);
            let mut found = self.file(&path)?;
            if found.is_none() && !text.is_ascii() {
                found = match self.respelled(base, text) {
                    Some(path) => self.file(&path)?,
                    None => None,
                };
            }
            if found.is_some() {
                self.has_backslashes |= place > 0 && trimmed.contains('\\');
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The file at a path, or the only picture that is called so but for its ending.
    fn file(&mut self, path: &Path) -> Result<Option<PathBuf>, RowProblem> {
        if path.is_file() { Ok(Some(path.to_owned())) } else { self.with_ending(path) }
    }

    /// The path below `base` whose folders, and whose file if it is there, are called as it says in
    /// whatever normalisation form; `None` where a folder is missing.
    fn respelled(&mut self, base: &Path, text: &str) -> Option<PathBuf> {
        let parts: Vec<Component> = Path::new(text).components().collect();
        let mut path = base.to_owned();
        for (place, part) in parts.iter().enumerate() {
            let next = path.join(part);
            let is_last = place + 1 == parts.len();
            let name = part.as_os_str().to_str().filter(|name| !name.is_ascii());
            path = match name {
                Some(name) if !next.exists() => match self.called(&path, name) {
                    Some(own) => path.join(own),
                    None if is_last => next,
                    None => return None,
                },
                _ => next,
            };
        }
        Some(path)
    }

    /// What in a folder is called so in another form.
    fn called(&mut self, folder: &Path, name: &str) -> Option<OsString> {
        if !self.others.contains_key(folder) {
            if self.others.len() >= INDEXES {
                return None;
            }
            self.others.insert(folder.to_owned(), by_composed_names(folder));
        }
        self.others.get(folder)?.get(&*composed(name)).cloned()
    }

    /// The only picture of this name but for its ending.
    fn with_ending(&mut self, path: &Path) -> Result<Option<PathBuf>, RowProblem> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str()))
        else {
            return Ok(None);
        };
        if named_like_a_picture(name.as_bytes()) {
            return Ok(None);
        }
        if !self.indexes.contains_key(folder) {
            if self.indexes.len() >= INDEXES {
                return Ok(None);
            }
            self.indexes.insert(folder.to_owned(), index(folder));
        }
        let found = self.indexes.get(folder).and_then(|index| index.get(&*composed(name)));
        match found {
            None => Ok(None),
            Some((first, Some(second))) => Err(RowProblem::Ambiguous {
                path: name.to_owned(),
                first: first.to_string(),
                second: second.to_string(),
            }),
            Some((file, None)) => {
                if self.ending.is_none() {
                    let dot = file.rfind('.').unwrap_or(file.len());
                    self.ending = Some(file[dot..].to_owned());
                }
                Ok(Some(folder.join(&**file)))
            }
        }
    }

    /// What should be said of how files were found.
    pub(super) fn note(&self) -> Option<String> {
        let mut said = Vec::new();
        if let Some(base) = self.base.as_deref().filter(|base| *base != self.folder) {
            said.push(format!("count from {}", base.display()));
        }
        if let Some(ending) = &self.ending {
            said.push(format!("have no endings, such as {ending}, which were added"));
        }
        if self.has_backslashes {
            said.push("have backslashes, taken for slashes".to_owned());
        }
        (!said.is_empty()).then(|| format!("paths {}", said.join("; ")))
    }
}

fn by_composed_names(folder: &Path) -> Composed {
    let Ok(entries) = entries(here(folder)) else { return Composed::new() };
    let paths = entries.folders.into_iter().chain(entries.files.into_iter().map(|(path, _)| path));
    let mut names: Vec<OsString> =
        paths.filter_map(|path| path.file_name().map(OsString::from)).collect();
    // Of several it is always the same one.
    names.sort_unstable();
    let composed = names.into_iter().filter_map(|name| {
        let text = name.to_str().filter(|text| !text.is_ascii())?;
        Some((Box::from(&*composed(text)), name))
    });
    composed.collect()
}

/// The folder, of which an empty path is the one that the process is in.
fn here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

fn index(folder: &Path) -> Index {
    let mut index = Index::new();
    for (path, _) in entries(here(folder)).map(|entries| entries.files).unwrap_or_default() {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let Some((stem, _)) = name.rsplit_once('.') else { continue };
        if !named_like_a_picture(name.as_bytes()) {
            continue;
        }
        index
            .entry(composed(stem).into())
            .and_modify(|(_, second)| {
                second.get_or_insert_with(|| name.into());
            })
            .or_insert_with(|| (name.into(), None));
    }
    index
}
