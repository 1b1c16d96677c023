use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::files::{set_used, size};
use super::lock::{Lock, Mark};
use super::{Entry, Fingerprint, Key};
use crate::Facts;
use crate::decode::ContentHash;
use crate::positioned::read_exact_at;

/// Of both files, at their beginning.
pub(super) const MAGIC: [u8; 8] = *b"hstfeat\n";
const VERSION: u32 = 2;
const SUM: usize = 8;
/// Magic, version, dim, fingerprint, checksum.
const HEADER: usize = 8 + 4 + 4 + 32 + SUM;
/// Key, content, checksum.
const KEY_RECORD: usize = 16 + 16 + SUM;

/// Bytes of a record of data: features, facts, checksum.
fn data_record(dim: usize) -> usize {
    dim * 4 + Facts::BYTES + SUM
}

/// Bytes that an entry takes on disk.
pub(super) fn entry_len(dim: usize) -> u64 {
    (data_record(dim) + KEY_RECORD) as u64
}

/// Bytes that a segment takes beside its entries, at most, with the note of what it is of.
pub(super) const SEGMENT_LEN: u64 = 2 * HEADER as u64 + 512;

fn checksum(parts: &[&[u8]]) -> [u8; SUM] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let mut sum = [0; SUM];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..SUM]);
    sum
}

fn header(fingerprint: &Fingerprint, dim: usize) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..16].copy_from_slice(&(dim as u32).to_le_bytes());
    header[16..48].copy_from_slice(&fingerprint.0);
    let sum = checksum(&[&header[..48]]);
    header[48..].copy_from_slice(&sum);
    header
}

/// What the header of a file says that it holds; `None` when it is damaged.
fn parse_header(bytes: &[u8]) -> Option<(u32, Fingerprint, usize)> {
    let (head, sum) = bytes.get(..HEADER)?.split_at(48);
    let version = u32::from_le_bytes(*head[8..].first_chunk()?);
    let dim = u32::from_le_bytes(*head[12..].first_chunk()?) as usize;
    let fingerprint = Fingerprint(*head[16..].first_chunk()?);
    (head.starts_with(&MAGIC) && checksum(&[head]) == *sum).then_some((version, fingerprint, dim))
}

/// The header of a file.
fn read_header(path: &Path) -> Option<(u32, Fingerprint, usize)> {
    let mut head = Vec::new();
    File::open(path).and_then(|f| f.take(HEADER as u64).read_to_end(&mut head)).ok()?;
    parse_header(&head)
}

/// The sound keys of a segment, whatever it is of.
pub(super) fn keys(path: &Path) -> Vec<Key> {
    let segment =
        read_header(path).and_then(|(_, fingerprint, dim)| Reader::open(path, &fingerprint, dim));
    segment.map_or_else(Vec::new, |(_, keys)| keys.into_iter().map(|(_, key, _)| key).collect())
}

/// The number of whole lines of a `.keys` file.
pub(super) fn lines(keys: &Path) -> u64 {
    size(keys).saturating_sub(HEADER as u64) / KEY_RECORD as u64
}

/// The number of whole records of a `.data` file.
fn records(data: &Path, dim: usize) -> u64 {
    size(data).saturating_sub(HEADER as u64) / data_record(dim) as u64
}

/// What there is to verify of a segment.
pub(super) enum Examined {
    /// Of another version of this program, or another namespace.
    Foreign,
    /// Damaged so that nothing of about so many records can be read.
    Unreadable { records: u64 },
    Segment {
        reader: Reader,
        dim: usize,
        /// The sound keys, with the number of each one's record.
        keys: Vec<(u32, Key, ContentHash)>,
        /// Records without a sound key, and keys without a record.
        lost: u64,
    },
}

/// Looks at a segment of the namespace `fingerprint`, and not yet at its features. `None` when
/// another process deletes it, or was killed while it did.
pub(super) fn examine(path: &Path, fingerprint: &Fingerprint) -> Option<Examined> {
    let data = path.with_extension("data");
    // Asked first, as are the lines: a process that is writing adds to the features before the keys.
    let writing = Mark::is_on(path);
    let lines = lines(path);
    let examined = match read_header(path) {
        Some((VERSION, of, dim)) if of == *fingerprint => {
            let (reader, keys) = Reader::open(path, fingerprint, dim)?;
            // Of a process that was killed there may be one record whose key it had not written.
            let keyless = if writing { 0 } else { records(&data, dim).saturating_sub(lines + 1) };
            let lost = lines.saturating_sub(keys.len() as u64) + keyless;
            Examined::Segment { reader, dim, keys, lost }
        }
        Some(_) => Examined::Foreign,
        // Before any record both files have a header.
        None if writing => Examined::Unreadable { records: 0 },
        None => match read_header(&data) {
            Some((VERSION, _, dim)) => {
                Examined::Unreadable { records: lines.max(records(&data, dim)) }
            }
            Some(_) => Examined::Foreign,
            None => Examined::Unreadable { records: lines },
        },
    };
    (path.exists() && data.exists()).then_some(examined)
}

