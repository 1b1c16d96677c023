//! Tests the cache with all kinds of file system events.

mod damage;
mod limit;
mod merge;
mod processes;

use std::fs;
use std::path::{Path, PathBuf};

use headstart_data::cache::{
    About, CacheConfig, Entry, FeatureCache, Fingerprint, Key, Limit, clear, info,
};
use headstart_data::decode::{Format, Header};
use headstart_data::{ContentHash, Facts};

const PRINT: Fingerprint = Fingerprint([0xAB; 32]);
const DIM: usize = 5;
fn key(n: u32) -> Key {
    Key::of(&n.to_le_bytes())
}

fn entry(n: u32) -> Entry {
    let features = (0..DIM).map(|i| n as f32 + i as f32 / 7.0).collect();
    Entry { content: ContentHash(key(n + 1_000_000).0), features, facts: facts(n) }
}

fn facts(n: u32) -> Facts {
    let header = Header { format: Format::WebP, width: n, height: n + 1, orientation: 6 };
    Facts::new(&header, &[n as u8; 2 * 3], 1)
}

fn open(root: &Path) -> FeatureCache {
    open_as(root, &PRINT, DIM)
}

fn open_as(root: &Path, print: &Fingerprint, dim: usize) -> FeatureCache {
    FeatureCache::open(root, print, dim, CacheConfig::default())
}

/// Opens the cache with this limit.
fn open_within(root: &Path, limit: u64) -> FeatureCache {
    let config = CacheConfig { limit: Limit(Some(limit)), about: None };
    FeatureCache::open(root, &PRINT, DIM, config)
}

fn files(root: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir(root.join(PRINT.to_string())) else { return Vec::new() };
    folder.map(|e| e.unwrap().path()).filter(|p| p.extension().unwrap() == ending).collect()
}

/// A cache with entries `0..n` in one segment.
fn filled(n: u32) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let cache = open(root.path());
    (0..n).for_each(|i| cache.put(&key(i), &entry(i)));
    assert_eq!(cache.warning(), None);
    root
}

/// The number of the entries `0..n` that exist, all of which must be correct.
fn sound(cache: &FeatureCache, n: u32) -> usize {
    (0..n)
        .filter(|&i| match cache.get(&key(i)) {
            Some(found) => {
                assert_eq!(found, entry(i));
                true
            }
            None => false,
        })
        .count()
}

#[test]
fn what_is_put_can_be_had_at_once_and_by_the_next_run() {
    let root = filled(40);
    let cache = open(root.path());
    cache.put(&key(40), &entry(40));
    assert_eq!(sound(&cache, 41), 41);
    assert_eq!(sound(&open(root.path()), 41), 41);
    assert_eq!(cache.content(&key(7)), Some(entry(7).content));
    assert_eq!(cache.get(&key(99)), None);
}

#[test]
fn special_values_keep_their_bits() {
    let root = tempfile::tempdir().unwrap();
    let features =
        vec![f32::from_bits(0x7FC0_1234), -0.0, f32::INFINITY, f32::MIN_POSITIVE / 2.0, f32::MAX];
    open(root.path()).put(
        &key(0),
        &Entry { content: ContentHash([1; 16]), features: features.clone(), facts: facts(0) },
    );
    let found = open(root.path()).get(&key(0)).unwrap().features;
    let bits = |f: &[f32]| f.iter().map(|f| f.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&found), bits(&features));
}

#[test]
fn a_run_that_adds_nothing_leaves_no_file() {
    let root = filled(3);
    let cache = open(root.path());
    (0..3).for_each(|i| cache.put(&key(i), &entry(i)));
    assert_eq!(files(root.path(), "keys").len(), 1);
    let nothing = root.path().join("nothing");
    open(&nothing);
    assert!(!nothing.exists());
}

#[test]
fn other_weights_or_another_width_see_nothing() {
    let root = filled(3);
    assert!(open_as(root.path(), &Fingerprint([0xAC; 32]), DIM).is_empty());
    let wider = open_as(root.path(), &PRINT, DIM + 1);
    assert!(wider.is_empty());
    wider.put(
        &key(0),
        &Entry { content: ContentHash([0; 16]), features: vec![0.0; DIM + 1], facts: facts(0) },
    );
    assert_eq!(sound(&open(root.path()), 3), 3);
}

