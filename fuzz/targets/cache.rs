//! The two files of a segment of the feature cache: four bytes with the length of the first file,
//! then `.keys` and `.data`.

use std::fs;

use headstart_data::cache::{
    CacheConfig, Entry, FeatureCache, Fingerprint, Key, clear, info, verify,
};
use headstart_data::decode::{Format, Header};
use headstart_data::{ContentHash, Facts};

pub(crate) const FINGERPRINT: Fingerprint = Fingerprint([0xAB; 32]);
pub(crate) const DIM: usize = 3;

pub(crate) fn run(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return };
    let length = (u32::from_le_bytes(*length) as usize).min(rest.len());
    let (keys, data) = rest.split_at(length);
    let root = tempfile::tempdir().expect("there is room");
    let folder = root.path().join(FINGERPRINT.to_string());
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes);
    fs::create_dir(&folder).expect("it is new");
    write("1.keys", keys).and_then(|()| write("1.data", data)).expect("there is room");

    let known = info(root.path()).expect("it can be listed").entries;
    let cache = FeatureCache::open(root.path(), &FINGERPRINT, DIM, CacheConfig::default());
    assert!(cache.len() as u64 <= known, "what is counted can be had");
    for n in 0..4 {
        let key = Key([n; 16]);
        let found = cache.get(&key);
        assert!(found.is_none_or(|found| found == entry(n)), "only whole entries are found");
        cache.put(&key, &entry(n));
        assert_eq!(cache.get(&key), Some(entry(n)));
    }
    drop(cache);
    verify(root.path(), true, &mut |_, _| true).expect("it can be listed");
    clear(root.path()).expect("it can be deleted");
}

/// The entry with the key of `n`s in the segment of the corpus.
pub(crate) fn entry(n: u8) -> Entry {
    let header = Header { format: Format::Png, width: 3, height: 2, orientation: 1 };
    let facts = Facts::new(&header, &[n; 3 * 2 * 3], 3);
    Entry { content: ContentHash([n; 16]), features: vec![f32::from(n); DIM], facts }
}