/// Files of segments that one process keeps open; more are opened for each read.
const MOST_OPEN: usize = 64;
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// A file that counts among those kept open.
#[derive(Debug)]
struct KeptOpen(File);

impl KeptOpen {
    fn new(file: File) -> Result<Self, File> {
        if OPEN.fetch_add(1, Ordering::Relaxed) < MOST_OPEN {
            return Ok(Self(file));
        }
        OPEN.fetch_sub(1, Ordering::Relaxed);
        Err(file)
    }
}

impl Drop for KeptOpen {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why a record was not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// The segment is there no more: another process has merged it, or cleared the cache.
    Gone,
    /// The record is not what the key says.
    Damaged,
    /// The segment cannot be opened or read now.
    Failed,
}

/// The records of one segment.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) data: PathBuf,
    /// Opened at the first read: of many segments few may be asked.
    file: OnceLock<KeptOpen>,
    record: usize,
    used: AtomicBool,
}

impl Reader {
    fn new(data: PathBuf, dim: usize) -> Self {
        let (file, record) = (OnceLock::new(), data_record(dim));
        Self { data, file, record, used: AtomicBool::new(false) }
    }

    /// Notes that it is used, once.
    pub(super) fn set_used(&self) {
        if !self.used.swap(true, Ordering::Relaxed) {
            set_used(&self.data, SystemTime::now());
        }
    }

    pub(super) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    /// The segment and its sound keys, with the number of each one's record. `None` when
    /// the segment is another's or cannot be read.
    #[allow(clippy::type_complexity)]
    pub(super) fn open(
        keys: &Path,
        fingerprint: &Fingerprint,
        dim: usize,
    ) -> Option<(Self, Vec<(u32, Key, ContentHash)>)> {
        let bytes = fs::read(keys).ok()?;
        if !bytes.starts_with(&header(fingerprint, dim)) {
            return None;
        }
        let data = keys.with_extension("data");
        fs::metadata(&data).ok()?;
        let written = records(&data, dim);
        let records = bytes[HEADER..].chunks_exact(KEY_RECORD).zip(0u32..);
        let sound = records.filter(|(_, n)| u64::from(*n) < written).filter_map(|(bytes, n)| {
            let (key, rest) = bytes.split_first_chunk::<16>()?;
            let (content, sum) = rest.split_first_chunk::<16>()?;
            (checksum(&[key, content]) == *sum).then_some((n, Key(*key), ContentHash(*content)))
        });
        Some((Self::new(data, dim), sound.collect()))
    }

    /// Reads a record.
    pub(super) fn read(
        &self,
        record: u32,
        key: &Key,
        content: &ContentHash,
        features: &mut [f32],
    ) -> Result<Facts, Unread> {
        let mut bytes = vec![0; self.record];
        let offset = HEADER as u64 + u64::from(record) * self.record as u64;
        let read = match self.file.get() {
            Some(KeptOpen(file)) => read_exact_at(file, &mut bytes, offset),
            None => {
                let file = File::open(&self.data).map_err(|e| match e.kind() {
                    io::ErrorKind::NotFound => Unread::Gone,
                    _ => Unread::Failed,
                })?;
                let read = read_exact_at(&file, &mut bytes, offset);
                if let Ok(file) = KeptOpen::new(file) {
                    let _ = self.file.set(file);
                }
                read
            }
        };
        read.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Unread::Damaged,
            _ => Unread::Failed,
        })?;
        let (values, sum) = bytes.split_at(self.record - SUM);
        if checksum(&[&key.0, &content.0, values]) != *sum {
            return Err(Unread::Damaged);
        }
        let (values, facts) = values.split_last_chunk().ok_or(Unread::Damaged)?;
        for (feature, bytes) in features.iter_mut().zip(values.as_chunks::<4>().0) {
            *feature = f32::from_le_bytes(*bytes);
        }
        Facts::from_bytes(facts).ok_or(Unread::Damaged)
    }
}

/// Appends to one segment. After an error nothing may be appended.
#[derive(Debug)]
pub(super) struct Writer<W = File> {
    keys: W,
    data: W,
    next: u32,
    record: Vec<u8>,
    /// Held as long as this writes; see [`Lock`] and [`Mark`].
    _held: Option<(Mark, Option<Lock>)>,
}

impl Writer {
    /// A new segment below `folder`, which is made if it is missing.
    pub(super) fn create(
        folder: &Path,
        fingerprint: &Fingerprint,
        dim: usize,
    ) -> io::Result<(Self, Reader)> {
        fs::create_dir_all(folder)?;
        let lock = Lock::to_write(folder);
        let (path, data_file) = new_data(folder)?;
        let mark = Mark::new(&path)?;
        let keys_file = new(&path.with_extension("keys"))?;
        let mut writer = Self::start(keys_file, data_file, &header(fingerprint, dim))?;
        writer._held = Some((mark, lock));
        Ok((writer, Reader::new(path, dim)))
    }
}