/// A cache of many segments with two entries each, one of which the next segment also contains.
fn scattered(segments: u32) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    // All are opened before the first write, so that none sees the others' segments and none merges.
    let caches: Vec<_> = (0..segments).map(|_| open(root.path())).collect();
    for (i, cache) in (0..).zip(&caches) {
        cache.put(&key(i), &entry(i));
        cache.put(&key(i + 1), &entry(i + 1));
    }
    root
}

fn open_without_merging(root: &Path) -> FeatureCache {
    FeatureCache::open_read_only(root, &PRINT, DIM)
}

#[test]
fn who_only_reads_leaves_no_file() {
    let root = filled(3);
    let held = || info(root.path()).map(|info| (info.entries, info.bytes)).unwrap();
    let before = held();
    let cache = FeatureCache::open_read_only(root.path(), &PRINT, DIM);
    assert_eq!(sound(&cache, 3), 3);
    cache.put(&key(3), &entry(3));
    assert_eq!((cache.get(&key(3)), cache.warning()), (None, None));
    assert_eq!(held(), before);
    let nothing = root.path().join("nothing");
    FeatureCache::open_read_only(&nothing, &PRINT, DIM).put(&key(0), &entry(0));
    assert!(!nothing.exists());
}

#[cfg(target_os = "linux")]
#[test]
fn few_files_are_kept_open() {
    let root = scattered(300);
    let open_files = || {
        let links = fs::read_dir("/proc/self/fd").unwrap().flatten();
        let ours = |f: &fs::DirEntry| fs::read_link(f.path()).is_ok_and(|to| to.starts_with(&root));
        links.filter(ours).count()
    };
    let cache = open_without_merging(root.path());
    assert_eq!(sound(&cache, 301), 301);
    assert!(open_files() <= 64, "{}", open_files());
    drop(cache);
    assert_eq!(open_files(), 0);
}

#[test]
fn a_root_that_cannot_be_written_gives_one_warning_and_stops_nothing() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let cache = open(&file);
    assert_eq!(cache.warning(), None);
    (0..3).for_each(|i| cache.put(&key(i), &entry(i)));
    let warning = cache.warning().unwrap().to_string();
    assert!(warning.starts_with(&file.display().to_string()), "{warning}");
    assert!(warning.contains("features cannot be kept (") && !warning.contains('\n'), "{warning}");
    assert_eq!(cache.get(&key(0)), None);
}

#[test]
fn info_tells_bases_apart_and_clear_deletes_only_the_caches_own() {
    let root = filled(3);
    let other = Fingerprint([1; 32]);
    let about = About {
        base: "mobile".into(),
        height: 2,
        width: 3,
        resizing: "area, pad".into(),
        compute: "portable".into(),
    };
    let config = CacheConfig { about: Some(about.clone()), ..CacheConfig::default() };
    let note = root.path().join(other.to_string()).join("about.json");
    FeatureCache::open(root.path(), &other, DIM, config.clone()).put(&key(0), &entry(0));
    let found = info(root.path()).unwrap();
    let bases: Vec<_> =
        found.bases.iter().map(|b| (b.fingerprint, b.about.as_ref(), b.entries)).collect();
    // The most recently used one comes first.
    assert_eq!(bases, [(other, Some(&about), 1), (PRINT, None, 3)]);
    assert_eq!(found.entries, 4);
    assert_eq!(found.bytes, found.bases.iter().map(|base| base.bytes).sum::<u64>());
    // The note is optional: damage to it is harmless, and the next run that writes repairs it.
    fs::write(&note, "{").unwrap();
    assert_eq!(info(root.path()).unwrap().bases[0].about, None);
    FeatureCache::open(root.path(), &other, DIM, config).put(&key(1), &entry(1));
    assert_eq!(info(root.path()).unwrap().bases[0].about, Some(about));

    let mine = [
        root.path().join("thesis.txt"),
        root.path().join(PRINT.to_string()).join("notes.txt"),
        root.path().join(PRINT.to_string()).join("about.json"),
        root.path().join(PRINT.to_string()).join("other.data"),
    ];
    mine.iter().for_each(|path| fs::write(path, "mine, not the cache's").unwrap());
    let bytes = info(root.path()).unwrap().bytes;
    assert_eq!(clear(root.path()).unwrap(), bytes);
    assert!(mine.iter().all(|path| path.exists()));
    assert_eq!(info(root.path()).unwrap(), Default::default());
    assert!(open(root.path()).is_empty());
    mine.iter().for_each(|path| fs::remove_file(path).unwrap());
    clear(root.path()).unwrap();
    assert!(!root.path().exists());
    assert_eq!(info(root.path()).unwrap(), Default::default());
}
