//! Tar and zip archives: listed once and never unpacked; members are read in place.

mod files;
mod index;
mod json;
mod labels;
mod parts;
mod sample;
mod tar;
mod zip;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::Crc;
use flate2::read::DeflateDecoder;
use headstart_files::Section;

use super::columns::ColumnNames;
use super::layout::merged;
use super::names::{joined, text_of};
use super::shared_names::{Label, Names};
use super::walk::{cannot_be_read, named_like_a_picture};
use super::{Labels, Listed, Listing, SkipReason, Skipped};
use crate::decode::{DecodeError, Limits, SNIFF_BYTES, Size, read_picture, sniff};
use files::Handle;
use headstart_model::class_name::LONGEST_CLASS_NAME;
use index::{Builder, Content, Index, Packing};
use labels::Layout;
pub(super) use parts::joining;
use sample::{Relation, Sample, stem};

/// The supported archive formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArchiveFormat {
    Tar,
    Zip,
}

/// An archive with its list of pictures.
struct Archive {
    path: PathBuf,
    file: Handle,
    pictures: Index,
}

/// A picture in an archive. Any number of threads can read members of the same archive.
#[derive(Clone)]
pub struct Member {
    archive: Arc<Archive>,
    index: u32,
}

/// Lists the pictures of an archive, labelled like those of a folder: by the first folder, inside one that contains
/// everything, if any, or inside `train`, `validation` and `test`. In WebDataset tar files, where `KEY.jpg` is followed
/// by `KEY.cls`, the text of the latter is the label; if neither these nor folders give labels, they are looked up in
/// the object of `KEY.json`.
///
/// Other files with a picture's key (`KEY.txt`), hidden files and leftovers of operating systems are ignored silently.
///
/// # Errors
/// The reason why the archive cannot be listed.
pub(super) fn list(
    path: &Path,
    kind: ArchiveFormat,
    asked: &ColumnNames,
) -> Result<Listing, String> {
    let file = File::open(path).map_err(|e| cannot_be_read(&e))?;
    let len = file.metadata().map_err(|e| cannot_be_read(&e))?.len();
    let mut found = Builder::new(path);
    match kind {
        ArchiveFormat::Tar => tar::scan(&file, len, &mut found),
        ArchiveFormat::Zip => zip::scan(&file, len, &mut found)?,
    }
    let (members, mut skipped) = found.finish();
    if u32::try_from(members.len()).is_err() {
        return Err("has more than four thousand million members: divide it".to_owned());
    }

    let mut pictures = Index::default();
    let mut classes: Vec<Labels> = Vec::new();
    let mut names = Names::default();
    let (mut dotted, mut notes) = (None, Vec::new());
    let mut start = 0;
    while start < members.len() {
        let sample = Sample::at(&members, start);
        if let Some(member) = sample.dotted {
            dotted.get_or_insert_with(|| text_of(stem(members.name(member)).0).into_owned());
        }
        // The last `.cls` file read, which often belongs to the next picture, too.
        let mut last: (Option<usize>, Option<Arc<str>>) = (None, None);
        for member in start..sample.end {
            let (name, content) = (members.name(member), members.content(member));
            match look(&sample, member, name, || beginning(&file, content, SNIFF_BYTES)) {
                Look::Picture => {
                    pictures.push(name, *content);
                    let class = sample.class(member);
                    if let Some(class) = class.filter(|_| class != last.0) {
                        let found = class_of(&file, members.content(class), &mut names);
                        last = (
                            Some(class),
                            found.unwrap_or_else(|reason| {
                                let path = joined(path, members.name(class));
                                skipped.push(Skipped::new(path, reason));
                                None
                            }),
                        );
                    }
                    classes.push(class.and_then(|_| last.1.clone()).into());
                }
                Look::Beside => {}
                Look::No(reason) => {
                    skipped.push(Skipped::new(joined(path, name), reason));
                }
            }
        }
        start = sample.end;
    }
    pictures.shrink_to_fit();

    let archive = Arc::new(Archive { path: path.to_owned(), file: Handle::new(len), pictures });
    let pictures = &archive.pictures;
    let all = 0..pictures.len();
    let mut by_class = classes.iter().any(Labels::is_some);
    let mut layout =
        if by_class { Layout::none() } else { Layout::of(all.clone().map(|i| pictures.name(i))) };
    if !by_class {
        // If folders give no labels, files beside the pictures may.
        let mut labels = all.clone().map(|i| layout.place(pictures.name(i)).label());
        let first = labels.next().flatten();
        if labels.all(|label| label == first) {
            let found = json::labels(&file, &members, pictures, asked);
            skipped.extend(found.refused.into_iter().map(|(member, bad)| {
                let reason = SkipReason::LabelFile(bad.problem);
                Skipped::new(joined(path, members.name(member)), reason)
            }));
            if let Some(key) = found.key {
                let key = key.escape_debug();
                notes.push(format!("labels from \"{key}\" in .json files").into());
                (classes, layout, by_class) = (found.labels, Layout::none(), true);
            }
        }
    }
    if let Some(key) = dotted.filter(|_| by_class) {
        notes.push(format!(
            "names have dots, such as {key}: labels are from the .cls files of the same names, where WebDataset itself ends a key at its first dot"
        ).into());
    }
    notes.extend(layout.note().map(|note| note.to_owned().into()));
    // The pictures of a folder are consecutive.
    let mut last: Option<(&[u8], Option<Arc<str>>)> = None;
    let mut folders = ClassFolders::new();
    let listed = all.zip(classes).map(|(index, class)| {
        let place = layout.place(pictures.name(index));
        let mut of_folder = || match (place.folder, place.label(), &last) {
            (Some(folder), _, Some((own, label))) if *own == folder => label.clone(),
            (Some(folder), Some(name), _) => {
                let label = names.folder(name).map_err(|bad| {
                    let reason = SkipReason::FolderName(bad);
                    skipped.push(Skipped::new(joined(path, folder), reason));
                });
                if let Ok(label) = &label {
                    let side = &folder[..folder.len() - name.len()];
                    folders.entry((side, label.clone())).or_default().push(text_of(name));
                }
                last.insert((folder, label.ok())).1.clone()
            }
            _ => None,
        };
        let label = if class.is_none() { of_folder().into() } else { class };
        let member = Member { archive: archive.clone(), index: index as u32 };
        Listed::new(member, label, place.subset)
    });
    let pictures = listed.collect();
    let folders = folders.into_iter();
    notes.extend(
        folders.filter_map(|((_, class), own)| Some(merged(&class, own.into_iter())?.into())),
    );
    let mut listing = Listing { pictures, skipped, notes };
    listing.settle();
    Ok(listing)
}

