use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Entry, Fingerprint, Key};
use crate::decode::ContentHash;

/// Of both files, at their beginning.
pub(super) const MAGIC: [u8; 8] = *b"hstfeat\n";
const VERSION: u32 = 1;
const SUM: usize = 8;
/// Magic, version, dim, fingerprint, checksum.
const HEADER: usize = 8 + 4 + 4 + 32 + SUM;
/// Key, content, checksum.
const KEY_RECORD: usize = 16 + 16 + SUM;

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

/// How many key records a `.keys` file of this length has.
pub(super) fn count(bytes: u64) -> u64 {
    bytes.saturating_sub(HEADER as u64) / KEY_RECORD as u64
}

/// The features of one segment.
#[derive(Debug)]
pub(super) struct Reader {
    data: PathBuf,
    /// Opened at the first read: of many segments few may be asked.
    file: OnceLock<Option<File>>,
    record: usize,
}

impl Reader {
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
        let record = dim * 4 + SUM;
        let written = fs::metadata(&data).ok()?.len().saturating_sub(HEADER as u64) / record as u64;
        let records = bytes[HEADER..].chunks_exact(KEY_RECORD).zip(0u32..);
        let sound = records.filter(|(_, n)| u64::from(*n) < written).filter_map(|(bytes, n)| {
            let (key, rest) = bytes.split_first_chunk::<16>()?;
            let (content, sum) = rest.split_first_chunk::<16>()?;
            (checksum(&[key, content]) == *sum).then_some((n, Key(*key), ContentHash(*content)))
        });
        Some((Self { data, file: OnceLock::new(), record }, sound.collect()))
    }

    /// Reads the features of a record; `None` when it is not what the key says.
    pub(super) fn read(
        &self,
        record: u32,
        key: &Key,
        content: &ContentHash,
        features: &mut [f32],
    ) -> Option<()> {
        let file = self.file.get_or_init(|| File::open(&self.data).ok()).as_ref()?;
        let mut bytes = vec![0; self.record];
        read_at(file, &mut bytes, HEADER as u64 + u64::from(record) * self.record as u64).ok()?;
        let (values, sum) = bytes.split_at(features.len() * 4);
        if checksum(&[&key.0, &content.0, values]) != *sum {
            return None;
        }
        for (feature, bytes) in features.iter_mut().zip(values.as_chunks::<4>().0) {
            *feature = f32::from_le_bytes(*bytes);
        }
        Some(())
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => {
                bytes = &mut bytes[n..];
                offset += n as u64;
            }
        }
    }
    Ok(())
}

/// Appends to one segment. After an error nothing may be appended.
#[derive(Debug)]
pub(super) struct Writer<W = File> {
    keys: W,
    data: W,
    next: u32,
    record: Vec<u8>,
}

impl Writer {
    /// A new segment below `folder`, which is made if it is missing.
    pub(super) fn create(
        folder: &Path,
        fingerprint: &Fingerprint,
        dim: usize,
    ) -> io::Result<(Self, Reader)> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        fs::create_dir_all(folder)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_nanos());
        let new = |path: &Path| OpenOptions::new().append(true).create_new(true).open(path);
        loop {
            let n = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{now:x}-{:x}-{n:x}.data", std::process::id()));
            let data_file = match new(&path) {
                Ok(file) => file,
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(e) => return Err(e),
            };
            let keys_file = new(&path.with_extension("keys"))?;
            let writer = Self::start(keys_file, data_file, &header(fingerprint, dim))?;
            let reader = Reader { data: path, file: OnceLock::new(), record: dim * 4 + SUM };
            return Ok((writer, reader));
        }
    }
}

impl<W: Write> Writer<W> {
    fn start(mut keys: W, mut data: W, header: &[u8]) -> io::Result<Self> {
        data.write_all(header)?;
        keys.write_all(header)?;
        Ok(Self { keys, data, next: 0, record: Vec::new() })
    }

    /// Writes an entry and returns the number of its record.
    pub(super) fn append(&mut self, key: &Key, entry: &Entry) -> io::Result<u32> {
        self.record.clear();
        self.record.extend(entry.features.iter().flat_map(|f| f.to_le_bytes()));
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

#[cfg(test)]
mod tests {
    use super::*;

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
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.keys");
        for room in 0..3 * (KEY_RECORD + 2 * 4 + SUM) + 2 * HEADER {
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