fn new(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).open(path)
}

/// A `.data` file of a name that no other has.
fn new_data(folder: &Path) -> io::Result<(PathBuf, File)> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_nanos());
    loop {
        let n = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{now:x}-{:x}-{n:x}.data", std::process::id()));
        match new(&path) {
            Ok(file) => return Ok((path, file)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
}

impl<W: Write> Writer<W> {
    fn start(mut keys: W, mut data: W, header: &[u8]) -> io::Result<Self> {
        data.write_all(header)?;
        keys.write_all(header)?;
        Ok(Self { keys, data, next: 0, record: Vec::new(), _held: None })
    }

    /// The number of entries written.
    pub(super) fn len(&self) -> u64 {
        u64::from(self.next)
    }

    /// Writes an entry and returns the number of its record.
    pub(super) fn append(&mut self, key: &Key, entry: &Entry) -> io::Result<u32> {
        self.record.clear();
        self.record.extend(entry.features.iter().flat_map(|f| f.to_le_bytes()));
        self.record.extend(entry.facts.to_bytes());
        let sum = checksum(&[&key.0, &entry.content.0, &self.record]);
        self.record.extend(sum);
        self.data.write_all(&self.record)?;
        let mut line = [0; KEY_RECORD];
        line[..16].copy_from_slice(&key.0);
        line[16..32].copy_from_slice(&entry.content.0);
        line[32..].copy_from_slice(&checksum(&[&key.0, &entry.content.0]));
        self.keys.write_all(&line)?;
        self.next =
            self.next.checked_add(1).ok_or_else(|| io::Error::other("the segment is full"))?;
        Ok(self.next - 1)
    }
}

/// A segment that appears whole, once everything in it is on the disk.
pub(super) struct Whole {
    writer: Writer,
    data: PathBuf,
}

/// The ending of the `.keys` of a segment that is not whole yet.
pub(super) const UNFINISHED: &str = "part";

impl Whole {
    pub(super) fn create(folder: &Path, fingerprint: &Fingerprint, dim: usize) -> io::Result<Self> {
        let (data, data_file) = new_data(folder)?;
        let keys_file = new(&data.with_extension(UNFINISHED))?;
        let writer = Writer::start(keys_file, data_file, &header(fingerprint, dim))?;
        Ok(Self { writer, data })
    }

    pub(super) fn append(&mut self, key: &Key, entry: &Entry) -> io::Result<()> {
        self.writer.append(key, entry).map(drop)
    }

    /// Gives it its name; it counts as last used at `used`.
    pub(super) fn finish(self, used: SystemTime) -> io::Result<()> {
        // Where that cannot be said, it is new.
        let _ = self.writer.data.set_modified(used);
        self.writer.data.sync_all()?;
        self.writer.keys.sync_all()?;
        fs::rename(self.data.with_extension(UNFINISHED), self.data.with_extension("keys"))?;
        #[cfg(unix)]
        if let Some(folder) = self.data.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Format;

    /// A disk with room for so many bytes.
    struct Disk(usize, Vec<u8>);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(self.0);
            if n == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0 -= n;
            self.1.extend(&bytes[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_fills_up_at_any_byte_leaves_only_whole_entries() {
        let fingerprint = Fingerprint([3; 32]);
        let file =
            crate::decode::Header { format: Format::Png, width: 1, height: 1, orientation: 1 };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.keys");
        for room in 0..3 * (KEY_RECORD + data_record(2)) + 2 * HEADER {
            // Each file gets its share of the room in turn; either may be the one that fails.
            for (keys_room, data_room) in [(room, usize::MAX), (usize::MAX, room)] {
                let disks = (Disk(keys_room, Vec::new()), Disk(data_room, Vec::new()));
                let Ok(mut writer) = Writer::start(disks.0, disks.1, &header(&fingerprint, 2))
                else {
                    continue;
                };
                let entry = |n: u8| Entry {
                    content: ContentHash([n; 16]),
                    features: vec![f32::from(n); 2],
                    facts: Facts::new(&file, &[n; 3], 1),
                };
                let kept = (0..3u8)
                    .take_while(|&n| writer.append(&Key([n; 16]), &entry(n)).is_ok())
                    .count();
                fs::write(&path, &writer.keys.1).unwrap();
                fs::write(path.with_extension("data"), &writer.data.1).unwrap();
                let (reader, keys) = Reader::open(&path, &fingerprint, 2).unwrap();
                assert_eq!(keys.len(), kept, "room {keys_room} and {data_room}");
                for (record, key, content) in keys {
                    let mut features = [0.0; 2];
                    reader.read(record, &key, &content, &mut features).unwrap();
                    assert_eq!(features, [f32::from(key.0[0]); 2]);
                }
            }
        }
    }
}