/// Names of the folders of each class, by the folder that contains them.
type ClassFolders<'a> = BTreeMap<(&'a [u8], Arc<str>), Vec<Cow<'a, str>>>;

/// The kind of a member.
enum Look {
    Picture,
    /// It belongs to a picture, and is not one itself.
    Beside,
    /// Nothing usable, with the reason.
    No(DecodeError),
}

fn look(
    sample: &Sample,
    member: usize,
    name: &[u8],
    head: impl FnOnce() -> io::Result<Vec<u8>>,
) -> Look {
    let relation = sample.relation(member);
    if relation == Relation::Beside {
        return Look::Beside;
    }
    if named_like_a_picture(name) {
        return Look::Picture;
    }
    match head() {
        Err(error) => Look::No(error.into()),
        Ok(head) => match sniff(&head) {
            Ok(_) => Look::Picture,
            Err(_) if relation == Relation::WithPicture => Look::Beside,
            Err(error) => Look::No(error),
        },
    }
}

/// Reads the class in a `.cls` file.
fn class_of(
    file: &File,
    content: &Content,
    names: &mut Names,
) -> Result<Option<Arc<str>>, SkipReason> {
    let text = beginning(file, content, LABEL).map_err(DecodeError::from)?;
    match Label::of(Some(&text), names) {
        Label::Is(label) => Ok(Some(label)),
        Label::None => Ok(None),
        Label::Refused(bad) => Err(SkipReason::LabelFile(bad.problem)),
    }
}

/// Bytes read from a `.cls` file: more than any class name has, with some white space around it.
const LABEL: usize = 2 * LONGEST_CLASS_NAME;

/// The first bytes of a member, at most `most`.
fn beginning(file: &File, content: &Content, most: usize) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(most.min(SNIFF_BYTES));
    unpacked(file, content)?.0.take(most as u64).read_to_end(&mut start)?;
    Ok(start)
}

/// A member's uncompressed bytes. In a zip archive, their number is unknown before the last has been read.
fn unpacked<'a>(file: &'a File, content: &Content) -> io::Result<(Box<dyn Read + 'a>, Size)> {
    Ok(match content.packing {
        Packing::Plain => {
            let section = Section::new(file, content.at, content.at + content.stored);
            (Box::new(section), Size::Known(content.stored))
        }
        Packing::Stored(crc) => {
            let (bytes, declared) = zip::packed(file, content)?;
            let size = Size::Guessed(declared.min(content.stored));
            (Box::new(Checked::new(bytes, crc, declared)), size)
        }
        Packing::Deflated(crc, ratio) => {
            let (bytes, declared) = zip::packed(file, content)?;
            let size = Size::Guessed(ratio.unpacked(content.stored).min(declared));
            (Box::new(Checked::new(DeflateDecoder::new(bytes), crc, declared)), size)
        }
    })
}

/// A reader that fails at the end unless the checksum is right, and if there are more bytes than declared.
struct Checked<R> {
    bytes: R,
    crc: Crc,
    expected: u32,
    left: u64,
}

impl<R> Checked<R> {
    fn new(bytes: R, expected: u32, declared: u64) -> Self {
        Self { bytes, crc: Crc::new(), expected, left: declared }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.crc.update(&buffer[..read]);
        let more = "damaged in the archive: it holds more than it declares";
        let left = self.left.checked_sub(read as u64);
        self.left = left.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, more))?;
        if read == 0 && !buffer.is_empty() && self.crc.sum() != self.expected {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "damaged in the archive"));
        }
        Ok(read)
    }
}

impl Member {
    /// `ARCHIVE/NAME`.
    pub(super) fn path(&self) -> PathBuf {
        joined(&self.archive.path, self.name())
    }

    fn name(&self) -> &[u8] {
        self.archive.pictures.name(self.index as usize)
    }

    /// Reads like [`Location::read_with`](super::Location::read_with).
    pub(super) fn read(
        &self,
        limits: &Limits,
        room: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<Vec<u8>>, DecodeError> {
        let file = self.archive.file.open(&self.archive.path)?;
        let content = self.archive.pictures.content(self.index as usize);
        let (bytes, size) = unpacked(&file, content)?;
        read_picture(bytes, size, limits, room)
    }

    /// The archive and the name in it, which identify a member.
    pub(super) fn key(&self) -> (&Path, &[u8]) {
        (&self.archive.path, self.name())
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Member").field(&self.path()).finish()
    }
}
