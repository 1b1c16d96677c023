//! Writing of segments.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::super::format::{KEY_RECORD, UNFINISHED, checksum, header};
use super::super::lock::{Lock, Mark};
use super::super::{Entry, Fingerprint, Key};
use super::Reader;

/// Appends to a segment. After an error nothing more may be appended.
#[derive(Debug)]
pub(in crate::cache) struct Writer<W = File> {
    keys: W,
    data: W,
    next: u32,
    record: Vec<u8>,
    /// Held while this writer exists; see [`Lock`] and [`Mark`].
    _held: Option<(Mark, Option<Lock>)>,
}

impl Writer {
    /// Creates a segment in `folder`, which is created if missing.
    pub(in crate::cache) fn create(
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

/// Creates a `.data` file with a unique name.
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
    pub(in crate::cache) fn len(&self) -> u64 {
        u64::from(self.next)
    }

    /// Writes an entry and returns the index of its record.
    pub(in crate::cache) fn append(&mut self, key: &Key, entry: &Entry) -> io::Result<u32> {
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

/// A segment that appears under its name only when it is complete and on disk.
pub(in crate::cache) struct Whole {
    writer: Writer,
    data: PathBuf,
}

impl Whole {
    pub(in crate::cache) fn create(
        folder: &Path,
        fingerprint: &Fingerprint,
        dim: usize,
    ) -> io::Result<Self> {
        let (data, data_file) = new_data(folder)?;
        let keys_file = new(&data.with_extension(UNFINISHED))?;
        let writer = Writer::start(keys_file, data_file, &header(fingerprint, dim))?;
        Ok(Self { writer, data })
    }

    pub(in crate::cache) fn append(&mut self, key: &Key, entry: &Entry) -> io::Result<()> {
        self.writer.append(key, entry).map(drop)
    }

    /// Gives it its name and records `used` as its last use.
    pub(in crate::cache) fn finish(self, used: SystemTime) -> io::Result<()> {
        // If that fails, it counts as new.
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
    use crate::Facts;
    use crate::cache::format::{HEADER, data_record};
    use crate::decode::{ContentHash, Format};

    /// A disk with room for this many bytes.
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
            // Each of the files in turn has limited room and fails.
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
