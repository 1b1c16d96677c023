//! Resolution of the paths in a table.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use super::super::RowProblem;
use super::super::walk::{entries, named_like_a_picture};
use headstart_model::class_name::composed;

/// Number of rows without a match after which paths are assumed to be relative to the table's folder.
const TRIES: usize = 32;
/// Maximum number of folders beside the table in which pictures are looked for.
const FOLDERS: usize = 64;
/// Maximum number of folders whose names are kept for looking pictures up without extension.
const INDEXES: usize = 4096;

/// Finds files by the paths in tables of other programs: without extension, with Windows backslashes, with surrounding
/// spaces, in another Unicode normalisation form, or relative to a folder beside the table.
///
/// A path that names a file is that file. The existence of a path with a picture's extension is checked only where it
/// decides something.
pub(super) struct Paths<'a> {
    folder: &'a Path,
    /// The folder that paths are relative to, once a picture has been found.
    base: Option<PathBuf>,
    tries: usize,
    indexes: HashMap<PathBuf, Index>,
    others: HashMap<PathBuf, Composed>,
    /// An extension that was added.
    ending: Option<String>,
    has_backslashes: bool,
}

/// Entries of a folder whose names are not ASCII and not in normalisation form C, by that form.
type Composed = HashMap<Box<str>, OsString>;

/// The picture files of a folder, by their names without extension, in normalisation form C; if several match, the
/// first two.
type Index = HashMap<Box<str>, (Box<str>, Option<Box<str>>)>;

impl<'a> Paths<'a> {
    /// Resolves paths of a table in `folder`.
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

    /// The file that a path denotes; the path as written if no file matches.
    ///
    /// # Errors
    /// When several files match.
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

    /// The file in `base` that is denoted, if there is one.
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

    /// The file at a path, or the only picture with that name plus an extension.
    fn file(&mut self, path: &Path) -> Result<Option<PathBuf>, RowProblem> {
        if path.is_file() { Ok(Some(path.to_owned())) } else { self.with_ending(path) }
    }

    /// The path in `base` whose folders, and file if it exists, have the given names in any normalisation form; `None`
    /// if a folder is missing.
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

    /// The entry of a folder with this name in another normalisation form.
    fn called(&mut self, folder: &Path, name: &str) -> Option<OsString> {
        if !self.others.contains_key(folder) {
            if self.others.len() >= INDEXES {
                return None;
            }
            self.others.insert(folder.to_owned(), by_composed_names(folder));
        }
        self.others.get(folder)?.get(&*composed(name)).cloned()
    }

    /// The only picture with this name plus an extension.
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

    /// A note on how files were found.
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
    // Always the same one of several.
    names.sort_unstable();
    let composed = names.into_iter().filter_map(|name| {
        let text = name.to_str().filter(|text| !text.is_ascii())?;
        Some((Box::from(&*composed(text)), name))
    });
    composed.collect()
}

/// The folder; an empty path is the current directory.
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
